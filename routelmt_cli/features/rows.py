"""Sums and runs over the rows of a flat array, and shares that may have no meaning.

Arrays with one value an item (a character, word or token), the items of a row side by side, go
in; arrays with one value a row come out. What always holds: a row's result depends on its own
items only, and a row without items gets 0, or NaN from :func:`share`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide, with NaN where the whole is zero.

    Parameters
    ----------
    part, whole
        float64, shape (n,).
    """
    result = np.full(part.shape, np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result


def bounds_of(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the bounds of runs that lie one after the other.

    Parameters
    ----------
    lengths
        int64, shape (n,).

    Returns
    -------
    numpy.ndarray
        int64, shape (n + 1,): run ``i`` is ``[bounds[i], bounds[i + 1])``.
    """
    bounds = np.zeros(lengths.size + 1, dtype=np.int64)
    np.cumsum(lengths, out=bounds[1:])
    return bounds


def sum_rows(values: NDArray[Any], bounds: NDArray[np.int64]) -> NDArray[Any]:
    """Add up the values of each row.

    Parameters
    ----------
    values
        Integers or floats, shape (m,).
    bounds
        int64, shape (n + 1,): row ``i`` is ``values[bounds[i]:bounds[i + 1]]``, perhaps empty.

    Returns
    -------
    numpy.ndarray
        Shape (n,), of the type of ``values``; 0 for an empty row.
    """
    sums = np.zeros(bounds.size - 1, dtype=values.dtype)
    filled = np.flatnonzero(bounds[1:] > bounds[:-1])
    if filled.size:
        sums[filled] = np.add.reduceat(values, bounds[filled], dtype=values.dtype)
    return sums


def look_up(
    needles: NDArray[Any], haystack: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find values among ascending ones.

    Parameters
    ----------
    needles
        The values to look for, in any order.
    haystack
        Different values of the same type, ascending, at least one.

    Returns
    -------
    tuple of numpy.ndarray
        int64: which of the needles were found, and where each of those stands in the haystack.
    """
    # In order, one search goes on where the last one ended and touches no cold memory.
    order = np.argsort(needles)
    ordered = needles[order]
    places = np.minimum(np.searchsorted(haystack, ordered), haystack.size - 1)
    found = haystack[places] == ordered
    return order[found], places[found]


def longest_runs(marks: NDArray[np.bool_], bounds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give the length of the longest run of marked items in each row.

    Parameters
    ----------
    marks
        bool, shape (m,).
    bounds
        int64, shape (n + 1,), as in :func:`sum_rows`.

    Returns
    -------
    numpy.ndarray
        float64, shape (n,); 0 for an empty row.
    """
    longest = np.zeros(bounds.size - 1)
    filled = np.flatnonzero(bounds[1:] > bounds[:-1])
    if not filled.size:
        return longest
    index = np.arange(marks.size)
    # The last unmarked item at or before each one; a run never reaches over a row's start.
    barrier = np.where(marks, -1, index)
    starts = bounds[filled]
    barrier[starts] = np.maximum(barrier[starts], starts - 1)
    np.maximum.accumulate(barrier, out=barrier)
    longest[filled] = np.maximum.reduceat(index - barrier, starts)
    return longest
