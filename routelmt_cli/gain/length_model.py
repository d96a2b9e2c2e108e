"""How many tokens will the large model write: predicted before it is asked, for costs.

Token counts go in, predicted output tokens come out. The model is linear,

    tokens = intercept + a * source_tokens + b * draft_tokens,

fitted by least absolute error (iteratively reweighted least squares, so that a few runaway
outputs do not tilt it), then scaled so that the total over the calibration is right, which is
what a budget feels; clipped to ratios of the source length seen at calibration. Beside that stands
how far single segments are from it: the 10% and 90% quantiles of actual over predicted tokens.
What always holds: a prediction is finite, at least 1, and vectorised. It gives an expectation,
never a bound: what is reserved before sending is the cap, not this.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

_ITERATIONS = 30
_SMALLEST_RESIDUAL = 0.5
_RIDGE = 1e-3
_MAX_COEFFICIENT = 1e4

QUANTILES: tuple[float, float] = (0.1, 0.9)
"""Which quantiles of a segment's length a range of lengths spans."""


@dataclass(frozen=True)
class LengthModel:
    """A clipped linear model of the retranslation's tokens.

    Parameters
    ----------
    intercept, per_source_token, per_draft_token
        The linear part.
    lowest_ratio, highest_ratio
        Bounds of predicted tokens over source tokens.
    slack
        Tokens by which the upper bound is wider, so that short segments are not cut.
    low_factor, high_factor
        Quantiles of actual over predicted tokens of the calibration's segments (``QUANTILES``).
    """

    intercept: float
    per_source_token: float
    per_draft_token: float
    lowest_ratio: float
    highest_ratio: float
    slack: float
    low_factor: float = 1.0
    high_factor: float = 1.0

    def __post_init__(self) -> None:
        values = self.as_dict().values()
        if not all(math.isfinite(value) and abs(value) <= _MAX_COEFFICIENT for value in values):
            raise ValueError("a coefficient is not finite or too large")
        if not 0 <= self.lowest_ratio <= self.highest_ratio or self.slack < 0:
            raise ValueError("the bounds are not in order")
        if not 0 <= self.low_factor <= self.high_factor:
            raise ValueError("the quantiles are not in order")

    def as_dict(self) -> dict[str, float]:
        """Give the coefficients by name, as they stand in a bundle."""
        return {
            "intercept": self.intercept,
            "per_source_token": self.per_source_token,
            "per_draft_token": self.per_draft_token,
            "lowest_ratio": self.lowest_ratio,
            "highest_ratio": self.highest_ratio,
            "slack": self.slack,
            "low_factor": self.low_factor,
            "high_factor": self.high_factor,
        }

    def predict(
        self, source_tokens: NDArray[np.int64], draft_tokens: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Predict the tokens of retranslations.

        Parameters
        ----------
        source_tokens, draft_tokens
            int, shape (n,).

        Returns
        -------
        numpy.ndarray
            float64, shape (n,), at least 1.
        """
        source = np.maximum(np.asarray(source_tokens, dtype=np.float64), 1.0)
        draft = np.asarray(draft_tokens, dtype=np.float64)
        linear = self.intercept + self.per_source_token * source + self.per_draft_token * draft
        bounded = np.clip(
            linear, self.lowest_ratio * source, self.highest_ratio * source + self.slack
        )
        return np.maximum(bounded, 1.0)

    def predict_quantiles(
        self, source_tokens: NDArray[np.int64], draft_tokens: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predict how short and how long each retranslation may be.

        Parameters
        ----------
        source_tokens, draft_tokens
            int, shape (n,).

        Returns
        -------
        low, high : numpy.ndarray
            float64, shape (n,), at least 1: the 10% and 90% quantiles of each segment alone.
            Their sums span more than the total's own quantiles would, since segments that are
            longer than predicted stand beside shorter ones.
        """
        predicted = self.predict(source_tokens, draft_tokens)
        low, high = (
            np.maximum(predicted * factor, 1.0) for factor in (self.low_factor, self.high_factor)
        )
        return low, high


def fit_length_model(
    source_tokens: NDArray[np.int64],
    draft_tokens: NDArray[np.int64],
    retranslation_tokens: NDArray[np.int64],
) -> LengthModel:
    """Fit the model on calibrated segments.

    Parameters
    ----------
    source_tokens, draft_tokens, retranslation_tokens
        int, shape (n,), n >= 1.

    Returns
    -------
    LengthModel
        With coefficients of nine significant digits, so that the same input gives the same bytes
        whatever linear algebra library numpy uses.
    """
    source = np.maximum(np.asarray(source_tokens, dtype=np.float64), 1.0)
    draft = np.asarray(draft_tokens, dtype=np.float64)
    actual = np.asarray(retranslation_tokens, dtype=np.float64)
    columns = np.column_stack((np.ones_like(source), source, draft))
    intercept, per_source, per_draft = _least_absolute(columns, actual).tolist()
    ratios = actual / source
    lowest, highest = np.quantile(ratios, (0.01, 0.99)).tolist()

    def scaled(scale: float) -> LengthModel:
        return LengthModel(
            intercept=_rounded(intercept * scale),
            per_source_token=_rounded(per_source * scale),
            per_draft_token=_rounded(per_draft * scale),
            lowest_ratio=_rounded(min(lowest, 1e3)),
            highest_ratio=_rounded(min(highest, 1e3)),
            slack=8.0,
        )

    predicted = float(scaled(1.0).predict(source_tokens, draft_tokens).sum())
    model = scaled(float(np.clip(actual.sum() / predicted, 0.25, 4.0)))
    factors = actual / model.predict(source_tokens, draft_tokens)
    low, high = np.quantile(factors, QUANTILES).tolist()
    return replace(
        model,
        low_factor=_rounded(min(low, _MAX_COEFFICIENT)),
        high_factor=_rounded(min(high, _MAX_COEFFICIENT)),
    )


def _least_absolute(
    columns: NDArray[np.float64], actual: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Minimise the sum of absolute residuals by reweighting squared ones."""
    weights = np.ones_like(actual)
    solution = np.zeros(columns.shape[1])
    ridge = _RIDGE * np.eye(columns.shape[1])
    for _ in range(_ITERATIONS):
        weighted = columns * weights[:, None]
        solution = np.linalg.solve(columns.T @ weighted + ridge, weighted.T @ actual)
        weights = 1.0 / np.maximum(np.abs(actual - columns @ solution), _SMALLEST_RESIDUAL)
    return np.clip(solution, -_MAX_COEFFICIENT / 4, _MAX_COEFFICIENT / 4)


def _rounded(value: float) -> float:
    return float(f"{value:.9g}")
