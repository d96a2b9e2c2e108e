"""Drafts that are still owed where retranslations are bought before drafts.

A journal goes in; which items need a draft after all, and what these may cost at most, come out.
Always: an item is owed one until it is reserved or bought, or a retranslation is there that may
stand without a draft; that is judged by the retranslation and its source alone, so it is the same
whenever it is asked, and what it says never comes to less than what is needed. It buys nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from routelmt_cli.gain.guard import stands_alone
from routelmt_cli.protection.check import is_intact
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.pair import Pair
from routelmt_cli.run.segments import Segments
from routelmt_cli.run.tiers import Tier

_BLOCK_ITEMS = 8192


class OwedDrafts:
    """The drafts that a run owes.

    Parameters
    ----------
    journal, segments, pair
        The run.
    small, large
        The tier that drafts, and the one that retranslates.
    """

    def __init__(
        self, journal: Journal, segments: Segments, pair: Pair, small: Tier, large: Tier
    ) -> None:
        self._journal, self._segments, self._pair = journal, segments, pair
        self._small, self._large = small, large
        self._is_owed = ~journal.sent(small.name, segments.items)
        self._worst: int = sum(small.worst_nanousd[self._is_owed].tolist())
        self._new: list[int] = np.flatnonzero(
            self._is_owed & journal.bought(large.name, segments.items)
        ).tolist()

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Which items are owed a draft, bool of shape (items,)."""
        self._judge()
        return np.array(self._is_owed)

    @property
    def worst_nanousd(self) -> int:
        """What they cost at most, the prompt prefix included where it is still to be paid."""
        self._judge()
        begun = not self._is_owed.any() or self._journal.has_waves(self._small.name)
        return self._worst + (0 if begun else self._small.prefix_nanousd)

    def settled(self, items: Sequence[int]) -> None:
        """Take note of retranslations that were just settled."""
        self._new += items

    def _judge(self) -> None:
        """Look at retranslations that were not looked at, together: it is asked once a wave."""
        new, self._new = [item for item in self._new if self._is_owed[item]], []
        for first in range(0, len(new), _BLOCK_ITEMS):
            block = new[first : first + _BLOCK_ITEMS]
            standing = standing_alone(
                self._journal, self._segments, self._pair, self._large.name, block
            )
            good = np.array(standing, np.int64)
            self._worst -= sum(self._small.worst_nanousd[good].tolist())
            self._is_owed[good] = False


def standing_alone(
    journal: Journal, segments: Segments, pair: Pair, large: str, items: Sequence[int]
) -> list[int]:
    """Return those items whose retranslations may stand without a draft.

    Parameters
    ----------
    journal, segments, pair
        The run.
    large
        The name of the tier that retranslates.
    items
        Which items; those that it was not asked for are left out.
    """
    found = [one for one in journal.hypotheses(large, items) if one.failure is None]
    sources = segments.sources.take(np.array([one.item for one in found], np.int64))
    alone = stands_alone(
        sources,
        [one.text for one in found],
        np.array([one.truncated for one in found], np.bool_),
        target_language=pair.target_language,
    )
    return [
        one.item
        for one, source, stands in zip(found, sources, alone.tolist(), strict=True)
        if stands and (not pair.small.protects or is_intact(source, one.text))
    ]
