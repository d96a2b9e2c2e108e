"""Boosted trees as text: LightGBM's format, reduced to what prediction needs and checked.

LightGBM's parser trusts its input: an index out of range or a cycle in a tree crashes or hangs
the process. So a booster from a bundle is parsed here first, into bounded lists of numbers, and
only text that this module *rendered itself* from those numbers is handed to LightGBM. What
always holds: a checked file equals its own rendering byte for byte, every tree is a tree, every
feature index lies in the schema. It does not train (:mod:`routelmt_cli.gain.training` does) and
supports neither categorical splits nor linear leaves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.errors import UsageError

MAX_BOOSTER_BYTES = 32 << 20
MAX_TREES = 10_000
MAX_LEAVES = 256

_DECISION_TYPES = frozenset({0, 2, 4, 6, 8, 10})
"""Numerical splits: default side (2) and how missing values are told (4, 8); 1 is categorical."""
_MAX_THRESHOLD = 1e300
# So far below the largest float that no sum and no scale of a bundle makes it endless.
_MAX_LEAF = 1e12

Number = TypeVar("Number", int, float)


class TreeError(ValueError):
    """The text is no booster of the plain form that routelmt writes."""


@dataclass(frozen=True)
class Tree:
    """One regression tree with m leaves and m - 1 splits.

    A child that is zero or more is a split, one below zero is leaf ``-child - 1``.
    """

    split_features: Sequence[int]
    thresholds: Sequence[float]
    decision_types: Sequence[int]
    left: Sequence[int]
    right: Sequence[int]
    leaf_values: Sequence[float]


class GainBooster:
    """A sum of regression trees over the feature schema.

    Parameters
    ----------
    content
        The text as :func:`reduce_booster` makes it or as it stands in a bundle.
    feature_names
        The schema's columns.
    name
        File name for messages.

    Raises
    ------
    UsageError
        The text is not of the form that routelmt writes.
    """

    def __init__(
        self, content: bytes, feature_names: Sequence[str], *, name: str = "booster"
    ) -> None:
        try:
            self.parsed = parse_booster(content, feature_names)
        except TreeError as error:
            raise UsageError(
                f"boosted trees {name}: {error}",
                hint="calibrate the router again or get a new copy",
            ) from error
        self.content = content
        self.trees = len(self.parsed)
        self._booster: Any = None

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Predict one value a row.

        Parameters
        ----------
        features
            float32, shape (n, number of features).
        """
        if not len(features):
            return np.zeros(0)
        if self._booster is None:
            import lightgbm

            self._booster = lightgbm.Booster(model_str=self.content.decode("ascii"))
        return np.asarray(self._booster.predict(features, num_threads=1), dtype=np.float64)


def reduce_booster(text: str, feature_names: Sequence[str]) -> bytes:
    """Reduce a model that LightGBM just trained to what prediction needs.

    Parameters
    ----------
    text
        ``Booster.model_to_string()``.
    feature_names
        The columns that it was trained on.
    """
    blocks = [block for block in text.split("\n\n") if block.lstrip("\n").startswith("Tree=")]
    fields = [
        dict(line.split("=", 1) for line in block.strip().split("\n") if "=" in line)
        for block in blocks
    ]
    return render_booster([_tree(tree) for tree in fields], feature_names)


def render_booster(
    trees: Sequence[Tree],
    feature_names: Sequence[str],
    leaf_counts: Sequence[Sequence[int]] | None = None,
) -> bytes:
    """Write trees in LightGBM's text format.

    Parameters
    ----------
    trees
        At least one.
    feature_names
        The schema's columns.
    leaf_counts
        How many rows reach each leaf of each tree, for LightGBM's contributions of features; a
        bundle holds none.
    """
    blocks = []
    for number, tree in enumerate(trees):
        lines = [f"Tree={number}", f"num_leaves={len(tree.leaf_values)}", "num_cat=0"]
        for key, values in (
            ("split_feature", tree.split_features),
            ("threshold", tree.thresholds),
            ("decision_type", tree.decision_types),
            ("left_child", tree.left),
            ("right_child", tree.right),
            ("leaf_value", tree.leaf_values),
        ):
            lines.append(f"{key}={' '.join(map(repr, values))}")
        if leaf_counts is not None:
            counts = leaf_counts[number]
            lines.append(f"leaf_count={' '.join(map(str, counts))}")
            lines.append(f"internal_count={' '.join(map(str, _split_counts(tree, counts)))}")
        blocks.append("\n".join([*lines, "is_linear=0", "shrinkage=1", "", "", ""]))
    header = [
        "tree",
        "version=v4",
        "num_class=1",
        "num_tree_per_iteration=1",
        "label_index=0",
        f"max_feature_idx={len(feature_names) - 1}",
        "objective=regression",
        f"feature_names={' '.join(feature_names)}",
        f"feature_infos={' '.join(['none'] * len(feature_names))}",
        f"tree_sizes={' '.join(str(len(block)) for block in blocks)}",
    ]
    return ("\n".join([*header, "", ""]) + "".join(blocks) + "end of trees\n").encode("ascii")


