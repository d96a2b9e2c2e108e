"""The multiple-choice knapsack against brute force on small cases, and its hulls."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routelmt_cli.budget import knapsack, multiple_choice
from routelmt_cli.budget.exact import NOTHING, core_size
from routelmt_cli.budget.multiple_choice import hull_steps, solve

TOLERANCE = 1e-12


@st.composite
def problems(draw, max_size=6, max_options=3):
    """Values, costs and a capacity, with ties, free options, losses and dominated options."""
    options = draw(st.integers(1, max_options))
    cost = st.one_of(st.integers(0, 5), st.integers(0, 10**6))
    value = st.one_of(
        st.sampled_from([-1.0, 0.0, 1.0, 2.0]),
        st.floats(-1e6, 1e6, allow_nan=False, allow_subnormal=False),
    )
    row = st.lists(st.tuples(value, cost), min_size=options, max_size=options)
    rows = draw(st.lists(row, max_size=max_size))
    values = np.array([[one[0] for one in row] for row in rows], np.float64)
    costs = np.array([[one[1] for one in row] for row in rows], np.int64)
    shape = (len(rows), options)
    capacity = draw(st.integers(0, max(1, int(costs.sum()) + 1)))
    return values.reshape(shape), costs.reshape(shape), capacity


def optimum_by_brute_force(values, costs, capacity):
    items, options = values.shape
    best = 0.0
    for choice in product(range(-1, options), repeat=items):
        taken = [(item, option) for item, option in enumerate(choice) if option >= 0]
        if sum(int(costs[place]) for place in taken) <= capacity:
            best = max(best, sum(float(values[place]) for place in taken))
    return best


def check_certificate(plan, values, costs, capacity, optimum):
    slack = TOLERANCE * max(1.0, plan.bound)
    taken = [(item, option) for item, option in enumerate(plan.option.tolist()) if option >= 0]
    assert plan.cost_nanousd == sum(int(costs[place]) for place in taken) <= capacity
    assert plan.value == pytest.approx(sum(float(values[place]) for place in taken))
    assert all(values[place] > 0 for place in taken)
    assert plan.value <= optimum + slack
    assert optimum <= plan.bound + slack
    assert plan.bound / 2 - slack <= plan.value <= plan.bound
    assert optimum - plan.value <= plan.gap * plan.bound + slack
    assert 0 <= plan.gap <= 0.5 + TOLERANCE


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
        patch.setattr(multiple_choice, "core_size", lambda options: 0)
        patch.setattr(knapsack, "CORE_SIZE", 0)
        plan = solve(values, costs, capacity)
    check_certificate(
        plan, values, costs, capacity, optimum_by_brute_force(values, costs, capacity)
    )


@given(problems())
def test_the_order_holds_what_may_be_bought_and_the_chosen_first(problem):
    values, costs, capacity = problem
    plan = solve(values, costs, capacity)
    assert sorted(plan.order.tolist()) == np.flatnonzero((values > 0).any(axis=1)).tolist()
    is_chosen = plan.option[plan.order] != NOTHING
    assert not is_chosen[int(is_chosen.sum()) :].any()
    assert (plan.target[plan.order] >= 0).all()
    chosen = plan.option != NOTHING
    assert (plan.target[chosen] == plan.option[chosen]).all()
    with np.errstate(divide="ignore", invalid="ignore"):
        density = (values / costs)[plan.order, plan.target[plan.order]]
    for part in (density[is_chosen], density[~is_chosen]):
        assert part.tolist() == sorted(part.tolist(), reverse=True)


@given(problems(max_size=12, max_options=5))
def test_steps_rise_along_a_concave_hull_above_every_option(problem):
    values, costs, _ = problem
    steps = hull_steps(values, costs)
    assert (steps.value > 0).all() and (steps.cost_nanousd >= 0).all()
    for item in range(len(values)):
        own = steps.take(np.flatnonzero(steps.item == item))
        assert own.before.tolist() == [NOTHING, *own.option.tolist()][: len(own)]
        reached = np.concatenate([[0.0], values[item, own.option]])
        paid = np.concatenate([[0], costs[item, own.option]])
        assert np.diff(reached) == pytest.approx(own.value)
        assert np.diff(paid).tolist() == own.cost_nanousd.tolist()
        for value, cost in zip(values[item].tolist(), costs[item].tolist(), strict=True):
            slack = 1e-9 * max(1.0, float(reached.max()))
            # Where two points of the hull cost the same, the later one is the higher one.
            under = reached[paid <= cost].max()
            height = max(float(np.interp(cost, paid, reached)), float(under))
            assert value <= height + slack


@given(problems(max_options=1, max_size=10))
def test_one_option_an_item_is_the_plain_knapsack(problem):
    values, costs, capacity = problem
    plan = solve(values, costs, capacity)
    plain = knapsack.solve(values[:, 0], costs[:, 0], capacity)
    assert (plan.option == 0).tolist() == plain.chosen.tolist()
    assert plan.order.tolist() == plain.order.tolist()
    assert (plan.value, plan.bound, plan.gap) == (plain.value, plain.bound, plain.gap)


def test_the_gap_of_a_large_problem_is_small_and_the_capacity_is_kept():
    rng = np.random.default_rng(0)
    size = rng.integers(10, 100, 20_000)
    costs = size[:, None] * np.array([10, 25, 60])
    values = size[:, None] * np.cumsum(rng.normal(0.5, 2.0, (20_000, 3)), axis=1)
    for share in (0.01, 0.1, 0.5):
        capacity = int(costs[:, 2].sum() * share)
        plan = solve(values, costs, capacity)
        assert plan.cost_nanousd <= capacity
        assert plan.gap < 1e-3
        single = max(
            knapsack.solve(values[:, one], costs[:, one], capacity).value for one in range(3)
        )
        assert plan.value > single


def test_an_option_off_the_hull_is_taken_where_it_alone_fits():
    # The hull goes from nothing to (100, 10.0); what fits is below it.
    plan = solve(np.array([[4.0, 10.0]]), np.array([[60, 100]]), 99)
    assert plan.option.tolist() == [0]
    plan = solve(np.array([[4.0, 10.0], [3.0, 10.0]]), np.array([[60, 100], [50, 100]]), 160)
    assert plan.option.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("values", "costs", "capacity", "error"),
    [
        (np.zeros(2), np.zeros(2, np.int64), 1, ValueError),
        (np.zeros((2, 0)), np.zeros((2, 0), np.int64), 1, ValueError),
        (np.zeros((1, 2)), np.zeros((2, 1), np.int64), 1, ValueError),
        (np.array([[np.nan, 1.0]]), np.zeros((1, 2), np.int64), 1, ValueError),
        (np.zeros((1, 2)), np.zeros((1, 2)), 1, TypeError),
        (np.zeros((1, 2)), np.array([[0, -1]]), 1, ValueError),
        (np.zeros((1, 2)), np.zeros((1, 2), np.int64), -1, ValueError),
    ],
)
def test_what_is_no_problem_is_refused(values, costs, capacity, error):
    with pytest.raises(error):
        solve(values, costs, capacity)


def test_the_core_shrinks_with_the_options():
    assert [core_size(options) for options in (1, 2, 3, 7)] == [32, 20, 16, 10]
