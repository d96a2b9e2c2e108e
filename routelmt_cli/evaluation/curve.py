"""Budget-quality curves: what mean gain an ordering has bought after each share of the budget.

Gains, costs, weights and an ordering go in, curves and figures made of them come out. A curve runs
from nothing retranslated, (0, 0), through every segment in order to everything retranslated, (1,
mean gain): an ordering is judged on its tail as well, where the oracle's falls again. The mean is
over all segments, retranslated or not. Nothing here decides a budget or leaves a segment out.

Where ``cost`` is None, every segment costs the same: the budget is one of requests. Where
``weight`` is None, every segment counts alike; otherwise a segment's value is weight times gain,
and every mean is weighted.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from routelmt_cli.evaluation.order import FloatArray, Order
from routelmt_cli.evaluation.ranking import paired
from routelmt_cli.evaluation.truth import Truth

Curve = tuple[FloatArray, FloatArray]
"""The share of the budget spent, from 0 to 1, and the mean gain bought with it."""


def budget_quality_curve(
    gain: npt.ArrayLike,
    cost: npt.ArrayLike | None,
    order: npt.NDArray[np.integer],
    weight: npt.ArrayLike | None = None,
) -> Curve:
    """Follow an order segment by segment.

    Parameters
    ----------
    gain, cost, weight
        As in `Truth.of`.
    order
        int (k,): segment indices in spending order, each at most once; a curve of less than all
        segments ends early.

    Returns
    -------
    spent_share, mean_gain : numpy.ndarray of float64, (k + 1,)
        After 0, 1, ... k segments: the cost so far over the cost of all n, and the value so far
        over the weight of all n.

    Raises
    ------
    ValueError
        As `Truth.of`, or if the order names a segment twice or one that is not there.
    """
    truth = Truth.of(gain, cost, weight)
    order = np.asarray(order)
    if len(order):
        if order.min() < 0 or order.max() >= len(truth.gain):
            raise ValueError("the order names a segment that is not there")
        if np.bincount(order).max() > 1:
            raise ValueError("the order names a segment twice")
    spent = np.concatenate([[0.0], np.cumsum(truth.cost[order])])
    bought = np.concatenate([[0.0], np.cumsum((truth.gain * truth.weight)[order])])
    return _shares(spent, truth.cost.sum()), bought / max(truth.weight.sum(), _TINY)


def expected_curve(
    gain: npt.ArrayLike,
    predicted: npt.ArrayLike,
    cost: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
) -> Curve:
    """Follow the order of predicted scores, highest first.

    Parameters
    ----------
    gain, cost, weight
        As in `Truth.of`.
    predicted
        float (n,): scores to order by as they are; where costs or weights differ and the scores
        predict gain, pass ``predicted * weight / cost``.

    Returns
    -------
    spent_share, mean_gain : numpy.ndarray of float64, (d + 1,)
        One point after each of the d distinct scores. Between them a straight line: for equal
        costs it is exactly the expectation over all orders of the tied segments.

    Raises
    ------
    ValueError
        As `Truth.of`, or if a score is NaN.
    """
    truth = Truth.of(gain, cost, weight)
    scores, _ = paired(predicted, truth.gain)
    return curve_of(truth, Order(scores))


def curve_of(truth: Truth, order: Order, counts: npt.ArrayLike = 1.0) -> Curve:
    """Follow an order, on the corpus itself or on many resamples of it at once.

    Parameters
    ----------
    truth
        Gains, costs and weights.
    order
        Of the same segments.
    counts
        float (..., n): how often each segment was drawn.

    Returns
    -------
    spent_share, mean_gain : numpy.ndarray of float64, (..., d + 1)
        As `expected_curve`.
    """
    drawn = np.broadcast_to(np.asarray(counts, dtype=np.float64), _widest(counts, truth.gain))
    spent = order.running(drawn * truth.cost)
    bought = order.running(drawn * (truth.gain * truth.weight))
    weight = (drawn @ truth.weight)[..., None]
    return _shares(spent, spent[..., -1:]), bought / np.maximum(weight, _TINY)


def area(
    gain: npt.ArrayLike,
    predicted: npt.ArrayLike,
    cost: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
) -> float:
    """Summarise an ordering by the area under its curve: random is 0, the oracle is 1.

    Parameters
    ----------
    gain, predicted, cost, weight
        As in `expected_curve`.

    Returns
    -------
    float
        At most 1, negative where an ordering is worse than random. 0.0 where no ordering differs
        from another, as with equal gains or no segments.

    Raises
    ------
    ValueError
        As `expected_curve`.

    Notes
    -----
    ``area = (A(predicted) - A(random)) / (A(oracle) - A(random))``, where A is the integral of
    mean gain over the spent share from 0 to 1 by the trapezoidal rule on `expected_curve`.

    Random is the straight line from (0, 0) to (1, mean gain), A = mean gain / 2: for equal costs
    exactly the expectation over all orders; for other costs the limit for many segments. The
    oracle orders all segments by true value per cost, falling, with its tail of negative gains
    included: it has the largest A that any order can reach. Constant predictions are exactly 0.
    """
    truth = Truth.of(gain, cost, weight)
    scores, _ = paired(predicted, truth.gain)
    own, best = (curve_of(truth, Order(values)) for values in (scores, truth.density))
    return float(area_between(truth, own, best))


def area_between(truth: Truth, own: Curve, best: Curve) -> FloatArray:
    """Say which part of the oracle's area over random a curve has, for one sample or many.

    Parameters
    ----------
    truth
        What the curves are of; gives the scale below which an area is rounding noise.
    own, best
        From `curve_of`: an ordering's and the oracle's.

    Returns
    -------
    numpy.ndarray of float64, (...)
        As `area`.
    """
    random = best[1][..., -1] / 2
    return recovered(truth, _integrate(own) - random, _integrate(best) - random)


def recovered(truth: Truth, own: npt.ArrayLike, best: npt.ArrayLike) -> FloatArray:
    """Divide an ordering's lead over random by the oracle's, 0.0 where the oracle has none.

    Parameters
    ----------
    truth
        Gives the scale: the difference of two equal sums is rounding noise, which must not be
        divided by.
    own, best
        float (...): leads over random.
    """
    leads, possible = np.asarray(own, dtype=np.float64), np.asarray(best, dtype=np.float64)
    scale = float(np.abs(truth.gain).mean()) if len(truth.gain) else 0.0
    there = possible > 1e-12 * scale
    return np.where(there, leads / np.where(there, possible, 1.0), 0.0)


def read_curve(curve: Curve, budget_share: npt.ArrayLike) -> FloatArray:
    """Read a curve at shares of the budget, by a straight line between its points.

    Parameters
    ----------
    curve
        From `expected_curve` or `budget_quality_curve`.
    budget_share
        From 0 to 1, of the cost of retranslating everything: one share or an array (k,).

    Returns
    -------
    numpy.ndarray of float64, () or (k,)
        Mean gain over all segments, as if a fraction of a segment could be bought;
        `routed_at_equal_spend` gives whole ones. Where several points stand at one share
        (segments that cost nothing), the last of them; past the curve's end, its last value.

    Raises
    ------
    ValueError
        If a share is out of range.
    """
    shares = np.asarray(budget_share, dtype=np.float64)
    if not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError(f"the budget's share must be from 0 to 1: {budget_share!r}")
    spent, mean_gain = curve
    before = np.searchsorted(spent, shares, side="right") - 1
    after = np.minimum(before + 1, len(spent) - 1)
    width = spent[after] - spent[before]
    fraction = np.where(width > 0, (shares - spent[before]) / np.where(width > 0, width, 1.0), 0.0)
    return np.asarray(mean_gain[before] + fraction * (mean_gain[after] - mean_gain[before]))


_TINY = 1e-300


def _widest(counts: npt.ArrayLike, gain: FloatArray) -> tuple[int, ...]:
    return np.broadcast_shapes(np.shape(counts), gain.shape)


def _shares(spent: FloatArray, total: npt.ArrayLike) -> FloatArray:
    """Divide what was spent by the cost of everything."""
    # Another order of summing can round the last share past 1.
    return np.minimum(spent / np.maximum(total, _TINY), 1.0)


def _integrate(curve: Curve) -> FloatArray:
    """Integrate a curve by the trapezoidal rule."""
    share, mean_gain = curve
    means = (mean_gain[..., 1:] + mean_gain[..., :-1]) / 2
    return np.asarray(np.sum(np.diff(share, axis=-1) * means, axis=-1))
