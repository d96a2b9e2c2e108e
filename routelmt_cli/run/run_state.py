"""How far a run is, and what drafts and probes may still cost it, as its journal tells.

A run's tiers and a journal, or none for a run that has not begun, go in; figures come out. Always:
sums are exact, and nothing is bought or written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from routelmt_cli.run.floor import Floor
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.late_drafts import predict_drafts
from routelmt_cli.run.owed_drafts import OwedDrafts
from routelmt_cli.run.pair import Pair
from routelmt_cli.run.planning import DraftsToCome
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
    """A run as its journal tells of it; what is asked for is found once.

    Attributes
    ----------
    small, routes, probing
        The run's tiers; no ``probing`` where drafts are looked at.
    segments, pair
        The run.
    journal
        None for a run that has not begun.
    """

    small: Tier
    routes: Sequence[Route]
    probing: Tier | None
    segments: Segments
    pair: Pair
    journal: Journal | None = None

    @cached_property
    def owed(self) -> OwedDrafts | None:
        """The drafts that are owed; None where drafts are looked at, or nothing has begun."""
        if self.journal is None or self.probing is None:
            return None
        large = self.routes[0].tier
        return OwedDrafts(self.journal, self.segments, self.pair, self.small, large)

    @cached_property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Which drafts are still to be bought, as far as that is known."""
        items = self.segments.items
        if self.journal is None:
            return np.ones(items, np.bool_)
        if self.owed is None:
            return ~self.journal.bought(self.small.name, items)
        return self.owed.mask

    @cached_property
    def drafts(self) -> DraftsToCome:
        """What the missing drafts are predicted to cost."""
        return predict_drafts(self.routes[0].router, self.small, self.missing, self.journal)

    @cached_property
    def money(self) -> MoneyToCome:
        """What is spent, and what drafts and probes may still cost."""
        small, probing, journal = self.small, self.probing, self.journal
        looked, probes = np.zeros(self.segments.items, np.bool_), None
        if journal is not None:
            looked = journal.bought(small.name, len(looked))
            if probing is not None:
                looked |= journal.bought(probing.name, len(looked))
        if probing is not None:
            probes = needed_nanousd(journal, probing, np.flatnonzero(~looked))
        committed = 0 if journal is None else journal.committed_nanousd()
        drafts = self.drafts
        return MoneyToCome(
            is_begun=bool(looked.any()),
            is_known=bool(looked.all()),
            spent=0 if journal is None else journal.spend_nanousd(),
            floor=committed + Floor(small, probing, self.owed).needed_nanousd(journal),
            drafts=drafts.prefix_nanousd + sum(drafts.cost_nanousd.tolist()),
            drafts_at_most=drafts.prefix_nanousd + sum(small.worst_nanousd[self.missing].tolist()),
            probes=probes,
        )
