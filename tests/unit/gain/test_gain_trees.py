"""Boosted trees as text: the same predictions, and nothing hostile reaches LightGBM."""

from __future__ import annotations

from dataclasses import replace

import lightgbm
import numpy as np
import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.gain.trees import (
    GainBooster,
    Tree,
    TreeError,
    parse_booster,
    reduce_booster,
    render_booster,
)

NAMES = ("first", "second", "third")
TREE = Tree(
    split_features=(0, 2),
    thresholds=(0.5, -1.0),
    decision_types=(2, 8),
    left=(1, -1),
    right=(-3, -2),
    leaf_values=(1.0, 2.0, 3.0),
)


@pytest.mark.parametrize("objective", ["regression", "huber"])
def test_the_reduced_text_predicts_as_the_trained_model(objective):
    random = np.random.default_rng(0)
    features = random.normal(size=(400, 3)).astype(np.float32)
    features[random.random(features.shape) < 0.2] = np.nan
    features[:, 2] = np.where(features[:, 2] > 0, 0, features[:, 2])
    gain = np.nan_to_num(features[:, 0]) * 7 + random.normal(size=400)
    parameters = {"objective": objective, "verbosity": -1, "num_threads": 1, "extra_trees": True}
    trained = lightgbm.train(parameters, lightgbm.Dataset(features, gain), 20)
    content = reduce_booster(trained.model_to_string(), NAMES)
    booster = GainBooster(content, NAMES)
    np.testing.assert_array_equal(booster.predict(features), trained.predict(features))
    assert booster.trees == 20
    assert b"parameters" not in content


def test_prediction_follows_the_tree(capfd):
    booster = GainBooster(render_booster([TREE, TREE], NAMES), NAMES)
    rows = np.array([[0, 0, -2], [0, 0, 0], [1, 0, 0]], dtype=np.float32)
    assert booster.predict(rows).tolist() == [2.0, 4.0, 6.0]
    assert booster.predict(rows[:0]).shape == (0,)
    assert capfd.readouterr() == ("", "")


def test_a_single_leaf_is_a_tree():
    content = render_booster([Tree((), (), (), (), (), (4.5,))], NAMES)
    assert GainBooster(content, NAMES).predict(np.zeros((2, 3), np.float32)).tolist() == [4.5, 4.5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split_features": (0, 3)}, "feature that does not exist"),
        ({"split_features": (0, -1)}, "feature that does not exist"),
        ({"left": (0, -1)}, "before its parent"),
        ({"left": (1, 1)}, "before its parent"),
        ({"left": (1, -2)}, "twice or never"),
        ({"left": (2, -1)}, "twice or never"),
        ({"right": (-3, -4)}, "twice or never"),
        ({"right": (-3, -(2**40))}, "twice or never"),
        ({"thresholds": (0.5,)}, "wrong lengths"),
        ({"leaf_values": (1.0, 2.0)}, "wrong lengths"),
        ({"leaf_values": ()}, "wrong lengths"),
        ({"leaf_values": (1.0, 2.0, float("nan"))}, "not finite"),
        ({"thresholds": (float("inf"), 0.0)}, "not finite"),
        ({"decision_types": (2, 1)}, "unknown kind"),
        ({"decision_types": (2, 255)}, "unknown kind"),
    ],
)
def test_what_is_no_tree_is_refused(change, message):
    content = render_booster([TREE, replace(TREE, **change)], NAMES)
    with pytest.raises(TreeError, match=message):
        parse_booster(content, NAMES)
    with pytest.raises(UsageError, match=r"gain-0\.txt"):
        GainBooster(content, NAMES, name="gain-0.txt")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"num_leaves=3", b"num_leaves=30"),
        (b"num_leaves=3", b"num_leaves=1"),
        (b"num_cat=0", b"num_cat=9"),
        (b"is_linear=0", b"is_linear=1"),
        (b"tree_sizes=", b"tree_sizes=1"),
        (b"num_class=1", b"num_class=2"),
        (b"num_tree_per_iteration=1", b"num_tree_per_iteration=0"),
        (b"max_feature_idx=2", b"max_feature_idx=2000000000"),
        (b"feature_names=first", b"feature_names=other"),
        (b"objective=regression", b"objective=binary sigmoid:1"),
        (b"Tree=0", b"Tree=1"),
        (b"shrinkage=1", b"shrinkage=2"),
        (b"threshold=0.5", b"threshold=0.50"),
        (b"threshold=0.5", b"threshold=5e-1"),
        (b"left_child=1 -1", b"left_child=1 -1 -1"),
        (b"end of trees\n", b"end of trees\n\nparameters:\n[x: y]\nend of parameters\n"),
        (b"tree\n", b"tree\naverage_output\n"),
        (b"split_feature=0 2", b"split_feature=0 \xd9\xa2"),
    ],
)
def test_any_other_text_is_refused(old, new):
    content = render_booster([TREE], NAMES)
    assert old in content
    with pytest.raises(TreeError):
        parse_booster(content.replace(old, new, 1), NAMES)


def test_bounds_hold_before_anything_is_built():
    for content in (b"", b"Tree=" * 20_000, b"x" * 100, b"a" * ((32 << 20) + 1)):
        with pytest.raises(TreeError):
            parse_booster(content, NAMES)
    wide = Tree((0,) * 300, (0.0,) * 300, (2,) * 300, (1,) * 300, (-1,) * 300, (0.0,) * 301)
    with pytest.raises(TreeError):
        parse_booster(render_booster([wide], NAMES), NAMES)
