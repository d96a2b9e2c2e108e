"""Choose what to buy: the most value whose cost fits a capacity, with a certificate.

Values and integer costs of n items go in (the caller has multiplied gain by weight); a `Plan`
comes out: the items chosen, the order to spend in, and an upper bound on what any choice could
reach. The chosen cost never exceeds the capacity, the value is at least half the bound, the same
input gives the same plan, and up to ``CORE_SIZE`` items the plan is the optimum. It knows nothing
of segments, models or money already spent.

The method is Dantzig's: greedy by value per cost, whose first item that does not fit splits the
items and gives the bound of the linear relaxation [1]_. The gap that greedy leaves is repaired in
the core, the few items of about that density, where the exact choice costs little [2]_.

References
----------
.. [1] G. B. Dantzig, "Discrete-variable extremum problems", Operations Research 5(2), 1957.
.. [2] E. Balas and E. Zemel, "An algorithm for large zero-one knapsack problems", Operations
   Research 28(5), 1980.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from routelmt_cli.budget.exact import NOTHING, choose_exactly, core_size
from routelmt_cli.budget.filling import check_total, fill_in_order

CORE_SIZE = core_size(1)
"""Items around the break item that the repair chooses among exactly."""

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Plan:
    """What to buy, and how good that is at least.

    Parameters
    ----------
    chosen
        bool (n,), read-only: the items to buy.
    order
        int64 (candidates,), read-only: the indices of all items of positive value in spending
        order, the chosen ones first, both parts by falling density (value per cost), ties by index.
    value
        The sum of the chosen values.
    cost_nanousd
        The sum of the chosen costs, at most the capacity.
    bound
        The linear relaxation's value over the items that the capacity can buy alone: no choice is
        worth more, up to the rounding of float64 sums (about 1e-15 of the bound).
    gap
        ``(bound - value) / bound``: the optimum is at most this share above the plan. 0 where the
        bound is 0.
    dual_price
        Value per nanodollar of the break item, the first in density order that does not fit: what
        a little more capacity is worth. 0 where every item that the capacity can buy alone is
        chosen.
    """

    chosen: BoolArray
    order: IntArray
    value: float
    cost_nanousd: int
    bound: float
    gap: float
    dual_price: float


def solve(
    values: npt.NDArray[np.float64], costs_nanousd: npt.NDArray[np.int64], capacity_nanousd: int
) -> Plan:
    """Choose items of the most value under a capacity.

    Parameters
    ----------
    values
        float64 (n,), finite: what each item is worth; only positive ones are candidates.
    costs_nanousd
        int64 (n,), zero or more; free items of positive value are always chosen.
    capacity_nanousd
        The limit on the sum of chosen costs, zero or more.

    Returns
    -------
    Plan
        The choice with its order and certificate.

    Raises
    ------
    TypeError
        If costs or capacity are not integers.
    ValueError
        If shapes differ, a value is not finite, or a cost or the capacity is negative.
    OverflowError
        If the costs of the candidates that the capacity can buy sum to more than 64 bits hold.
    """
    values, costs, capacity = checked(values, costs_nanousd, capacity_nanousd)
    if values.ndim != 1:
        raise ValueError(f"values {values.shape} must be one number an item")

    order = density_order(values, costs)
    # An item that the whole capacity cannot buy is in no plan; without it the bound is tighter
    # and each single item is a plan, which the guarantee of half the bound rests on.
    affordable = order[costs[order] <= capacity]
    sorted_values, sorted_costs = values[affordable], costs[affordable]
    check_total(sorted_costs)
    mask = fill_in_order(sorted_costs, capacity)
    bound, dual_price = None, 0.0
    if not mask.all():
        break_position = int(np.argmin(mask))
        bound = linear_bound(sorted_values, sorted_costs, capacity, break_position)
        dual_price = float(sorted_values[break_position] / sorted_costs[break_position])
        mask = _improve(sorted_values, sorted_costs, capacity, break_position, mask)

    chosen = np.zeros(len(values), dtype=np.bool_)
    chosen[affordable[mask]] = True
    return _certify(values, costs, chosen, order, bound, dual_price)


def checked(values: FloatArray, costs: IntArray, capacity: int) -> tuple[FloatArray, IntArray, int]:
    """Check a problem and hold it as float64, int64 and a capacity that 64 bits hold.

    Parameters
    ----------
    values, costs
        Of the same shape, (n,) or (n, k).
    capacity
        The limit.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As ``solve`` raises them.
    """
    capacity = operator.index(capacity)
    if capacity < 0:
        raise ValueError(f"the capacity cannot be negative: {capacity}")
    values, costs = np.asarray(values, dtype=np.float64), np.asarray(costs)
    if values.shape != costs.shape or not values.ndim:
        raise ValueError(f"values {values.shape} and costs {costs.shape} must be one row an item")
    if costs.size and costs.dtype.kind not in "iu":
        raise TypeError(f"costs must be integers, not {costs.dtype}")
    if costs.dtype == np.uint64 and costs.size and costs.max() > np.iinfo(np.int64).max:
        raise OverflowError("a cost exceeds 64 bits")
    costs = costs.astype(np.int64, copy=False)
    with np.errstate(over="ignore"):
        # One reduction finds every NaN and infinity, and a sum that float64 cannot hold.
        total = float(np.abs(values).sum())
    if not np.isfinite(total):
        raise ValueError("values and their sum must be finite")
    if costs.size and costs.min() < 0:
        raise ValueError(f"a cost cannot be negative: {costs.min()}")
    # A larger capacity buys no more, and numpy compares in 64 bits.
    return values, costs, min(capacity, np.iinfo(np.int64).max)


def density_order(values: FloatArray, costs: IntArray) -> IntArray:
    """Sort the candidates by falling value per cost, ties by index; free ones come first.

    Parameters
    ----------
    values
        float64 (n,), finite; only positive ones are candidates.
    costs
        int64 (n,), zero or more.

    Returns
    -------
    numpy.ndarray of int64, (candidates,)
        Indices of the candidates.
    """
    candidates = np.flatnonzero(values > 0).astype(np.int64, copy=False)
    with np.errstate(divide="ignore"):
        density = values[candidates] / costs[candidates]
    np.negative(density, out=density)
    return candidates[np.argsort(density, kind="stable")]


def linear_bound(values: FloatArray, costs: IntArray, capacity: int, break_position: int) -> float:
    """Fill the capacity with what is before the break and a fraction of what breaks it.

    Parameters
    ----------
    values, costs
        float64 and int64 (m,), by falling density.
    capacity
        The limit.
    break_position
        The first that does not fit after all before it.
    """
    left = capacity - int(costs[:break_position].sum())
    fraction = left / int(costs[break_position])
    return float(values[:break_position].sum() + fraction * values[break_position])


def _improve(
    values: FloatArray, costs: IntArray, capacity: int, break_position: int, greedy: BoolArray
) -> BoolArray:
    """Take the best of greedy, the most valuable item first, and the repaired core."""
    best = int(np.argmax(values))
    single = np.zeros(len(values), dtype=np.bool_)
    single[best] = True
    starts = [single] if not greedy[best] else []
    starts.append(_repair_core(values, costs, capacity, break_position))

    improved, improved_value = greedy, float(values[greedy].sum())
    for start in starts:
        mask = fill_in_order(costs, capacity, start)
        value = float(values[mask].sum())
        if value > improved_value:
            improved, improved_value = mask, value
    return improved


def _repair_core(
    values: FloatArray, costs: IntArray, capacity: int, break_position: int
) -> BoolArray:
    """Choose exactly among the core; before it everything is taken, after it nothing."""
    start = max(0, min(break_position - CORE_SIZE // 2, len(values) - CORE_SIZE))
    core = slice(start, start + CORE_SIZE)
    mask = np.zeros(len(values), dtype=np.bool_)
    mask[:start] = True
    left = capacity - int(costs[:start].sum())
    mask[core] = choose_exactly(values[core, None], costs[core, None], left) != NOTHING
    return mask


def _certify(
    values: FloatArray,
    costs: IntArray,
    chosen: BoolArray,
    order: IntArray,
    bound: float | None,
    dual_price: float,
) -> Plan:
    """Put the chosen items first in the order and state the certificate."""
    is_chosen = chosen[order]
    spending = np.concatenate([order[is_chosen], order[~is_chosen]])
    value = float(values[chosen].sum())
    # The two sums round differently; where they are equal in truth the bound must not be below.
    bound = value if bound is None else max(bound, value)
    chosen.flags.writeable = False
    spending.flags.writeable = False
    return Plan(
        chosen=chosen,
        order=spending,
        value=value,
        cost_nanousd=int(costs[chosen].sum()),
        bound=bound,
        gap=(bound - value) / bound if bound > 0 else 0.0,
        dual_price=dual_price,
    )
