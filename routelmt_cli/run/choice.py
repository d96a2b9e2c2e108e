"""Which hypothesis each item gets in the end, and why: the second guard applied to the journal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from routelmt_cli.gain.guard import REASONS, keep_reasons
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.segments import Segments
from routelmt_cli.run.tiers import LARGE, SMALL

_BLOCK_ITEMS = 8192

# What an item's code says; the guard's reasons follow.
NOT_SENT, TAKEN, FAILED = 0, 1, 2
_GUARDED = 3


@dataclass(frozen=True)
class Choice:
    """The final hypothesis of every item.

    Attributes
    ----------
    code
        int8 of shape (items,): ``NOT_SENT``, ``TAKEN`` (the retranslation), ``FAILED`` or one of
        the guard's reasons to keep the draft.
    """

    code: npt.NDArray[np.int8]

    @property
    def taken(self) -> npt.NDArray[np.bool_]:
        """Which items take their retranslation."""
        return np.equal(self.code, TAKEN)

    def counts(self, repeats: npt.NDArray[np.int64]) -> dict[str, int]:
        """Count segments that did not get what was asked for them, by reason."""
        names = {FAILED: "failed", **{_GUARDED + i: name for i, name in enumerate(REASONS)}}
        found = {name: int(repeats[self.code == code].sum()) for code, name in names.items()}
        return {name: count for name, count in found.items() if count}

    def reason(self, item: int, gain: float) -> str:
        """Say in a word why an item has the hypothesis that it has."""
        code = int(self.code[item])
        if code == TAKEN:
            return "retranslated"
        if code == FAILED:
            return "failed"
        if code >= _GUARDED:
            return f"guard: {REASONS[code - _GUARDED]}"
        return "no predicted gain" if gain <= 0 else "over budget"


def choose(journal: Journal, segments: Segments, target_language: str) -> Choice:
    """Decide for every bought retranslation whether it replaces its draft."""
    code = np.zeros(segments.items, np.int8)
    numbers = {name: _GUARDED + index for index, name in enumerate(REASONS)}
    for first in range(0, segments.items, _BLOCK_ITEMS):
        end = min(first + _BLOCK_ITEMS, segments.items)
        bought = journal.hypotheses(LARGE, range(first, end))
        if not bought:
            continue
        items = [retranslation.item for retranslation in bought]
        drafts = journal.texts(SMALL, items)
        reasons = keep_reasons(
            segments.sources.take(np.array(items, np.int64)),
            [drafts[item] for item in items],
            [retranslation.text for retranslation in bought],
            np.array([retranslation.truncated for retranslation in bought], np.bool_),
            target_language=target_language,
        )
        for retranslation, reason in zip(bought, reasons, strict=True):
            if retranslation.failure is not None:
                code[retranslation.item] = FAILED
            else:
                code[retranslation.item] = numbers[reason] if reason else TAKEN
    for item in journal.failed(SMALL):
        if code[item] != TAKEN:  # neither model gave this segment a translation
            code[item] = FAILED
    return Choice(code)
