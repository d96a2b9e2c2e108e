"""Curves and areas by hand, at their fixed points, and under properties of the definition."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routelmt_cli.evaluation.baselines import oracle
from routelmt_cli.evaluation.curve import (
    area,
    budget_quality_curve,
    expected_curve,
    read_curve,
)

GAIN = np.array([4.0, -2.0, 1.0, 3.0])
GAINS = st.lists(st.integers(-20, 20), min_size=1, max_size=12).map(np.array)


def gain_at(share, *truth, **options):
    return read_curve(expected_curve(*truth, **options), share)


def test_a_curve_by_hand():
    share, mean_gain = budget_quality_curve(GAIN, None, np.array([0, 3, 2, 1]))
    assert share.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert mean_gain.tolist() == [0, 1, 1.75, 2, 1.5]
    share, mean_gain = budget_quality_curve(GAIN, [1, 2, 3, 4], np.array([3, 0]))
    assert share.tolist() == [0, 0.4, 0.5]
    assert mean_gain.tolist() == [0, 0.75, 1.75]


def test_an_area_by_hand():
    # A(oracle) = (0.5 + 1.375 + 1.875 + 1.75) / 4, A(random) = 0.75
    # The order 3, 0, 2, 1: (0.375 + 1.25 + 1.875 + 1.75) / 4
    assert area(GAIN, [3, 0, 1, 4]) == pytest.approx((1.3125 - 0.75) / (1.375 - 0.75))


@given(GAINS)
def test_fixed_points(gain):
    ranks_anything = len(set(gain.tolist())) > 1
    assert area(gain, gain) == pytest.approx(1.0 if ranks_anything else 0.0)
    assert area(gain, -gain) == pytest.approx(-1.0 if ranks_anything else 0.0)
    assert area(gain, np.zeros(len(gain))) == pytest.approx(0.0)


def test_random_is_zero_on_average_over_all_orders():
    areas = [area(GAIN, np.array(scores)) for scores in permutations(range(4))]
    assert np.mean(areas) == pytest.approx(0.0)
    assert max(areas) == pytest.approx(1.0)
    tied = [area(GAIN, [2, first, second, 0]) for first, second in ((1, 1.5), (1.5, 1))]
    assert area(GAIN, [2, 1, 1, 0]) == pytest.approx(np.mean(tied))


@given(GAINS, st.integers(0, 2**32 - 1))
def test_no_order_beats_the_oracle_at_any_cost(gain, seed):
    random = np.random.default_rng(seed)
    cost = random.integers(0, 5, len(gain))
    cost[0] = 1
    predicted = random.normal(size=len(gain))
    assert area(gain, predicted, cost) <= 1 + 1e-12
    for share in (0.0, 0.2, 0.5, 1.0):
        best = gain_at(share, gain, oracle(gain, cost), cost)
        assert gain_at(share, gain, predicted, cost) <= best + 1e-9


def test_gain_at_shares():
    assert gain_at(0.0, GAIN, GAIN) == 0.0
    assert gain_at(0.25, GAIN, GAIN) == 1.0
    assert gain_at(0.375, GAIN, GAIN) == pytest.approx(1.375)
    assert gain_at(1.0, GAIN, GAIN) == pytest.approx(GAIN.mean())
    assert gain_at(0.5, GAIN, np.zeros(4)) == pytest.approx(GAIN.mean() / 2)


def test_free_segments_come_with_no_budget():
    assert gain_at(0.0, [8.0, 2.0], [1, 0], cost=[0, 5]) == 4.0
    assert gain_at(1.0, [8.0, 2.0], [1, 0], cost=[0, 5]) == 5.0


def test_a_curve_that_ends_early_holds_its_last_value():
    assert read_curve(budget_quality_curve(GAIN, None, np.array([0])), 0.9) == 1.0


def test_ties_are_one_point():
    share, mean_gain = expected_curve(GAIN, [1, 0, 0, 1])
    assert share.tolist() == [0, 0.5, 1]
    assert mean_gain.tolist() == [0, 1.75, 1.5]


def test_no_segments():
    assert area([], []) == 0.0
    assert gain_at(0.5, [], []) == 0.0


def test_wrong_input():
    with pytest.raises(ValueError, match="not there"):
        budget_quality_curve(GAIN, None, np.array([4]))
    with pytest.raises(ValueError, match="twice"):
        budget_quality_curve(GAIN, None, np.array([1, 1]))
    with pytest.raises(ValueError, match="costs"):
        area(GAIN, GAIN, [0, 0, 0, 0])
    with pytest.raises(ValueError, match="costs"):
        area(GAIN, GAIN, [1, 1, 1, -1])
    with pytest.raises(ValueError, match="NaN"):
        area([np.nan, 1], [1, 2])
    with pytest.raises(ValueError, match="finite"):
        area([np.inf, 1], [1, 2])
    with pytest.raises(ValueError, match="shapes"):
        area(GAIN, [1, 2])
    with pytest.raises(ValueError, match="share"):
        gain_at(1.5, GAIN, GAIN)
