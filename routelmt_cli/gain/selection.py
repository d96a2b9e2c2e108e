"""Which families a router mixes, and how much of each: chosen by out-of-fold area.

Out-of-fold predictions of every family go in, a share for each comes out. The method is ensemble
selection (Caruana et al., ICML 2004): starting from an equal mix of all families, add again and
again the one that raises the budget-quality area most, the same one more than once if need be. A
family that never helps keeps the little share that it started with, or none after pruning; one
that is no better than random order has none, unless no family is better. What
always holds: shares are at least 0 and sum to 1. Several language pairs count by their segments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.evaluation import curve

FloatArray = NDArray[np.float64]

_STEPS = 12
_SMALLEST_SHARE = 0.06
_NO_AREA = 1e-9


def mean_area(
    gain: FloatArray, predicted: FloatArray, groups: Sequence[NDArray[np.int64]]
) -> float:
    """Average the budget-quality area over language pairs, each counted by its segments.

    Parameters
    ----------
    gain, predicted
        float64, shape (n,).
    groups
        Rows of each language pair.
    """
    total = sum(len(rows) for rows in groups)
    areas = (curve.area(gain[rows], predicted[rows]) * len(rows) for rows in groups)
    return float(sum(areas)) / max(1, total)


def choose_shares(
    outside: Mapping[str, FloatArray],
    gain: FloatArray,
    groups: Sequence[NDArray[np.int64]],
) -> dict[str, float]:
    """Choose the share of every family.

    Parameters
    ----------
    outside
        Out-of-fold predictions by family, float64, shape (n,), at least one family.
    gain
        float64, shape (n,).
    groups
        Rows of each language pair.

    Returns
    -------
    dict
        Shares above 0 by family, in the order of ``outside``, summing to 1.
    """
    scaled = {name: _standardised(values) for name, values in outside.items()}
    # What orders no better than chance by itself, as a constant does, would win ties all the same.
    alone = {name: mean_area(gain, values, groups) for name, values in scaled.items()}
    scaled = {name: one for name, one in scaled.items() if alone[name] > _NO_AREA} or scaled
    picks = dict.fromkeys(scaled, 1)
    mix = np.sum(list(scaled.values()), axis=0)
    for _ in range(_STEPS):
        areas = {name: mean_area(gain, mix + values, groups) for name, values in scaled.items()}
        best = max(areas, key=lambda name: areas[name])
        picks[best] += 1
        mix = mix + scaled[best]
    # Families predict on scales of their own; a share is of their standardised predictions.
    raw = {name: count / sum(picks.values()) for name, count in picks.items()}
    kept = {name: share for name, share in raw.items() if share >= _SMALLEST_SHARE} or raw
    return {name: share / sum(kept.values()) for name, share in kept.items()}


def mixed(outside: Mapping[str, FloatArray], shares: Mapping[str, float]) -> FloatArray:
    """Mix predictions, each divided by its standard deviation.

    Parameters
    ----------
    outside
        Predictions by family, float64, shape (n,).
    shares
        From :func:`choose_shares`.
    """
    parts = [share * _standardised(outside[name]) for name, share in shares.items()]
    total: FloatArray = np.sum(parts, axis=0)
    return total


def mixed_without(
    outside: Mapping[str, FloatArray],
    gain: FloatArray,
    groups: Sequence[NDArray[np.int64]],
    inside: NDArray[np.int64],
) -> FloatArray:
    """Mix with shares and scales of some rows alone: what figures of the others must rest on.

    Parameters
    ----------
    outside, gain, groups
        As for :func:`choose_shares`.
    inside
        The rows that may be looked at, such as those outside a held-out block.

    Returns
    -------
    numpy.ndarray
        float64, shape (n,), of all rows.
    """
    position = np.full(len(gain), -1)
    position[inside] = np.arange(len(inside))
    inner = [position[rows][position[rows] >= 0] for rows in groups]
    visible = {name: values[inside] for name, values in outside.items()}
    shares = choose_shares(visible, gain[inside], [rows for rows in inner if len(rows)])
    result = np.zeros(len(gain))
    for name, share in shares.items():
        result += share * (outside[name] - visible[name].mean()) / _spread(visible[name])
    return result


def _spread(values: FloatArray) -> float:
    spread = float(np.std(values))
    return spread if spread > 1e-9 else 1.0


def _standardised(values: FloatArray) -> FloatArray:
    result: FloatArray = (values - values.mean()) / _spread(values)
    return result
