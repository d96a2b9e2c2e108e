"""The router: from drafted segments to predicted gain and predicted output length.

A :class:`~routelmt_cli.features.compute.DraftTable` goes in, two arrays come out. What always
holds: a segment's prediction depends on that segment alone, so neither on batch nor order, and
is finite. A router decides nothing: the knapsack does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features.compute import DraftTable, compute_features
from routelmt_cli.features.pieces import PieceModel
from routelmt_cli.gain.length_model import LengthModel
from routelmt_cli.gain.metadata import RouterMetadata
from routelmt_cli.gain.trees import GainBooster

_ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class GainPrediction:
    """Predictions for n segments.

    Parameters
    ----------
    gain
        float64, shape (n,), in points of the router's metric.
    retranslation_tokens
        float64, shape (n,), output tokens of the large model, at least 1.
    """

    gain: NDArray[np.float64]
    retranslation_tokens: NDArray[np.float64]


@dataclass(frozen=True)
class Router:
    """A calibrated gain model: predicted gain is ``offset + sum(scale * booster)``.

    Parameters
    ----------
    metadata
        What it was calibrated for and on.
    pieces
        SentencePiece model of the calibration's sources, or None.
    boosters, scales, offset
        The gain model.
    length_model
        Output tokens of the large model.
    """

    metadata: RouterMetadata
    pieces: PieceModel | None
    boosters: Sequence[GainBooster]
    scales: Sequence[float]
    offset: float
    length_model: LengthModel

    def predict(self, table: DraftTable) -> GainPrediction:
        """Predict gain and output length.

        Parameters
        ----------
        table
            Drafted segments, n rows. Output length needs token counts above zero.
        """
        gain = np.empty(len(table))
        for start in range(0, len(table), _ROWS_AT_ONCE):
            part = table.rows(start, start + _ROWS_AT_ONCE)
            gain[start : start + len(part)] = self.predict_gain(compute_features(part, self.pieces))
        tokens = self.length_model.predict(table.source_tokens, table.draft_tokens)
        return GainPrediction(gain, tokens)

    def predict_gain(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Predict gain from a feature matrix.

        Parameters
        ----------
        features
            float32, shape (n, number of features), made with this router's ``pieces``.
        """
        gain = np.full(len(features), self.offset)
        for booster, scale in zip(self.boosters, self.scales, strict=True):
            gain += scale * booster.predict(features)
        return gain

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the bundle's content, in hexadecimal."""
        # bundle imports this module for its type; the description lists every file's hash.
        from routelmt_cli.gain.bundle import DESCRIPTION, bundle_files

        return hashlib.sha256(bundle_files(self)[DESCRIPTION]).hexdigest()
