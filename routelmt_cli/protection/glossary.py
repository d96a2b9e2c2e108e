"""Terms that a translation must use: found in a source, looked for in a translation.

Pairs of terms go in; which of them occur in a text, and which a translation lacks, comes out.
Always: a term is found as it is written, at word boundaries in scripts that have them; the longest
of terms that overlap counts. It knows no inflection: list the forms that matter.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

# Thai, Lao, Myanmar, Khmer; and all from the CJK radicals on: words are not parted by blanks.
_WITHOUT_BLANKS = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x10FFFF))


@dataclass(frozen=True, slots=True)
class Term:
    """One term.

    Attributes
    ----------
    source, target
        How it is written in the two languages.
    matches_case
        Whether capitals matter, in both.
    """

    source: str
    target: str
    matches_case: bool = False


@dataclass(frozen=True)
class Glossary:
    """The terms of a run."""

    terms: tuple[Term, ...]

    @property
    def fingerprint(self) -> str:
        """A digest of all terms, in their order."""
        rows = [f"{term.source}\0{term.target}\0{term.matches_case}" for term in self.terms]
        return hashlib.sha256("\1".join(rows).encode("utf-8", "surrogatepass")).hexdigest()

    def find(self, source: str) -> tuple[Term, ...]:
        """Return the terms that occur in a source, each once, in their order there."""
        found: dict[Term, None] = {}
        for match in self._pattern.finditer(source):
            term = self._exact.get(match[0]) or self._any.get(match[0].casefold())
            if term is not None:
                found[term] = None
        return tuple(found)

    def missing(self, source: str, translation: str) -> tuple[Term, ...]:
        """Return the terms of a source whose targets a translation lacks."""
        return tuple(term for term in self.find(source) if not _has(translation, term))

    @cached_property
    def _exact(self) -> dict[str, Term]:
        return {term.source: term for term in self.terms if term.matches_case}

    @cached_property
    def _any(self) -> dict[str, Term]:
        return {term.source.casefold(): term for term in self.terms if not term.matches_case}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return _any_of([term.source for term in self.terms])


def _has(translation: str, term: Term) -> bool:
    pattern = _bounded(term.target)
    return bool(re.search(pattern, translation, 0 if term.matches_case else re.IGNORECASE))


def _any_of(texts: Sequence[str]) -> re.Pattern[str]:
    longest_first = sorted(set(texts), key=lambda text: (-len(text), text))
    return re.compile("|".join(map(_bounded, longest_first)) or r"(?!)", re.IGNORECASE)


def _bounded(text: str) -> str:
    before = r"(?<!\w)" if _has_boundary(text[0]) else ""
    after = r"(?!\w)" if _has_boundary(text[-1]) else ""
    return f"{before}{re.escape(text)}{after}"


def _has_boundary(sign: str) -> bool:
    inside = any(low <= ord(sign) <= high for low, high in _WITHOUT_BLANKS)
    return (sign.isalnum() or sign == "_") and not inside
