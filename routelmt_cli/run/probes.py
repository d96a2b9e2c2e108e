"""Probes in a run: the tier that they are bought as, and what a router sees of them.

A pair of models and a journal go in; a tier and tables without drafts come out. Always: a segment
that has a draft already is not probed, since its draft's state holds the probe. Nothing is bought
or decided here.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from routelmt_cli.features.compute import DraftTable
from routelmt_cli.gain.undrafted import undrafted
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.pair import Pair
from routelmt_cli.run.prediction import ReadTable, draft_table
from routelmt_cli.run.segments import Segments
from routelmt_cli.run.tiers import PROBE, Tier, open_tier
from routelmt_cli.translators.hidden_state import prompt_state
from routelmt_cli.translators.probing import ProbingModel


def open_probing(pair: Pair, segments: Segments) -> Tier:
    """Count what probing every item costs.

    Raises
    ------
    UsageError
        A server runs the model that drafts, or as of ``open_tier``.
    """
    return open_tier(PROBE, ProbingModel.of(pair.small), segments, with_states=True)


def not_drafted(journal: Journal, small: Tier, items: int) -> npt.NDArray[np.int64]:
    """Return which of so many items have no draft, rising: those that are probed."""
    return np.flatnonzero(~journal.bought(small.name, items))


def what_is_looked_at(
    journal: Journal, segments: Segments, small: Tier, probing: Tier | None
) -> ReadTable:
    """Return what reads the columns that routing looks at: of drafts, or of probes."""
    return partial(draft_table if probing is None else probe_table, journal, segments, small)


def probe_table(
    journal: Journal, segments: Segments, small: Tier, items: npt.NDArray[np.int64]
) -> DraftTable:
    """Read what is known of some items before they are drafted, as columns.

    A probe that failed is NaN. There are no states where none of these items has one.
    """
    probes = {
        one.item: one.state
        for one in journal.hypotheses(PROBE, items.tolist())
        if one.state is not None
    }
    rest = [item for item in items.tolist() if item not in probes]
    for one in journal.hypotheses(small.name, rest):
        if one.state is not None and one.failure is None:
            probes[one.item] = prompt_state(one.state)
    states = None
    if probes:
        width = len(next(iter(probes.values())))
        states = np.full((len(items), width), np.nan, np.float32)
        for place, item in enumerate(items.tolist()):
            if item in probes:
                states[place] = probes[item]
    return undrafted(segments.sources.take(items), small.source_tokens[items], states)
