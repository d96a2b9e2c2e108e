"""Rank correlation and hit rate by hand, against scipy's figures, and with ties."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.evaluation.ranking import hit_rate, spearman


def test_spearman_by_hand():
    assert spearman([1, 2, 3], [10, 20, 30]) == 1.0
    assert spearman([1, 2, 3], [3, 2, 1]) == -1.0
    # scipy.stats.spearmanr([1, 2, 2, 3, 5], [2, 1, 4, 4, 3]).statistic
    assert spearman([1, 2, 2, 3, 5], [2, 1, 4, 4, 3]) == pytest.approx(0.3947368421052632)


def test_spearman_uses_order_alone_and_ranks_infinity():
    random = np.random.default_rng(0)
    a, b = random.normal(size=200), random.normal(size=200)
    assert spearman(np.exp(a), b) == pytest.approx(spearman(a, b))
    assert spearman([-np.inf, 0, np.inf], [1, 2, 3]) == 1.0


@pytest.mark.parametrize("constant", [[], [1], [2, 2, 2]])
def test_what_ranks_nothing_correlates_with_nothing(constant):
    assert spearman(constant, np.arange(len(constant))) == 0.0


def test_hit_rate_by_hand():
    gain = np.arange(10)
    assert hit_rate(gain, gain) == 1.0
    assert hit_rate(-gain, gain) == 0.0
    # The predicted best three are 9, 0 and 8; two of them are among 9, 8 and 7.
    predicted = [8, 0, 0, 0, 0, 0, 0, 0, 7, 9]
    assert hit_rate(predicted, gain) == pytest.approx(2 / 3)
    assert hit_rate(-gain, gain, share=1.0) == 1.0


def test_hit_rate_of_tied_predictions_is_that_of_chance():
    gain = np.random.default_rng(1).normal(size=100)
    assert hit_rate(np.zeros(100), gain) == pytest.approx(0.3)
    # A prediction that ties only at its cut: 20 sure hits, 10 places for the 80 others.
    predicted = (gain >= np.sort(gain)[-20]).astype(float)
    assert hit_rate(predicted, gain) == pytest.approx((20 + 10 * 10 / 80) / 30)


def test_the_truth_hits_always_where_gains_tie_at_the_cut():
    gain = np.array([5.0, 4.0] + [0.0] * 8)
    assert hit_rate(gain, gain) == 1.0
    assert hit_rate([2, 1, 0, 0, 0, 0, 0, 0, 0, 9], gain) == 1.0
    assert hit_rate([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], gain) == pytest.approx(1 / 3)


def test_file_order_helps_nobody():
    gain = np.random.default_rng(2).normal(size=50)
    predicted = np.round(gain)
    backwards = slice(None, None, -1)
    assert hit_rate(predicted, gain) == pytest.approx(
        hit_rate(predicted[backwards], gain[backwards])
    )


def test_wrong_input():
    with pytest.raises(ValueError, match="NaN"):
        spearman([1, np.nan], [1, 2])
    with pytest.raises(ValueError, match="shapes"):
        spearman([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="share"):
        hit_rate([1], [1], share=0)
    assert hit_rate([], []) == 0.0
