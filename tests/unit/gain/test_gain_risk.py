"""The risk model: honest, bounded, the same as LightGBM's own prediction."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from routelmt_cli.gain.boosting import booster_parameters, fit_boosters, mean_prediction
from routelmt_cli.gain.folds import contiguous_folds
from routelmt_cli.gain.risk import MIN_SEVERE, fit_risk

NAMES = tuple(f"column_{number}" for number in range(6))


def made_up(count=600, seed=0):
    random = np.random.default_rng(seed)
    features = random.normal(size=(count, len(NAMES))).astype(np.float32)
    chance = 1 / (1 + np.exp(2.5 - 2.5 * features[:, 0]))
    severe = random.random(count) < chance
    gain = np.where(severe, -15, 4) + random.normal(size=count) * 3
    features[random.random(features.shape) < 0.1] = np.nan
    return features, gain, chance


@pytest.fixture(scope="module")
def fitted():
    features, gain, chance = made_up()
    folds = contiguous_folds(len(gain), 3)
    fit = fit_risk(features, gain, np.ones(len(gain)), folds, (0, 1), names=NAMES)
    return features, gain, chance, fit


def test_risk_finds_the_segments_that_go_wrong(fitted):
    _, gain, chance, fit = fitted
    assert fit.severe.sum() == (gain <= -10).sum() >= MIN_SEVERE
    assert np.corrcoef(fit.risk, chance)[0, 1] > 0.8
    assert fit.risk.min() > 0
    assert fit.risk.max() < 1
    # Not only the order: the mean is about the rate.
    assert fit.risk.mean() == pytest.approx(fit.severe.mean(), abs=0.03)


def test_the_low_quantile_is_missed_about_once_in_ten_times(fitted):
    _, gain, _, fit = fitted
    assert np.mean(gain <= fit.lower_gain) == pytest.approx(0.1, abs=0.05)
    assert fit.lower_gain[fit.risk > 0.4].mean() < fit.lower_gain[fit.risk < 0.1].mean() - 3


def test_the_model_predicts_new_segments(fitted):
    _, _, _, fit = fitted
    features, _, chance = made_up(seed=1)
    assert np.corrcoef(fit.model.risk(features), chance)[0, 1] > 0.8
    assert len(fit.model.boosters) == len(fit.model.lower_boosters) == 2
    assert fit.model.risk(features[:0]).shape == fit.model.lower_gain(features[:0]).shape == (0,)


def test_a_held_out_block_has_no_say_in_its_own_prediction(fitted):
    features, gain, _, fit = fitted
    folds = contiguous_folds(len(gain), 3)
    other = gain.copy()
    other[:200] = -other[:200]
    again = fit_risk(features, other, np.ones(len(gain)), folds, (0, 1), names=NAMES)
    np.testing.assert_array_equal(again.risk[:200], fit.risk[:200])
    np.testing.assert_array_equal(again.lower_gain[:200], fit.lower_gain[:200])
    assert not np.array_equal(again.risk[200:], fit.risk[200:])


def test_the_same_input_gives_the_same_boosters(fitted, capfd):
    features, gain, _, fit = fitted
    folds = contiguous_folds(len(gain), 3)
    again = fit_risk(features, gain, np.ones(len(gain)), folds, (0, 1), names=NAMES)
    for one, other in zip(fit.model.boosters, again.model.boosters, strict=True):
        assert one.content == other.content
    np.testing.assert_array_equal(fit.risk, again.risk)
    assert capfd.readouterr() == ("", "")


def test_the_threshold_says_what_is_severe():
    features, gain, _ = made_up(count=200)
    folds = contiguous_folds(200, 2)
    fit = fit_risk(features, gain, np.ones(200), folds, (0,), severe=4.0, names=NAMES)
    assert fit.severe.mean() > 0.5
    assert fit.risk.mean() > 0.4


@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_with_few_severe_ones_risk_is_their_rate(flip):
    features, _, _ = made_up(count=120)
    gain = np.full(120, 3.0)
    gain[: MIN_SEVERE - 1] = -20
    folds = contiguous_folds(120, 2)
    fit = fit_risk(
        features,
        gain * flip,
        np.ones(120),
        folds,
        (0,),
        severe=-10 if flip > 0 else -1,
        names=NAMES,
    )
    assert not fit.model.boosters
    rate = (MIN_SEVERE - 0.5) / 121
    expected = rate if flip > 0 else 1 - rate
    assert fit.risk == pytest.approx(np.full(120, expected))
    assert fit.model.risk(features[:3]) == pytest.approx(np.full(3, expected))
    assert np.isfinite(fit.lower_gain).all()


def test_all_severe_ones_in_one_block():
    features, _, _ = made_up(count=120)
    gain = np.full(120, 3.0)
    gain[:20] = -20
    fit = fit_risk(features, gain, np.ones(120), contiguous_folds(120, 3), (0,), names=NAMES)
    # What the other two blocks know of severe ones is that they saw none.
    assert fit.risk[:40] == pytest.approx(np.full(40, 0.5 / 81))
    assert len(fit.model.boosters) == 1


@pytest.mark.parametrize(
    "objective", [{"objective": "binary"}, {"objective": "quantile", "alpha": 0.1}]
)
@pytest.mark.parametrize("constant", [False, True])
def test_boosters_keep_the_raw_score_with_its_starting_point(objective, constant):
    features, gain, _ = made_up()
    if constant:
        features = np.zeros_like(features)
    target = gain <= -10 if objective["objective"] == "binary" else gain
    target, weight = target.astype(np.float64), np.linspace(1, 3, len(gain))
    (booster,) = fit_boosters(features, target, weight, NAMES, (5,), 30, **objective)
    data = lightgbm.Dataset(features, target, weight=weight)
    trained = lightgbm.train(booster_parameters(len(gain), 5, **objective), data, 30)
    raw = trained.predict(features, raw_score=True)
    np.testing.assert_array_equal(booster.predict(features), raw)
    assert abs(raw.mean()) > 0.5, "the start is far from 0, so that losing it would be seen"


@pytest.mark.parametrize("objective", ["regression", "binary"])
def test_whether_a_value_is_missing_may_be_all_that_counts(objective):
    random = np.random.default_rng(0)
    features = random.normal(size=(300, 6)).astype(np.float32)
    missing = random.random(300) < 0.5
    features[missing, 2] = np.nan
    target = missing.astype(np.float64)
    (booster,) = fit_boosters(features, target, None, NAMES, (0,), 20, objective=objective)
    data = lightgbm.Dataset(features, target)
    trained = lightgbm.train(booster_parameters(300, 0, objective=objective), data, 20)
    assert "inf" in trained.model_to_string()
    features[:5, 2] = [np.finfo(np.float32).max, -np.finfo(np.float32).max, np.inf, -np.inf, 0]
    np.testing.assert_array_equal(
        booster.predict(features), trained.predict(features, raw_score=True)
    )


def test_seeds_are_averaged():
    features, gain, _ = made_up(count=200)
    boosters = fit_boosters(features, gain, None, NAMES, (0, 1), 10, objective="regression")
    one, two = (booster.predict(features) for booster in boosters)
    assert not np.array_equal(one, two)
    np.testing.assert_allclose(mean_prediction(boosters, features), (one + two) / 2)
