"""The knapsack against brute force and dynamic programming on small cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routelmt_cli.budget import knapsack
from routelmt_cli.budget.filling import fill_in_order
from routelmt_cli.budget.knapsack import solve

TOLERANCE = 1e-12


@st.composite
def problems(draw, max_size=10, max_cost=10**6):
    """Values, costs and a capacity, with ties, free items, losses and items beyond the capacity."""
    cost = st.one_of(st.integers(0, 5), st.integers(0, max_cost))
    value = st.one_of(
        st.sampled_from([-1.0, 0.0, 1.0, 2.0]),
        st.floats(-1e6, 1e6, allow_nan=False, allow_subnormal=False),
    )
    items = draw(st.lists(st.tuples(value, cost), max_size=max_size))
    values = np.array([item[0] for item in items], dtype=np.float64)
    costs = np.array([item[1] for item in items], dtype=np.int64)
    capacity = draw(st.integers(0, max(1, int(costs.sum()) + 1)))
    return values, costs, capacity


def optimum_by_brute_force(values, costs, capacity):
    subsets = (np.arange(2 ** len(values))[:, None] >> np.arange(len(values))) & 1
    possible = subsets @ costs <= capacity
    return float((subsets @ values)[possible].max())


def optimum_by_dynamic_programming(values, costs, capacity):
    best = np.zeros(capacity + 1)
    for value, cost in zip(values.tolist(), costs.tolist(), strict=True):
        if value > 0 and cost <= capacity:
            with_item = best[: capacity + 1 - cost] + value
            best[cost:] = np.maximum(best[cost:], with_item)
    return float(best[capacity])


def check_certificate(plan, values, costs, capacity, optimum):
    slack = TOLERANCE * max(1.0, plan.bound)
    assert plan.cost_nanousd == sum(costs[plan.chosen].tolist()) <= capacity
    assert plan.value == float(values[plan.chosen].sum())
    assert plan.value <= optimum + slack
    assert optimum <= plan.bound + slack
    assert plan.value <= plan.bound
    assert plan.value >= plan.bound / 2 - slack
    assert optimum - plan.value <= plan.gap * plan.bound + slack
    assert 0 <= plan.gap <= 0.5 + TOLERANCE
    assert (values[plan.chosen] > 0).all()
    assert plan.chosen[(values > 0) & (costs == 0)].all()


@given(problems())
def test_the_optimum_of_a_small_problem_is_found(problem):
    values, costs, capacity = problem
    plan = solve(values, costs, capacity)
    optimum = optimum_by_brute_force(values, costs, capacity)
    check_certificate(plan, values, costs, capacity, optimum)
    assert plan.value == pytest.approx(optimum, rel=TOLERANCE)


@given(problems())
def test_half_the_bound_is_reached_without_the_core(problem):
    values, costs, capacity = problem
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(knapsack, "CORE_SIZE", 0)
        plan = solve(values, costs, capacity)
    check_certificate(
        plan, values, costs, capacity, optimum_by_brute_force(values, costs, capacity)
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(40, 120), st.floats(0, 1.1))
def test_more_items_than_the_core_against_dynamic_programming(seed, size, share):
    random = np.random.default_rng(seed)
    values = np.round(random.normal(2, 8, size), 1)
    costs = random.integers(0, 60, size)
    capacity = int(costs.sum() * share)
    plan = solve(values, costs, capacity)
    optimum = optimum_by_dynamic_programming(values, costs, capacity)
    check_certificate(plan, values, costs, capacity, optimum)
    # 1.5 % is far above what the repair leaves and far below what greedy alone can leave.
    assert plan.value >= 0.985 * optimum


@given(problems(max_size=60))
def test_the_order_holds_every_candidate_once_chosen_first_by_density(problem):
    values, costs, capacity = problem
    plan = solve(values, costs, capacity)
    assert sorted(plan.order.tolist()) == np.flatnonzero(values > 0).tolist()
    count = int(plan.chosen.sum())
    assert plan.chosen[plan.order[:count]].all()
    assert not plan.chosen[plan.order[count:]].any()
    with np.errstate(divide="ignore"):
        density = values[plan.order] / costs[plan.order]
    for part in (slice(0, count), slice(count, None)):
        keys = list(zip((-density[part]).tolist(), plan.order[part].tolist(), strict=True))
        assert keys == sorted(keys)


@given(problems(max_size=60))
def test_repetition_gives_the_same_plan(problem):
    first, second = solve(*problem), solve(*problem)
    assert first.chosen.tobytes() == second.chosen.tobytes()
    assert first.order.tobytes() == second.order.tobytes()
    assert (first.value, first.bound, first.gap, first.dual_price) == (
        second.value,
        second.bound,
        second.gap,
        second.dual_price,
    )


@given(problems(max_size=60))
def test_the_dual_price_bounds_what_a_nanodollar_buys(problem):
    """Any capacity's bound is below the line through this one with the dual price as slope."""
    values, costs, capacity = problem
    plan = solve(values, costs, capacity)
    smaller = capacity - capacity // 3
    other = solve(values, costs, smaller)
    slack = 1e-9 * max(1.0, plan.bound)
    assert other.value <= plan.bound - plan.dual_price * (capacity - smaller) + slack


@given(
    st.lists(st.integers(0, 50), max_size=40),
    st.integers(0, 400),
    st.integers(1, 8),
    st.data(),
)
def test_filling_equals_the_plain_loop(costs, capacity, block_size, data):
    taken = data.draw(st.lists(st.booleans(), min_size=len(costs), max_size=len(costs)))
    remaining = capacity
    for position, cost in enumerate(costs):
        taken[position] = taken[position] and cost <= remaining
        remaining -= cost if taken[position] else 0
    expected = list(taken)
    for position, cost in enumerate(costs):
        if not expected[position] and cost <= remaining:
            expected[position] = True
            remaining -= cost
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("routelmt_cli.budget.filling.BLOCK_SIZE", block_size)
        mask = fill_in_order(
            np.array(costs, dtype=np.int64), capacity, np.array(taken, dtype=np.bool_)
        )
    assert mask.tolist() == expected
