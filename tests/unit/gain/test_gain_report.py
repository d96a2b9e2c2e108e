"""The report compares a router with every rule on the same segments and hides no defeat."""

from __future__ import annotations

import json

import numpy as np
import pytest

from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.guard import TAKEN
from routelmt_cli.gain.labels import GainLabels
from routelmt_cli.gain.report import PROBE, out_of_fold_report, report_lines, report_rows
from routelmt_cli.gain.search import Search
from routelmt_cli.gain.training import GainModel, Trained

COUNT = 200
LENGTH = FEATURE_NAMES.index("source_characters")


def features(seed=0):
    random = np.random.default_rng(seed)
    return random.random((COUNT, len(FEATURE_NAMES))).astype(np.float32)


def labelled(gain, draft_scores=None):
    gain = np.asarray(gain, dtype=np.float64)
    drafts = np.linspace(40, 60, len(gain)) if draft_scores is None else draft_scores
    return GainLabels(gain, drafts, drafts + gain, [TAKEN] * len(gain), "made up")


def trained(predicted, **families):
    predicted = np.asarray(predicted, dtype=np.float64)
    families = {"gain": predicted, **families}
    search = Search({}, 300, [300], 1, 0.0)
    return Trained(GainModel([], 0.0, {}), predicted, families, search, 300)


def report(gain, predicted, columns=None, *, severe=-10.0, draft_scores=None, **families):
    return out_of_fold_report(
        labelled(gain, draft_scores),
        trained(predicted, **families),
        features() if columns is None else columns,
        severe=severe,
        folds=5,
    )


def noise(scale, seed=1):
    return np.random.default_rng(seed).normal(0, scale, COUNT)


def test_a_good_router_beats_every_rule():
    gain = noise(5, seed=2)
    found = report(gain, gain + noise(2))
    assert found["verdict"].startswith("beats every rule: ahead of '")
    assert found["beats_rules"]
    assert found["best_rule"] in found["systems"]
    low, high = found["lead"]["interval"]
    assert 0 < low < found["lead"]["difference"] < high
    assert found["lead"]["p_value"] < 0.05


def test_a_rule_that_is_better_is_named():
    columns = features()
    gain = columns[:, LENGTH].astype(np.float64)
    found = report(gain, gain + noise(0.3), columns)
    assert found["best_rule"] == "longest source first"
    assert found["systems"]["longest source first"]["area"] == 1
    assert found["verdict"] == "no better than the rule 'longest source first' here"
    assert not found["beats_rules"]


def test_a_router_that_is_upside_down_is_not_to_be_used():
    gain = noise(5)
    found = report(gain, -gain)
    assert found["verdict"] == "no better than random order here: do not spend by this router"
    assert found["systems"]["router"]["area"] < 0
    assert not found["beats_rules"]


def test_a_lead_that_may_be_chance_is_called_unsure():
    columns = features()
    gain = columns[:, LENGTH] + noise(0.3)
    close = columns[:, LENGTH] + noise(0.1, seed=5) + 0.12 * gain
    found = report(gain, close, columns)
    assert found["verdict"].startswith("ahead of every rule, but not surely: ahead of 'longest")


def test_models_that_hardly_differ():
    found = report(np.full(COUNT, 3.0), noise(1))
    assert "hardly differ" in found["verdict"]
    assert not found["beats_rules"]
    report_lines(found)
    report_rows(found)


def test_what_is_severe_is_what_was_said():
    gain = np.concatenate([np.full(20, -4.0), np.full(20, -12.0), np.full(160, 1.0)])
    strict, usual = (report(gain, gain, severe=severe) for severe in (-4.0, -10.0))
    assert strict["gain"]["share_severe_regression"] == 0.2
    assert usual["gain"]["share_severe_regression"] == 0.1
    assert (strict["severe"], usual["severe"]) == (-4.0, -10.0)
    assert "20.0% lose 4 points or more" in report_lines(strict)[2]
    assert "10.0% lose 10 points or more" in report_lines(usual)[2]
    upside_down = report(gain, -gain, severe=-4.0)
    # The worst 30% of 200 segments are spent on first: 40 of these 60 are severe.
    assert upside_down["systems"]["router"]["severe_rate"] == pytest.approx(40 / 60, abs=1e-4)
    assert strict["systems"]["router"]["severe_rate"] == 0


