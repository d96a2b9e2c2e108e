"""The chooser: which of two hypotheses is the better one, once both are there.

Features of drafts and of retranslations go in, one decision a segment comes out. The router must
guess before the large model has been asked; the chooser sees what came back, so that it can keep
the draft where the retranslation turned out worse. It predicts realised gain and keeps the draft
where that is below a margin.

What always holds: a decision depends on its segment alone; the out-of-fold figures rest on
boosters and margins that did not see the segment's block; a chooser that is not better than
always taking the retranslation, by more than one standard error out of fold, is not made. It
reads no text and comes after the rules of :mod:`routelmt_cli.gain.guard`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.boosting import fit_boosters, mean_prediction, winsorised
from routelmt_cli.gain.folds import Folds
from routelmt_cli.gain.trees import GainBooster

FloatArray = NDArray[np.float64]

_ROUNDS = 200
_MARGINS = (-0.8, -0.4, -0.2, -0.1, 0.0)
"""In standard deviations of gain; the most careful first, so that it wins a tie."""
_BLOCK = 10


def chooser_names(names: Sequence[str] = FEATURE_NAMES) -> tuple[str, ...]:
    """Name the columns that a chooser is trained on.

    Parameters
    ----------
    names
        Names of the f columns of a feature matrix.

    Returns
    -------
    tuple of str
        3 f names: the draft's, the retranslation's, and draft subtracted from retranslation.
    """
    prefixes = ("", "retranslation_", "difference_")
    return tuple(f"{prefix}{name}" for prefix in prefixes for name in names)


@dataclass(frozen=True)
class Chooser:
    """Keeps drafts whose retranslation looks worse.

    Parameters
    ----------
    boosters
        Realised gain, averaged; over the columns of :func:`chooser_names`.
    margin
        The draft is kept where predicted gain is below it; 0 or less.
    expected_gain_out_of_fold
        What the chooser adds to the mean gain of the n segments of the calibration, had all
        been retranslated, in points of the metric.
    standard_error_out_of_fold
        Of that figure.
    kept_share_out_of_fold
        Share of the segments whose draft it kept.
    """

    boosters: Sequence[GainBooster]
    margin: float
    expected_gain_out_of_fold: float
    standard_error_out_of_fold: float
    kept_share_out_of_fold: float

    def keep_draft(
        self,
        draft_features: NDArray[np.float32],
        retranslation_features: NDArray[np.float32],
    ) -> NDArray[np.bool_]:
        """Tell where the draft is to be kept.

        Parameters
        ----------
        draft_features, retranslation_features
            float32, shape (n, f), as for :func:`fit_chooser`.

        Returns
        -------
        numpy.ndarray
            bool, shape (n,).
        """
        features = _side_by_side(draft_features, retranslation_features)
        kept: NDArray[np.bool_] = mean_prediction(self.boosters, features) < self.margin
        return kept


def fit_chooser(
    draft_features: NDArray[np.float32],
    retranslation_features: NDArray[np.float32],
    gain: FloatArray,
    folds: Folds,
    seeds: Sequence[int],
    *,
    names: Sequence[str] = FEATURE_NAMES,
) -> Chooser | None:
    """Train a chooser, if it is worth having.

    Parameters
    ----------
    draft_features
        float32, shape (n, f), as the router sees them.
    retranslation_features
        float32, shape (n, f): the same features of a table whose drafts are the retranslations,
        NaN where something is known of drafts only.
    gain
        float64, shape (n,): realised gain after the rules of the second guard.
    folds
        Row numbers outside and inside each held-out block; the blocks cover all rows.
    seeds
        Of the boosters, averaged.
    names
        Names of the f columns.

    Returns
    -------
    Chooser or None
        None where out-of-fold mean gain is not better by more than one standard error than
        without a chooser.
    """
    features = _side_by_side(draft_features, retranslation_features)
    columns = chooser_names(names)
    predicted = np.zeros(len(gain))
    for inside, held_out in folds:
        boosters = _boosters(features[inside], gain[inside], columns, seeds)
        predicted[held_out] = mean_prediction(boosters, features[held_out])
    kept = np.zeros(len(gain), dtype=np.bool_)
    for inside, held_out in folds:
        kept[held_out] = predicted[held_out] < _best_margin(predicted[inside], gain[inside])
    saved = np.where(kept, -gain, 0.0)
    mean, error = float(saved.mean()), _standard_error(saved)
    if mean <= 0.0 or mean <= error:
        return None
    return Chooser(
        boosters=_boosters(features, gain, columns, seeds),
        margin=_best_margin(predicted, gain),
        expected_gain_out_of_fold=mean,
        standard_error_out_of_fold=error,
        kept_share_out_of_fold=float(kept.mean()),
    )


def _side_by_side(
    draft_features: NDArray[np.float32], retranslation_features: NDArray[np.float32]
) -> NDArray[np.float32]:
    with np.errstate(invalid="ignore", over="ignore"):
        difference = retranslation_features - draft_features
    return np.hstack((draft_features, retranslation_features, difference))


def _boosters(
    features: NDArray[np.float32], gain: FloatArray, columns: Sequence[str], seeds: Sequence[int]
) -> list[GainBooster]:
    target = winsorised(gain)
    return fit_boosters(features, target, None, columns, seeds, _ROUNDS, objective="regression")


def _best_margin(predicted: FloatArray, gain: FloatArray) -> float:
    """Find the margin that saves most by keeping drafts."""
    margins = [share * float(np.std(gain)) for share in _MARGINS]
    return max(margins, key=lambda margin: -float(gain[predicted < margin].sum()))


def _standard_error(values: FloatArray) -> float:
    """Estimate the standard error of a mean from blocks of neighbours, which correlate."""
    blocks = np.arange(len(values)) // _BLOCK
    sums = np.bincount(blocks, values - values.mean())
    count = len(sums)
    return float(np.sqrt((sums**2).sum() * count / max(count - 1, 1)) / len(values))
