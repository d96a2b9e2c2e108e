"""Blends: what each tier gains, predicted from what the routers of all tiers say.

Out-of-fold predictions of k routers and the gains that came of them go in; weights come out. Tiers
of one ladder gain on the same segments, so each router knows something of the others' gains; and
where each is asked alone, choosing the best of k predictions chooses what is predicted too high.
Every tier's gain is therefore regressed on all predictions [1]_, by ridge, since these are alike.

References
----------
.. [1] L. Breiman and J. H. Friedman, "Predicting multivariate responses in multiple linear
   regression", Journal of the Royal Statistical Society B 59(1), 1997.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_RIDGE = 0.1
"""Of the predictions' mean variance; squared error out of fold hardly differs from 0.03 to 0.3."""
_DIGITS = 6


@dataclass(frozen=True)
class Blend:
    """The gain of one tier as a weighted sum of k predictions.

    Parameters
    ----------
    weights
        One a router, in the order of the tiers.
    intercept
        In points.
    """

    weights: tuple[float, ...]
    intercept: float

    def of(self, gains: Sequence[FloatArray]) -> FloatArray:
        """Blend predictions.

        Parameters
        ----------
        gains
            k columns, float64 of shape (n,), as the routers predict them.

        Returns
        -------
        numpy.ndarray
            float64, shape (n,), in points.
        """
        blended = np.full(len(gains[0]), self.intercept)
        for weight, own in zip(self.weights, gains, strict=True):
            blended += weight * own
        return blended


def fit_blends(predicted: FloatArray, gain: FloatArray) -> list[Blend]:
    """Fit the blend of every tier.

    Parameters
    ----------
    predicted
        float64, shape (n, k): out-of-fold predictions of the same n segments.
    gain
        float64, shape (n, k): what each tier gained.

    Returns
    -------
    list of Blend
        One a tier.
    """
    centre, mean = predicted.mean(axis=0), gain.mean(axis=0)
    about = predicted - centre
    covariance = about.T @ about
    ridge = max(_RIDGE * float(np.trace(covariance)) / len(covariance), np.finfo(float).tiny)
    weights = np.linalg.solve(covariance + ridge * np.eye(len(covariance)), about.T @ (gain - mean))
    intercepts = mean - centre @ weights
    return [
        Blend(tuple(map(_rounded, column)), _rounded(intercept))
        for column, intercept in zip(weights.T.tolist(), intercepts.tolist(), strict=True)
    ]


def _rounded(value: float) -> float:
    # With few digits, so that the last bit of a sum does not change a bundle.
    return float(f"{value:.{_DIGITS}g}")
