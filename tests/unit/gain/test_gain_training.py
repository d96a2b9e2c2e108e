"""Folds, labels and the length model."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.evaluation import curve
from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.labels import gain_labels
from routelmt_cli.gain.length_model import LengthModel, fit_length_model
from routelmt_cli.gain.training import TrainingSet, contiguous_folds, train


def test_folds_are_contiguous_and_cover_every_row_once():
    folds = contiguous_folds(11, 3)
    assert np.concatenate([held_out for _, held_out in folds]).tolist() == list(range(11))
    for inside, held_out in folds:
        assert np.ptp(held_out) == len(held_out) - 1
        assert sorted([*inside, *held_out]) == list(range(11))


def test_gain_is_zero_where_the_guard_keeps_the_draft():
    labels = gain_labels(
        ["Hola a todos", "Hola a todos"],
        ["Hello everyone", "Hello all"],
        ["", "Hello everyone"],
        ["Hello everyone", "Hello everyone"],
        np.zeros(2, dtype=bool),
    )
    assert labels.gain[0] == 0
    assert labels.draft_scores[0] == pytest.approx(100)
    assert labels.retranslation_scores[0] == 0
    assert labels.gain[1] == pytest.approx(100 - labels.draft_scores[1])
    assert labels.kept_counts() == {"empty": 1}


def test_a_gain_that_is_no_number_is_named():
    gain = np.arange(60, dtype=np.float64)
    gain[4] = np.nan
    ones = np.ones(60)
    features = np.zeros((60, len(FEATURE_NAMES)), dtype=np.float32)
    with pytest.raises(UsageError, match="segment 5"):
        train(TrainingSet(features, gain, ones, ones, ones, ones))


def test_noise_does_not_look_predictable():
    """Neither the quality family nor the rounds may have seen the block that is held out."""
    random = np.random.default_rng(0)
    features = random.random((300, len(FEATURE_NAMES))).astype(np.float32)
    gain = random.normal(5, 10, 300)
    ones = np.ones(300, dtype=np.int64)
    table = TrainingSet(features, gain, np.ones(300), ones, ones, ones, 50 - gain)
    parts, predicted = train(table, seeds=1, folds=3)
    assert abs(curve.area(gain, predicted)) < 0.25
    assert set(parts.areas) == {"gain", "gain and quality", "huber"}
    # The same trees do remember what they were trained on, so the test can tell.
    assert curve.area(gain, parts.predict(features)) > 0.5


def test_another_seed_gives_other_trees():
    random = np.random.default_rng(0)
    features = random.random((60, len(FEATURE_NAMES))).astype(np.float32)
    gain = features[:, 0] + random.normal(0, 0.1, 60)
    ones = np.ones(60, dtype=np.int64)
    table = TrainingSet(features, gain, np.ones(60), ones, ones, ones)
    first, again, other = (train(table, seed=n, seeds=1, folds=2)[0] for n in (0, 0, 7))
    assert first.boosters[0].content == again.boosters[0].content != other.boosters[0].content
    assert other.seeds == (7,)


def test_constant_features_predict_the_mean():
    gain = np.tile([0.0, 10.0], 40)
    ones = np.ones(80, dtype=np.int64)
    features = np.zeros((80, len(FEATURE_NAMES)), dtype=np.float32)
    parts, predicted = train(
        TrainingSet(features, gain, np.ones(80), ones, ones, ones, gain), seeds=1, folds=2
    )
    assert np.allclose(predicted, 5)
    assert np.allclose(parts.predict(features), 5)


def test_length_model_finds_a_line_through_outliers():
    random = np.random.default_rng(0)
    source = random.integers(1, 80, 400)
    draft = random.integers(1, 90, 400)
    actual = np.round(2 + 0.8 * source + 0.3 * draft).astype(np.int64)
    model = fit_length_model(source, draft, actual)
    assert model.per_source_token == pytest.approx(0.8, abs=0.03)
    assert model.per_draft_token == pytest.approx(0.3, abs=0.03)
    broken = actual.copy()
    broken[::40] = 500
    robust = fit_length_model(source, draft, broken)
    assert robust.per_source_token / robust.per_draft_token == pytest.approx(0.8 / 0.3, rel=0.1)
    # The total is what a budget feels, outliers included.
    assert robust.predict(source, draft).sum() == pytest.approx(broken.sum(), rel=0.1)


def test_length_predictions_are_bounded():
    model = fit_length_model(np.array([10] * 60), np.array([10] * 60), np.array([12] * 60))
    predicted = model.predict(np.array([0, 10, 10]), np.array([0, 10, 100_000]))
    assert (predicted >= 1).all()
    assert predicted[1] == pytest.approx(12, abs=0.1)
    assert predicted[2] <= 12 + model.slack
    assert model.predict(np.zeros(0), np.zeros(0)).shape == (0,)


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), 1e9])
def test_a_length_model_with_broken_numbers_is_refused(broken):
    with pytest.raises(ValueError, match="not finite"):
        LengthModel(broken, 0, 0, 0, 1, 0)
    with pytest.raises(ValueError, match="not in order"):
        LengthModel(0, 0, 0, 2, 1, 0)
