"""Say how well predicted scores rank segments by their true gain.

Two float arrays of one row a segment go in, one number comes out. NaN is refused, infinities
rank at the ends. Ties favour nobody: they get average ranks, or the expectation over all ways to
break them, never the luck of file order. Nothing here knows of costs or budgets.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def spearman(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Correlate two rankings.

    Parameters
    ----------
    a, b
        float (n,).

    Returns
    -------
    float
        Spearman's rank correlation with average ranks for ties, from -1 to 1; 0.0 where either
        is constant or there are fewer than two segments, since neither ranks anything.

    Raises
    ------
    ValueError
        If shapes differ or a value is NaN.
    """
    first, second = paired(a, b)
    if len(first) < 2:
        return 0.0
    first, second = _average_ranks(first), _average_ranks(second)
    first -= first.mean()
    second -= second.mean()
    scale = float(np.sqrt((first @ first) * (second @ second)))
    return float(np.clip(first @ second / scale, -1.0, 1.0)) if scale > 0 else 0.0


def hit_rate(predicted: npt.ArrayLike, gain: npt.ArrayLike, share: float = 0.3) -> float:
    """Say which share of the truly best segments is among the predicted best ones.

    Parameters
    ----------
    predicted
        float (n,): scores to rank by, higher is better.
    gain
        float (n,): the truth.
    share
        The share of segments that counts as the best, above 0 and at most 1; of n segments the
        nearest whole number, at least one.

    Returns
    -------
    float
        From 0 to 1; a random order reaches ``share``, the true gain reaches 1. 0.0 for no
        segments. Where predictions tie at the cut, the expectation over random ways to break the
        tie. Where gains tie at the cut, any of the tied counts as one of the best, up to the
        number of places that are left for them.

    Raises
    ------
    ValueError
        If shapes differ, a value is NaN or the share is out of range.
    """
    scores, truth = paired(predicted, gain)
    if not 0 < share <= 1:
        raise ValueError(f"the share must be above 0 and at most 1: {share}")
    if not len(scores):
        return 0.0
    count = max(1, int(np.floor(share * len(scores) + 0.5)))

    above, tied = _cut(scores, count)
    picked = above.astype(np.float64)
    picked[tied] = (count - above.sum()) / tied.sum()
    above, tied = _cut(truth, count)
    places = count - int(above.sum())
    hits = float(picked[above].sum()) + min(float(picked[tied].sum()), places)
    return hits / count


def paired(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Check that two arrays hold one number a segment each.

    Parameters
    ----------
    a, b
        float (n,).

    Returns
    -------
    tuple of numpy.ndarray of float64, (n,)
        The two.

    Raises
    ------
    ValueError
        If shapes differ or a value is NaN.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"shapes {first.shape} and {second.shape} must be one row a segment")
    if np.isnan(first).any() or np.isnan(second).any():
        raise ValueError("scores and gains cannot be NaN")
    return first, second


def _average_ranks(values: FloatArray) -> FloatArray:
    """Rank from 1 upwards, equal values sharing the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last_rank = np.cumsum(counts)
    mean_rank: FloatArray = last_rank - (counts - 1) / 2.0
    return mean_rank[inverse]


def _cut(values: FloatArray, count: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Mark what is above the ``count``-th best value, and what equals it."""
    threshold = np.partition(values, len(values) - count)[len(values) - count]
    return values > threshold, values == threshold
