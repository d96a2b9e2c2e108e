"""Choose what to buy under two limits: of money, and of something else such as tokens.

Values, costs and sizes of n items go in, a `knapsack.Plan` comes out whose chosen costs and chosen
sizes keep to both limits, with a bound on what any such choice could reach. Where one limit alone
decides, the plan is that limit's own. Otherwise sizes get a price: items are worth less by it, and
the knapsack of the other limit is solved for prices that are bisected. Each of them gives an upper
bound (Lagrange's relaxation [1]_), and what keeps to both limits is filled up to them. It knows
nothing of segments or models.

References
----------
.. [1] A. M. Geoffrion, "Lagrangean relaxation for integer programming", Mathematical Programming
   Study 2, 1974.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from routelmt_cli.budget import knapsack
from routelmt_cli.budget.knapsack import BoolArray, FloatArray, IntArray, Plan

_BISECTIONS = 24
_FILLING_PASSES = 64


@dataclass(frozen=True, eq=False)
class _Problem:
    values: FloatArray
    costs: IntArray
    capacity: int
    sizes: IntArray
    room: int

    def keeps(self, chosen: BoolArray) -> bool:
        """Whether a choice keeps to both limits."""
        cost, size = int(self.costs[chosen].sum()), int(self.sizes[chosen].sum())
        return cost <= self.capacity and size <= self.room

    def density(self) -> FloatArray:
        """Value per share of the limits, float64 of shape (n,)."""
        used = self.costs / max(self.capacity, 1) + self.sizes / max(self.room, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.values > 0, self.values / used, 0.0)


def solve(
    values: FloatArray, costs_nanousd: IntArray, capacity_nanousd: int, sizes: IntArray, room: int
) -> Plan:
    """Choose items of the most value under both limits.

    Parameters
    ----------
    values
        float64 (n,), finite; only positive ones are candidates.
    costs_nanousd, capacity_nanousd
        As the knapsack takes them.
    sizes
        int64 (n,), zero or more, of a sum that 64 bits hold.
    room
        The limit on the sum of chosen sizes, zero or more.

    Returns
    -------
    Plan
        The choice; its order has the chosen items first, then the other candidates, both by
        falling value per share of the limits.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As the knapsack raises them.
    """
    problem = _Problem(values, costs_nanousd, capacity_nanousd, sizes, room)
    by_cost = knapsack.solve(values, costs_nanousd, capacity_nanousd)
    if problem.keeps(by_cost.chosen):
        return by_cost
    by_size = knapsack.solve(values, sizes, room)
    if problem.keeps(by_size.chosen):
        return _finished(problem, by_size.chosen, by_size.bound, 0.0)
    return _between(problem, min(by_cost.bound, by_size.bound))


def _between(problem: _Problem, bound: float) -> Plan:
    """Find a price of size at which both limits are kept, and fill up what it leaves."""
    values, sizes = problem.values, problem.sizes
    order = np.argsort(-problem.density(), kind="stable")
    order = order[values[order] > 0]
    best = _filled(problem, order, np.zeros(len(values), np.bool_))
    price = 0.0
    sized = (values > 0) & (sizes > 0)
    low, high = 0.0, float((values[sized] / sizes[sized]).max())
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        plan = knapsack.solve(values - middle * sizes, problem.costs, problem.capacity)
        bound = min(bound, plan.bound + middle * problem.room)
        if not problem.keeps(plan.chosen):
            low = middle
            continue
        high = middle
        candidate = _filled(problem, order, plan.chosen)
        if values[candidate].sum() > values[best].sum():
            best, price = candidate, plan.dual_price
    return _finished(problem, best, bound, price)


def _filled(problem: _Problem, order: IntArray, taken: BoolArray) -> BoolArray:
    """Take what still fits both limits along an order, a stretch at a time."""
    mask: BoolArray = taken.copy()
    cost = problem.capacity - int(problem.costs[mask].sum())
    size = problem.room - int(problem.sizes[mask].sum())
    rest = order[~mask[order]]
    for _ in range(_FILLING_PASSES):
        rest = rest[(problem.costs[rest] <= cost) & (problem.sizes[rest] <= size)]
        if not len(rest):
            break
        fits = (np.cumsum(problem.costs[rest]) <= cost) & (np.cumsum(problem.sizes[rest]) <= size)
        count = len(rest) if fits.all() else int(np.argmin(fits))
        mask[rest[:count]] = True
        cost -= int(problem.costs[rest[:count]].sum())
        size -= int(problem.sizes[rest[:count]].sum())
        rest = rest[count:]
    return mask


def _finished(problem: _Problem, chosen: BoolArray, bound: float, price: float) -> Plan:
    density = problem.density()
    candidates = np.flatnonzero(problem.values > 0)
    order = candidates[np.lexsort((-density[candidates], ~chosen[candidates]))]
    value = float(problem.values[chosen].sum())
    bound = max(bound, value)  # the sums round differently
    return Plan(
        chosen=chosen,
        order=order,
        value=value,
        cost_nanousd=int(problem.costs[chosen].sum()),
        bound=bound,
        gap=(bound - value) / bound if bound > 0 else 0.0,
        dual_price=price,
    )
