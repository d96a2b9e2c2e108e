"""Words of many texts at once, as hashes.

A :class:`~routelmt_cli.features.characters.Texts` goes in; out come one 64-bit hash and one row
number a word, so that repetition and overlap are sorts of integer arrays. A word is a run of
letters, marks and digits in lower case; a letter of a script written without spaces is a word of
its own. What always holds: equal words have equal hashes, within and across columns; different
words of one row share a key with a chance below one in 10^9. It is no linguistic tokenizer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features.characters import ALONE, DIGIT, LETTER, MARK, UPPER, Texts, share

_PRIME = np.uint64(0x9E3779B97F4A7C15)
_HASH_BITS = np.uint64(40)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter integers over 64 bits (the finisher of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = values ^ (values >> np.uint64(31))
    return mixed


def _keys(segments: NDArray[np.int64], hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Put the row number above the hash, so that sorted keys are grouped by row."""
    rows = segments.astype(np.uint64) << _HASH_BITS
    keys: NDArray[np.uint64] = rows | (_mix(hashes) >> np.uint64(24))
    return keys


def _rows_of(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    rows: NDArray[np.int64] = (keys >> _HASH_BITS).astype(np.int64)
    return rows


@dataclass(frozen=True)
class Words:
    """The words of a column of texts.

    Parameters
    ----------
    count
        Number of texts.
    hashes
        uint64, one a word.
    segments
        int64, the row of each word, ascending.
    capitalised
        bool, whether the word begins with an upper-case letter.
    leads
        bool, whether it is the first word of its text.
    lengths
        int64, characters of each word.
    """

    count: int
    hashes: NDArray[np.uint64]
    segments: NDArray[np.int64]
    capitalised: NDArray[np.bool_]
    leads: NDArray[np.bool_]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Texts) -> Words:
        """Find the words of a column.

        Parameters
        ----------
        texts
            At most 2^24 texts.
        """
        inside = texts.is_any(LETTER | MARK | DIGIT)
        alone = texts.is_any(ALONE)
        starts = inside.copy()
        if inside.size:
            joined = inside[:-1] & ~(alone[:-1] & ~texts.is_any(MARK)[1:]) & ~alone[1:]
            starts[1:] &= ~joined
            first = texts.bounds[:-1]
            first = first[first < inside.size]
            starts[first] |= inside[first]
        codes = texts.lowered[inside].astype(np.uint64)
        offsets = np.flatnonzero(starts[inside])
        positions = np.flatnonzero(starts)
        segments = texts.segment_of[positions]
        lengths = np.diff(np.append(offsets, codes.size))
        if offsets.size:
            place = np.arange(codes.size) - np.repeat(offsets, lengths)
            powers = np.cumprod(np.full(int(lengths.max()), _PRIME, dtype=np.uint64))
            hashes = np.add.reduceat(_mix(codes + np.uint64(1)) * powers[place], offsets)
        else:
            hashes = np.zeros(0, dtype=np.uint64)
        leads = np.ones(segments.size, dtype=np.bool_)
        leads[1:] = segments[1:] != segments[:-1]
        capitalised = (texts.flags[positions] & np.uint16(UPPER)) != 0
        return cls(len(texts.rows), hashes, segments, capitalised, leads, lengths)

    def per_segment(self, mask: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Count the (marked) words of each text."""
        rows = self.segments if mask is None else self.segments[mask]
        return np.bincount(rows, minlength=self.count).astype(np.float64)

    def keys(self) -> NDArray[np.uint64]:
        """Key of each word: equal exactly for equal words of the same row."""
        return _keys(self.segments, self.hashes)

    def distinct(self) -> NDArray[np.float64]:
        """Count the different words of each text."""
        keys = np.sort(self.keys())
        fresh = np.ones(keys.size, dtype=np.bool_)
        fresh[1:] = keys[1:] != keys[:-1]
        return np.bincount(_rows_of(keys[fresh]), minlength=self.count).astype(np.float64)

    def most_repeated(self, size: int) -> NDArray[np.float64]:
        """Count how often the most frequent run of ``size`` words of each text occurs.

        Parameters
        ----------
        size
            Words in a run.

        Returns
        -------
        numpy.ndarray
            float64, shape (n,); 0 where a text has fewer words.
        """
        result = np.zeros(self.count)
        runs = self.hashes.size - size + 1
        if runs <= 0:
            return result
        combined = np.zeros(runs, dtype=np.uint64)
        for offset in range(size):
            combined = _mix(combined * _PRIME + self.hashes[offset : offset + runs])
        same = self.segments[:runs] == self.segments[size - 1 :]
        keys = np.sort(_keys(self.segments[:runs][same], combined[same]))
        if not keys.size:
            return result
        edges = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
        lengths = np.diff(np.append(edges, keys.size)).astype(np.float64)
        np.maximum.at(result, _rows_of(keys[edges]), lengths)
        return result


def found_in(words: Words, others: Words) -> NDArray[np.bool_]:
    """Tell for each word whether the same row of another column has it too.

    Parameters
    ----------
    words, others
        Two columns of the same length.
    """
    return _contained(words.keys(), np.sort(others.keys()))


def _contained(needles: NDArray[np.uint64], haystack: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Look up keys in ascending ones."""
    if not haystack.size:
        return np.zeros(needles.size, dtype=np.bool_)
    places = np.minimum(np.searchsorted(haystack, needles), haystack.size - 1)
    found: NDArray[np.bool_] = haystack[places] == needles
    return found


@dataclass(frozen=True)
class Runs:
    """The different character runs of a column of texts, in lower case and without diacritics.

    Parameters
    ----------
    keys
        uint64, ascending: row and hash of every different run.
    totals
        float64, shape (n,): all runs of each text, repeated ones included.
    """

    keys: NDArray[np.uint64]
    totals: NDArray[np.float64]

    @classmethod
    def of(cls, texts: Texts, size: int = 4) -> Runs:
        """Find the runs of a column.

        Parameters
        ----------
        texts
            At most 2^24 texts.
        size
            Characters in a run.
        """
        totals = np.maximum(texts.characters - size + 1, 0)
        runs = texts.codes.size - size + 1
        if runs <= 0:
            return cls(np.zeros(0, dtype=np.uint64), totals)
        combined = np.zeros(runs, dtype=np.uint64)
        for offset in range(size):
            combined = combined * _PRIME + texts.folded[offset : offset + runs]
        same = texts.segment_of[:runs] == texts.segment_of[size - 1 :]
        keys = np.sort(_keys(texts.segment_of[:runs][same], combined[same]))
        fresh = np.ones(keys.size, dtype=np.bool_)
        fresh[1:] = keys[1:] != keys[:-1]
        return cls(keys[fresh], totals)

    @cached_property
    def distinct(self) -> NDArray[np.float64]:
        """Number of different runs of each text."""
        return np.bincount(_rows_of(self.keys), minlength=len(self.totals)).astype(np.float64)

    def distinct_share(self) -> NDArray[np.float64]:
        """Share of different runs among all: low where a text repeats itself.

        It stands for the compression ratio, which depends on the zlib that Python was built with.
        """
        return share(self.distinct, self.totals)

    def count_shared(self, other: Runs) -> NDArray[np.float64]:
        """Count the different runs that the same row of another column has too."""
        shared = self.keys[_contained(self.keys, other.keys)]
        return np.bincount(_rows_of(shared), minlength=len(self.totals)).astype(np.float64)
