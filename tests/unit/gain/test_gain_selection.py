"""The mix takes what predicts, and what it is judged by was chosen without the judged rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routelmt_cli.evaluation import curve
from routelmt_cli.gain.folds import contiguous_folds, grouped_folds
from routelmt_cli.gain.selection import choose_shares, mean_area, mixed, mixed_without

COUNT = 300
ALL = [np.arange(COUNT)]


def cross_selected(outside, gain, groups, folds):
    """Mix each block without it."""
    found = np.zeros(len(gain))
    for inside, held_out in folds:
        found[held_out] = mixed_without(outside, gain, groups, inside)[held_out]
    return found


def families(seed=0, useless=5):
    random = np.random.default_rng(seed)
    gain = random.normal(2, 5, COUNT)
    outside = {f"noise {number}": random.normal(size=COUNT) for number in range(useless)}
    outside["close"] = gain + random.normal(0, 5, COUNT)
    return gain, outside


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.floats(1e-6, 1e6))
def test_shares_sum_to_one(seed, count, scale):
    random = np.random.default_rng(seed)
    outside = {str(number): scale * random.normal(size=40) for number in range(count)}
    shares = choose_shares(outside, random.normal(size=40), [np.arange(40)])
    assert sum(shares.values()) == pytest.approx(1)
    assert all(share > 0 for share in shares.values())
    assert list(shares) == [name for name in outside if name in shares]


def test_the_truth_gets_the_largest_share():
    gain, outside = families()
    # In another unit and with an offset: only the order of a family counts.
    shares = choose_shares({**outside, "truth": 1e-4 * gain + 7}, gain, ALL)
    assert max(shares, key=shares.get) == "truth"
    assert shares["truth"] > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_useless_families_do_not_hurt_much(seed):
    gain, outside = families(seed)
    folds = contiguous_folds(COUNT, 5)
    alone = curve.area(gain, outside["close"])
    honest = cross_selected(outside, gain, ALL, folds)
    assert curve.area(gain, honest) > alone - 0.05
    equal = mixed(outside, dict.fromkeys(outside, 1 / len(outside)))
    assert curve.area(gain, equal) < alone - 0.1


def test_families_that_know_different_things_are_mixed():
    random = np.random.default_rng(0)
    halves = random.normal(size=(2, COUNT))
    gain = halves.sum(axis=0)
    shares = choose_shares({"one": halves[0], "other": halves[1]}, gain, ALL)
    assert shares["one"] == pytest.approx(0.5, abs=0.15)


def test_one_family_and_constant_families():
    gain, outside = families()
    assert choose_shares({"close": outside["close"]}, gain, ALL) == {"close": 1}
    shares = choose_shares({"constant": np.full(COUNT, 3.0), "close": outside["close"]}, gain, ALL)
    mix = mixed({"constant": np.full(COUNT, 3.0), "close": outside["close"]}, shares)
    assert np.isfinite(mix).all()
    assert curve.area(gain, mix) == pytest.approx(curve.area(gain, outside["close"]))


def test_a_constant_family_does_not_push_others_out():
    """Where the equal mix is the best one, no family but a constant one leaves it as it is."""
    random = np.random.default_rng(1)
    parts = random.normal(size=(8, COUNT))
    outside = {"constant": np.zeros(COUNT), **{str(n): part for n, part in enumerate(parts)}}
    shares = choose_shares(outside, parts.sum(axis=0), ALL)
    assert "constant" not in shares
    assert len(shares) >= 4


def test_what_is_worse_than_random_has_no_share_unless_everything_is():
    gain, outside = families(useless=0)
    assert choose_shares({**outside, "worse": -outside["close"]}, gain, ALL) == {"close": 1}
    only = choose_shares({"worse": -gain, "worst": -2 * gain}, gain, ALL)
    assert sum(only.values()) == pytest.approx(1)


def test_language_pairs_count_by_their_segments():
    gain, outside = families()
    large, small = np.arange(200), np.arange(200, COUNT)
    area = mean_area(gain, outside["close"], [large, small])
    one, other = (curve.area(gain[rows], outside["close"][rows]) for rows in (large, small))
    assert area == pytest.approx((2 * one + other) / 3)
    assert mean_area(gain[:0], gain[:0], []) == 0


def test_a_shift_between_pairs_is_no_skill():
    """A family that only tells the pairs apart knows nothing about the order within them."""
    random = np.random.default_rng(0)
    pair = np.repeat([0.0, 100.0], COUNT // 2)
    gain = pair + random.normal(size=COUNT)
    groups = [np.flatnonzero(pair == value) for value in (0, 100)]
    within = gain - pair + random.normal(size=COUNT)
    shares = choose_shares({"pair": pair, "within": within}, gain, groups)
    assert shares["within"] > 0.9
    assert mean_area(gain, pair, groups) == pytest.approx(0, abs=1e-9)
    assert curve.area(gain, pair) > 0.9


def test_a_folds_mix_rests_on_no_gain_of_that_fold():
    gain, outside = families()
    names = ["a", "b"] * (COUNT // 2)
    groups = [np.flatnonzero(np.array(names) == name) for name in ("a", "b")]
    folds = grouped_folds(names, 4)
    before = cross_selected(outside, gain, groups, folds)
    for _, held_out in folds:
        other = gain.copy()
        other[held_out] = np.random.default_rng(1).permutation(-1e3 * gain[held_out])
        after = cross_selected(outside, other, groups, folds)
        np.testing.assert_array_equal(after[held_out], before[held_out])
        # It can fail: the other folds' shares did see these gains.
        assert not np.array_equal(after, before)


def test_a_fold_with_a_pair_of_its_own():
    gain, outside = families()
    folds = [(np.arange(100, COUNT), np.arange(100)), (np.arange(100), np.arange(100, COUNT))]
    found = cross_selected(outside, gain, [np.arange(100), np.arange(100, COUNT)], folds)
    assert np.isfinite(found).all()
    assert curve.area(gain, found) > 0.2
