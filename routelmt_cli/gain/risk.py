"""What can go wrong with a retranslation: the risk of a severe regression and a low quantile.

Features and gains go in; boosters and out-of-fold predictions come out. Two things are
predicted: the probability that gain is at or below a threshold (-10 points unless set), and the
gain that a retranslation falls below once in ten times. What always holds: a fold's predictions
rest on no label of that fold; one thread and fixed seeds; risk lies between 0 and 1. The
probability is well calibrated only roughly: what a limit on it promises is settled by
:mod:`routelmt_cli.gain.conformal`.

Rounds are fixed: on nine WMT sets of 550 to 2,070 segments the out-of-fold log loss and pinball
loss were flat around these, and more made the low quantile too high.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.evaluation.figures import SEVERE_REGRESSION
from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.boosting import fit_boosters, mean_prediction
from routelmt_cli.gain.folds import Folds
from routelmt_cli.gain.trees import GainBooster

FloatArray = NDArray[np.float64]

LOWER = 0.1
"""Which quantile of gain is predicted."""
MIN_SEVERE = 15
"""With fewer severe regressions there is no model, only their rate."""

_RISK_ROUNDS = 120
_LOWER_ROUNDS = 80
_MIN_SEVERE_INSIDE = 5


@dataclass(frozen=True)
class RiskModel:
    """Predicts what can go wrong.

    Parameters
    ----------
    boosters
        Log-odds of a severe regression, averaged; empty where there were too few to learn from.
    constant
        The rate that stands for the risk of every segment where there are no boosters.
    lower_boosters
        The low quantile of gain, averaged.
    """

    boosters: Sequence[GainBooster]
    constant: float
    lower_boosters: Sequence[GainBooster]

    def risk(self, features: NDArray[np.float32]) -> FloatArray:
        """Predict the probability of a severe regression, float64 of shape (n,).

        Parameters
        ----------
        features
            float32, shape (n, f).
        """
        if not self.boosters:
            return np.full(len(features), self.constant)
        return _logistic(mean_prediction(self.boosters, features))

    def lower_gain(self, features: NDArray[np.float32]) -> FloatArray:
        """Predict the gain that is missed once in ten times, float64 of shape (n,).

        Parameters
        ----------
        features
            float32, shape (n, f).
        """
        return mean_prediction(self.lower_boosters, features)


@dataclass(frozen=True)
class RiskFit:
    """A model with its honest predictions of the n segments that it was trained on.

    Parameters
    ----------
    model
        Trained on every segment.
    risk, lower_gain
        float64, shape (n,), by models that did not see the segment's block.
    severe
        bool, shape (n,): the regression was severe.
    """

    model: RiskModel
    risk: FloatArray
    lower_gain: FloatArray
    severe: NDArray[np.bool_]


def fit_risk(
    features: NDArray[np.float32],
    gain: FloatArray,
    weight: FloatArray,
    folds: Folds,
    seeds: Sequence[int],
    *,
    severe: float = SEVERE_REGRESSION,
    names: Sequence[str] = FEATURE_NAMES,
) -> RiskFit:
    """Train the risk model and predict every segment out of fold.

    Parameters
    ----------
    features
        float32, shape (n, f).
    gain
        float64, shape (n,), after the second guard.
    weight
        float64, shape (n,), above zero: how much a segment counts in training.
    folds
        Row numbers outside and inside each held-out block; the blocks cover all rows.
    seeds
        Boosters of a kind, averaged.
    severe
        Gain at or below which a regression is severe.
    names
        Names of the f columns.

    Returns
    -------
    RiskFit
        Where there are fewer than ``MIN_SEVERE`` severe regressions, or others, its risk is one
        smoothed rate, the same in and out of fold, so that folds don't differ by it alone.
    """
    bad = gain <= severe
    learnable = min(int(bad.sum()), int((~bad).sum())) >= MIN_SEVERE
    rate = _smoothed_rate(bad)
    risk, lower = np.full(len(gain), rate), np.zeros(len(gain))
    for inside, held_out in folds:
        rows = features[inside], weight[inside]
        inner = RiskModel(
            boosters=_risk_boosters(*rows, bad[inside], seeds, names) if learnable else (),
            constant=_smoothed_rate(bad[inside]) if learnable else rate,
            lower_boosters=_lower_boosters(*rows, gain[inside], seeds, names),
        )
        risk[held_out] = inner.risk(features[held_out])
        lower[held_out] = inner.lower_gain(features[held_out])
    model = RiskModel(
        boosters=_risk_boosters(features, weight, bad, seeds, names) if learnable else (),
        constant=rate,
        lower_boosters=_lower_boosters(features, weight, gain, seeds, names),
    )
    return RiskFit(model, risk, lower, bad)


def _risk_boosters(
    features: NDArray[np.float32],
    weight: FloatArray,
    bad: NDArray[np.bool_],
    seeds: Sequence[int],
    names: Sequence[str],
) -> Sequence[GainBooster]:
    # One block can hold nearly all severe regressions: outside it there is nothing to learn.
    if min(int(bad.sum()), int((~bad).sum())) < _MIN_SEVERE_INSIDE:
        return ()
    target = bad.astype(np.float64)
    return fit_boosters(features, target, weight, names, seeds, _RISK_ROUNDS, objective="binary")


def _lower_boosters(
    features: NDArray[np.float32],
    weight: FloatArray,
    gain: FloatArray,
    seeds: Sequence[int],
    names: Sequence[str],
) -> Sequence[GainBooster]:
    return fit_boosters(
        features, gain, weight, names, seeds, _LOWER_ROUNDS, objective="quantile", alpha=LOWER
    )


def _smoothed_rate(bad: NDArray[np.bool_]) -> float:
    """Estimate a rate that is never 0 or 1 (Jeffreys' prior)."""
    return (float(bad.sum()) + 0.5) / (len(bad) + 1.0)


def _logistic(scores: FloatArray) -> FloatArray:
    """Turn log-odds into probabilities; clipped where the exponential would overflow."""
    probabilities: FloatArray = 1.0 / (1.0 + np.exp(-np.clip(scores, -700.0, 700.0)))
    return probabilities
