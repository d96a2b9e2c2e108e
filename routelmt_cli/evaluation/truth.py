"""What orderings are judged by: the true gain of every segment, what it costs, what it counts.

Three arrays go in, checked ones of one length come out. What always holds: where costs or weights
are absent, they are 1, so that no figure needs a case of its own for a budget of requests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from routelmt_cli.evaluation.baselines import oracle
from routelmt_cli.evaluation.order import FloatArray
from routelmt_cli.evaluation.ranking import paired


@dataclass(frozen=True)
class Truth:
    """What orderings are judged by: checked arrays of one number a segment.

    Attributes
    ----------
    gain, cost, weight
        float64 (n,).
    """

    gain: FloatArray
    cost: FloatArray
    weight: FloatArray

    @classmethod
    def of(
        cls,
        gain: npt.ArrayLike,
        cost: npt.ArrayLike | None = None,
        weight: npt.ArrayLike | None = None,
    ) -> Truth:
        """Check the arrays, with 1 for each cost and weight where there are none.

        Parameters
        ----------
        gain
            float (n,), finite: metric(retranslation) - metric(draft).
        cost
            (n,), zero or more, not all zero; None where every segment costs the same.
        weight
            (n,), zero or more, not all zero; None where every segment counts alike.

        Raises
        ------
        ValueError
            If shapes differ, a value is NaN or infinite, a cost or weight is negative, or all
            costs or weights are zero.
        """
        gains = np.asarray(gain, dtype=np.float64)
        checked = []
        for name, values in (("costs", cost), ("weights", weight)):
            gains, column = paired(gains, np.ones(gains.shape) if values is None else values)
            if len(column) and (column.min() < 0 or not 0 < column.sum() < np.inf):
                raise ValueError(f"{name} must be zero or more, finite, and not all zero")
            checked.append(column)
        if not np.isfinite(gains).all():
            raise ValueError("gains must be finite")
        return cls(gains, *checked)

    @property
    def density(self) -> FloatArray:
        """Value per cost, float64 (n,): to order by it is the best that there is."""
        return oracle(self.gain * self.weight, self.cost)

    @property
    def mean_gain(self) -> float:
        """Weighted mean gain of retranslating everything; 0.0 for no segments."""
        return float(np.average(self.gain, weights=self.weight)) if len(self.gain) else 0.0
