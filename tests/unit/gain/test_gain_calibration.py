"""Calibration learns what can be learnt, says honestly how well, and is deterministic."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.evaluation import curve
from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.bundle import bundle_files
from routelmt_cli.gain.labels import gain_labels
from routelmt_cli.gain.report import out_of_fold_report, report_lines, report_rows


def test_a_learnable_gain_is_learnt(calibration, made_up):
    report = calibration.report
    systems = report["systems"]
    assert systems["router"]["area"] > 0.6
    assert systems["router"]["spearman"] > 0.6
    assert abs(systems["random"]["area"]) < 0.3
    assert report["verdict"].startswith(("beats every rule", "ahead of every rule"))
    # Segments of another seed: neither sampled nor seen.
    fresh = made_up(80, seed=9)
    prediction = calibration.router.predict(fresh.table)
    labels = gain_labels(
        fresh.sources,
        fresh.table.drafts,
        fresh.retranslations.texts,
        fresh.references,
        fresh.retranslations.truncated,
    )
    gain = labels.gain
    assert curve.area(gain, prediction.gain) > 0.5
    assert abs(prediction.gain.mean() - gain.mean()) < 5
    np.testing.assert_allclose(prediction.retranslation_tokens, fresh.retranslations.tokens, atol=2)


def test_the_same_input_gives_the_same_bytes(calibration, made_up):
    again = made_up(160).calibrate()
    assert bundle_files(again.router) == bundle_files(calibration.router)
    assert again.router.fingerprint == calibration.router.fingerprint
    np.testing.assert_array_equal(again.predicted, calibration.predicted)


def test_a_prediction_depends_on_its_row_alone(calibration, made_up):
    table = made_up(20, seed=5).table
    whole = calibration.router.predict(table).gain
    alone = [calibration.router.predict(table.rows(row, row + 1)).gain[0] for row in range(20)]
    assert alone == whole.tolist()
    assert calibration.router.predict(table.rows(0, 0)).gain.shape == (0,)


def test_metadata_says_what_it_was_made_for(calibration):
    metadata = calibration.router.metadata
    assert metadata.segments == 160
    assert metadata.metric_signature.startswith("chrF2++")
    assert metadata.seeds == (0, 1)
    assert metadata.feature_names == FEATURE_NAMES
    own = {
        "source_language": "es",
        "target_language": "en",
        "small_fingerprint": "small-fingerprint",
        "large_fingerprint": "large-fingerprint",
        "decoding": {"small prompt": "aa", "large prompt": "bb"},
    }
    assert metadata.mismatches(**own) == []
    other = {**own, "large_fingerprint": "x", "decoding": {"small prompt": "aa"}}
    assert metadata.mismatches(**other) == ["large model", "decoding (large prompt)"]


def test_too_few_segments(made_up):
    with pytest.raises(UsageError, match="49 segments are too few"):
        made_up(49).calibrate()
    made_up(50).calibrate(seeds=1, folds=2)


def test_the_same_hypotheses_twice(made_up):
    with pytest.raises(UsageError, match="the same for every segment") as caught:
        made_up(60).retranslated_as_drafted().calibrate()
    assert "same column" in caught.value.hint


def test_identical_sources_and_hypotheses_made_elsewhere(made_up):
    data = made_up(60)
    data.table = data.table.__class__(
        ["the same"] * 60,
        data.table.drafts,
        np.zeros(60, dtype=int),
        np.zeros(60, dtype=int),
        None,
        np.zeros(60, dtype=bool),
    )
    made = data.calibrate(seeds=1, folds=2)
    assert np.isfinite(made.router.predict(data.table).gain).all()
    assert "lowest mean log-probability first" not in made.report["systems"]


def test_report_is_honest_where_a_rule_is_better():
    count = 60
    random = np.random.default_rng(0)
    features = random.random((count, len(FEATURE_NAMES))).astype(np.float32)
    gain = features[:, FEATURE_NAMES.index("source_characters")].astype(np.float64)
    report = out_of_fold_report(gain, gain + random.normal(0, 0.3, count), features)
    assert report["best_rule"] == "longest source first"
    assert report["systems"]["longest source first"]["area"] == 1.0
    assert report["verdict"] == "no better than the rule 'longest source first' here"
    upside_down = out_of_fold_report(gain, -gain, features)
    assert "do not spend" in upside_down["verdict"]


def test_rows_and_lines_of_the_report(calibration):
    rows = report_rows(calibration.report)
    assert rows[0] == ("order", "Spearman", "hit rate at 30%", "area")
    assert [row[0] for row in rows[1:]] == list(calibration.report["systems"])
    lines = report_lines(calibration.report)
    assert lines[0].startswith("160 segments, 3 contiguous folds")
    assert lines[-1] == calibration.report["verdict"]
