"""Choose one option at most of each item: the most value whose cost fits a capacity.

Values and integer costs of n items of k options each go in (an option is a tier that a segment can
be sent to); a `ChoicePlan` comes out, with an upper bound on what any choice could reach. The
chosen cost never exceeds the capacity, the same input gives the same plan, and up to
``core_size(k)`` items the plan is the optimum. It knows nothing of segments, models or money
already spent.

Of each item only the options on the upper convex hull of (cost, value) matter to the linear
relaxation [1]_. Going along the hull from nothing to its most valuable option, each step costs
something more and is worth something more, at a falling density; so the greedy order of all items'
steps by density takes an item's steps in their own order, and is Dantzig's order of a plain
knapsack [2]_. The gap that greedy leaves is repaired exactly in the core, the few items of about
the density of the break, among all their options. With one option an item it is the plain
knapsack, and that one is asked.

References
----------
.. [1] P. Sinha and A. A. Zoltners, "The multiple-choice knapsack problem", Operations Research
   27(3), 1979.
.. [2] G. B. Dantzig, "Discrete-variable extremum problems", Operations Research 5(2), 1957.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from routelmt_cli.budget import knapsack
from routelmt_cli.budget.exact import NOTHING, choose_exactly, core_size
from routelmt_cli.budget.filling import check_total, fill_in_order
from routelmt_cli.budget.knapsack import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class ChoicePlan:
    """What to buy of each item, and how good that is at least.

    Parameters
    ----------
    option
        int64 or int8 (n,): the chosen option, ``NOTHING`` where there is none.
    target
        The same: the chosen option, or else the one that would be bought first;
        ``NOTHING`` where none is worth anything.
    order
        int64 (candidates,): the items that have a target, in spending order: chosen ones first,
        both parts by falling value per cost of their target, ties by index.
    value, cost_nanousd, bound, gap, dual_price
        As of a ``knapsack.Plan``; the break item is a step along an item's hull.
    """

    option: npt.NDArray[np.signedinteger]
    target: npt.NDArray[np.signedinteger]
    order: IntArray
    value: float
    cost_nanousd: int
    bound: float
    gap: float
    dual_price: float

    @classmethod
    def of_plain(cls, plan: knapsack.Plan, values: FloatArray) -> ChoicePlan:
        """Read a plain knapsack's plan as one of items with one option.

        Parameters
        ----------
        plan
            Of n items.
        values
            float64 (n,): what they are worth.
        """
        return cls(
            option=np.where(plan.chosen, np.int8(0), np.int8(NOTHING)),
            target=np.where(values > 0, np.int8(0), np.int8(NOTHING)),
            order=plan.order,
            value=plan.value,
            cost_nanousd=plan.cost_nanousd,
            bound=plan.bound,
            gap=plan.gap,
            dual_price=plan.dual_price,
        )


@dataclass(frozen=True, eq=False)
class Steps:
    """The steps along all items' hulls, by falling density; arrays of shape (m,).

    An item's steps stand in their own order, and what they are worth and cost sums up to the
    options' values and costs.

    Attributes
    ----------
    item, option
        int64: whose step it is, and the option that it leads to.
    before
        int64: the option that it leads from, ``NOTHING`` for the first of an item.
    value
        float64, above zero: what it is worth more.
    cost_nanousd
        int64, zero or more: what it costs more.
    """

    item: IntArray
    option: IntArray
    before: IntArray
    value: FloatArray
    cost_nanousd: IntArray

    def take(self, places: IntArray) -> Steps:
        """Take some steps, in their order there."""
        return Steps(
            self.item[places],
            self.option[places],
            self.before[places],
            self.value[places],
            self.cost_nanousd[places],
        )

    def __len__(self) -> int:
        return len(self.item)


def hull_steps(values: FloatArray, costs_nanousd: IntArray) -> Steps:
    """Find the steps along every item's hull.

    Parameters
    ----------
    values
        float64 (n, k), finite; only options of positive value are on a hull.
    costs_nanousd
        int64 (n, k), zero or more.

    Returns
    -------
    Steps
        By falling density, ties by the step's number in its item and then by item.
    """
    items = np.flatnonzero((values > 0).any(axis=1)).astype(np.int64, copy=False)
    # Columns of their own, which shrink with the items that still go on.
    worth = [values[items, option] for option in range(values.shape[1])]
    price = [costs_nanousd[items, option] for option in range(values.shape[1])]
    at = np.full(len(items), NOTHING, np.int64)
    value, cost = np.zeros(len(items)), np.zeros(len(items), np.int64)
    steepest = np.full(len(items), np.inf)
    rounds: list[Steps] = []
    densities: list[FloatArray] = []
    while len(items):
        best, density = _steepest(worth, price, value, cost)
        goes = np.flatnonzero(best != NOTHING)
        worth, price = ([column[goes] for column in columns] for columns in (worth, price))
        items, before, best = items[goes], at[goes], best[goes]
        there, paid = np.choose(best, worth), np.choose(best, price)
        rounds.append(Steps(items, best, before, there - value[goes], paid - cost[goes]))
        # Slopes fall along a hull; their quotients may not, by a rounding.
        steepest = np.minimum(steepest[goes], density[goes])
        densities.append(steepest)
        at, value, cost = best, there, paid
    if not rounds:
        nothing = np.zeros(0, np.int64)
        return Steps(nothing, nothing, nothing, np.zeros(0), nothing)
    order = np.argsort(-np.concatenate(densities), kind="stable")
    return Steps(
        *(
            np.concatenate([getattr(one, name) for one in rounds])[order]
            for name in ("item", "option", "before", "value", "cost_nanousd")
        )
    )


def _steepest(
    worth: Sequence[FloatArray], price: Sequence[IntArray], value: FloatArray, cost: IntArray
) -> tuple[IntArray, FloatArray]:
    """Find the option of most density from where each item is; of equal ones that of most value.

    An option that is worth no more, or costs less, is none; ``NOTHING`` where there is no other.
    """
    best = np.full(len(value), NOTHING, np.int64)
    best_density, best_more = np.full(len(value), -np.inf), np.zeros(len(value))
    for option, (own, its_cost) in enumerate(zip(worth, price, strict=True)):
        more, dearer = own - value, its_cost - cost
        with np.errstate(divide="ignore", invalid="ignore"):
            density = more / dearer
        density[(more <= 0) | (dearer < 0)] = -np.inf
        better = (density > best_density) | ((density == best_density) & (more > best_more))
        for known, found in ((best, option), (best_density, density), (best_more, more)):
            np.copyto(known, found, where=better)
    return best, best_density


def solve(values: FloatArray, costs_nanousd: IntArray, capacity_nanousd: int) -> ChoicePlan:
    """Choose options of the most value under a capacity, one at most of each item.

    Parameters
    ----------
    values
        float64 (n, k), finite: what each option is worth; only positive ones are candidates.
    costs_nanousd
        int64 (n, k), zero or more.
    capacity_nanousd
        The limit on the sum of chosen costs, zero or more.

    Returns
    -------
    ChoicePlan
        The choice with its order and certificate.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As the knapsack raises them.
    """
    values, costs, capacity = knapsack.checked(values, costs_nanousd, capacity_nanousd)
    if values.ndim != 2 or not values.shape[1]:
        raise ValueError(f"values {values.shape} must be one row an item and one column an option")
    if values.shape[1] == 1:
        plain = knapsack.solve(values[:, 0], costs[:, 0], capacity)
        return ChoicePlan.of_plain(plain, values[:, 0])
    affordable = costs <= capacity
    within = values if affordable.all() else np.where(affordable, values, 0.0)
    problem = _Problem(within, costs, capacity)
    steps = hull_steps(problem.values, costs)
    check_total(steps.cost_nanousd)
    fits = fill_in_order(steps.cost_nanousd, capacity)
    if fits.all():
        option = problem.after(steps, len(steps))
        return _finished(problem, values, option, None, 0.0)
    broken = int(np.argmin(fits))
    bound = knapsack.linear_bound(steps.value, steps.cost_nanousd, capacity, broken)
    price = float(steps.value[broken] / steps.cost_nanousd[broken])
    greedy = problem.after(steps, broken)
    starts = [greedy, problem.with_core(steps, broken, greedy)]
    if problem.values.max() > problem.worth(greedy):
        starts.append(problem.single())
    filled = [problem.filled(steps, start) for start in starts]
    best = max(filled, key=problem.worth)
    return _finished(problem, values, best, bound, price)


@dataclass(frozen=True, eq=False)
class _Problem:
    """Options that the capacity cannot buy are worth nothing here."""

    values: FloatArray
    costs: IntArray
    capacity: int

    def after(self, steps: Steps, count: int) -> IntArray:
        """Return the options that the first steps lead to, the last of each item's."""
        option = np.full(len(self.values), NOTHING, np.int64)
        option[steps.item[:count]] = steps.option[:count]  # numpy assigns in order
        return option

    def single(self) -> IntArray:
        """Return the most valuable option alone; with the greedy steps it makes half the bound."""
        option = np.full(len(self.values), NOTHING, np.int64)
        item, best = np.unravel_index(int(np.argmax(self.values)), self.values.shape)
        option[item] = best
        return option

    def with_core(self, steps: Steps, broken: int, greedy: IntArray) -> IntArray:
        """Choose exactly among the items about the break, all others staying as greedy has them."""
        size = core_size(self.values.shape[1])
        # An item has a step for each option at most, so that many places hold enough items.
        reach = size * self.values.shape[1]
        near = np.arange(max(0, broken - reach), min(len(steps), broken + reach))
        near = near[np.argsort(np.abs(near - broken), kind="stable")]
        items = steps.item[near]
        _, first = np.unique(items, return_index=True)
        core = np.sort(items[np.sort(first)[:size]])
        option: IntArray = greedy.copy()
        option[core] = NOTHING
        left = self.capacity - self.cost(option)
        option[core] = choose_exactly(self.values[core], self.costs[core], left)
        return option

    def filled(self, steps: Steps, option: IntArray) -> IntArray:
        """Let each item take its next step where the capacity still allows it."""
        following = np.flatnonzero(option[steps.item] == steps.before)
        costs = steps.cost_nanousd[following]
        taken = following[fill_in_order(costs, self.capacity - self.cost(option))]
        more: IntArray = option.copy()
        more[steps.item[taken]] = steps.option[taken]
        return more

    def cost(self, option: IntArray) -> int:
        """Return what a choice costs."""
        items = np.flatnonzero(option != NOTHING)
        return int(self.costs[items, option[items]].sum())

    def worth(self, option: IntArray) -> float:
        """Return what a choice is worth."""
        items = np.flatnonzero(option != NOTHING)
        return float(self.values[items, option[items]].sum())


def _finished(
    problem: _Problem, values: FloatArray, option: IntArray, bound: float | None, price: float
) -> ChoicePlan:
    """Put the chosen items first in the order and state the certificate."""
    target = option.copy()
    # What the capacity could never buy may come within a larger one: its own hull tells how.
    for within in (problem.values, values)[: 1 if problem.values is values else 2]:
        items = np.flatnonzero(target == NOTHING)
        first = hull_steps(within[items], problem.costs[items])
        is_first = first.before == NOTHING
        target[items[first.item[is_first]]] = first.option[is_first]
    items = np.flatnonzero(target != NOTHING)
    with np.errstate(divide="ignore"):
        density = values[items, target[items]] / problem.costs[items, target[items]]
    order = items[np.lexsort((-density, option[items] == NOTHING))]
    value = problem.worth(option)
    # The sums round differently; where they are equal in truth the bound must not be below.
    bound = value if bound is None else max(bound, value)
    return ChoicePlan(
        option=option,
        target=target,
        order=order,
        value=value,
        cost_nanousd=problem.cost(option),
        bound=bound,
        gap=(bound - value) / bound if bound > 0 else 0.0,
        dual_price=price,
    )
