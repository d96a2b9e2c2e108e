"""Two limits at once: both kept, near the best choice, never above the bound."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from routelmt_cli.budget import knapsack, two_limits

NUMBERS = st.integers(0, 30)


@st.composite
def problems(draw, most=9):
    count = draw(st.integers(0, most))
    values = draw(st.lists(st.integers(-5, 40), min_size=count, max_size=count))
    costs = draw(st.lists(NUMBERS, min_size=count, max_size=count))
    sizes = draw(st.lists(NUMBERS, min_size=count, max_size=count))
    capacity, room = (draw(st.integers(0, max(1, sum(of)))) for of in (costs, sizes))
    arrays = np.array(values, np.float64), np.array(costs, np.int64), np.array(sizes, np.int64)
    return (*arrays, capacity, room)


def brute_force(values, costs, sizes, capacity, room):
    best = 0.0
    for subset in range(1 << len(values)):
        chosen = np.array([subset >> item & 1 for item in range(len(values))], np.bool_)
        if costs[chosen].sum() <= capacity and sizes[chosen].sum() <= room:
            best = max(best, float(values[chosen].sum()))
    return best


def solve(values, costs, sizes, capacity, room):
    return two_limits.solve(values, costs, capacity, sizes, room)


@given(problems())
def test_the_best_choice_lies_between_value_and_bound(problem):
    values, costs, sizes, capacity, room = problem
    plan = solve(*problem)
    assert plan.cost_nanousd == costs[plan.chosen].sum() <= capacity
    assert sizes[plan.chosen].sum() <= room
    assert plan.value == values[plan.chosen].sum() and (values[plan.chosen] > 0).all()
    best = brute_force(*problem)
    assert plan.value <= best <= plan.bound + 1e-9
    # Nothing more fits beside what is chosen.
    left = (values > 0) & ~plan.chosen
    fits = (costs + plan.cost_nanousd <= capacity) & (sizes + sizes[plan.chosen].sum() <= room)
    assert not (left & fits).any()


@given(problems())
def test_the_order_is_all_candidates_the_chosen_ones_first(problem):
    values, *_ = problem
    plan = solve(*problem)
    assert sorted(plan.order.tolist()) == np.flatnonzero(values > 0).tolist()
    count = int(plan.chosen.sum())
    assert plan.chosen[plan.order[:count]].all() and not plan.chosen[plan.order[count:]].any()


@given(problems())
@example((np.array([1.0, 2.0]), np.array([0, 0]), np.array([1, 2]), 0, 3))
def test_a_limit_that_does_not_bind_changes_nothing(problem):
    values, costs, sizes, capacity, _ = problem
    alone = knapsack.solve(values, costs, capacity)
    plan = solve(values, costs, sizes, capacity, int(sizes.sum()))
    assert plan.chosen.tolist() == alone.chosen.tolist()
    assert (plan.bound, plan.order.tolist()) == (alone.bound, alone.order.tolist())


def test_many_items_come_close_to_the_bound():
    luck = np.random.default_rng(3)
    sizes = luck.integers(5, 80, 20_000)
    costs = sizes * luck.integers(900, 1100, 20_000)
    values = luck.normal(3, 10, 20_000) * sizes
    for money, room in ((0.3, 0.3), (0.2, 0.4), (0.5, 0.1)):
        problem = (values, costs, sizes, int(costs.sum() * money), int(sizes.sum() * room))
        plan = solve(*problem)
        assert sizes[plan.chosen].sum() <= problem[4] and plan.cost_nanousd <= problem[3]
        assert plan.gap < 1e-3
