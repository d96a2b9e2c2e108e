"""Whether a corpus still looks like the one that a router was calibrated on.

Two feature matrices of different corpora go in, the first as its quantiles only; a short report
comes out. What always holds: a feature is compared on its own, ties and missing values included;
a random part of the calibration's own corpus is not flagged (about one time in a hundred at
most). It says that inputs moved, not that predictions became worse, and it doesn't see features
move together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features import background
from routelmt_cli.features.schema import FEATURE_NAMES

QUANTILES = 10
"""Stored figures of a feature: nine deciles and the share of missing values."""

LEFT_OUT: frozenset[str] = frozenset(background.NAMES)
"""Features not compared: their models were fitted on the calibration's own texts, so that any
other text, however alike, looks less usual."""

_DECILES = np.arange(1, 10) / 10
_LEAST_DISTANCE = 0.15
_FALSE_ALARMS = 0.01
_SHIFTED_SHARE = 0.05
_NEIGHBOURS = 1.5
_WORST = 5


@dataclass(frozen=True)
class DriftReport:
    """How far n segments are from a calibration.

    Parameters
    ----------
    share_of_shifted_features
        Share of the compared features whose distance is above the threshold.
    worst
        Name and distance, 0 to 1, of the features that moved most, the worst first.
    threshold
        The distance that is allowed for n segments.
    shifted
        More than one in twenty of them is above it: the corpus is another one.
    """

    share_of_shifted_features: float
    worst: list[tuple[str, float]]
    threshold: float
    shifted: bool


def feature_quantiles(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Describe the features of a calibration.

    Parameters
    ----------
    features
        float32, shape (n, f).

    Returns
    -------
    numpy.ndarray
        float32, shape (f, 10): nine deciles of the values that are there, each one of the
        values themselves, and the share of missing ones. Deciles are NaN where none is there.
    """
    quantiles = np.full((features.shape[1], QUANTILES), np.nan, dtype=np.float32)
    quantiles[:, -1] = 1.0
    for column, row in zip(features.T, quantiles, strict=True):
        values = column[~np.isnan(column)]
        if len(column):
            row[-1] = 1.0 - len(values) / len(column)
        if len(values):
            row[:-1] = np.quantile(values, _DECILES, method="inverted_cdf")
    return quantiles


def drift(
    features: NDArray[np.float32],
    quantiles: NDArray[np.float32],
    *,
    calibration_segments: int,
    names: Sequence[str] = FEATURE_NAMES,
) -> DriftReport:
    """Compare a corpus with a calibration.

    Parameters
    ----------
    features
        float32, shape (n, f).
    quantiles
        float32, shape (f, 10), of :func:`feature_quantiles`.
    calibration_segments
        How many segments the quantiles are of.
    names
        Names of the f columns; those in ``LEFT_OUT`` are not compared.

    Returns
    -------
    DriftReport
        Never shifted where there are no segments.

    Raises
    ------
    ValueError
        The shapes do not belong together.

    Notes
    -----
    The distance of a feature is that of Kolmogorov and Smirnov at the nine deciles: how far the
    share of values below a decile is from what it was. Where values tie with a decile, only what
    lies outside the tie counts. A change in the share of missing values is a distance as well.

    The threshold is the larger of 0.15, below which a shift is too small to matter, and the
    two-sample critical value ``sqrt(-ln(a / 2) / 2 * (1 / n + 1 / m) * 1.5)``, where ``a`` is
    0.01 over the number of features and 1.5 allows for neighbours being alike.
    """
    count, width = features.shape
    if quantiles.shape != (width, QUANTILES) or len(names) != width:
        raise ValueError("features, quantiles and names must have the same columns")
    compared = [column for column, name in enumerate(names) if name not in LEFT_OUT]
    threshold = _threshold(count, calibration_segments, len(compared))
    if not count or not compared:
        return DriftReport(0.0, [], threshold, False)
    distances = [
        (names[column], _distance(features[:, column], quantiles[column])) for column in compared
    ]
    share = sum(distance > threshold for _, distance in distances) / len(compared)
    worst = sorted(distances, key=lambda pair: -pair[1])[:_WORST]
    return DriftReport(share, worst, threshold, share > _SHIFTED_SHARE)


def _threshold(count: int, calibration_segments: int, features: int) -> float:
    if not (count and calibration_segments and features):
        return 1.0
    level = _FALSE_ALARMS / features
    size = 1.0 / count + 1.0 / calibration_segments
    return max(_LEAST_DISTANCE, math.sqrt(-math.log(level / 2) / 2 * size * _NEIGHBOURS))


def _distance(column: NDArray[np.float32], row: NDArray[np.float32]) -> float:
    values = np.sort(column[~np.isnan(column)])
    missing = abs(1.0 - len(values) / len(column) - float(row[-1]))
    deciles = row[:-1]
    if not len(values) or np.isnan(deciles).any():
        return missing
    below = np.searchsorted(values, deciles, side="left") / len(values)
    not_above = np.searchsorted(values, deciles, side="right") / len(values)
    # A calibration value that ties with a decile may lie on either side of its share.
    gap = np.maximum(np.maximum(below - _DECILES, _DECILES - not_above), 0.0)
    # Few values that are there say little, however many segments there are.
    return max(missing, float(gap.max()) * math.sqrt(len(values) / len(column)))
