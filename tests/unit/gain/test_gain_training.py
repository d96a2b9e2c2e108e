"""Training learns what can be learnt and never lets a block's labels into its own predictions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.evaluation import curve
from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain import search
from routelmt_cli.gain.folds import grouped_folds
from routelmt_cli.gain.left_out import left_out_figures
from routelmt_cli.gain.parts import Inputs
from routelmt_cli.gain.training import (
    MixedPart,
    TrainingSet,
    check_gains,
    gain_scale,
    labelled_rows,
    train,
)

COUNT = 210
SIGNAL = 3
WORDS = ["harbour", "lantern", "orchard", "yellow", "winter", "copper", "letter", "bridge"]


def made_up(count=COUNT, seed=0, *, signal=5.0, noise=2.0, groups=None, states=False, word=0.0):
    """Segments whose gain depends on one feature, one word, or nothing."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(count, len(FEATURE_NAMES))).astype(np.float32)
    # Words of one length, so that nothing but the letters tells them apart.
    texts = [" ".join(random.choice(WORDS, 4)) for _ in range(count)]
    has_word = np.array(["yellow" in text.split() for text in texts])
    hidden = random.normal(size=(count, 8)).astype(np.float32)
    gain = 4 + signal * features[:, SIGNAL] + noise * random.normal(size=count) + word * has_word
    if states:
        gain = gain + 5 * hidden[:, 2]
        hidden[::17] = np.nan
    draft_scores = 60 - gain / 2 + random.normal(size=count)
    groups = groups or ["xx-yy"] * count
    return TrainingSet(
        Inputs(features, texts, texts[::-1], hidden if states else None),
        gain,
        np.ones(count),
        groups,
        grouped_folds(groups, 3),
        draft_scores,
        draft_scores + gain,
    )


def fast(table, **options):
    """Train with few trees, which is enough for made-up data."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_LEAST_ROUNDS", 40, raising=False)
        patch.setattr(search, "_MOST_ROUNDS", 60, raising=False)
        return train(table, **{"seeds": 1, "search_trials": 0, **options})


def predict(model, inputs):
    """Predict in units of the pair's gain, as a router does."""
    total = np.full(len(inputs), model.offset)
    for one in model.parts:
        total += one.scale * one.part.predict(inputs)
    return total


@pytest.fixture(scope="module")
def learnt():
    table = made_up()
    return table, fast(table)


def test_what_can_be_learnt_is_learnt(learnt):
    table, trained = learnt
    assert curve.area(table.gain, trained.predicted) > 0.75
    assert np.corrcoef(table.gain, trained.predicted)[0, 1] > 0.75
    # In points, not only in order.
    assert trained.predicted.mean() == pytest.approx(table.gain.mean(), abs=0.5)
    slope = np.polyfit(trained.predicted, table.gain, 1)[0]
    assert slope == pytest.approx(1, abs=0.25)


def test_the_model_of_all_rows_predicts_fresh_ones(learnt):
    _, trained = learnt
    fresh = made_up(seed=9)
    predicted = predict(trained.model, fresh.inputs)
    assert curve.area(fresh.gain, predicted) > 0.75
    mean, spread = trained.model.gain_scale["xx-yy"]
    error = fresh.gain - (mean + spread * predicted)
    assert float(np.mean(error**2)) < 0.4 * float(np.var(fresh.gain))


def test_shares_sum_to_one(learnt):
    _, trained = learnt
    assert sum(one.share for one in trained.model.parts) == pytest.approx(1)
    assert set(trained.families) >= {one.name for one in trained.model.parts}
    assert trained.search.parameters == {}
    assert trained.search.trials == 1
    assert len(trained.search.rounds_of_fold) == 3


def test_nothing_to_learn_does_not_look_predictable():
    table = made_up(signal=0.0)
    # Scores of the drafts that know the gain: they must not leak through the quality families.
    trained = fast(table)
    assert curve.area(table.gain, trained.predicted) < 0.15
    assert all(curve.area(table.gain, values) < 0.25 for values in trained.families.values())
    # Trees do remember what they were trained on, so the test can tell.
    assert curve.area(table.gain, predict(trained.model, table.inputs)) > 0.5


def permuted(table, rows, seed=1):
    """Give the labels of some rows to one another."""
    other = np.arange(len(table))
    other[rows] = np.random.default_rng(seed).permutation(rows)
    return replace(
        table,
        gain=table.gain[other],
        draft_scores=table.draft_scores[other],
        retranslation_scores=table.retranslation_scores[other],
    )


def test_no_prediction_of_a_block_rests_on_its_labels():
    """The honesty of every figure: a block's labels may be anything."""
    table = made_up(states=True, word=4.0)
    before = fast(table)
    assert "probe" in before.families
    _, held_out = table.folds[1]
    scrambled = permuted(table, held_out)
    # Not only another order: another mean, spread and wild values.
    wild = scrambled.gain.copy()
    wild[held_out] = 3 * wild[held_out] - 40
    wild[held_out[::9]] = 500
    after = fast(replace(scrambled, gain=wild))
    outside = np.setdiff1d(np.arange(COUNT), held_out)
    for name, values in before.families.items():
        np.testing.assert_allclose(after.families[name][held_out], values[held_out], rtol=1e-9)
        # It can fail: the other blocks' predictions do rest on these labels.
        assert not np.allclose(after.families[name][outside], values[outside], rtol=1e-3), name


