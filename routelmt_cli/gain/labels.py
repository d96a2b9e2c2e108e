"""Gain labels: what a retranslation was worth, in points of a metric or of the user's own scores.

Drafts, retranslations and references or scores go in, one gain a segment comes out. What always
holds: the gain is of the retranslation *after the second guard*, so it is exactly 0 where the
guard would keep the draft; predicted gain then means what a run really gets for its money.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.evaluation.metrics import DEFAULT_METRIC, Metric, open_metric
from routelmt_cli.gain.guard import TAKEN, keep_reasons


@dataclass(frozen=True)
class GainLabels:
    """Scores of n segments for both hypotheses.

    Parameters
    ----------
    gain
        float64, shape (n,): retranslation after the guard minus draft.
    draft_scores, retranslation_scores
        float64, shape (n,): the metric of either as it stands, higher is better.
    reasons
        Why the guard kept the draft, '' where it did not.
    metric_signature
        What scored: the metric with version and options, or the user's columns.
    """

    gain: NDArray[np.float64]
    draft_scores: NDArray[np.float64]
    retranslation_scores: NDArray[np.float64]
    reasons: Sequence[str]
    metric_signature: str = ""

    def kept_counts(self) -> dict[str, int]:
        """Count the kept drafts by reason."""
        return dict(sorted(Counter(reason for reason in self.reasons if reason).items()))


def gain_labels(
    sources: Sequence[str],
    drafts: Sequence[str],
    retranslations: Sequence[str],
    references: Sequence[str] | None,
    truncated: NDArray[np.bool_],
    *,
    target_language: str | None = None,
    metric: Metric | None = None,
) -> GainLabels:
    """Score both hypotheses and take the difference.

    Parameters
    ----------
    sources, drafts, retranslations, references
        Texts, one a segment; references may be None where the metric needs none.
    truncated
        bool, shape (n,): decoding of the retranslation ended at the cap.
    target_language
        As for :func:`routelmt_cli.gain.guard.keep_reasons`.
    metric
        What scores; None for chrF++.

    Returns
    -------
    GainLabels
        Gains and what they were made of.
    """
    metric = open_metric(DEFAULT_METRIC) if metric is None else metric
    return labels_from_scores(
        sources,
        drafts,
        retranslations,
        truncated,
        metric.score(sources, drafts, references),
        metric.score(sources, retranslations, references),
        target_language=target_language,
        metric_signature=metric.signature(),
    )


def labels_from_scores(
    sources: Sequence[str],
    drafts: Sequence[str],
    retranslations: Sequence[str],
    truncated: NDArray[np.bool_],
    draft_scores: NDArray[np.float64],
    retranslation_scores: NDArray[np.float64],
    *,
    target_language: str | None = None,
    metric_signature: str,
) -> GainLabels:
    """Take the difference of scores that are there already.

    Parameters
    ----------
    sources, drafts, retranslations, truncated, target_language
        As for :func:`gain_labels`.
    draft_scores, retranslation_scores
        float64, shape (n,), higher is better.
    metric_signature
        What the scores are, for the record.

    Returns
    -------
    GainLabels
        Gains and what they were made of.
    """
    reasons = keep_reasons(
        sources, drafts, retranslations, truncated, target_language=target_language
    )
    taken = np.array([reason == TAKEN for reason in reasons], dtype=np.bool_)
    gain = np.where(taken, retranslation_scores - draft_scores, 0.0)
    return GainLabels(gain, draft_scores, retranslation_scores, reasons, metric_signature)


def joined_labels(parts: Sequence[tuple[NDArray[np.int64], GainLabels]], rows: int) -> GainLabels:
    """Put the labels of groups of rows, such as language pairs, back into the order of the rows.

    Parameters
    ----------
    parts
        Row numbers from 0 with their labels; every row once, by one metric.
    rows
        How many rows there are.
    """
    gain, draft_scores, retranslation_scores = (np.empty(rows) for _ in range(3))
    reasons = [TAKEN] * rows
    for places, labels in parts:
        gain[places] = labels.gain
        draft_scores[places] = labels.draft_scores
        retranslation_scores[places] = labels.retranslation_scores
        for place, reason in zip(places.tolist(), labels.reasons, strict=True):
            reasons[place] = reason
    return GainLabels(
        gain, draft_scores, retranslation_scores, reasons, parts[0][1].metric_signature
    )