def test_figures_of_the_gain():
    gain = np.arange(COUNT) - 50.0
    found = report(gain, gain)["gain"]
    assert found["mean"] == pytest.approx(49.5)
    assert found["quantiles"]["0.5"] == pytest.approx(49.5)
    assert found["share_positive"] == pytest.approx(149 / 200)


def test_every_rule_and_oracle_is_listed_on_the_same_segments():
    gain = noise(5)
    drafts = noise(10, seed=4)
    systems = report(gain, gain, draft_scores=drafts, probe=gain)["systems"]
    assert list(systems)[:2] == ["router", PROBE]
    assert list(systems)[-2:] == ["true draft quality, lowest first", "true gain"]
    assert {
        "random",
        "longest source first",
        "shortest source first",
        "rarest source first",
        "lowest mean log-probability first",
        "highest entropy first",
        "oddest draft length first",
    } <= set(systems)
    assert systems["random"]["area"] == 0
    assert systems["true gain"]["area"] == 1
    by_quality = report(-drafts, gain, draft_scores=drafts)["systems"]
    assert by_quality["true draft quality, lowest first"]["area"] == 1


@pytest.mark.parametrize(
    ("column", "rule"),
    [
        ("entropy_mean", "highest entropy first"),
        ("logprob_mean", "lowest mean log-probability first"),
        ("source_piece_logprob_mean", "rarest source first"),
    ],
)
def test_a_rule_without_its_column_is_left_out_and_gaps_do_no_harm(column, rule):
    gain, columns = noise(5), features()
    columns[:50, FEATURE_NAMES.index(column)] = np.nan
    assert rule in report(gain, gain, columns)["systems"]
    columns[:, FEATURE_NAMES.index(column)] = np.nan
    found = report(gain, gain, columns)
    assert rule not in found["systems"]
    assert len(report_rows(found)) == 1 + len(found["systems"])


def test_a_draft_that_is_not_there_is_the_oddest():
    gain, columns = np.zeros(COUNT), features()
    columns[7, FEATURE_NAMES.index("length_ratio_characters")] = np.nan
    gain[7] = 50
    assert report(gain, gain, columns)["systems"]["oddest draft length first"]["hit_rate"] > 0
    columns[:, FEATURE_NAMES.index("length_ratio_characters")] = np.nan
    report_rows(report(gain, gain, columns))


def test_rows_and_lines():
    gain = noise(5)
    found = report(gain, gain + noise(2))
    rows = report_rows(found)
    assert rows[0] == ("order", "Spearman", "HitRate@30%", "recovered@30%", "nAUC")
    assert [row[0] for row in rows[1:]] == list(found["systems"])
    assert all(len(row) == 5 for row in rows)
    assert dict(zip(rows[0], rows[-1], strict=True))["nAUC"] == "1.000"
    lines = report_lines(found)
    assert lines[0].startswith("200 segments, 5 contiguous folds, nAUC ")
    assert lines[-1] == found["verdict"]
    assert not any("\n" in line for line in lines)


def test_lines_of_the_mix_and_of_pairs_that_were_left_out():
    gain = noise(5)
    found = {
        **report(gain, gain),
        "mix": {"gain": 0.75, "prior: rank": 0.25},
        "left_out": {"de-en": {"recovered_share": 0.5, "area": 0.25, "hit_rate": 0.4}},
    }
    lines = report_lines(found)
    assert "mix: gain 75%, prior: rank 25%" in lines
    assert "de-en by a router of the other pairs: recovered@30% 0.500, nAUC 0.250" in lines


@pytest.mark.parametrize(
    "gain", [np.zeros(60), np.r_[np.zeros(59), 5.0], np.r_[np.zeros(59), -50.0], -np.ones(60)]
)
def test_degenerate_gains_give_a_report_that_can_be_written_and_shown(gain):
    for predicted in (np.zeros(60), np.arange(60.0)):
        found = report(gain, predicted, features()[:60])
        json.dumps(found, allow_nan=False)
        assert len(report_rows(found)) > 5
        assert report_lines(found)[-1] == found["verdict"]


def test_the_same_seed_gives_the_same_report():
    gain = noise(5)
    assert report(gain, gain + noise(2)) == report(gain, gain + noise(2))