class Column:
    """A part that was fitted on nothing: one column of the features."""

    portable = True

    def __init__(self, number):
        self.number = number

    def predict(self, inputs):
        return inputs.features[:, self.number].astype(np.float64)


@pytest.mark.parametrize("groups", [["de-en"] * COUNT, ["de-en", "zh-en"] * (COUNT // 2)])
def test_the_mix_of_a_block_and_its_points_rest_on_no_label_of_it(monkeypatch, groups):
    """Where the families know nothing of the labels, a block's labels change nothing in it.

    (Families do: those of the other blocks learn from this one, and the choice of the mix for
    this block looks at their predictions there.)
    """
    numbers = {}
    monkeypatch.setattr(
        "routelmt_cli.gain.training.fit_family",
        lambda name, *_: Column(numbers.setdefault(name, SIGNAL + len(numbers))),
    )
    table = made_up(groups=groups)
    before = fast(table).predicted
    assert curve.area(table.gain, before) > 0.3
    for _, held_out in table.folds:
        wild = table.gain.copy()
        wild[held_out] = 3 * wild[held_out][::-1] - 40
        after = fast(replace(table, gain=wild)).predicted
        np.testing.assert_allclose(after[held_out], before[held_out], rtol=1e-9)
        # It can fail: the other blocks' means and lines do rest on these labels.
        others = np.setdiff1d(np.arange(COUNT), held_out)
        assert not np.allclose(after[others], before[others], rtol=1e-3)


def test_the_same_rows_give_the_same_model(learnt):
    table, trained = learnt
    again = fast(table)
    np.testing.assert_array_equal(again.predicted, trained.predicted)
    assert again.model.offset == trained.model.offset
    for one, other in zip(again.model.parts, trained.model.parts, strict=True):
        assert (one.name, one.share, one.scale) == (other.name, other.share, other.scale)
        np.testing.assert_array_equal(
            one.part.predict(table.inputs), other.part.predict(table.inputs)
        )


def test_another_seed_gives_other_trees(learnt):
    table, trained = learnt
    other = fast(table, seed=7)
    assert not np.array_equal(other.families["gain"], trained.families["gain"])
    # The linear families draw nothing.
    np.testing.assert_array_equal(other.families["text"], trained.families["text"])


def test_a_word_alone_is_found_by_the_text_part():
    table = made_up(signal=0.0, noise=1.0, word=12.0)
    table = replace(table, draft_scores=None, retranslation_scores=None)
    trained = fast(table)
    shares = {one.name: one.share for one in trained.model.parts}
    assert max(shares, key=shares.get) == "text"
    assert curve.area(table.gain, trained.predicted) > 0.6
    assert "draft quality" not in trained.families
    assert "two qualities" not in trained.families


def test_states_alone_are_found_by_the_probe():
    table = made_up(signal=0.0, noise=1.0, states=True)
    trained = fast(table)
    shares = {one.name: one.share for one in trained.model.parts}
    assert max(shares, key=shares.get) == "probe"
    assert curve.area(table.gain, trained.predicted) > 0.6
    # Without states the probe knows nothing and says so: one number for all.
    bare = replace(table.inputs, states=None)
    probe = next(one.part for one in trained.model.parts if one.name == "probe")
    assert np.ptp(probe.predict(bare)) == 0
    assert np.isfinite(predict(trained.model, bare)).all()
    # A draft that failed is asked about as if it were an average one.
    failed = np.isnan(table.inputs.states).any(axis=1)
    predicted = probe.predict(table.inputs)
    assert np.ptp(predicted[failed]) == 0
    assert predicted[failed][0] == pytest.approx(probe.intercept)
    assert np.ptp(predicted[~failed]) > 0.1


def test_other_widths_of_states_are_refused():
    table = made_up(60, states=True)
    trained = fast(table)
    narrow = replace(table.inputs, states=table.inputs.states[:, :5])
    probe = next((one.part for one in trained.model.parts if one.name == "probe"), None)
    if probe is None:
        pytest.fail("the mix has no probe")
    with pytest.raises(UsageError, match="5 numbers wide"):
        probe.predict(narrow)


def test_a_prior_that_knows_gets_a_share_and_a_useless_one_does_not():
    table = made_up(150)
    unit = (table.gain - table.gain.mean()) / table.gain.std()
    stump = fast(made_up(50)).model.parts[0].part
    parts = [MixedPart("gain", 0.75, 2.0, stump), MixedPart("prior: rank", 0.25, 1.0, stump)]
    random = np.random.default_rng(0)
    good = fast(table, prior=unit + 0.3 * random.normal(size=150), prior_parts=parts).model.parts
    found = {one.name: one for one in good if one.name.startswith("prior")}
    assert set(found) == {"prior: gain", "prior: rank"}
    assert found["prior: gain"].share == pytest.approx(3 * found["prior: rank"].share)
    assert found["prior: gain"].scale == pytest.approx(2 * found["prior: rank"].scale)
    share = sum(one.share for one in found.values())
    assert share > 0.3
    assert sum(one.share for one in good) == pytest.approx(1)
    useless = fast(table, prior=random.normal(size=150), prior_parts=parts).model.parts
    assert not [one.name for one in useless if one.name.startswith("prior")]


def test_units_are_of_the_language_pair():
    """One pair's points are ten times the other's: both are learnt, and in their own points."""
    groups = ["de-en", "zh-en"] * (COUNT // 2)
    table = made_up(groups=groups)
    large = np.array(groups) == "zh-en"
    table = replace(table, gain=np.where(large, 30 + 10 * table.gain, table.gain))
    scale = gain_scale(table, np.arange(COUNT))
    assert scale["zh-en"][1] == pytest.approx(10 * scale["de-en"][1], rel=0.3)
    trained = fast(table)
    for rows in (large, ~large):
        assert curve.area(table.gain[rows], trained.predicted[rows]) > 0.5
        assert trained.predicted[rows].mean() == pytest.approx(table.gain[rows].mean(), rel=0.2)
    assert trained.model.gain_scale == scale
    figures = left_out_figures(table, seed=0)
    assert set(figures) == {"de-en", "zh-en"}
    assert all(one["area"] > 0.4 for one in figures.values())


def test_a_left_out_pair_needs_enough_others():
    few = made_up(80, groups=["de-en"] * 60 + ["zh-en"] * 20)
    assert set(left_out_figures(few, seed=0)) == {"zh-en"}
    assert left_out_figures(made_up(80), seed=0) == {}


def test_figures_of_a_left_out_pair_use_no_label_of_it():
    groups = ["de-en"] * 60 + ["zh-en"] * 60
    table = made_up(120, groups=groups)
    upside_down = replace(table, gain=np.where(np.arange(120) < 60, table.gain, -table.gain))
    before, after = (left_out_figures(one, seed=0)["zh-en"]["area"] for one in (table, upside_down))
    assert before > 0.4
    assert after < -0.2


def test_a_pair_outside_the_visible_rows_gets_the_scale_of_all():
    table = made_up(120, groups=["de-en"] * 60 + ["zh-en"] * 60)
    scale = gain_scale(table, np.arange(60))
    assert scale["zh-en"] == scale["de-en"]
    constant = replace(table, gain=np.zeros(120))
    assert gain_scale(constant, np.arange(120))["de-en"] == (0, 1)


def test_rows_are_taken_in_the_units_of_these_rows_alone():
    table = made_up()
    rows = np.arange(0, COUNT, 2)
    taken = labelled_rows(table, rows)
    assert taken.gain.mean() == pytest.approx(0, abs=1e-12)
    assert taken.gain.std() == pytest.approx(1)
    # The quality families predict gain in the same unit, but for a constant.
    difference = taken.retranslation_scores - taken.draft_scores
    np.testing.assert_allclose(difference - difference.mean(), taken.gain, atol=1e-9)
    other = replace(table, gain=np.where(np.arange(COUNT) % 2, 1e6, table.gain))
    np.testing.assert_array_equal(labelled_rows(other, rows).gain, taken.gain)


def test_constant_features_and_texts_predict_the_mean():
    table = made_up(90)
    blind = Inputs(np.zeros_like(table.inputs.features), ["a"] * 90, ["b"] * 90)
    trained = fast(replace(table, inputs=blind, draft_scores=None, retranslation_scores=None))
    for _, held_out in table.folds:
        assert np.ptp(trained.predicted[held_out]) < 1e-6
    predicted = predict(trained.model, blind)
    assert np.ptp(predicted) < 1e-9
    mean, spread = trained.model.gain_scale["xx-yy"]
    assert mean + spread * predicted[0] == pytest.approx(table.gain.mean(), abs=0.5)


def test_a_gain_that_is_nearly_always_zero_is_still_trained_on():
    for positive in (1, 20):
        gain = np.zeros(90)
        gain[-positive:] = np.arange(1, positive + 1)
        trained = fast(replace(made_up(90), gain=gain))
        assert np.isfinite(trained.predicted).all()


def test_gains_from_which_nothing_can_be_learnt_are_refused():
    with pytest.raises(UsageError, match="49 segments are too few") as caught:
        check_gains(np.arange(49.0))
    assert "at least 50" in caught.value.hint
    check_gains(np.arange(50.0))
    for value in (np.nan, np.inf):
        gain = np.arange(60.0)
        gain[[4, 9]] = value
        with pytest.raises(UsageError, match="gain of segment 5 is not a number"):
            train(replace(made_up(60), gain=gain))
    with pytest.raises(UsageError, match="the same for every segment") as caught:
        train(replace(made_up(60), gain=np.full(60, 2.5)))
    assert "same column" in caught.value.hint
