"""What the rows of two columns have in common: words, numbers, runs of characters.

Hashed items of both columns go in, counts a row come out. Both columns are sorted together, once,
with the column in the lowest bit of a key, so that equal items of a row lie side by side. What
always holds: only items of the same row meet; two different items of one row are taken for the
same with a chance below one in 10^9.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features.characters import Texts
from routelmt_cli.features.rows import bounds_of, sum_rows
from routelmt_cli.features.words import PRIME, Numbers, Words, row_keys, rows_of

_ONE = np.uint64(1)
_TAG = np.uint64(3)
_FIELD_MASK = np.uint64((1 << 21) - 1)
_HASH_MASK = np.uint64((1 << 40) - 2)
_NO_RUN = np.uint64((1 << 64) - 1)


@dataclass(frozen=True)
class SharedItems:
    """The different items of two columns.

    Parameters
    ----------
    count
        Rows of either column.
    rows
        int64, ascending: the row of each different item.
    own, other
        int64: how often the first and the second column have it there.
    own_marked, other_marked
        int64: how many of those are marked.
    """

    count: int
    rows: NDArray[np.int64]
    own: NDArray[np.int64]
    other: NDArray[np.int64]
    own_marked: NDArray[np.int64]
    other_marked: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        count: int,
        own: Words | Numbers,
        other: Words | Numbers,
        own_marks: NDArray[np.bool_] | None = None,
        other_marks: NDArray[np.bool_] | None = None,
    ) -> SharedItems:
        """Match the items of two columns.

        Parameters
        ----------
        count
            Rows of either column.
        own, other
            Items of the two columns.
        own_marks, other_marks
            bool, one an item; None marks none.
        """
        keys = np.concatenate(
            (_tagged(own, np.uint64(0), own_marks), _tagged(other, _ONE, other_marks))
        )
        if not keys.size:
            none = np.zeros(0, dtype=np.int64)
            return cls(count, none, none, none, none, none)
        keys.sort()
        fresh = np.ones(keys.size, dtype=np.bool_)
        fresh[1:] = (keys[1:] ^ keys[:-1]) > _TAG
        first = np.flatnonzero(fresh)
        total = np.diff(np.append(first, keys.size))
        tags = keys & _TAG
        # Marked items, and those of the other column, are counted in one pass.
        fields = (tags == 1) + ((tags == 2) << np.int64(21)) + ((tags == 3) << np.int64(42))
        sums = np.add.reduceat(fields.astype(np.uint64), first)
        parts = [((sums >> np.uint64(s)) & _FIELD_MASK).astype(np.int64) for s in (0, 21, 42)]
        in_other = parts[0] + parts[2]
        return cls(count, rows_of(keys[first]), total - in_other, in_other, parts[1], parts[2])

    @cached_property
    def _bounds(self) -> NDArray[np.int64]:
        return np.searchsorted(self.rows, np.arange(self.count + 1))

    def per_row(self, values: NDArray[np.int64] | NDArray[np.bool_]) -> NDArray[np.float64]:
        """Add up one value an item over each row."""
        sums: NDArray[np.int64] = sum_rows(values.astype(np.int64), self._bounds)
        return sums.astype(np.float64)

    def largest(self, values: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the largest of one value an item in each row, 0 where it has no item."""
        result = np.zeros(self.count)
        np.maximum.at(result, self.rows, values.astype(np.float64))
        return result


def _tagged(
    items: Words | Numbers, column: np.uint64, marks: NDArray[np.bool_] | None
) -> NDArray[np.uint64]:
    keys = row_keys(items.segments, items.hashes)
    keys &= ~_TAG
    keys |= column
    if marks is not None:
        keys |= marks.astype(np.uint64) << _ONE
    return keys


@dataclass(frozen=True)
class SharedRuns:
    """The different character runs of two columns, without regard to case and diacritics.

    Parameters
    ----------
    own, other
        float64, shape (n,): different runs of each text of the first and the second column.
    shared
        float64, shape (n,): those that both have.
    own_total, other_total
        float64, shape (n,): all runs, repeated ones included.
    """

    own: NDArray[np.float64]
    other: NDArray[np.float64]
    shared: NDArray[np.float64]
    own_total: NDArray[np.float64]
    other_total: NDArray[np.float64]

    @classmethod
    def of(cls, own: Texts, other: Texts) -> SharedRuns:
        """Match the runs of four characters of two columns.

        Parameters
        ----------
        own, other
            Two columns of the same length, at most 2^24 rows.
        """
        totals = [np.maximum(texts.characters - _RUN_LENGTH + 1, 0) for texts in (own, other)]
        keys = np.concatenate((_run_keys(own, np.uint64(0)), _run_keys(other, _ONE)))
        keys.sort()
        bounds = bounds_of((totals[0] + totals[1]).astype(np.int64))
        keys = keys[: bounds[-1]]
        if not keys.size:
            none = np.zeros(len(own.rows))
            return cls(none, none, none, *totals)
        changes = np.ones(keys.size, dtype=np.uint64)
        np.bitwise_xor(keys[1:], keys[:-1], out=changes[1:])
        # A row's first key differs from the one before it in the row number, never in one bit.
        changes[0] = _NO_RUN
        fields = (changes != 0).astype(np.uint64)
        in_other = fields & keys
        in_other <<= np.uint64(21)
        fields |= in_other
        in_both = (changes == 1).astype(np.uint64)
        in_both <<= np.uint64(42)
        fields |= in_both
        sums = sum_rows(fields, bounds)
        either, other_count, shared = (
            ((sums >> np.uint64(place)) & _FIELD_MASK).astype(np.float64) for place in (0, 21, 42)
        )
        return cls(either - other_count, other_count, shared, *totals)


_RUN_LENGTH = 4


def _run_keys(texts: Texts, column: np.uint64) -> NDArray[np.uint64]:
    """Make the key of the run that begins at each code point; above all others where none does."""
    size = texts.codes.size
    padded = np.zeros(size + _RUN_LENGTH, dtype=np.uint16)
    padded[:size] = texts.folded
    # Four neighbours of 16 bits each are one integer, read where it lies.
    runs: NDArray[np.uint64] = np.ndarray((size,), np.uint64, padded, strides=(2,))
    hashes: NDArray[np.uint64] = runs * PRIME
    hashes ^= hashes >> np.uint64(32)
    hashes *= PRIME
    hashes >>= np.uint64(24)
    hashes &= _HASH_MASK
    rows = np.arange(len(texts.rows), dtype=np.uint64) << np.uint64(40) | column
    hashes |= np.repeat(rows, np.diff(texts.bounds))
    for back in range(1, _RUN_LENGTH):
        crossing = texts.bounds[1:] - back
        hashes[crossing[crossing >= 0]] = _NO_RUN
    return hashes
