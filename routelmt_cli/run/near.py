"""Near matches: the translation in a memory whose source is most like a segment's.

A memory goes in, for a source its most similar one and its translation come out. Always: the
similarity is 2 x (longest common subsequence) / (both lengths), of characters; among equals the
shorter source is taken, then the first in the alphabet. It compares with every source of a fitting
length, so a large memory takes time.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping

_ROUNDING = 1e-6

Match = tuple[str, str]
"""A source of the memory, and its translation."""


class NearMatches:
    """Finds near matches in a memory.

    Parameters
    ----------
    memory
        Translation by source.
    least
        The lowest similarity, above 0 and below 1.
    """

    def __init__(self, memory: Mapping[str, str], least: float) -> None:
        self._memory, self._least = memory, least
        self._sources = sorted(memory, key=lambda text: (len(text), text))
        self._lengths = [len(text) for text in self._sources]
        self._known: dict[str, Match | None] = {}

    def find(self, source: str) -> Match | None:
        """Return the nearest match of a source, or None where none is near enough."""
        if source not in self._known:
            self._known[source] = self._search(source)
        return self._known[source]

    def _search(self, source: str) -> Match | None:
        from rapidfuzz import fuzz, process

        # No text much shorter or longer can be so similar.
        ratio = self._least / (2 - self._least)
        first = bisect_left(self._lengths, len(source) * ratio - _ROUNDING)
        last = bisect_right(self._lengths, len(source) / ratio + _ROUNDING)
        found = process.extractOne(
            source, self._sources[first:last], scorer=fuzz.ratio, score_cutoff=100 * self._least
        )
        return None if found is None else (found[0], self._memory[found[0]])
