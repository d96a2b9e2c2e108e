"""The knapsack on hand-made cases, wrong input, large input and hard input."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.budget.filling import fill_in_order
from routelmt_cli.budget.knapsack import solve


def solve_list(values, costs, capacity):
    return solve(np.array(values, dtype=np.float64), np.array(costs, dtype=np.int64), capacity)


def test_a_case_by_hand():
    # Densities 3, 2, 1.5; greedy takes the first and then nothing fits beside it but the third.
    plan = solve_list([30, 40, 15, -5, 0], [10, 20, 10, 1, 1], 25)
    assert plan.chosen.tolist() == [True, False, True, False, False]
    assert plan.order.tolist() == [0, 2, 1]
    assert (plan.value, plan.cost_nanousd) == (45.0, 20)
    assert plan.bound == 30 + 40 * 15 / 20
    assert plan.gap == pytest.approx((60 - 45) / 60)
    assert plan.dual_price == 2.0


def test_one_valuable_item_beats_many_dense_ones():
    plan = solve_list([2, 100], [1, 100], 100)
    assert plan.chosen.tolist() == [False, True]


def test_everything_fits():
    plan = solve_list([1, 2, 3], [1, 1, 1], 3)
    assert plan.chosen.all()
    assert plan.order.tolist() == [2, 1, 0]
    assert (plan.value, plan.bound, plan.gap, plan.dual_price) == (6.0, 6.0, 0.0, 0.0)


def test_no_items_and_no_candidates():
    for values, costs in ([[], []], [[-1.0, 0.0], [1, 0]]):
        plan = solve_list(values, costs, 10)
        assert not plan.chosen.any()
        assert plan.order.tolist() == []
        assert (plan.value, plan.cost_nanousd, plan.bound, plan.gap) == (0.0, 0, 0.0, 0.0)


def test_no_capacity_buys_the_free_items_alone():
    plan = solve_list([1, 2, 3], [0, 5, 0], 0)
    assert plan.chosen.tolist() == [True, False, True]
    assert plan.order.tolist() == [0, 2, 1]
    assert plan.gap == 0.0


def test_an_item_beyond_the_capacity_is_ordered_but_bounds_nothing():
    plan = solve_list([1000, 1], [11, 5], 10)
    assert plan.chosen.tolist() == [False, True]
    assert plan.order.tolist() == [1, 0]
    assert plan.bound == 1.0


def test_ties_go_to_the_lower_index():
    plan = solve_list([2.0] * 100, [2] * 100, 20)
    assert np.flatnonzero(plan.chosen).tolist() == list(range(10))
    assert plan.order.tolist() == list(range(100))
    assert plan.gap == 0.0


def test_plans_are_read_only():
    plan = solve_list([1.0], [1], 1)
    with pytest.raises(ValueError, match="read-only"):
        plan.chosen[0] = False


def test_input_arrays_are_left_alone():
    values, costs = np.array([3.0, 1.0, 2.0]), np.array([1, 2, 3])
    solve(values, costs, 3)
    assert values.tolist() == [3.0, 1.0, 2.0]
    assert costs.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("values", "costs", "capacity", "error"),
    [
        ([float("nan")], [1], 1, ValueError),
        ([float("inf")], [1], 1, ValueError),
        ([-float("inf")], [1], 1, ValueError),
        ([1e308, 1e308], [1, 1], 1, ValueError),
        ([1.0], [-1], 1, ValueError),
        ([1.0], [1], -1, ValueError),
        ([1.0, 2.0], [1], 1, ValueError),
        ([[1.0]], [[1]], 1, ValueError),
        ([1.0], [1.5], 1, TypeError),
        ([1.0], [1], 1.5, TypeError),
        ([1.0, 1.0], [2**62, 2**62], 2**62, OverflowError),
    ],
)
def test_wrong_input(values, costs, capacity, error):
    with pytest.raises(error):
        solve(np.array(values), np.array(costs), capacity)


def test_amounts_near_64_bits():
    plan = solve_list([1.0, 1.0], [2**61, 2**60], 2**61)
    assert plan.chosen.sum() == 1
    assert solve_list([1.0, 1.0], [2**61, 2**60], 10**30).chosen.all()
    # What the capacity cannot buy does not count towards the overflow.
    assert solve_list([1.0] * 3, [2**62, 2**62, 1], 1).chosen.tolist() == [False, False, True]


def test_a_corpus_leaves_almost_no_gap():
    random = np.random.default_rng(5)
    length = random.integers(1, 80, 50_000)
    values, costs = random.normal(2, 8, 50_000) * length, length * 750 + 6000
    capacity = int(costs.sum() // 4)
    plan = solve(values, costs, capacity)
    assert plan.cost_nanousd <= capacity
    assert plan.gap < 1e-6


def test_filling_is_linear_where_every_second_item_just_fails():
    size = 200_000
    costs = np.ones(size, dtype=np.int64)
    costs[1::2] = size // 2 - np.arange(size // 2)
    mask = fill_in_order(costs, size // 2)
    assert mask[::2].all()
    assert not mask[1:-1:2].any()


def test_filling_refuses_what_is_taken_beyond_the_capacity():
    with pytest.raises(ValueError, match="exceeds"):
        fill_in_order(np.array([3, 3]), 5, np.array([True, True]))
