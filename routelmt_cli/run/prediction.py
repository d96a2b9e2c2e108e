"""Predict every item's gain and retranslation cost from its draft, block by block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from routelmt_cli.features.compute import DraftTable
from routelmt_cli.gain.router import Router
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.segments import Segments
from routelmt_cli.run.tiers import SMALL, Tier

_BLOCK_ITEMS = 8192
_NO_LOGPROBS = np.zeros(0, np.float32)


@dataclass(frozen=True)
class Prediction:
    """Columns of shape (items,).

    Attributes
    ----------
    gain
        float64, predicted gain in points of the router's metric.
    cost_nanousd
        int64, predicted cost of the retranslation.
    """

    gain: npt.NDArray[np.float64]
    cost_nanousd: npt.NDArray[np.int64]


def draft_table(
    journal: Journal, segments: Segments, small: Tier, items: npt.NDArray[np.int64]
) -> DraftTable:
    """Read the drafts of some items, which must all be bought, as columns."""
    drafts = journal.hypotheses(SMALL, items.tolist())
    return DraftTable(
        sources=segments.sources.take(items),
        drafts=[draft.text for draft in drafts],
        source_tokens=small.source_tokens[items],
        draft_tokens=np.array([draft.output_tokens for draft in drafts], np.int64),
        token_logprobs=[
            _NO_LOGPROBS if draft.token_logprobs is None else draft.token_logprobs
            for draft in drafts
        ],
        truncated=np.array([draft.truncated for draft in drafts], np.bool_),
    )


def predict(
    journal: Journal, segments: Segments, small: Tier, large: Tier, router: Router
) -> Prediction:
    """Predict gain and cost of every item; all drafts must be in the journal."""
    gain = np.empty(segments.items, np.float64)
    tokens = np.empty(segments.items, np.float64)
    for first in range(0, segments.items, _BLOCK_ITEMS):
        end = min(first + _BLOCK_ITEMS, segments.items)
        items = np.arange(first, end, dtype=np.int64)
        predicted = router.predict(draft_table(journal, segments, small, items))
        gain[first:end] = predicted.gain
        tokens[first:end] = predicted.retranslation_tokens
    return Prediction(gain, large.cost_nanousd(tokens))
