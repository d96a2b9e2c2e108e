"""English names of languages, for prompts (CLDR, through Babel)."""

from __future__ import annotations

from routelmt_cli.errors import UsageError


def language_name(code: str) -> str:
    """Return the English name of a BCP 47 code, such as ``Spanish`` for ``es``.

    Raises
    ------
    UsageError
        Where the code is not one that CLDR knows.
    """
    from babel import Locale, UnknownLocaleError

    try:
        name = Locale.parse(code, sep="-").get_display_name("en")
    except (UnknownLocaleError, ValueError):
        name = Locale("en").languages.get(code)
    if not name:
        raise UsageError(
            f"unknown language code '{code}'", hint="use a BCP 47 code such as en, de or pt-BR"
        )
    return str(name)
