"""What is usual for one language pair: its background models and the scale of its features.

Drafted segments of one corpus go in, a :class:`PairProfile` comes out; later tables of the same
language pair go in and features in units of that corpus come out: 0 is its median, 1 its
standard deviation, so that a length ratio becomes a z-score and trees learnt on one language pair
can be asked about another. What always holds: no label is looked at, so a profile can be fitted
on the very corpus that is to be translated; a row's features then depend on that row and the
profile alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features.background import Background
from routelmt_cli.features.compute import DraftTable, compute_features, crossfit_features

MAX_PROFILE_SEGMENTS = 20_000
"""A profile of a larger corpus is fitted on so many segments, evenly spaced."""

_SMALLEST_SCALE = 1e-6
_LARGEST = 1e6


@dataclass(frozen=True)
class PairProfile:
    """Background and feature scale of one language pair, f features.

    Parameters
    ----------
    background
        Label-free models of the corpus.
    centre, scale
        float32, shape (f,): median and standard deviation of each feature; 0 and 1 for one that
        never has a value or never differs.
    """

    background: Background
    centre: NDArray[np.float32]
    scale: NDArray[np.float32]

    def features(self, table: DraftTable) -> NDArray[np.float32]:
        """Compute the normalised features of segments of this pair.

        Parameters
        ----------
        table
            n rows.

        Returns
        -------
        numpy.ndarray
            float32, shape (n, f), NaN where a value is missing.
        """
        return self.normalised(compute_features(table, self.background))

    def normalised(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bring features to the profile's units.

        Parameters
        ----------
        features
            float32, shape (n, f), made with this profile's background.
        """
        return (features - self.centre) / self.scale


def fit_profile(
    table: DraftTable, *, folds: int = 5, targets: Sequence[str] | None = None
) -> tuple[PairProfile, NDArray[np.float32]]:
    """Fit a profile, and compute the features of its own segments without their own help.

    Parameters
    ----------
    table
        Drafted segments of one language pair in document order.
    folds
        Contiguous blocks: the word table that a row is measured against never saw its block.
    targets
        Better translations of the same segments for the word table, such as retranslations; None
        takes the drafts.

    Returns
    -------
    PairProfile
        Fitted on all segments.
    numpy.ndarray
        float32, shape (n, f): the segments' features, not normalised.
    """
    features, background = crossfit_features(table, folds, targets=targets)
    centre, scale = feature_scale(features)
    return PairProfile(background, centre, scale), features


def feature_scale(
    features: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Find median and standard deviation of every feature.

    Parameters
    ----------
    features
        float32, shape (n, f), NaN where missing.

    Returns
    -------
    centre, scale : numpy.ndarray of float32, (f,)
        0 and 1 where a feature has no value; 1 where it does not vary.
    """
    centre = np.zeros(features.shape[1])
    scale = np.ones(features.shape[1])
    for column in range(features.shape[1]):
        values = features[:, column].astype(np.float64)
        values = values[np.isfinite(values)]
        if values.size:
            centre[column] = np.median(values)
            spread = float(np.std(values))
            scale[column] = spread if spread > _SMALLEST_SCALE else 1.0
    # Written with few digits, so that the last bit of a sum does not change a bundle.
    return _rounded(centre), _rounded(scale)


def evenly_spaced(count: int, most: int) -> NDArray[np.int64]:
    """Choose at most ``most`` of ``count`` rows, evenly spaced and in order.

    Parameters
    ----------
    count, most
        Rows there are, rows wanted.
    """
    if count <= most:
        return np.arange(count, dtype=np.int64)
    return np.linspace(0, count - 1, most).astype(np.int64)


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float32]:
    bounded = np.clip(values, -_LARGEST, _LARGEST)
    return np.array([float(f"{value:.6g}") for value in bounded.tolist()], dtype=np.float32)
