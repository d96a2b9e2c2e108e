"""What a router sees of segments before they are drafted: their sources and their probes.

Columns, or a table of drafts, go in; a table without drafts comes out. What always holds: training
and prediction see the same, since the first half of the state that a draft's outcome carries is the
probe that its prompt alone gives (but for a draft that lost its markers and was sent again in
stretches, whose prompts were others); a draft is taken to be as long as its source, in tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features.compute import DraftTable
from routelmt_cli.translators.hidden_state import prompt_state


def undrafted(
    sources: Sequence[str], source_tokens: NDArray[np.int64], probes: NDArray[np.float32] | None
) -> DraftTable:
    """Make a table of segments that have no drafts.

    Parameters
    ----------
    sources
        Texts, n of them.
    source_tokens
        int64, shape (n,): the small model's tokens.
    probes
        float32, shape (n, width): the state that each prompt ends in, NaN where there is none;
        None where none was kept.
    """
    return DraftTable(
        sources=sources,
        drafts=[""] * len(sources),
        source_tokens=source_tokens,
        draft_tokens=source_tokens,
        token_logprobs=None,
        truncated=np.zeros(len(sources), np.bool_),
        states=probes,
    )


def without_drafts(table: DraftTable) -> DraftTable:
    """Leave out of a table of drafts all that is only known of a draft.

    Parameters
    ----------
    table
        With hidden states or without.
    """
    probes = None if table.states is None else prompt_state(table.states)
    return undrafted(table.sources, table.source_tokens, probes)
