"""Contributions sum to the prediction, and are the Shapley values that they claim to be."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from made_routers import with_probe

from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.bundle import load_bundle
from routelmt_cli.gain.contributions import contributions
from routelmt_cli.gain.parts import Curve, Inputs, TreePart
from routelmt_cli.gain.training import GainModel, MixedPart
from routelmt_cli.gain.trees import GainBooster, Tree, render_booster

# Splits on three features; the last leaf's side is never taken by the background.
TREE = Tree(
    split_features=(0, 1, 2),
    thresholds=(0.0, 0.5, 1.0),
    decision_types=(2, 2, 2),
    left=(1, -1, -3),
    right=(2, -2, -4),
    leaf_values=(1.0, -2.0, 4.0, 10.0),
)


def inputs_of(features):
    texts = [f"text {number}" for number in range(len(features))]
    return Inputs(features, texts, texts)


def random_features(count, seed=0):
    luck = np.random.default_rng(seed)
    features = luck.normal(size=(count, len(FEATURE_NAMES))).astype(np.float32)
    features[luck.random(features.shape) < 0.1] = np.nan
    return features


@pytest.fixture(scope="module")
def router(stand_ins):
    return load_bundle(stand_ins.router)


def with_parts(router, *parts):
    model = GainModel([*parts], 0.3, {"en-de": (5.0, 11.0)})
    return type(router)(**{**vars(router), "model": model})


def tree_part(**options):
    booster = GainBooster(render_booster([TREE, TREE], FEATURE_NAMES), FEATURE_NAMES)
    return TreePart([booster, booster], [0.5, -0.2], **options)


CURVES = {
    "none": None,
    "rising": Curve([-3.0, 0.0, 1.0, 6.0], [-1.0, 0.0, 3.0, 3.5]),
    "level": Curve([0.0], [0.4]),
}


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES.keys())
def test_they_sum_to_the_prediction(router, curve):
    made = with_parts(
        router,
        MixedPart("gain", 0.6, 0.8, tree_part(intercept=0.1, curve=curve)),
        MixedPart("rank", 0.4, 0.5, tree_part()),
    )
    given = inputs_of(random_features(60))
    found = contributions(made, "en-de", given, random_features(200, seed=1))
    predicted = made.predict_gain(given, "en-de")["gain"]
    np.testing.assert_allclose(found.base + found.points.sum(axis=1), predicted, atol=1e-9)


def test_they_sum_to_what_a_calibrated_router_predicts(router):
    made = with_probe(router)
    features = random_features(40)
    states = np.random.default_rng(2).normal(size=(40, 6)).astype(np.float32)
    given = Inputs(features, ["a b"] * 40, ["c d"] * 40, states)
    found = contributions(made, "en-de", given, random_features(50, seed=1))
    predicted = made.predict_gain(given, "en-de")["gain"]
    np.testing.assert_allclose(found.base + found.points.sum(axis=1), predicted, atol=1e-9)
    assert "probe" in found.names and found.points.shape == (40, len(found.names))
    assert np.abs(found.points[:, found.names.index("probe")]).max() > 0


def expected_value(tree, row, known, counts, node=0):
    """Follow known features, and average over both sides of the others, by the counts."""
    if node < 0:
        return tree.leaf_values[-node - 1]
    sides = tree.left[node], tree.right[node]
    feature = tree.split_features[node]
    if feature in known:
        value = np.nan_to_num(row[feature])
        side = sides[0] if value <= tree.thresholds[node] else sides[1]
        return expected_value(tree, row, known, counts, side)
    share = [count(tree, counts, side) for side in sides]
    values = [expected_value(tree, row, known, counts, side) for side in sides]
    return np.average(values, weights=share)


def count(tree, counts, node):
    if node < 0:
        return counts[-node - 1]
    return count(tree, counts, tree.left[node]) + count(tree, counts, tree.right[node])


def test_they_are_shapley_values_over_the_background(router):
    booster = GainBooster(render_booster([TREE], FEATURE_NAMES), FEATURE_NAMES)
    part = MixedPart("gain", 1.0, 1.0, TreePart([booster], [1.0]))
    made = with_parts(router, part)
    background = np.nan_to_num(random_features(300, seed=4))
    background[:, 2] = -5.0
    rows = np.nan_to_num(random_features(12, seed=5)) * 2
    found = contributions(made, "en-de", inputs_of(rows), background)
    left, low = background[:, 0] <= 0, background[:, 1] <= 0.5
    counts = [1 + int(n) for n in ((left & low).sum(), (left & ~low).sum(), (~left).sum(), 0)]
    for place, row in enumerate(rows):
        for feature in range(3):
            others = [other for other in range(3) if other != feature]
            shapley = sum(
                factorial(size)
                * factorial(2 - size)
                / factorial(3)
                * (
                    expected_value(TREE, row, {*known, feature}, counts)
                    - expected_value(TREE, row, known, counts)
                )
                for size in range(3)
                for known in combinations(others, size)
            )
            assert found.points[place, feature] == pytest.approx(11.0 * shapley)
    assert not found.points[:, 3:].any()
