"""Each family learns gain in its own way; parts are plain numbers that refuse to be broken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from routelmt_cli.evaluation import curve
from routelmt_cli.features.ngrams import COLUMNS
from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.boosting import booster_parameters, finite_thresholds, winsorised
from routelmt_cli.gain.families import (
    Labelled,
    Settings,
    available_families,
    fit_family,
)
from routelmt_cli.gain.folds import contiguous_folds
from routelmt_cli.gain.parts import Curve, Inputs, ProbePart, TextPart, TreePart
from routelmt_cli.gain.search import search_settings

COUNT = 240
SETTINGS = Settings(rounds=60, seeds=(0,))
FAMILIES = [
    "gain",
    "rank",
    "huber",
    "lambdarank",
    "draft quality",
    "two qualities",
    "text",
    "probe",
]


def rows(seed=0, count=COUNT):
    """Every family can see what gain rests on."""
    random = np.random.default_rng(seed)
    cause = random.normal(size=count)
    features = random.normal(size=(count, len(FEATURE_NAMES))).astype(np.float32)
    features[:, 2] = cause
    hidden = random.normal(size=(count, 5)).astype(np.float32)
    hidden[:, 1] = cause
    words = np.where(cause > 0, "harbour", "lantern").tolist()
    gain = cause + 0.3 * random.normal(size=count)
    drafts = -0.6 * cause + 0.2 * random.normal(size=count)
    return Labelled(
        Inputs(features, words, words, hidden), gain, np.ones(count), drafts, drafts + gain
    )


def test_families_need_what_they_learn_from():
    every = rows()
    assert available_families(every) == FAMILIES
    without = replace(every, retranslation_scores=None)
    assert available_families(without) == [n for n in FAMILIES if n != "two qualities"]
    bare = replace(without, draft_scores=None, inputs=replace(every.inputs, states=None))
    assert available_families(bare) == [*FAMILIES[:4], "text"]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_learns(name):
    train, fresh = rows(), rows(seed=1)
    part = fit_family(name, train, SETTINGS)
    predicted = part.predict(fresh.inputs)
    assert predicted.shape == (COUNT,)
    assert predicted.dtype == np.float64
    assert curve.area(fresh.gain, predicted) > 0.55
    assert part.portable == (name not in ("text", "probe"))
    # In units of gain, though with few trees it stays near the middle.
    assert 0.02 < np.polyfit(fresh.gain, predicted, 1)[0] < 1.2
    alone = [part.predict(fresh.inputs.take(np.array([row])))[0] for row in range(5)]
    np.testing.assert_allclose(alone, predicted[:5], rtol=1e-12)
    again = fit_family(name, train, SETTINGS).predict(fresh.inputs)
    np.testing.assert_array_equal(again, predicted)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_smallest_number_of_rows(name):
    few = rows(count=20)
    assert np.isfinite(fit_family(name, few, SETTINGS).predict(few.inputs)).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_wild_labels_move_little(name):
    train, fresh = rows(), rows(seed=1)
    gain, retranslations = train.gain.copy(), train.retranslation_scores.copy()
    gain[7] = retranslations[7] = 1e6
    wild = replace(train, gain=gain, retranslation_scores=retranslations)
    predicted = fit_family(name, wild, SETTINGS).predict(fresh.inputs)
    assert np.abs(predicted).max() < 10
    assert curve.area(fresh.gain, predicted) > 0.5


def test_a_better_draft_never_makes_a_larger_gain_likely():
    train = rows()
    upside_down = replace(train, draft_scores=-train.draft_scores)
    part = fit_family("draft quality", upside_down, SETTINGS)
    assert np.ptp(part.predict(train.inputs)) == 0


def test_columns_that_no_segment_has_weigh_nothing():
    train = rows()
    part = fit_family("text", train, SETTINGS)
    unseen = np.setdiff1d(np.arange(COLUMNS), train.inputs.ngrams.indices)
    assert unseen.size > COLUMNS // 2
    assert not part.weights[unseen].any()
    assert part.weights.any()
    strange = Inputs(train.inputs.features[:1], ["完全に違う"], ["別の言葉"])
    assert part.predict(strange)[0] == pytest.approx(part.intercept, abs=0.2)


def test_rows_without_states_stand_at_the_mean():
    train = rows()
    states = train.inputs.states.copy()
    states[::10] = np.nan
    part = fit_family(
        "probe", replace(train, inputs=replace(train.inputs, states=states)), SETTINGS
    )
    assert curve.area(train.gain, part.predict(train.inputs)) > 0.8
    lost = replace(train.inputs, states=np.full_like(states, np.nan))
    np.testing.assert_allclose(part.predict(lost), part.intercept)
    nowhere = fit_family("probe", replace(train, inputs=lost), SETTINGS)
    assert np.ptp(nowhere.predict(train.inputs)) == pytest.approx(0, abs=1e-9)


def test_constant_states():
    train = rows()
    constant = replace(train.inputs, states=np.full_like(train.inputs.states, 4.0))
    part = fit_family("probe", replace(train, inputs=constant), SETTINGS)
    assert np.isfinite(part.predict(train.inputs)).all()
    assert np.ptp(part.predict(constant)) == 0


def test_weights_count():
    """Rows of no weight to speak of teach nothing."""
    train = rows()
    half = np.arange(COUNT) < COUNT // 2
    mixed = replace(
        train, gain=np.where(half, train.gain, -train.gain), weight=np.where(half, 1.0, 1e-6)
    )
    for name in ("gain", "probe", "text"):
        predicted = fit_family(name, mixed, SETTINGS).predict(train.inputs)
        assert curve.area(train.gain, predicted) > 0.5, name


def test_winsorised_values_keep_their_order():
    values = np.concatenate([np.arange(100.0), [1e9, -1e9]])
    found = winsorised(values)
    assert found.max() < 100
    assert found.min() > -1
    assert (np.diff(found[np.argsort(values)]) >= 0).all()
    np.testing.assert_array_equal(winsorised(np.array([3.0])), [3.0])


def test_the_rounds_stay_within_bounds_and_the_default_stands_on_noise():
    noise = replace(rows(), gain=np.random.default_rng(5).normal(size=COUNT))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("routelmt_cli.gain.search._TRIAL_ROUNDS", 30, raising=False)
        patch.setattr("routelmt_cli.gain.search._LEAST_ROUNDS", 20, raising=False)
        patch.setattr("routelmt_cli.gain.search._MOST_ROUNDS", 30, raising=False)
        folds = contiguous_folds(COUNT, 3)
        found = search_settings(noise, folds, seed=0, trials=2)
        again = search_settings(noise, folds, seed=0, trials=2)
    assert found.trials == 3
    assert len(found.rounds_of_fold) == 3
    assert all(20 <= rounds <= 30 for rounds in [found.rounds, *found.rounds_of_fold])
    assert replace(found, seconds=0) == replace(again, seconds=0)


def test_parameters_that_make_training_repeatable():
    for count in (50, 5_000, 50_000):
        found = booster_parameters(count, 3, objective="regression")
        assert found["num_threads"] == 1
        assert found["deterministic"] is True
        assert found["seed"] == 3
        assert found["objective"] == "regression"
    assert booster_parameters(50, 0, num_leaves=5)["num_leaves"] == 5


def test_endless_thresholds_become_finite():
    text = "leaf_value=inf\nthreshold=1.5 inf -inf 2\nleaf_value=1 2"
    assert finite_thresholds(text) == (
        "leaf_value=inf\nthreshold=1.5 1e+299 -1e+299 2\nleaf_value=1 2"
    )


def test_a_curve_is_constant_beyond_its_ends():
    line = Curve([0.0, 1.0], [5.0, 7.0])
    assert line(np.array([-9.0, 0.5, 9.0])).tolist() == [5, 6, 7]
    assert Curve([0.0], [5.0])(np.array([3.0])).tolist() == [5]


@pytest.mark.parametrize(
    ("x", "y"), [([], []), ([0.0], []), ([0.0, 0.0], [1.0, 2.0]), ([1.0, 0.0], [1.0, 2.0])]
)
def test_what_is_no_curve_is_refused(x, y):
    with pytest.raises(ValueError, match="curve"):
        Curve(x, y)


def test_a_level_stretch_of_a_curve_ties_nothing():
    train = rows()
    part = fit_family("gain", train, SETTINGS)
    level = TreePart(part.boosters, part.scales, curve=Curve([0.0], [1.0]))
    raw, found = part.predict(train.inputs), level.predict(train.inputs)
    np.testing.assert_array_equal(np.argsort(raw), np.argsort(found))
    assert np.abs(found - 1).max() < 0.01


def test_broken_numbers_make_no_part():
    good = np.ones(3, np.float32)
    with pytest.raises(ValueError, match="finite weights"):
        TextPart(np.ones(5, np.float32), 0.0)
    with pytest.raises(ValueError, match="finite weights"):
        TextPart(np.full(COLUMNS, np.nan, np.float32), 0.0)
    for broken in ((good, good, good[:2]), (good[:0],) * 3, (good[None],) * 3):
        with pytest.raises(ValueError, match="shape"):
            ProbePart(*broken, 0.0)
    for broken in (
        (good * np.inf, good, good),
        (good, good * 0, good),
        (good, good, good * np.nan),
    ):
        with pytest.raises(ValueError, match="above zero"):
            ProbePart(*broken, 0.0)
