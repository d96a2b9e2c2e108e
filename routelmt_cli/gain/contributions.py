"""Why a router predicts what it predicts: the gain of a segment as a sum over what was looked at.

A router and the inputs of some segments and of a background go in; points of gain by feature come
out. What always holds: base and contributions of a segment sum to its predicted gain. Trees are
taken apart by TreeSHAP (Lundberg et al., "Consistent individualized feature attribution for tree
ensembles", 2018), which LightGBM computes; the parts that look at words or hidden states are one
contribution each.

A bundle's trees hold no counts, which TreeSHAP weighs branches by. They are counted on the
background, so contributions say how a segment differs from the background's, the corpus at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.parts import Inputs, TreePart
from routelmt_cli.gain.router import Router
from routelmt_cli.gain.trees import GainBooster, render_booster

FloatArray = NDArray[np.float64]

_SMOOTHING = 1
"""Added to the count of every leaf, so that a branch which the background never takes has one."""


@dataclass(frozen=True)
class Contributions:
    """Predicted gain of n segments, taken apart.

    Attributes
    ----------
    base
        float64, shape (n,): what would be predicted of a segment like the background.
    names
        What was looked at: features, then parts that look at something else.
    points
        float64, shape (n, len(names)): what each adds to or takes from the base, in points.
    """

    base: FloatArray
    names: tuple[str, ...]
    points: FloatArray


def contributions(
    router: Router, pair: str, inputs: Inputs, background: NDArray[np.float32]
) -> Contributions:
    """Take the predicted gain of some segments apart.

    Parameters
    ----------
    router
        That knows the language pair.
    pair
        Such as ``de-en``.
    inputs
        Of n segments.
    background
        float32, shape (m, f): normalised features of segments to compare with, at least one.
    """
    mean, spread = router.model.gain_scale[pair]
    base = np.full(len(inputs), mean + spread * router.model.offset)
    by_feature = np.zeros((len(inputs), len(FEATURE_NAMES)))
    others: dict[str, FloatArray] = {}
    for one in router.model.parts:
        factor = spread * one.scale
        if isinstance(one.part, TreePart):
            own_base, own = _of_trees(one.part, inputs, background)
            base += factor * own_base
            by_feature += factor * own
        else:
            # Linear in what is centred on its mean: the intercept is that of the mean.
            own_base = np.full(len(inputs), _intercept(one.part))
            base += factor * own_base
            values = factor * (one.part.predict(inputs) - own_base)
            others[one.name] = others.get(one.name, np.zeros(len(inputs))) + values
    columns = [by_feature, *(values[:, None] for values in others.values())]
    return Contributions(base, (*FEATURE_NAMES, *others), np.hstack(columns))


def _intercept(part: Any) -> float:
    return float(getattr(part, "intercept", 0.0))


def _of_trees(
    part: TreePart, inputs: Inputs, background: NDArray[np.float32]
) -> tuple[FloatArray, FloatArray]:
    """Return the part's base, shape (n,), and its contributions, shape (n, f)."""
    base = np.full(len(inputs), part.intercept)
    points = np.zeros((len(inputs), len(FEATURE_NAMES)))
    for booster, scale in zip(part.boosters, part.scales, strict=True):
        found = _tree_shap(booster, inputs.features, background)
        points += scale * found[:, :-1]
        base += scale * found[:, -1]
    if part.curve is None:
        return base, points
    # The map of a ranking score to gain bends; its rise is shared out as the score's is.
    score = base + points.sum(axis=1)
    start, end = part.mapped(base), part.mapped(score)
    rise = score - base
    flat = np.abs(rise) < np.finfo(np.float32).eps
    slope = (end - start) / np.where(flat, 1.0, rise)
    slope[flat] = 0.0
    start = np.where(flat, end, start)
    return start, points * slope[:, None]


def _tree_shap(
    booster: GainBooster, features: NDArray[np.float32], background: NDArray[np.float32]
) -> FloatArray:
    """Return contributions of the features and, last, the base, float64 of shape (n, f + 1)."""
    import lightgbm

    trees = booster.parsed
    plain = lightgbm.Booster(model_str=booster.content.decode("ascii"))
    leaves = np.asarray(plain.predict(background, pred_leaf=True, num_threads=1))
    leaves = leaves.reshape(len(background), len(trees)).astype(np.int64)
    counts: list[Sequence[int]] = [
        (np.bincount(leaves[:, at], minlength=len(tree.leaf_values)) + _SMOOTHING).tolist()
        for at, tree in enumerate(trees)
    ]
    counted = render_booster(trees, FEATURE_NAMES, counts).decode("ascii")
    model = lightgbm.Booster(model_str=counted)
    return np.asarray(model.predict(features, pred_contrib=True, num_threads=1), np.float64)
