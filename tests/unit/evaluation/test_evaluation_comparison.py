"""Baselines, the comparison table and routing at equal spend."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.evaluation import baselines
from routelmt_cli.evaluation.comparison import (
    CURVE_SHARES,
    Budget,
    Ordering,
    compare,
    routed_at_equal_spend,
)

CALLS = Budget("calls")


def test_baselines_score_highest_first():
    assert baselines.random(5, seed=1).tolist() == baselines.random(5, seed=1).tolist()
    assert baselines.random(5, seed=1).tolist() != baselines.random(5, seed=2).tolist()
    assert np.argmax(baselines.length([3, 9, 4])) == 1
    assert np.argmax(baselines.difficulty([-0.1, -2.0, -0.5])) == 1
    assert np.argsort(-baselines.difficulty([-0.1, np.nan, -0.5])).tolist() == [2, 0, 1]
    assert np.argmax(baselines.rarity([-3.0, -9.0, np.nan])) == 1
    assert np.argsort(-baselines.uncertainty([0.1, np.nan, 2.0])).tolist() == [2, 0, 1]
    assert np.argsort(-baselines.oddness([1.0, 1.1, 3.0, np.nan, 1.2])).tolist()[:2] == [3, 2]
    assert baselines.oddness([np.nan, np.nan]).tolist() == [np.inf, np.inf]
    assert baselines.oracle([1.0, -2.0]).tolist() == [1.0, -2.0]
    assert baselines.oracle([1, -2, 0, 3], [0, 0, 0, 2]).tolist() == [np.inf, -np.inf, 0, 1.5]


def _compare(gain, router, budget=CALLS, **options):
    rules = [Ordering("random", np.zeros(len(gain)))]
    oracle = Ordering("true gain", np.asarray(gain, float), "oracle", predicts_gain=True)
    own = Ordering("router", np.asarray(router, float), "router", predicts_gain=True)
    return compare(gain, [own, *rules, oracle], budget, samples=50, **options)


def test_a_good_router_is_between_random_and_the_oracle():
    random = np.random.default_rng(3)
    gain = random.normal(2, 8, 1000)
    result = _compare(gain, gain + random.normal(0, 8, 1000))
    router, chance, oracle = result.rows
    assert [row.name for row in result.rows] == ["router", "random", "true gain"]
    assert (chance.figures.area, chance.figures.spearman) == (pytest.approx(0.0), 0.0)
    assert (oracle.figures.area, oracle.figures.hit_rate) == pytest.approx((1.0, 1.0))
    assert 0.5 < router.figures.area < 0.9
    assert np.allclose(chance.curve, gain.mean() * CURVE_SHARES)
    assert (router.curve[1:-1] <= oracle.curve[1:-1] + 1e-9).all()
    assert router.curve[-1] == pytest.approx(result.mean_gain) == pytest.approx(gain.mean())
    low, high = result.intervals["area"]
    assert low < router.figures.area < high
    assert result.lead.rule == "random"
    assert result.lead.difference == pytest.approx(router.figures.area)
    assert result.lead.low > 0 and result.lead.p_value == pytest.approx(1 / 51)


def test_a_router_that_knows_nothing_is_not_ahead():
    random = np.random.default_rng(5)
    result = _compare(random.normal(2, 8, 400), random.normal(0, 1, 400))
    assert result.lead.p_value > 0.05
    assert result.lead.low < 0 < result.lead.high


def test_the_best_rule_is_the_opponent():
    gain = np.array([5.0, 4, 3, 2, 1, 0])
    orderings = [
        Ordering("router", gain, "router", predicts_gain=True),
        Ordering("part", gain, "part"),
        Ordering("bad", -gain),
        Ordering("good", np.array([5.0, 4, 2, 3, 1, 0])),
        Ordering("truth", gain, "oracle"),
    ]
    assert compare(gain, orderings, CALLS, samples=5).lead.rule == "good"


def test_with_costs_gains_are_ordered_by_value_per_cost():
    gain, cost = np.array([10.0, 4.0]), np.array([10, 1])
    router = _compare(gain, gain, Budget("dollars", cost), share=1 / 11).rows[0]
    assert router.figures.area == pytest.approx(1.0)
    assert router.figures.mean_delta == pytest.approx(4.0)
    # Counting ten times as much, the dear segment comes first.
    heavy = Budget("dollars", cost, np.array([100.0, 1.0]))
    router = _compare(gain, gain, heavy, share=10 / 11).rows[0]
    assert router.figures.mean_delta == pytest.approx(10.0)
    assert router.figures.lift_share == pytest.approx(1000 / 1004)


def test_the_same_seed_gives_the_same_intervals():
    gain = np.random.default_rng(1).normal(size=60)
    router = gain + np.random.default_rng(2).normal(size=60)
    one, again, other = (_compare(gain, router, seed=seed) for seed in (1, 1, 2))
    assert one.intervals == again.intervals != other.intervals


def test_orderings_are_checked():
    gain = np.array([1.0, 2.0])
    router, rule = Ordering("a", gain, "router"), Ordering("b", gain)
    with pytest.raises(ValueError, match="one name"):
        compare(gain, [router, rule, rule], CALLS)
    with pytest.raises(ValueError, match="one router"):
        compare(gain, [rule], CALLS)
    with pytest.raises(ValueError, match="one rule"):
        compare(gain, [router], CALLS)
    with pytest.raises(ValueError, match="no segments"):
        compare([], [router, rule], CALLS)
    with pytest.raises(ValueError, match="share"):
        compare(gain, [router, rule], CALLS, share=0)


def test_routing_takes_the_prefix_and_then_what_still_fits():
    costs = np.array([5, 4, 2, 1])
    assert routed_at_equal_spend([4, 3, 2, 1], costs, 8).tolist() == [True, False, True, True]
    assert routed_at_equal_spend([1, 2, 3, 4], costs, 8).tolist() == [False, True, True, True]
    assert routed_at_equal_spend([1, 1, 1, 1], costs, 9).tolist() == [True, True, False, False]


def test_routing_leaves_out_what_is_no_candidate():
    scores, costs = np.array([4.0, -3.0, 2.0]), np.array([5, 1, 5])
    routed = routed_at_equal_spend(scores, costs, 100, candidates=scores > 0)
    assert routed.tolist() == [True, False, True]


def test_no_ordering_spends_more_than_the_budget():
    random = np.random.default_rng(4)
    costs = random.integers(0, 1000, 500)
    budget = int(costs.sum() // 3)
    for scores in (random.random(500), costs, -costs):
        routed = routed_at_equal_spend(scores, costs, budget)
        spend = costs[routed].sum()
        assert spend <= budget
        assert (costs[~routed] > budget - spend).all()


@pytest.mark.parametrize(
    ("scores", "costs", "budget", "error"),
    [
        ([1.0, np.nan], [1, 1], 1, ValueError),
        ([1.0], [1, 1], 1, ValueError),
        ([1.0], [-1], 1, ValueError),
        ([1.0], [1], -1, ValueError),
        ([1.0], [0.5], 1, TypeError),
        ([1.0], [1], 0.5, TypeError),
    ],
)
def test_routing_checks_its_input(scores, costs, budget, error):
    with pytest.raises(error):
        routed_at_equal_spend(scores, np.array(costs), budget)


def test_candidates_are_checked():
    with pytest.raises(ValueError, match="boolean"):
        routed_at_equal_spend([1.0, 2.0], np.array([1, 1]), 1, candidates=np.array([0, 1]))