def _split_counts(tree: Tree, leaf_counts: Sequence[int]) -> list[int]:
    """Add up how many rows reach each split; its children come after it."""
    counts = [0] * len(tree.split_features)
    for split in reversed(range(len(counts))):
        for child in (tree.left[split], tree.right[split]):
            counts[split] += counts[child] if child >= 0 else leaf_counts[-child - 1]
    return counts


def parse_booster(content: bytes, feature_names: Sequence[str]) -> list[Tree]:
    """Read and verify a booster's text.

    Parameters
    ----------
    content
        The file's bytes.
    feature_names
        The schema's columns.

    Returns
    -------
    list of Tree
        Whose rendering is ``content``.

    Raises
    ------
    TreeError
        Anything is out of form, out of range or larger than the bounds.
    """
    if len(content) > MAX_BOOSTER_BYTES:
        raise TreeError("larger than 32 MiB")
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError as error:
        raise TreeError("not plain text") from error
    header, *blocks = text.split("Tree=")
    if not 1 <= len(blocks) <= MAX_TREES:
        raise TreeError("no trees, or too many")
    names = f"\nfeature_names={' '.join(feature_names)}\n"
    if f"\nmax_feature_idx={len(feature_names) - 1}\n" not in header or names not in header:
        raise TreeError("made for other features")
    trees = []
    for block in blocks:
        fields = dict(line.split("=", 1) for line in block.split("\n") if "=" in line)
        tree = _tree(fields)
        _check_tree(tree, len(feature_names))
        trees.append(tree)
    if render_booster(trees, feature_names) != content:
        raise TreeError("not of the form that routelmt writes")
    return trees


def _tree(fields: dict[str, str]) -> Tree:
    if fields.get("num_cat", "0") != "0" or fields.get("is_linear", "0") != "0":
        raise TreeError("categorical splits and linear leaves are not supported")
    return Tree(
        split_features=_numbers(fields, "split_feature", int),
        thresholds=_numbers(fields, "threshold", float),
        decision_types=_numbers(fields, "decision_type", int),
        left=_numbers(fields, "left_child", int),
        right=_numbers(fields, "right_child", int),
        leaf_values=_numbers(fields, "leaf_value", float),
    )


def _numbers(fields: dict[str, str], key: str, kind: Callable[[str], Number]) -> tuple[Number, ...]:
    words = fields.get(key, "").split(" ", MAX_LEAVES)
    if words == [""]:
        return ()
    try:
        return tuple(kind(word) for word in words)
    except ValueError as error:
        raise TreeError(f"a value of {key} is no number") from error


def _check_tree(tree: Tree, feature_count: int) -> None:
    leaves = len(tree.leaf_values)
    splits = leaves - 1
    columns: tuple[Sequence[float], ...] = (
        tree.split_features,
        tree.thresholds,
        tree.decision_types,
        tree.left,
        tree.right,
    )
    if not 1 <= leaves <= MAX_LEAVES or any(len(column) != splits for column in columns):
        raise TreeError("the arrays of a tree have wrong lengths")
    if not all(0 <= feature < feature_count for feature in tree.split_features):
        raise TreeError("a split uses a feature that does not exist")
    if not set(tree.decision_types) <= _DECISION_TYPES:
        raise TreeError("a split is of an unknown kind")
    for values, bound in ((tree.thresholds, _MAX_THRESHOLD), (tree.leaf_values, _MAX_LEAF)):
        if not all(math.isfinite(value) and abs(value) < bound for value in values):
            raise TreeError("a value is not finite, or too large")
    # A split's children come after it and every node but the root has one parent: no cycles.
    if any(0 <= child <= split for split, child in _children(tree)):
        raise TreeError("a split comes before its parent")
    reached = sorted(child for _, child in _children(tree))
    if reached != [*range(-leaves, 0), *range(1, splits)][: 2 * splits]:
        raise TreeError("a node is reached twice or never")


def _children(tree: Tree) -> Iterator[tuple[int, int]]:
    for side in (tree.left, tree.right):
        yield from enumerate(side)
