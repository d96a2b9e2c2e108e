"""What budgets buy: more money never buys less, and what a target costs is what that money buys."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routelmt_cli.gain.accuracy import Accuracy
from routelmt_cli.run.budget_curve import BudgetCurve, Money, Steps, Whole

ACCURACY = Accuracy(mean=10.0, spread=12.0, correlation=0.4, segments=500)


@st.composite
def curves(draw):
    count = draw(st.integers(1, 30))
    luck = np.random.default_rng(draw(st.integers(0, 2**32)))
    tokens = luck.integers(1, 60, count)
    cost = tokens * luck.integers(1, 9, count) * draw(st.sampled_from((0, 100, 100)))
    repeats = luck.integers(1, 4, count)
    weights = (tokens * repeats).astype(np.float64)
    steps = Steps(
        value=luck.normal(5, 10, count) * weights * (luck.random(count) < 0.9),
        weight=weights,
        cost_nanousd=cost,
        worst_nanousd=cost + luck.integers(0, 5_000, count),
        repeats=repeats,
        source_tokens=tokens,
        sent=luck.random(count) < draw(st.sampled_from((0.0, 0.3))),
    )
    money = Money(fixed=draw(st.integers(0, 10**6)), prefix=700, least_budget=0)
    whole = Whole(int(repeats.sum()), int(tokens.sum()), float(weights.sum()), sampled=False)
    return BudgetCurve(steps, whole, money, ACCURACY)


@given(curves())
def test_a_larger_budget_never_buys_less(curve):
    for offers in (curve.offers(), curve.points()):
        for smaller, larger in pairwise(offers):
            assert smaller.budget_nanousd <= larger.budget_nanousd
            assert smaller.cost_nanousd <= larger.cost_nanousd
            assert smaller.gain <= larger.gain and smaller.share <= larger.share
            assert smaller.segments <= larger.segments
            assert (larger.usd_per_point or np.inf) >= (smaller.usd_per_point or np.inf) * 0.999
        for offer in offers:
            assert offer.budget_nanousd > 0
            assert offer.cost_nanousd <= offer.budget_nanousd
            assert offer.low <= offer.gain <= offer.high


@given(curves(), st.floats(0.01, 1.0))
def test_a_target_costs_what_buys_it_and_hardly_less_does(curve, part):
    most = curve.most()
    for found, wanted, name in (
        (curve.cheapest_gain(part * most.gain), part * most.gain, "gain"),
        (curve.cheapest_share(part * most.share * 0.999), part * most.share * 0.999, "share"),
    ):
        if found is None:
            assert wanted > getattr(most, name) * (1 - 1e-9)
            continue
        assert getattr(found, name) >= wanted - 1e-9
        assert getattr(curve.buys(found.budget_nanousd), name) == getattr(found, name)
        # Budgets are rounded to three digits of what everything needs.
        rounding = most.budget_nanousd // 100 + 1
        smaller = curve.buys(found.budget_nanousd - rounding)
        assert getattr(smaller, name) < wanted or found.cost_nanousd == smaller.cost_nanousd


@given(curves())
def test_no_target_beyond_everything(curve):
    most = curve.most()
    assert curve.cheapest_gain(most.gain + 0.01) is None
    assert most.share > 0.999 or curve.cheapest_share(min(1.0, most.share + 0.001)) is None


@given(curves())
def test_the_knee_is_on_the_curve(curve):
    knee, most = curve.knee(), curve.most()
    assert knee.budget_nanousd <= max(most.budget_nanousd, curve.offers()[0].budget_nanousd)
    assert knee == curve.buys(knee.budget_nanousd)


def test_what_a_sample_stands_for_may_be_beyond_counting():
    ones, price = np.ones(3, np.int64), np.full(3, 2**60)
    steps = Steps(np.ones(3), np.ones(3), price, price, ones, ones, ones < 0)
    whole = Whole(rows=900, source_tokens=900, weight=900.0, sampled=False)
    with pytest.raises(OverflowError):
        BudgetCurve(steps, whole, Money(0, 0, 0), None)
