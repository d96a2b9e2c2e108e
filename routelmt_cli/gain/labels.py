"""Gain labels: what a retranslation was worth, in chrF++.

Drafts, retranslations and references go in, one gain a segment comes out. What always holds: the
gain is of the retranslation *after the second guard*, so it is exactly 0 where the guard would
keep the draft; predicted gain then means what a run really gets for its money.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.evaluation import metrics
from routelmt_cli.gain.guard import TAKEN, keep_reasons


@dataclass(frozen=True)
class GainLabels:
    """Scores of n segments for both hypotheses.

    Parameters
    ----------
    gain
        float64, shape (n,): retranslation after the guard minus draft.
    draft_scores, retranslation_scores
        float64, shape (n,): chrF++ of either as it stands, 0 to 100.
    reasons
        Why the guard kept the draft, '' where it did not.
    """

    gain: NDArray[np.float64]
    draft_scores: NDArray[np.float64]
    retranslation_scores: NDArray[np.float64]
    reasons: Sequence[str]

    def kept_counts(self) -> dict[str, int]:
        """Count the kept drafts by reason."""
        return dict(sorted(Counter(reason for reason in self.reasons if reason).items()))


def gain_labels(
    sources: Sequence[str],
    drafts: Sequence[str],
    retranslations: Sequence[str],
    references: Sequence[str],
    truncated: NDArray[np.bool_],
    *,
    target_language: str | None = None,
) -> GainLabels:
    """Score both hypotheses and take the difference.

    Parameters
    ----------
    sources, drafts, retranslations, references
        Texts, one a segment.
    truncated
        bool, shape (n,): decoding of the retranslation ended at the cap.
    target_language
        As for :func:`routelmt_cli.gain.guard.keep_reasons`.

    Returns
    -------
    GainLabels
        Gains and what they were made of.
    """
    reasons = keep_reasons(
        sources, drafts, retranslations, truncated, target_language=target_language
    )
    draft_scores = metrics.chrf_scores(drafts, references)
    retranslation_scores = metrics.chrf_scores(retranslations, references)
    taken = np.array([reason == TAKEN for reason in reasons], dtype=np.bool_)
    gain = np.where(taken, retranslation_scores - draft_scores, 0.0)
    return GainLabels(gain, draft_scores, retranslation_scores, reasons)
