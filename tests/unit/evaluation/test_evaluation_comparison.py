"""Baselines, the comparison table and routing at equal spend."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.evaluation import baselines
from routelmt_cli.evaluation.comparison import compare, routed_at_equal_spend


def test_baselines_score_highest_first():
    assert baselines.random(5, seed=1).tolist() == baselines.random(5, seed=1).tolist()
    assert baselines.random(5, seed=1).tolist() != baselines.random(5, seed=2).tolist()
    assert np.argmax(baselines.length([3, 9, 4])) == 1
    assert np.argmax(baselines.difficulty([-0.1, -2.0, -0.5])) == 1
    assert np.argsort(-baselines.difficulty([-0.1, np.nan, -0.5])).tolist() == [2, 0, 1]
    assert baselines.oracle([1.0, -2.0]).tolist() == [1.0, -2.0]
    assert baselines.oracle([1, -2, 0, 3], [0, 0, 0, 2]).tolist() == [np.inf, -np.inf, 0, 1.5]


def test_the_table_ranks_a_good_router_between_random_and_oracle():
    random = np.random.default_rng(3)
    gain = random.normal(2, 8, 2000)
    router = gain + random.normal(0, 8, 2000)
    rows = compare(
        gain,
        router,
        {"random": baselines.random(2000, seed=3), "length": random.integers(1, 50, 2000)},
    )
    assert [row.name for row in rows] == ["router", "random", "length", "oracle"]
    router_row, random_row, _, oracle_row = rows
    assert (oracle_row.area, oracle_row.hit_rate) == pytest.approx((1.0, 1.0))
    assert oracle_row.spearman == pytest.approx(1.0)
    assert 0.5 < router_row.area < 0.9
    assert abs(random_row.area) < 0.1
    assert abs(random_row.spearman) < 0.1
    for share in (0.1, 0.3, 0.5):
        gains = [row.mean_gain_at[share] for row in (random_row, router_row, oracle_row)]
        assert gains == sorted(gains)


def test_with_costs_the_oracle_goes_by_gain_per_cost():
    gain, cost = np.array([10.0, 4.0]), np.array([10, 1])
    router, oracle = compare(gain, gain, {}, cost=cost, name="by gain", budget_shares=(1 / 11,))
    assert (router.name, router.area) == ("by gain", pytest.approx(-1.0))
    assert oracle.area == pytest.approx(1.0)
    assert oracle.mean_gain_at[1 / 11] == pytest.approx(2.0)
    assert router.mean_gain_at[1 / 11] == pytest.approx(0.5)


def test_names_and_shares_are_checked():
    with pytest.raises(ValueError, match="name of the router"):
        compare([1.0], [1.0], {"router": [1.0]})
    with pytest.raises(ValueError, match="budget shares"):
        compare([1.0], [1.0], {}, budget_shares=(30,))
    rows = compare([1.0, 2.0], [1.0, 2.0], {"oracle": [1.0, 2.0]})
    assert [row.name for row in rows] == ["router", "oracle"]


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
