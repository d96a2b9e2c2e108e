"""The chooser keeps the better draft where that can be seen, and is not made where it can't."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.gain import chooser as chooser_module
from routelmt_cli.gain.boosting import fit_boosters, mean_prediction
from routelmt_cli.gain.chooser import chooser_names, fit_chooser
from routelmt_cli.gain.folds import contiguous_folds
from routelmt_cli.gain.trees import GainBooster

NAMES = ("quality", "length", "noise")


def made_up(count=500, *, seen=True, seed=0):
    """Draw both hypotheses' features, where gain is their difference in quality, if it is seen."""
    random = np.random.default_rng(seed)
    draft = random.normal(size=(count, 3)).astype(np.float32)
    retranslation = random.normal(size=(count, 3)).astype(np.float32)
    draft[:, 1] = retranslation[:, 1]
    gain = 10.0 * (retranslation[:, 0] - draft[:, 0]) + 3 + random.normal(size=count)
    draft[::17, 2] = np.nan
    if not seen:
        gain = random.permutation(gain)
    return draft, retranslation, gain


def fit(draft, retranslation, gain):
    folds = contiguous_folds(len(gain), 3)
    return fit_chooser(draft, retranslation, gain, folds, (0, 1), names=NAMES)


@pytest.fixture(scope="module")
def chooser():
    return fit(*made_up())


def test_it_keeps_the_better_draft_of_new_segments(chooser):
    draft, retranslation, gain = made_up(seed=1)
    kept = chooser.keep_draft(draft, retranslation)
    assert kept.dtype == np.bool_
    saved = -gain[kept].sum()
    assert saved > 0.8 * np.maximum(-gain, 0).sum()


def test_the_out_of_fold_figure_is_what_new_segments_give(chooser):
    draft, retranslation, gain = made_up(count=5000, seed=2)
    kept = chooser.keep_draft(draft, retranslation)
    added = np.where(kept, -gain, 0).mean()
    expected = chooser.expected_gain_out_of_fold
    assert expected == pytest.approx(added, abs=3 * chooser.standard_error_out_of_fold)
    assert expected > chooser.standard_error_out_of_fold > 0
    assert chooser.kept_share_out_of_fold == pytest.approx(kept.mean(), abs=0.08)
    assert chooser.margin <= 0


def test_each_segment_is_decided_alone(chooser):
    draft, retranslation, _ = made_up(seed=3, count=40)
    whole = chooser.keep_draft(draft, retranslation)
    parts = [chooser.keep_draft(draft[i : i + 1], retranslation[i : i + 1])[0] for i in range(40)]
    assert whole.tolist() == parts
    assert chooser.keep_draft(draft[:0], retranslation[:0]).shape == (0,)


def test_without_anything_to_see_there_is_mostly_no_chooser():
    made = []
    for seed in range(5):
        draft, retranslation, gain = made_up(seen=False, seed=seed, count=300)
        chooser = fit(draft, retranslation, gain)
        made.append(chooser.expected_gain_out_of_fold if chooser else 0.0)
    assert sum(value > 0 for value in made) <= 2


def test_where_no_draft_is_better_there_is_no_chooser():
    draft, retranslation, gain = made_up(count=200)
    assert fit(draft, retranslation, np.abs(gain)) is None
    assert fit(draft, retranslation, np.zeros(200)) is None


def test_a_gain_within_its_standard_error_is_not_enough(monkeypatch, chooser):
    added = chooser.expected_gain_out_of_fold
    monkeypatch.setattr(chooser_module, "_standard_error", lambda values: added * 1.01)
    assert fit(*made_up()) is None
    monkeypatch.setattr(chooser_module, "_standard_error", lambda values: added * 0.99)
    assert fit(*made_up()) is not None


def test_the_standard_error_counts_blocks_of_neighbours():
    random = np.random.default_rng(0)
    alone = random.normal(size=2000)
    assert chooser_module._standard_error(alone) == pytest.approx(2000**-0.5, rel=0.15)
    together = np.repeat(random.normal(size=200), 10)
    assert chooser_module._standard_error(together) == pytest.approx(200**-0.5, rel=0.15)


def test_the_figure_is_not_in_sample():
    # Trees that saw these very gains would save plenty; out of fold there is nothing.
    draft, retranslation, gain = made_up(seen=False, count=300)
    features = np.hstack((draft, retranslation, retranslation - draft))
    boosters = fit_boosters(
        features, gain, None, chooser_names(NAMES), (0,), 200, objective="regression"
    )
    seen = np.where(mean_prediction(boosters, features) < 0, -gain, 0).mean()
    chooser = fit(draft, retranslation, gain)
    assert seen > 0.3
    assert chooser is None or chooser.expected_gain_out_of_fold < 0.5 * seen


def test_the_same_input_gives_the_same_chooser(chooser, capfd):
    again = fit(*made_up())
    assert [one.content for one in again.boosters] == [one.content for one in chooser.boosters]
    assert again.margin == chooser.margin
    assert capfd.readouterr() == ("", "")


def test_boosters_are_read_back_by_their_own_names(chooser):
    names = chooser_names(NAMES)
    assert names[:4] == ("quality", "length", "noise", "retranslation_quality")
    assert names[-1] == "difference_noise"
    for booster in chooser.boosters:
        assert GainBooster(booster.content, names).trees == booster.trees
