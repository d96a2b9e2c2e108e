"""What every budget buys: the optimum of the knapsack as a curve over all capacities at once.

Values and integer costs of n items go in; running sums along the order of falling value per cost
come out. At each of these points greedy is the optimum, the straight lines between them are the
bound of the linear relaxation (Dantzig 1957), and their slope is the dual price. So value is a
rising concave function of cost. It knows nothing of segments, models or money already spent.

What a budget must hold beyond the predicted cost is counted too: a request is only sent while its
worst case fits, so the last ones need room that they will probably not use.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from routelmt_cli.budget.filling import check_total
from routelmt_cli.budget.knapsack import density_order

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_LEVEL = 1e-9
"""Heights over the chord that differ by less are the same."""


@dataclass(frozen=True, eq=False)
class Frontier:
    """The best that every capacity buys; m candidates in the order in which they are bought.

    Attributes
    ----------
    order
        int64 (m,): the items of positive value, by falling value per cost.
    cost_nanousd
        int64 (m + 1,): the cost of the first 0, 1, ... m of them.
    value
        float64 (m + 1,): their value; concave in the cost.
    needed_nanousd
        int64 (m + 1,): the capacity under which all of them are sure to be sent where each costs
        what is predicted: their cost, and the most that a worst case is above its prediction.
    """

    order: IntArray
    cost_nanousd: IntArray
    value: FloatArray
    needed_nanousd: IntArray

    @classmethod
    def of(
        cls, values: FloatArray, costs_nanousd: IntArray, worst_nanousd: IntArray | None = None
    ) -> Frontier:
        """Sort items and sum them up.

        Parameters
        ----------
        values
            float64 (n,), finite: what each item is worth; only positive ones are candidates.
        costs_nanousd
            int64 (n,), zero or more: predicted.
        worst_nanousd
            int64 (n,): what each may cost at most; as predicted where absent.

        Raises
        ------
        OverflowError
            If the costs sum to more than 64 bits hold.
        """
        order = density_order(values, costs_nanousd)
        costs = costs_nanousd[order]
        check_total(costs)
        worst = costs if worst_nanousd is None else worst_nanousd[order]
        room = np.maximum.accumulate(np.maximum(worst - costs, 0))
        cost = _running_costs(costs)
        needed = cost.copy()
        needed[1:] += room
        return cls(order, cost, _running_values(values[order]), needed)

    @property
    def candidates(self) -> int:
        """The number of items that are worth something."""
        return len(self.order)

    def within(self, capacity_nanousd: int) -> int:
        """Return how many items a capacity is sure to buy, none where it is below zero."""
        return max(0, int(np.searchsorted(self.needed_nanousd, capacity_nanousd, "right")) - 1)

    def cheapest(self, wanted: float, running: FloatArray | None = None) -> int | None:
        """Return the least number of items that reach an amount; None where all of them do not.

        Parameters
        ----------
        wanted
            The amount.
        running
            float64 (m + 1,), rising: what the first 0, 1, ... m items reach; their value where
            absent.
        """
        reached = self.value if running is None else running
        count = int(np.searchsorted(reached, wanted, "left"))
        return count if count < len(reached) else None

    def price(self, count: int) -> float | None:
        """Return the nanodollars per unit of value of the next item; None after the last."""
        if count >= self.candidates:
            return None
        cost = int(self.cost_nanousd[count + 1] - self.cost_nanousd[count])
        value = float(self.value[count + 1] - self.value[count])
        # The difference of two large sums can round to nothing.
        return cost / value if value > 0 else math.inf

    def knee(self) -> int:
        """Return how many items to buy where the curve bends most.

        Notes
        -----
        The point of a concave curve farthest above its chord (Satopää et al., "Finding a kneedle
        in a haystack", 2011): up to it a unit of value costs less than on average over
        everything worth buying, after it more. Where nothing bends, that is everything.
        """
        total_cost, total_value = int(self.cost_nanousd[-1]), float(self.value[-1])
        if not total_cost:
            return self.candidates
        height = self.value / total_value - self.cost_nanousd / total_cost
        return int(np.flatnonzero(height >= height.max() - _LEVEL)[-1])


def round_up(nanousd: int, scale_nanousd: int, digits: int = 3) -> int:
    """Round an amount up to one that is easily typed.

    Parameters
    ----------
    nanousd
        The amount, zero or more.
    scale_nanousd
        The amount that is to have so many digits; what is lost by rounding is small beside it.
    digits
        Significant ones of the scale.

    Returns
    -------
    int
        Not below the amount, and less than ``scale * 10 ** (1 - digits)`` above it.
    """
    step = int(10 ** max(0, len(str(max(scale_nanousd, 1))) - digits))
    return -(-nanousd // step) * step


def _running_costs(costs: IntArray) -> IntArray:
    """Sum up from 0."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(costs)])


def _running_values(values: FloatArray) -> FloatArray:
    """Sum up from 0."""
    return np.concatenate([np.zeros(1), np.cumsum(values)])
