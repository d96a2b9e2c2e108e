"""Figures by hand, at their fixed points, and on resamples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routelmt_cli.evaluation.curve import area, expected_curve, read_curve
from routelmt_cli.evaluation.figures import FIGURE_NAMES, Figures, Yardstick, figures
from routelmt_cli.evaluation.order import Order
from routelmt_cli.evaluation.ranking import hit_rate, spearman
from routelmt_cli.evaluation.truth import Truth

GAIN = np.array([8.0, -20.0, 4.0, 0.0, 2.0, -4.0, 6.0, -10.0, 10.0, 4.0])


def test_figures_by_hand():
    # Half of ten: 10, 8, 6, 4, 4 are the best; the scores take 8, -20, 4, 0, 2.
    found = figures(GAIN, -np.arange(10.0), share=0.5)
    assert found.mean_delta == pytest.approx(-6 / 5)
    assert found.hit_rate == pytest.approx(2 / 5)
    assert found.severe_rate == pytest.approx(1 / 5)
    assert figures(GAIN, -np.arange(10.0), share=0.7, severe=-4.0).severe_rate == pytest.approx(
        2 / 7
    )
    random, best = 0.5 * 0.0, 32 / 10
    assert found.recovered_share == pytest.approx((-6 / 10 - random) / (best - random))
    assert np.isnan(found.lift_share)  # all of it gains nothing
    assert figures(GAIN + 1, -np.arange(10.0), share=0.5).lift_share == pytest.approx(-0.1)
    assert found.spearman == pytest.approx(spearman(-np.arange(10.0), GAIN))


def test_with_costs_and_weights_by_hand():
    # Spent along 0, 1, 2: costs 2, 3, 5; half the budget is segments 0 and 1 whole.
    found = figures([4.0, -12.0, 2.0], [3, 2, 1], cost=[2, 3, 5], weight=[3, 1, 2], share=0.5)
    assert found.mean_delta == pytest.approx((3 * 4 - 12) / 4)
    assert found.severe_rate == pytest.approx(1 / 4)
    # The oracle by value per cost: 12 / 2, 4 / 5, -12 / 3: segment 0 and three fifths of 2.
    best, random = (12 + 0.6 * 4) / 6, 0.5 * 4 / 6
    assert found.recovered_share == pytest.approx((0 - random) / (best - random))
    assert found.lift_share == pytest.approx(0.0)


def test_a_share_within_a_segment_counts_a_fraction_of_it():
    assert figures([6.0, 0.0], [2, 1], share=0.25).recovered_share == pytest.approx(1.0)
    found = figures([6.0, 3.0], [2, 1], share=0.75)
    assert found.mean_delta == pytest.approx((6 + 1.5) / 1.5)


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=12), st.integers(1, 10))
def test_constant_scores_are_random_order(gain, tenths):
    share = tenths / 10
    found = figures(gain, np.zeros(len(gain)), share=share)
    assert (found.spearman, found.area) == (0.0, pytest.approx(0.0))
    assert found.recovered_share == pytest.approx(0.0)
    assert found.mean_delta == pytest.approx(np.mean(gain))
    assert found.severe_rate == pytest.approx(np.mean(np.array(gain) <= -10))
    best = figures(gain, gain, share=share)
    assert best.hit_rate == pytest.approx(1.0)
    assert best.mean_delta >= found.mean_delta - 1e-9


@pytest.mark.parametrize("cost", [None, [3, 1, 2]])
def test_constant_gains_are_zero_everywhere(cost):
    for gain in ([0.1] * 3, [0.0] * 3, [-0.3] * 3):
        found = figures(gain, [3, 1, 2], share=0.3, cost=cost, weight=cost)
        assert (found.recovered_share, found.area) == (0.0, 0.0)


@given(st.integers(0, 2**32 - 1))
def test_counts_mean_what_repeated_rows_mean(seed):
    random = np.random.default_rng(seed)
    size = int(random.integers(1, 14))
    gain, scores = random.integers(-15, 15, size), random.integers(0, 5, size)
    cost, weight = random.integers(1, 5, size), random.integers(1, 4, size)
    rows = random.integers(0, size, size)
    counts = np.bincount(rows, minlength=size)[None].astype(float)
    truth = Truth.of(gain, cost, weight)
    sampled = Yardstick(truth, 0.4).sampled(Order(scores), counts)
    repeated = figures(gain[rows], scores[rows], cost[rows], weight[rows], share=0.4)
    for name in FIGURE_NAMES:
        assert sampled[name][0] == pytest.approx(getattr(repeated, name), nan_ok=True, abs=1e-9)


def test_figures_are_the_single_functions():
    random = np.random.default_rng(9)
    gain, scores = random.normal(1, 5, 50), random.integers(0, 9, 50)
    found = figures(gain, scores, share=0.3)
    assert found.spearman == spearman(scores, gain)
    assert found.hit_rate == hit_rate(scores, gain, 0.3)
    assert found.area == pytest.approx(area(gain, scores))
    at_share = read_curve(expected_curve(gain, scores), 0.3)
    assert found.lift_share == pytest.approx(at_share / gain.mean())
    assert isinstance(found, Figures)


def test_wrong_input():
    with pytest.raises(ValueError, match="share"):
        figures(GAIN, GAIN, share=0)
    with pytest.raises(ValueError, match="share"):
        figures(GAIN, GAIN, share=30)
    with pytest.raises(ValueError, match="no segments"):
        figures([], [])
    with pytest.raises(ValueError, match="weights"):
        figures(GAIN, GAIN, weight=np.zeros(10))
    with pytest.raises(ValueError, match="NaN"):
        figures(GAIN, np.full(10, np.nan))
