"""Say how well predicted scores rank segments by their true gain.

Two float arrays of one row a segment go in, one number comes out; for resampled corpora two
orders and counts go in, one number a sample comes out. NaN is refused, infinities rank at the
ends. Ties favour nobody: they get average ranks, or the expectation over all ways to break them,
never the luck of file order. Nothing here knows of costs or budgets.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from routelmt_cli.evaluation.order import FloatArray, Order


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
    return float(rank_correlation(Order(first), Order(second), np.ones(len(first))))


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
    return float(hits(Order(scores), Order(truth), np.ones(len(scores)), share))


def rank_correlation(first: Order, second: Order, counts: npt.ArrayLike) -> FloatArray:
    """Correlate two rankings of each of many resamples.

    Parameters
    ----------
    first, second
        Orders of the same n segments.
    counts
        float (..., n): how often each segment was drawn.

    Returns
    -------
    numpy.ndarray of float64, (...)
        As `spearman` of the drawn segments.
    """
    drawn = np.asarray(counts, dtype=np.float64)
    size = np.maximum(drawn.sum(axis=-1, keepdims=True), 1.0)
    one, other = _average_ranks(first, drawn), _average_ranks(second, drawn)
    one -= (drawn * one).sum(axis=-1, keepdims=True) / size
    other -= (drawn * other).sum(axis=-1, keepdims=True) / size
    weighted = drawn * one
    scale = np.sqrt((weighted * one).sum(axis=-1) * (drawn * other * other).sum(axis=-1))
    ranks = scale > 0
    correlation = (weighted * other).sum(axis=-1) / np.where(ranks, scale, 1.0)
    return np.where(ranks, np.clip(correlation, -1.0, 1.0), 0.0)


def hits(predicted: Order, truth: Order, counts: npt.ArrayLike, share: float) -> FloatArray:
    """Take the hit rate of each of many resamples.

    Parameters
    ----------
    predicted, truth
        Orders of the same n segments.
    counts
        float (..., n): how often each segment was drawn.
    share
        As for `hit_rate`.

    Returns
    -------
    numpy.ndarray of float64, (...)
        As `hit_rate` of the drawn segments.
    """
    drawn = np.asarray(counts, dtype=np.float64)
    if not drawn.shape[-1]:
        return np.zeros(drawn.shape[:-1])
    places = np.maximum(np.floor(share * drawn.sum(axis=-1, keepdims=True) + 0.5), 1.0)
    taken = predicted.running(drawn)
    size = np.diff(taken, axis=-1)
    picked = np.clip((places - taken[..., :-1]) / np.maximum(size, 1.0), 0.0, 1.0)
    found = truth.running(drawn * picked[..., predicted.step_of])
    best = truth.running(drawn)
    # The step at which the places are used up; all before it are among the best.
    cut = (best < places).sum(axis=-1, keepdims=True) - 1
    above, after = (np.take_along_axis(found, index, -1) for index in (cut, cut + 1))
    left = places - np.take_along_axis(best, cut, -1)
    rate: FloatArray = ((above + np.minimum(after - above, left)) / places)[..., 0]
    return rate


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


def _average_ranks(order: Order, drawn: FloatArray) -> FloatArray:
    """Rank the drawn segments from the highest score down, equal ones sharing their mean rank."""
    after = order.running(drawn)
    return ((after[..., :-1] + after[..., 1:] + 1) / 2)[..., order.step_of]
