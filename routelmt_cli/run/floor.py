"""What a run must be able to pay before it may begin, whatever becomes of its retranslations.

Tiers and a journal go in, money comes out. Always: it is a worst case, so that a run which has
begun can give every segment a translation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from routelmt_cli.run.journal import Journal
from routelmt_cli.run.owed_drafts import OwedDrafts
from routelmt_cli.run.probes import not_drafted
from routelmt_cli.run.spending import needed_nanousd
from routelmt_cli.run.tiers import Tier


@dataclass(frozen=True)
class Floor:
    """Drafts; or probes, and drafts of what no retranslation stands for yet.

    Attributes
    ----------
    small, probing
        The tier that drafts, and the one that is probed; None where everything is drafted.
    owed
        The drafts that a run which has begun owes, where it probes.
    """

    small: Tier
    probing: Tier | None = None
    owed: OwedDrafts | None = None

    @property
    def what(self) -> str:
        """What is paid for, in words."""
        name = self.small.model.card.name
        return f"{'drafting' if self.probing is None else 'probing and drafting'} with '{name}'"

    @property
    def every(self) -> npt.NDArray[np.int64]:
        """All items."""
        return np.arange(len(self.small.worst_nanousd), dtype=np.int64)

    def needed_nanousd(
        self, journal: Journal | None, items: npt.NDArray[np.int64] | None = None
    ) -> int:
        """Return what it can still cost at most.

        Parameters
        ----------
        journal
            Of a run that is continued; None for a new one.
        items
            What is to be drafted; everything by default. Where it is probed, that is everything.
        """
        every = self.every
        if self.probing is None:
            return needed_nanousd(journal, self.small, every if items is None else items)
        if journal is None or self.owed is None:
            drafts = needed_nanousd(None, self.small, every)
        else:
            drafts = self.owed.worst_nanousd
            every = not_drafted(journal, self.small, len(every))
        return needed_nanousd(journal, self.probing, every) + drafts
