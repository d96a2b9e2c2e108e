"""Calibration learns what can be learnt, says honestly how well, and is deterministic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.evaluation import curve
from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.bundle import bundle_files, load_bundle, save_bundle
from routelmt_cli.gain.calibration import (
    CalibrationOptions,
    retranslation_features,
)
from routelmt_cli.gain.guard import TAKEN
from routelmt_cli.gain.labels import GainLabels
from routelmt_cli.gain.report import report_lines


@pytest.fixture(scope="module")
def small(made_up):
    """The cheapest calibration that there is."""
    return made_up(60, seed=1).calibrate(folds=2)


def test_a_learnable_gain_is_learnt(calibration, made_up):
    report = calibration.report
    assert report["systems"]["router"]["area"] > 0.7
    assert report["systems"]["router"]["spearman"] > 0.7
    assert report["systems"]["random"]["area"] == 0
    assert report["beats_rules"]
    assert report["verdict"].startswith(("beats every rule", "ahead of every rule"))
    # Segments of another seed: neither sampled nor seen.
    fresh = made_up(80, seed=9, states=True)
    prediction = calibration.router.predict(fresh.table)
    gain = fresh.labels().gain
    assert curve.area(gain, prediction.gain) > 0.7
    assert abs(prediction.gain.mean() - gain.mean()) < 5
    np.testing.assert_allclose(prediction.retranslation_tokens, fresh.retranslations.tokens, atol=2)
    risk = prediction.regression_risk
    assert ((risk >= 0) & (risk <= 1)).all()


def test_out_of_fold_predictions_stand_beside_the_labels(calibration):
    assert calibration.predicted.shape == calibration.labels.gain.shape == (200,)
    area = curve.area(calibration.labels.gain, calibration.predicted)
    assert calibration.report["systems"]["router"]["area"] == pytest.approx(area, abs=1e-4)
    assert calibration.report is calibration.router.metadata.figures


def test_the_same_input_gives_the_same_bytes(small, made_up):
    again = made_up(60, seed=1).calibrate(folds=2)
    assert bundle_files(again.router) == bundle_files(small.router)
    assert again.router.fingerprint == small.router.fingerprint
    np.testing.assert_array_equal(again.predicted, small.predicted)


def test_another_seed_gives_another_router(small, made_up):
    other = made_up(60, seed=1).calibrate(folds=2, seed=5)
    assert other.router.fingerprint != small.router.fingerprint
    assert other.router.metadata.seeds == (5,)


def test_a_prediction_depends_on_its_row_alone(calibration, made_up):
    table = made_up(20, seed=5, states=True).table
    whole = calibration.router.predict(table)
    for row in range(20):
        alone = calibration.router.predict(table.rows(row, row + 1))
        for name in ("gain", "retranslation_tokens", "regression_risk"):
            assert getattr(alone, name)[0] == pytest.approx(getattr(whole, name)[row], rel=1e-12)
    order = np.random.default_rng(0).permutation(20)
    shuffled = calibration.router.predict(table.take(order)).gain
    np.testing.assert_allclose(shuffled, whole.gain[order], rtol=1e-12)


def test_no_rows_have_no_predictions(every_kind, made_up):
    nothing = every_kind.predict(made_up(3, states=True).table.rows(0, 0))
    assert nothing.gain.shape == (0,)
    assert nothing.retranslation_tokens.shape == (0,)


def test_blocks_of_rows_are_joined(every_kind, made_up, monkeypatch):
    table = made_up(20, seed=5, states=True).table
    whole = every_kind.predict(table)
    monkeypatch.setattr("routelmt_cli.gain.router._ROWS_AT_ONCE", 7)
    blocks = every_kind.predict(table)
    for name in ("gain", "regression_risk", "probe_gain", "draft_quality"):
        np.testing.assert_allclose(getattr(blocks, name), getattr(whole, name), rtol=1e-12)


def test_columns_beside_the_gain(every_kind, made_up):
    table = made_up(40, seed=5, states=True).table
    prediction = every_kind.predict(table)
    by_name = {one.name: one.part for one in every_kind.model.parts}
    inputs = every_kind.inputs(table, "es-en")
    np.testing.assert_array_equal(prediction.probe_gain, by_name["probe"].predict(inputs))
    # Higher is better: the opposite of the gain that a bad draft promises.
    np.testing.assert_array_equal(
        prediction.draft_quality, -by_name["draft quality"].predict(inputs)
    )
    assert every_kind.needs_states
    parts = [one for one in every_kind.model.parts if one.name in ("gain", "rank")]
    plain = replace(every_kind, model=replace(every_kind.model, parts=parts), safeguards=None)
    bare = plain.predict(table)
    assert bare.probe_gain is bare.draft_quality is bare.regression_risk is None
    assert not plain.needs_states


def test_drafts_without_states_are_predicted_all_the_same(every_kind, made_up):
    table = made_up(5, seed=5).table
    assert np.isfinite(every_kind.predict(table).gain).all()


def test_metadata_says_what_it_was_made_for(calibration):
    metadata = calibration.router.metadata
    assert metadata.segments == 200
    assert metadata.pairs == (("es", "en"),)
    assert metadata.metric_signature.startswith("chrF2++")
    assert metadata.seeds == (0,)
    assert metadata.feature_names == FEATURE_NAMES
    assert metadata.prior == ""
    own = {"small": metadata.small, "large": metadata.large}
    assert metadata.mismatches(pair=("es", "en"), **own) == []
    assert metadata.mismatches(pair=("en", "es"), **own) == ["language pair"]
    assert set(metadata.candidate.split(" + ")) == set(calibration.report["mix"])


def test_figures_of_the_training(calibration):
    report = calibration.report
    assert sum(report["mix"].values()) == pytest.approx(1, abs=1e-3)
    assert report["left_out"] == {}
    assert report["search_trials"] == 1
    assert set(report["family_areas"]) >= set(report["mix"])
    limits = {f"{limit.alpha:g}" for limit in calibration.router.safeguards.limits}
    assert set(report["guard"]) == limits


def test_too_few_segments(made_up):
    with pytest.raises(UsageError, match="49 segments are too few"):
        made_up(49).calibrate()
    made_up(50).calibrate(folds=2)


def test_the_same_hypotheses_twice(made_up):
    with pytest.raises(UsageError, match="the same for every segment") as caught:
        made_up(60).retranslated_as_drafted().calibrate()
    assert "same column" in caught.value.hint


def test_identical_sources_and_hypotheses_made_elsewhere(made_up, tmp_path):
    data = made_up(60)
    data.table = data.table.__class__(
        ["the same"] * 60,
        data.table.drafts,
        np.zeros(60, dtype=int),
        np.zeros(60, dtype=int),
        None,
        np.zeros(60, dtype=bool),
    )
    made = data.calibrate(folds=2)
    assert np.isfinite(made.router.predict(data.table).gain).all()
    assert "lowest mean log-probability first" not in made.report["systems"]
    save_bundle(made.router, tmp_path / "r")
    assert load_bundle(tmp_path / "r").fingerprint == made.router.fingerprint


def test_blank_and_strange_texts(made_up, tmp_path):
    data = made_up(60)
    strange = ["", " ", "\ud800", "\0", "漢字", "x" * 5_000]
    sources, drafts = [*strange, *data.sources[6:]], [*data.table.drafts[:54], *strange]
    data.table = replace(data.table, sources=sources, drafts=drafts)
    made = data.calibrate(folds=2)
    assert np.isfinite(made.router.predict(data.table).gain).all()
    save_bundle(made.router, tmp_path / "r")
    np.testing.assert_array_equal(
        load_bundle(tmp_path / "r").predict(data.table).gain,
        made.router.predict(data.table).gain,
    )


def test_documents_that_cannot_be_held_out(made_up):
    with pytest.raises(UsageError, match="whole documents"):
        made_up(60).calibrate(documents=["one"] * 60)
    documents = [f"d{row // 4}" for row in range(60)]
    assert np.isfinite(made_up(60).calibrate(documents=documents, folds=2).predicted).all()


def test_documents_are_held_out_whole(made_up, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "routelmt_cli.gain.calibration.train", lambda table, **_: seen.append(table)
    )
    documents = [f"d{row // 7}" for row in range(60)]
    # Only what training was given is of interest.
    with pytest.raises(AttributeError):
        made_up(60).calibrate(documents=documents)
    assert len(seen[0].folds) == 3
    for inside, held_out in seen[0].folds:
        assert not {documents[row] for row in inside} & {documents[row] for row in held_out}


def test_noise_is_reported_as_noise(made_up):
    """A gain that nothing can foresee: no lead, whatever the families find in training."""
    data = made_up(120)
    random = np.random.default_rng(3)
    gain = random.normal(1, 8, 120)
    draft_scores = random.normal(50, 10, 120)
    labels = GainLabels(gain, draft_scores, draft_scores + gain, [TAKEN] * 120, "made up")
    report = data.calibrate(labels=labels).report
    assert report["systems"]["router"]["area"] < 0.25
    assert not report["verdict"].startswith("beats every rule")
    assert report["verdict"] in report_lines(report)


def test_features_of_retranslations_are_those_of_texts_alone(calibration, made_up):
    data = made_up(10, seed=4)
    profile = calibration.router.profiles["es-en"]
    found = retranslation_features(profile, data.sources, data.table.drafts)
    own = profile.features(data.table)
    assert found.shape == own.shape
    named = dict(zip(FEATURE_NAMES, zip(found.T, own.T, strict=True), strict=True))
    one, other = named["draft_target_piece_logprob_mean"]
    np.testing.assert_array_equal(one, other)
    assert np.isnan(named["logprob_mean"][0]).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"folds": 1},
        {"seeds": 0},
        {"seed": -1},
        {"seed": 2**31},
        {"search_trials": -1},
        {"severe": 0.0},
        {"severe": float("nan")},
        {"severe": float("-inf")},
    ],
)
def test_options_out_of_their_range_are_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        CalibrationOptions(**wrong)


def test_an_unknown_pair_and_no_pair(calibration, every_kind, made_up):
    table = made_up(3, states=True).table
    np.testing.assert_array_equal(
        calibration.router.predict(table).gain, calibration.router.predict(table, "es-en").gain
    )
    with pytest.raises(UsageError, match="does not know the language pair de-en") as caught:
        every_kind.predict(table, "de-en")
    assert "es-en" in caught.value.hint
