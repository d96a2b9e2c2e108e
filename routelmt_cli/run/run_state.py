"""How far a run is, and what drafts and probes may still cost it, as its journal tells.

A run's tiers and a journal, or none for a run that has not begun, go in; figures come out. Always:
sums are exact, and nothing is bought or written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from routelmt_cli.run.floor import Floor
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.late_drafts import predict_drafts
from routelmt_cli.run.owed_drafts import OwedDrafts
from routelmt_cli.run.pair import Pair
from routelmt_cli.run.planning import DraftsToCome
from routelmt_cli.run.prediction import ReadTable, draft_table
from routelmt_cli.run.probes import probe_table
from routelmt_cli.run.route import Route
from routelmt_cli.run.segments import Segments
from routelmt_cli.run.spending import needed_nanousd
from routelmt_cli.run.tiers import Tier


@dataclass(frozen=True)
class MoneyToCome:
    """What drafts and probes are still to cost; in nanodollars.

    Attributes
    ----------
    is_begun, is_known
        Whether some, and whether all of what routing looks at is bought.
    spent, floor
        Settled; and what the budget must be at least, that and what is reserved included.
    probes
        Exactly; None where drafts are looked at.
    """

    is_begun: bool
    is_known: bool
    spent: int
    floor: int
    drafts: int
    drafts_at_most: int
    probes: int | None


@dataclass(frozen=True)
class RunState:
    """What a journal is looked at with.

    Attributes
    ----------
    small, routes, probing
        The run's tiers; no ``probing`` where drafts are looked at.
    segments, pair
        The run.
    """

    small: Tier
    routes: Sequence[Route]
    probing: Tier | None
    segments: Segments
    pair: Pair

    def owed(self, journal: Journal) -> OwedDrafts:
        """Return the drafts that are owed, where probes are looked at."""
        return OwedDrafts(journal, self.segments, self.pair, self.small, self.routes[0].tier)

    def read(self, journal: Journal) -> ReadTable:
        """Return what reads the columns that routing looks at."""
        read = draft_table if self.probing is None else probe_table
        return partial(read, journal, self.segments, self.small)

    def missing(self, journal: Journal | None) -> npt.NDArray[np.bool_]:
        """Say which drafts are still to be bought, as far as that is known."""
        items = self.segments.items
        if journal is None:
            return np.ones(items, np.bool_)
        if self.probing is None:
            return ~journal.bought(self.small.name, items)
        return self.owed(journal).mask

    def drafts(self, journal: Journal | None) -> DraftsToCome:
        """Predict what the missing drafts cost."""
        router = self.routes[0].router
        return predict_drafts(router, self.small, self.missing(journal), journal)

    def money(self, journal: Journal | None) -> MoneyToCome:
        """Count up what is spent, and what drafts and probes may still cost."""
        small, probing, items = self.small, self.probing, self.segments.items
        missing, drafts = self.missing(journal), self.drafts(journal)
        looked, probes = np.zeros(items, np.bool_), None
        if journal is not None:
            looked = journal.bought(small.name, items)
            if probing is not None:
                looked |= journal.bought(probing.name, items)
        if probing is not None:
            probes = needed_nanousd(journal, probing, np.flatnonzero(~looked))
        committed = 0 if journal is None else journal.committed_nanousd()
        floor = Floor(small, probing, self.owed).needed_nanousd(journal)
        return MoneyToCome(
            is_begun=bool(looked.any()),
            is_known=bool(looked.all()),
            spent=0 if journal is None else journal.spend_nanousd(),
            floor=committed + floor,
            drafts=drafts.prefix_nanousd + sum(drafts.cost_nanousd.tolist()),
            drafts_at_most=drafts.prefix_nanousd + sum(small.worst_nanousd[missing].tolist()),
            probes=probes,
        )
