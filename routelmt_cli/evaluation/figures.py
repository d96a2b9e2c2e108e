"""The figures of one ordering at a share of the budget, under the names that the field uses.

Gains and scores go in, and optionally costs and weights; one number a figure comes out, or one a
figure and sample where the segments were resampled. What always holds: ties favour nobody, so a
constant score gives exactly what random order is expected to give; every mean over segments is
weighted as the budget weighs them. Which orderings there are is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from routelmt_cli.evaluation.curve import area_between, curve_of, recovered
from routelmt_cli.evaluation.order import FloatArray, Order, interpolate
from routelmt_cli.evaluation.ranking import hits, paired, rank_correlation
from routelmt_cli.evaluation.truth import Truth

SHARE = 0.3
"""The share of the budget at which figures are read where none is named."""

SEVERE_REGRESSION = -10.0
"""Gain in points of the metric from which downwards a regression is severe where none is named."""


@dataclass(frozen=True)
class Figures:
    """What an ordering reaches when a share p of the budget is spent along it.

    Attributes
    ----------
    spearman
        Rank correlation of its scores with true value per cost.
    hit_rate
        HitRate@p: the share of the truly best share p of segments among its best share p.
    mean_delta
        MeanDelta@p: mean gain of the segments that are retranslated.
    lift_share
        The part of the gain of retranslating everything that it has reached; NaN where
        retranslating everything gains nothing.
    recovered_share
        (x - random) / (oracle - random) at p, with x its mean gain over all segments; 0 is
        random, 1 the oracle. 0.0 where no ordering differs from another.
    area
        The same for the area under the whole curve (nAUC), as `curve.area`.
    severe_rate
        The share of severe regressions among the segments that are retranslated.
    """

    spearman: float
    hit_rate: float
    mean_delta: float
    lift_share: float
    recovered_share: float
    area: float
    severe_rate: float


FIGURE_NAMES = tuple(field.name for field in fields(Figures))


def figures(
    gain: npt.ArrayLike,
    scores: npt.ArrayLike,
    cost: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    share: float = SHARE,
    severe: float = SEVERE_REGRESSION,
) -> Figures:
    """Measure an ordering.

    Parameters
    ----------
    gain
        float (n,): the truth.
    scores
        float (n,): to order by as they are, highest first; where costs or weights differ and the
        scores predict gain, pass ``scores * weight / cost``.
    cost
        (n,), zero or more, not all zero; None for a budget of requests.
    weight
        (n,), zero or more, not all zero: what a segment counts; None for all alike.
    share
        p, above 0 and at most 1: of the cost of retranslating everything. Where it ends within
        a segment or among tied ones, that fraction of them is counted.
    severe
        Gain from which downwards a regression is severe.

    Returns
    -------
    Figures

    Raises
    ------
    ValueError
        If shapes differ, a value is NaN, there are no segments, or the share, costs or weights
        are not as above.
    """
    truth = Truth.of(gain, cost, weight)
    ordered, _ = paired(scores, truth.gain)
    if not len(truth.gain):
        raise ValueError("no segments have no figures")
    yardstick = Yardstick(truth, share, severe)
    sampled = yardstick.sampled(Order(ordered), np.ones((1, len(truth.gain))))
    return Figures(**{name: float(values[0]) for name, values in sampled.items()})


class Yardstick:
    """Measures orderings of one corpus, on itself or on resamples of it.

    Parameters
    ----------
    truth
        Gains, costs and weights of at least one segment.
    share, severe
        As for `figures`.

    Raises
    ------
    ValueError
        If the share is out of range.
    """

    def __init__(self, truth: Truth, share: float, severe: float = SEVERE_REGRESSION) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"the share must be above 0 and at most 1: {share}")
        self.truth = truth
        self.share = share
        self._best = Order(truth.density)
        self._severe = truth.weight * (truth.gain <= severe)

    def area(self, order: Order, counts: npt.NDArray[np.float64]) -> FloatArray:
        """Measure the area alone, as `sampled` does, float64 (s,)."""
        own, best = (curve_of(self.truth, one, counts) for one in (order, self._best))
        return area_between(self.truth, own, best)

    def sampled(self, order: Order, counts: npt.NDArray[np.float64]) -> dict[str, FloatArray]:
        """Measure an ordering on resamples.

        Parameters
        ----------
        order
            Of the n segments.
        counts
            float (s, n): how often each segment was drawn.

        Returns
        -------
        dict of str to numpy.ndarray of float64, (s,)
            By `FIGURE_NAMES`.
        """
        truth = self.truth
        own, best = (curve_of(truth, one, counts) for one in (order, self._best))
        routed = [
            order.running(counts * values)
            for values in (truth.weight, truth.gain * truth.weight, self._severe)
        ]
        spent, bought = own
        reached, weight, value, severe = interpolate(spent, self.share, bought, *routed)
        possible = interpolate(best[0], self.share, best[1])[0]
        everything = bought[..., -1]
        random = self.share * everything
        return {
            "spearman": rank_correlation(order, self._best, counts),
            "hit_rate": hits(order, self._best, counts, self.share),
            "mean_delta": _ratio(value, weight, 0.0),
            "lift_share": _ratio(reached, np.maximum(everything, 0.0), np.nan),
            "recovered_share": recovered(truth, reached - random, possible - random),
            "area": area_between(truth, own, best),
            "severe_rate": _ratio(severe, weight, 0.0),
        }


def _ratio(above: FloatArray, below: FloatArray, without: float) -> FloatArray:
    """Divide, with a value of its own where there is nothing to divide by."""
    there = below > 0
    return np.where(there, above / np.where(there, below, 1.0), without)
