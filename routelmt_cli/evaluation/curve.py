"""Budget-quality curves: what mean gain an ordering has bought after each share of the budget.

Gains, costs and an ordering go in, curves and figures made of them come out. A curve runs from
nothing retranslated, (0, 0), through every segment in order to everything retranslated, (1, mean
gain): an ordering is judged on its tail as well, where the oracle's falls again. The mean is over
all segments, retranslated or not. Nothing here decides a budget or leaves a segment out.

Where ``cost`` is None, every segment costs the same: the budget is one of requests.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from routelmt_cli.evaluation.baselines import oracle
from routelmt_cli.evaluation.ranking import paired

FloatArray = npt.NDArray[np.float64]
Curve = tuple[FloatArray, FloatArray]
"""The share of the budget spent, from 0 to 1, and the mean gain bought with it."""


def budget_quality_curve(
    gain: npt.ArrayLike, cost: npt.ArrayLike | None, order: npt.NDArray[np.integer]
) -> Curve:
    """Follow an order segment by segment.

    Parameters
    ----------
    gain
        float (n,): metric(retranslation) - metric(draft).
    cost
        (n,), zero or more, not all zero; None where every segment costs the same.
    order
        int (k,): segment indices in spending order, each at most once; a curve of less than all
        segments ends early.

    Returns
    -------
    spent_share, mean_gain : numpy.ndarray of float64, (k + 1,)
        After 0, 1, ... k segments: the cost so far over the cost of all n, and the gain so far
        over n.

    Raises
    ------
    ValueError
        If shapes differ, a value is NaN, a cost is negative or all are zero, or the order names
        a segment twice or one that is not there.
    """
    gains, costs = _gains_and_costs(gain, cost)
    order = np.asarray(order)
    if len(order):
        if order.min() < 0 or order.max() >= len(gains):
            raise ValueError("the order names a segment that is not there")
        if np.bincount(order).max() > 1:
            raise ValueError("the order names a segment twice")
    return _accumulate(gains[order], costs[order], len(gains), float(costs.sum()))


def expected_curve(
    gain: npt.ArrayLike, predicted: npt.ArrayLike, cost: npt.ArrayLike | None = None
) -> Curve:
    """Follow the order of predicted scores, highest first.

    Parameters
    ----------
    gain
        float (n,): the truth.
    predicted
        float (n,): scores to order by as they are; where costs differ and the scores predict
        gain, pass ``predicted / cost``.
    cost
        As in `budget_quality_curve`.

    Returns
    -------
    spent_share, mean_gain : numpy.ndarray of float64, (d + 1,)
        One point after each of the d distinct scores. Between them a straight line: for equal
        costs it is exactly the expectation over all orders of the tied segments.

    Raises
    ------
    ValueError
        If shapes differ, a value is NaN, or a cost is negative or all are zero.
    """
    gains, costs = _gains_and_costs(gain, cost)
    scores, _ = paired(predicted, gains)
    order = np.argsort(-scores, kind="stable")
    share, mean_gain = _accumulate(gains[order], costs[order], len(gains), float(costs.sum()))
    ordered = scores[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) + 1
    points = np.concatenate([[0], ends]) if len(ordered) else np.zeros(1, dtype=np.int64)
    return share[points], mean_gain[points]


def area(gain: npt.ArrayLike, predicted: npt.ArrayLike, cost: npt.ArrayLike | None = None) -> float:
    """Summarise an ordering by the area under its curve: random is 0, the oracle is 1.

    Parameters
    ----------
    gain, predicted, cost
        As in `expected_curve`.

    Returns
    -------
    float
        At most 1, negative where an ordering is worse than random. 0.0 where no ordering differs
        from another, as with equal gains or no segments.

    Raises
    ------
    ValueError
        If shapes differ, a value is NaN, or a cost is negative or all are zero.

    Notes
    -----
    ``area = (A(predicted) - A(random)) / (A(oracle) - A(random))``, where A is the integral of
    mean gain over the spent share from 0 to 1 by the trapezoidal rule on `expected_curve`.

    Random is the straight line from (0, 0) to (1, mean gain), A = mean gain / 2: for equal costs
    exactly the expectation over all orders; for other costs the limit for many segments. The
    oracle orders all segments by true gain per cost, falling, with its tail of negative gains
    included: it has the largest A that any order can reach. Constant predictions are exactly 0.
    """
    gains, costs = _gains_and_costs(gain, cost)
    if not len(gains):
        return 0.0
    random_area = float(gains.mean()) / 2
    best = _integrate(expected_curve(gains, oracle(gains, costs), costs)) - random_area
    scale = float(np.abs(gains).mean())
    # The difference of two equal areas is rounding noise, which must not be divided by.
    if best <= 1e-12 * scale:
        return 0.0
    return (_integrate(expected_curve(gains, predicted, costs)) - random_area) / best


def gain_at(
    budget_share: float,
    gain: npt.ArrayLike,
    predicted: npt.ArrayLike,
    cost: npt.ArrayLike | None = None,
) -> float:
    """Read an ordering's mean gain at a share of the budget.

    Parameters
    ----------
    budget_share
        From 0 to 1, of the cost of retranslating everything.
    gain, predicted, cost
        As in `expected_curve`.

    Returns
    -------
    float
        Mean gain over all segments, between two points of `expected_curve` by a straight line,
        as if a fraction of a segment could be bought. `routed_at_equal_spend` gives whole ones.

    Raises
    ------
    ValueError
        If the share is out of range, or as `expected_curve`.
    """
    if not 0 <= budget_share <= 1:
        raise ValueError(f"the budget's share must be from 0 to 1: {budget_share}")
    return read_curve(expected_curve(gain, predicted, cost), budget_share)


def read_curve(curve: Curve, budget_share: float) -> float:
    """Read a curve at a share of the budget, by a straight line between its points.

    Parameters
    ----------
    curve
        Of `budget_quality_curve` or `expected_curve`.
    budget_share
        From 0 to 1; beyond the end of a curve that ends early, its last value holds.

    Returns
    -------
    float
        Mean gain; where segments are free, with all that this share can have for nothing.
    """
    share, mean_gain = curve
    after = int(np.searchsorted(share, budget_share, side="right"))
    if after == len(share):
        return float(mean_gain[-1])
    before = after - 1
    fraction = (budget_share - share[before]) / (share[after] - share[before])
    return float(mean_gain[before] + fraction * (mean_gain[after] - mean_gain[before]))


def _gains_and_costs(
    gain: npt.ArrayLike, cost: npt.ArrayLike | None
) -> tuple[FloatArray, FloatArray]:
    """Check gains and costs, with 1 for each cost where there is none."""
    gains = np.asarray(gain, dtype=np.float64)
    gains, costs = paired(gains, np.ones(gains.shape) if cost is None else cost)
    if len(costs) and (costs.min() < 0 or not 0 < costs.sum() < np.inf):
        raise ValueError("costs must be zero or more, finite, and not all zero")
    if not np.isfinite(gains).all():
        raise ValueError("gains must be finite")
    return gains, costs


def _accumulate(
    gains: FloatArray, costs: FloatArray, segment_count: int, total_cost: float
) -> Curve:
    """Sum gains and costs along an order, starting from nothing."""
    spent = np.concatenate([[0.0], np.cumsum(costs)])
    bought = np.concatenate([[0.0], np.cumsum(gains)])
    if not segment_count:
        return spent, bought
    # Another order of summing can round the last share past 1.
    return np.minimum(spent / total_cost, 1.0), bought / segment_count


def _integrate(curve: Curve) -> float:
    """Integrate a curve by the trapezoidal rule."""
    share, mean_gain = curve
    return float(np.sum(np.diff(share) * (mean_gain[1:] + mean_gain[:-1])) / 2)
