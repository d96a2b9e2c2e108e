"""The dual price of a histogram beside the exact knapsack, merged and added in any order."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routelmt_cli.budget import knapsack
from routelmt_cli.budget.online import worth_buying
from routelmt_cli.budget.price_sketch import PriceSketch

BIN = 2 ** (1 / 32)
ITEMS = st.lists(
    st.tuples(st.floats(-5, 0) | st.floats(1e-6, 1e4), st.integers(0, 10**12)),
    min_size=1,
    max_size=60,
).map(lambda rows: (np.array([v for v, _ in rows]), np.array([c for _, c in rows], np.int64)))


def sketch_of(values, costs):
    sketch = PriceSketch()
    sketch.add(values, costs)
    return sketch


def market(seed, size):
    """Make items as a corpus has them: gains around zero, lengths that are skewed."""
    luck = np.random.default_rng(seed)
    length = np.ceil(luck.lognormal(3, 0.7, size))
    return luck.normal(2, 8, size) * length, (length * luck.uniform(3, 6, size) * 1e3).astype(int)


@given(items=ITEMS, share=st.floats(0, 1.2))
@settings(max_examples=200)
def test_the_price_is_that_of_the_knapsack_up_to_a_bin(items, share):
    values, costs = items
    useful = (values > 0) & (costs > 0)
    total = int(costs[useful].sum())
    capacity = int(total * share)
    price = sketch_of(values, costs).dual_price(capacity)
    with np.errstate(divide="ignore"):
        density = np.where(useful, values / np.maximum(costs, 1), -1.0)
    # What is surely above the price fits; with what may be at it, it fills the capacity.
    assert costs[useful & (density >= price * BIN)].sum() <= capacity
    if capacity < total:
        assert costs[useful & (density >= price / BIN * (1 - 1e-9))].sum() >= capacity
    else:
        assert price == 0 or capacity == 0


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.6, 0.95])
def test_what_it_selects_is_worth_what_the_exact_plan_is(share):
    values, costs = market(1, 50_000)
    capacity = int(costs[values > 0].sum() * share)
    plan = knapsack.solve(values, costs, capacity)
    price = sketch_of(values, costs).dual_price(capacity)
    assert price == pytest.approx(plan.dual_price, rel=BIN - 1)
    taken = (values > 0) & (values >= price * costs)
    assert costs[taken].sum() == pytest.approx(capacity, rel=0.005)
    assert values[taken].sum() == pytest.approx(plan.bound, rel=0.005)


@given(items=ITEMS, cut=st.integers(0, 60), capacity=st.integers(0, 10**12))
def test_parts_that_are_merged_are_the_whole(items, cut, capacity):
    values, costs = items
    parts = sketch_of(values[:cut], costs[:cut])
    parts.merge(sketch_of(values[cut:], costs[cut:]))
    whole = sketch_of(values, costs)
    assert parts.items == whole.items == len(values)
    assert parts.dual_price(capacity) == pytest.approx(whole.dual_price(capacity), rel=1e-6)


def test_it_is_kept_as_json():
    sketch = sketch_of(*market(2, 500))
    again = PriceSketch.from_json(json.loads(json.dumps(sketch.as_json())))
    assert again.items == 500
    assert again.dual_price(10**6) == sketch.dual_price(10**6)


def test_what_is_faded_counts_less():
    old, new = market(3, 5000), market(4, 5000)
    sketch = sketch_of(old[0] * 1000, old[1])
    sketch.fade(0.0)
    sketch.add(*new)
    assert sketch.items == 5000
    assert sketch.dual_price(10**7) == sketch_of(*new).dual_price(10**7)
    with pytest.raises(ValueError, match="share"):
        sketch.fade(1.5)


def test_nothing_and_free_items_need_no_price():
    assert PriceSketch().dual_price(1) == 0
    assert PriceSketch().dual_price(0) == math.inf
    assert sketch_of(np.array([1.0, -1.0]), np.array([0, 5])).dual_price(1) == 0


@pytest.mark.parametrize(
    ("values", "costs"), [([1.0], [1, 2]), ([math.nan], [1]), ([math.inf], [1]), ([1.0], [-1])]
)
def test_what_makes_no_sense_is_refused(values, costs):
    with pytest.raises(ValueError, match="must be"):
        PriceSketch().add(np.array(values), np.array(costs))


def spend(blocks, budget, size):
    """Buy of blocks as a stream does; return what was bought is worth, and what it cost."""
    sketch, left, value, coming = PriceSketch(), budget, 0.0, float(size)
    for values, costs in blocks:
        _, order = worth_buying(
            sketch,
            values,
            costs,
            of_items=len(values),
            items_left=coming,
            available_nanousd=left,
        )
        fitting = order[np.cumsum(costs[order]) <= left]
        value += float(values[fitting].sum())
        left -= int(costs[fitting].sum())
        coming -= len(values)
    return value, budget - left


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("block", [1, 16, 256])
def test_a_stream_is_worth_nearly_the_plan_of_the_whole(share, block):
    size = 8192
    values, costs = market(7, size)
    budget = int(costs[values > 0].sum() * share)
    blocks = [(values[at : at + block], costs[at : at + block]) for at in range(0, size, block)]
    value, spent = spend(blocks, budget, size)
    assert spent <= budget
    assert value > 0.97 * knapsack.solve(values, costs, budget).value


def test_without_money_only_what_is_free_is_bought():
    values, costs = np.array([1.0, 2.0, -1.0]), np.array([0, 5, 0])
    price, order = worth_buying(
        PriceSketch(), values, costs, of_items=3, items_left=3, available_nanousd=-5
    )
    assert price == math.inf and order.tolist() == [0]


def test_a_sketch_that_has_seen_much_forgets():
    sketch = PriceSketch()
    values, costs = market(8, 5000)
    for _ in range(60):
        worth_buying(sketch, values, costs, of_items=5000, items_left=5000, available_nanousd=10**6)
    assert 100_000 < sketch.items < 210_000
