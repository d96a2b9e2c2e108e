"""The frontier of all budgets: concave, the knapsack's optimum, and enough for what it says."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from routelmt_cli.budget.frontier import Frontier, round_up
from routelmt_cli.budget.knapsack import solve

ITEM = st.tuples(
    st.floats(-50, 200, allow_nan=False).map(lambda value: round(value, 3)),
    st.integers(0, 5_000),
    st.integers(0, 3_000),
)
ITEMS = st.lists(ITEM, max_size=24)


def arrays(items):
    columns = list(zip(*items, strict=True)) or [(), (), ()]
    values, costs = np.array(columns[0], np.float64), np.array(columns[1], np.int64)
    return values, costs, costs + np.array(columns[2], np.int64)


@given(ITEMS)
def test_value_rises_and_never_faster_than_before(items):
    frontier = Frontier.of(*arrays(items))
    steps, values = np.diff(frontier.cost_nanousd), np.diff(frontier.value)
    assert (steps >= 0).all() and (values > 0).all()
    # Concave: the value per cost of a step is at most that of the step before it.
    assert (values[1:] * steps[:-1] <= values[:-1] * steps[1:] * (1 + 1e-9) + 1e-6).all()


@given(ITEMS, st.integers(-10, 60_000))
def test_what_a_capacity_buys_fits_with_room_for_every_worst_case(items, capacity):
    values, costs, worst = arrays(items)
    frontier = Frontier.of(values, costs, worst)
    count = frontier.within(capacity)
    bought = frontier.order[:count]
    assert count == 0 or costs[bought].sum() + (worst - costs)[bought].max() <= capacity
    if count < frontier.candidates:
        more = frontier.order[: count + 1]
        assert costs[more].sum() + (worst - costs)[more].max() > capacity


@given(ITEMS, st.data())
def test_at_its_points_the_frontier_is_the_optimum(items, data):
    values, costs, _ = arrays(items)
    frontier = Frontier.of(values, costs)
    count = data.draw(st.integers(0, frontier.candidates))
    plan = solve(values, costs, int(frontier.cost_nanousd[count]))
    # Free items are bought by any capacity.
    free = count + int((costs[frontier.order[count:]] == 0).sum())
    assert np.isclose(plan.value, frontier.value[max(count, free)])


@given(ITEMS, st.floats(0, 3_000))
def test_the_inverse_is_the_least_that_reaches_it(items, wanted):
    frontier = Frontier.of(*arrays(items))
    count = frontier.cheapest(wanted)
    if count is None:
        assert frontier.value[-1] < wanted
    else:
        assert frontier.value[count] >= wanted
        assert count == 0 or frontier.value[count - 1] < wanted


@given(ITEMS)
def test_the_knee_parts_cheap_items_from_dear_ones(items):
    values, costs, _ = arrays(items)
    frontier = Frontier.of(values, costs)
    knee = frontier.knee()
    assert 0 <= knee <= frontier.candidates
    total = float(frontier.cost_nanousd[-1])
    if total:
        average = frontier.value[-1] / total
        before, after = frontier.order[:knee], frontier.order[knee:]
        assert (values[before] >= average * costs[before] * (1 - 1e-6) - 1e-4).all()
        assert (values[after] <= average * costs[after] * (1 + 1e-6) + 1e-4).all()


@given(st.integers(0, 10**15), st.integers(0, 10**15), st.integers(1, 6))
def test_rounding_goes_up_and_not_far(amount, scale, digits):
    rounded = round_up(amount, scale, digits)
    assert amount <= rounded < amount + max(1, 10 ** (len(str(max(scale, 1))) - digits))


def test_a_straight_line_has_no_bend_and_is_worth_following_to_its_end():
    frontier = Frontier.of(np.full(10, 2.0), np.full(10, 5))
    assert frontier.knee() == 10
    assert frontier.price(0) == 2.5 and frontier.price(10) is None
