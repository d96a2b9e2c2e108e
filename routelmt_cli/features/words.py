"""Words and numbers of many texts at once, as hashes.

A :class:`~routelmt_cli.features.characters.Texts` goes in; out come one 64-bit hash and one row
number a word, so that repetition and overlap are sorts of integer arrays
(:mod:`routelmt_cli.features.overlap`). A word is a run of letters, marks and digits in lower
case; a letter of a script written without spaces is a word of its own. What always holds: equal
words have equal hashes, within and across columns and on every machine. It is no linguistic
tokenizer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features.characters import ALONE, CASED, DIGIT, LETTER, MARK, UPPER, Texts, mix
from routelmt_cli.features.rows import sum_rows

PRIME = np.uint64(0x9E3779B97F4A7C15)
_INVERSE = np.uint64(pow(int(PRIME), -1, 1 << 64))
_HASH_BITS = np.uint64(40)
_NUMBER_SEPARATORS = np.array(sorted(map(ord, ".,'’٫٬\u00a0\u202f")), dtype=np.int64)


def row_keys(segments: NDArray[np.int64], hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Put the row number above 40 bits of a hash, so that sorted keys are grouped by row.

    Parameters
    ----------
    segments
        int64, row numbers below 2^24.
    hashes
        uint64, one an item.
    """
    rows = segments.astype(np.uint64) << _HASH_BITS
    keys: NDArray[np.uint64] = rows | (mix(hashes) >> np.uint64(24))
    return keys


def rows_of(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Give the row numbers of keys."""
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
    positions
        int64, where in the column's code points each word begins, ascending.
    bounds
        int64, shape (count + 1,): the words of text ``i`` are ``[bounds[i], bounds[i + 1])``.
    capitalised, cased
        bool, whether the word begins with an upper-case letter, with a letter that has case.
    leads
        bool, whether it is the first word of its text.
    lengths
        int64, characters of each word.
    """

    count: int
    hashes: NDArray[np.uint64]
    segments: NDArray[np.int64]
    positions: NDArray[np.int64]
    bounds: NDArray[np.int64]
    capitalised: NDArray[np.bool_]
    cased: NDArray[np.bool_]
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
        starts = _starts(texts, inside)
        ends = inside.copy()
        ends[:-1] &= starts[1:] | ~inside[1:]
        positions = np.flatnonzero(starts)
        first_letters = texts.flags[positions]
        bounds = np.searchsorted(positions, texts.bounds)
        segments = np.repeat(np.arange(len(texts.rows), dtype=np.int64), np.diff(bounds))
        leads = np.zeros(segments.size, dtype=np.bool_)
        leads[bounds[:-1][bounds[1:] > bounds[:-1]]] = True
        return cls(
            count=len(texts.rows),
            hashes=_hashes(texts, positions),
            segments=segments,
            positions=positions,
            bounds=bounds,
            capitalised=(first_letters & np.uint16(UPPER)) != 0,
            cased=(first_letters & np.uint16(CASED)) != 0,
            leads=leads,
            lengths=np.flatnonzero(ends) - positions + 1,
        )

    def per_segment(self, mask: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Count the (marked) words of each text."""
        if mask is None:
            return np.diff(self.bounds).astype(np.float64)
        return sum_rows(mask.astype(np.int64), self.bounds).astype(np.float64)

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
        combined = self.hashes[:runs]
        for offset in range(1, size):
            combined = mix(combined) * PRIME + self.hashes[offset : offset + runs]
        same = self.segments[:runs] == self.segments[size - 1 :]
        keys = np.sort(row_keys(self.segments[:runs][same], combined[same]))
        if not keys.size:
            return result
        edges = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
        lengths = np.diff(np.append(edges, keys.size)).astype(np.float64)
        np.maximum.at(result, rows_of(keys[edges]), lengths)
        return result


def _starts(texts: Texts, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark where a word begins."""
    starts: NDArray[np.bool_] = inside.copy()
    if not inside.size:
        return starts
    joined = inside[:-1]
    alone = texts.is_any(ALONE)
    if alone.any():
        joined = joined & ~(alone[:-1] & ~texts.is_any(MARK)[1:]) & ~alone[1:]
    starts[1:] &= ~joined
    first = texts.bounds[:-1]
    first = first[first < inside.size]
    starts[first] = inside[first]
    return starts


def _hashes(texts: Texts, positions: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Hash the words that begin at some positions: a polynomial of their characters."""
    if not positions.size:
        return np.zeros(0, dtype=np.uint64)
    places = texts.places
    longest = int(texts.characters.max())
    powers = np.full(longest, PRIME, dtype=np.uint64).cumprod()
    inverses = np.full(longest, _INVERSE, dtype=np.uint64).cumprod()
    # Powers go by the place in the text, which the last factor undoes; what stands between words
    # counts nothing.
    weighted = texts.scattered * powers.take(places)
    hashes: NDArray[np.uint64] = np.add.reduceat(weighted, positions)
    hashes *= inverses[places[positions]]
    return hashes


@dataclass(frozen=True)
class Numbers:
    """The numbers of a column of texts, by their digits alone.

    It finds what :func:`routelmt_cli.features.patterns.numbers` finds: '1.234,5', '1,234.5' and
    full-width '1234.5' are the same number.

    Parameters
    ----------
    hashes
        uint64, one a number.
    segments
        int64, the row of each number, ascending.
    """

    hashes: NDArray[np.uint64]
    segments: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Texts) -> Numbers:
        """Find the numbers of a column.

        Parameters
        ----------
        texts
            At most 2^24 texts.
        """
        digits = np.flatnonzero(texts.is_any(DIGIT))
        if not digits.size:
            return cls(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64))
        rows = texts.segment_of[digits]
        gaps = np.diff(digits)
        between = texts.codes[np.minimum(digits[:-1] + 1, texts.codes.size - 1)]
        separated = (gaps == 2) & np.isin(between, _NUMBER_SEPARATORS)
        starts = np.ones(digits.size, dtype=np.bool_)
        starts[1:] = ~((gaps == 1) | separated) | (rows[1:] != rows[:-1])
        first = np.flatnonzero(starts)
        lengths = np.diff(np.append(first, digits.size))
        places = np.arange(digits.size) - np.repeat(first, lengths)
        powers = np.full(int(lengths.max()), PRIME, dtype=np.uint64).cumprod()
        values = texts.digits_at(digits).astype(np.uint64) + np.uint64(1)
        return cls(np.add.reduceat(mix(values) * powers[places], first), rows[first])
