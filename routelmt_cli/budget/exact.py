"""The optimum of a small problem: one option at most of each item, by meeting in the middle.

Values and integer costs of a few items' options go in, the best option of each comes out. All
choices of one half of the items are listed by cost with the best value up to each cost; every
choice of the other half finds its best partner by binary search [1]_. The knapsack repairs with it
what greedy leaves; it is exponential in the number of items, which ``core_size`` bounds.

References
----------
.. [1] E. Horowitz and S. Sahni, "Computing partitions with applications to the knapsack problem",
   Journal of the ACM 21(2), 1974.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

NOTHING = -1
"""The option of an item that is not chosen."""

_MOST_CHOICES = 1 << 16


def core_size(options: int) -> int:
    """Return how many items of so many options can be chosen among at little cost.

    Parameters
    ----------
    options
        Options of each item, 1 or more.

    Returns
    -------
    int
        Even; 32 items of one option, fewer of more.
    """
    half = 1
    while (options + 1) ** (half + 1) <= _MOST_CHOICES:
        half += 1
    return 2 * half


def choose_exactly(values: FloatArray, costs: IntArray, capacity: int) -> IntArray:
    """Find the optimum.

    Parameters
    ----------
    values
        float64 (n, k), of n items of k options each; an option that is worth nothing is not
        chosen. n is at most ``core_size(k)``.
    costs
        int64 (n, k), zero or more.
    capacity
        The limit on the sum of chosen costs, zero or more.

    Returns
    -------
    numpy.ndarray of int64, (n,)
        The option of each item, ``NOTHING`` where it has none.
    """
    count, options = values.shape
    worth = values > 0
    values, costs = np.where(worth, values, 0.0), np.where(worth, costs, 0)
    half = count // 2
    first_values, first_costs = _choices(values[:half], costs[:half])
    second_values, second_costs = _choices(values[half:], costs[half:])

    by_cost = np.argsort(second_costs, kind="stable")
    second_values, second_costs = second_values[by_cost], second_costs[by_cost]
    best_value = np.maximum.accumulate(second_values)
    is_best = second_values == best_value
    best_at = np.maximum.accumulate(np.where(is_best, np.arange(len(by_cost)), 0))

    possible = np.flatnonzero(first_costs <= capacity)
    left = capacity - first_costs[possible]
    partner = np.searchsorted(second_costs, left, side="right") - 1
    winner = int(np.argmax(first_values[possible] + best_value[partner]))
    first, second = int(possible[winner]), int(by_cost[best_at[partner[winner]]])

    base = options + 1
    digits = [first // base**place % base for place in range(half)]
    digits += [second // base**place % base for place in range(count - half)]
    chosen = np.array(digits, dtype=np.int64) + NOTHING
    has_worth = worth[np.arange(count), np.maximum(chosen, 0)]
    return np.where(has_worth, chosen, NOTHING)


def _choices(values: FloatArray, costs: IntArray) -> tuple[FloatArray, IntArray]:
    """Sum the values and costs of every choice; its index's digits to base k + 1 are the options.

    The digit of the first item is the lowest, and 0 stands for nothing.
    """
    value_sums, cost_sums = np.zeros(1), np.zeros(1, dtype=np.int64)
    for value, cost in zip(values, costs, strict=True):
        value_sums = np.concatenate([value_sums, *(value_sums + one for one in value)])
        cost_sums = np.concatenate([cost_sums, *(cost_sums + one for one in cost)])
    return value_sums, cost_sums
