"""What is known of languages by their codes: English names for prompts, and who writes blanks.

Names are CLDR's, through Babel.
"""

from __future__ import annotations

from routelmt_cli.errors import UsageError

# Written without a blank between sentences or words.
_WITHOUT_BLANKS = frozenset(
    ["bo", "dz", "hak", "ja", "km", "lo", "lzh", "my", "nan", "th", "wuu", "yue", "zh"]
)


def canonical_code(code: str) -> str:
    """Return a BCP 47 code in its usual spelling: ``ES`` is ``es``, ``pt_br`` is ``pt-BR``.

    Raises
    ------
    UsageError
        Where it is not such a code.
    """
    from babel import Locale, UnknownLocaleError

    try:
        return str(Locale.parse(code.replace("_", "-"), sep="-")).replace("_", "-")
    except (UnknownLocaleError, ValueError):
        language_name(code.lower())  # refuses what CLDR does not know either
        return code.lower()


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


def has_blanks(code: str) -> bool:
    """Say whether a language separates sentences by blanks."""
    return code.split("-")[0].lower() not in _WITHOUT_BLANKS
