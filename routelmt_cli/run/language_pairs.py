"""The language pair of every row: from the command line, or from a column of the corpus.

In: labels such as ``de-en`` or ``de``, and the languages that were given. Out: canonical codes.
Always: a label that names no pair is refused with the line that it stands in. It reads no file.
"""

from __future__ import annotations

from typing import NamedTuple

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.languages import canonical_code


class LanguagePair(NamedTuple):
    """A language pair by its canonical codes; as text, such as ``de-en``."""

    source: str
    target: str

    def __str__(self) -> str:
        return f"{self.source}-{self.target}"


def given_pair(source_language: str | None, target_language: str | None) -> LanguagePair:
    """Return the pair that the command line names.

    Raises
    ------
    UsageError
        One of both is missing or no language code.
    """
    if source_language is None or target_language is None:
        raise no_languages()
    return LanguagePair(canonical_code(source_language), canonical_code(target_language))


def no_languages() -> UsageError:
    """Word the error of languages that nobody names."""
    return UsageError(
        "the languages are not given", hint="add --from and --to, such as --from es --to en"
    )


def read_pair(label: str, target_language: str | None) -> LanguagePair | None:
    """Read a label as a language pair.

    Parameters
    ----------
    label
        ``de-en``, or ``de`` where the target is given.
    target_language
        The target of all rows, or None where every label names its own.

    Returns
    -------
    LanguagePair
        Or None where the label names none.
    """
    label = label.strip()
    parts = label.split("-")
    splits = [("-".join(parts[:n]), "-".join(parts[n:])) for n in range(1, len(parts))]
    target = None if target_language is None else canonical_code(target_language)
    # Codes may have hyphens of their own (pt-BR): the first split whose both sides are known.
    for source, other in splits:
        pair = _known(source), _known(other)
        if pair[0] is not None and pair[1] is not None and target in (None, pair[1]):
            return LanguagePair(pair[0], pair[1])
    source_code = _known(label)
    return None if target is None or source_code is None else LanguagePair(source_code, target)


def _known(code: str) -> str | None:
    try:
        return canonical_code(code) if code else None
    except UsageError:
        return None
