"""Which hypothesis each item gets in the end, and why: the second guard applied to the journal.

The journal goes in, one code an item comes out. What always holds: the rules are asked first, a
router's chooser only about what they let pass and where the draft has text, and neither about what
is pinned to the large model; every answer rests on its item alone, so it is the same whenever and
in whichever order retranslations were bought.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from routelmt_cli.gain.calibration import retranslation_features
from routelmt_cli.gain.guard import REASONS, keep_reasons
from routelmt_cli.gain.guard import TAKEN as NO_REASON
from routelmt_cli.gain.router import Router
from routelmt_cli.run.hypotheses import Hypothesis
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.prediction import draft_table
from routelmt_cli.run.segments import Segments
from routelmt_cli.run.tiers import LARGE, SMALL, Tier

_BLOCK_ITEMS = 8192

# What an item's code says; the guard's reasons follow.
NOT_SENT, TAKEN, FAILED, LEFT = 0, 1, 2, 3
_GUARDED = 4


def code_of(reason: str) -> int:
    """Return the code of one of the guard's reasons to keep a draft."""
    return _GUARDED + REASONS.index(reason)


@dataclass(frozen=True)
class Choice:
    """The final hypothesis of every item.

    Attributes
    ----------
    code
        int8 of shape (items,): ``NOT_SENT``, ``TAKEN`` (the retranslation), ``FAILED``, ``LEFT``
        (as the source is) or one of the guard's reasons to keep the draft.
    """

    code: npt.NDArray[np.int8]

    @property
    def taken(self) -> npt.NDArray[np.bool_]:
        """Which items take their retranslation."""
        return np.equal(self.code, TAKEN)

    @property
    def failed(self) -> npt.NDArray[np.bool_]:
        """Which items have not got what was asked for them, since a request failed."""
        return np.equal(self.code, FAILED)

    @property
    def left(self) -> npt.NDArray[np.bool_]:
        """Which items stay as their sources, since no hypothesis has their placeholders."""
        return np.equal(self.code, LEFT)

    def counts(self, repeats: npt.NDArray[np.int64]) -> dict[str, int]:
        """Count segments that did not get what was asked for them, by reason."""
        names = {FAILED: "failed", **{_GUARDED + i: name for i, name in enumerate(REASONS)}}
        found = {name: int(repeats[self.code == code].sum()) for code, name in names.items()}
        return {name: count for name, count in found.items() if count}

    def reason(
        self,
        item: int,
        gain: float,
        *,
        allowed: bool = True,
        pinned: bool = False,
        limits: str = "budget",
    ) -> str:
        """Say in a word why an item has the hypothesis that it has.

        Parameters
        ----------
        item
            Its number.
        gain
            Its predicted gain.
        allowed
            Whether a limit on risk, if there is one, lets it through.
        pinned
            Whether it was the user's wish.
        limits
            What the run keeps to, in words.
        """
        code = int(self.code[item])
        if pinned and code in (TAKEN, NOT_SENT):
            return "pinned"
        if code == TAKEN:
            return "retranslated"
        if code == FAILED:
            return "failed"
        if code == LEFT:
            return "left: placeholders"
        if code >= _GUARDED:
            return f"guard: {REASONS[code - _GUARDED]}"
        if gain <= 0:
            return "no predicted gain"
        return f"over {limits}" if allowed else "too risky"


@dataclass(frozen=True)
class SecondOpinion:
    """What the chooser of a router needs beside the journal.

    Attributes
    ----------
    router
        The run's router.
    pair
        The language pair, such as ``de-en``.
    small
        The tier that drafted.
    """

    router: Router
    pair: str
    small: Tier

    def keeps(
        self, journal: Journal, segments: Segments, retranslations: Sequence[Hypothesis]
    ) -> npt.NDArray[np.bool_]:
        """Tell which retranslations are not to replace their drafts, bool of shape (n,).

        A router without a chooser for this language pair keeps nothing.
        """
        safeguards = self.router.safeguards
        known = self.router.knows(self.pair)
        chooser = safeguards.chooser if safeguards is not None and known else None
        if chooser is None or not retranslations:
            return np.zeros(len(retranslations), np.bool_)
        profile = self.router.profiles[self.pair]
        items = np.array([one.item for one in retranslations], np.int64)
        table = draft_table(journal, segments, self.small, items)
        after = retranslation_features(profile, table.sources, [one.text for one in retranslations])
        blank = np.array([not draft.strip() for draft in table.drafts], np.bool_)
        return chooser.keep_draft(profile.features(table), after) & ~blank


def choose(
    journal: Journal,
    segments: Segments,
    target_language: str,
    second_opinion: SecondOpinion | None = None,
    *,
    pinned: npt.NDArray[np.bool_] | None = None,
) -> Choice:
    """Decide for every bought retranslation whether it replaces its draft.

    Parameters
    ----------
    journal, segments
        The run.
    target_language
        A language code; it tells which script is expected.
    second_opinion
        Whose chooser is asked after the rules; None for the rules alone.
    pinned
        bool of shape (items,): items that take their retranslation whatever the rules and the
        chooser say, if only it has text; None for no such items.
    """
    code = np.zeros(segments.items, np.int8)
    numbers = {NO_REASON: TAKEN, **{name: _GUARDED + i for i, name in enumerate(REASONS)}}
    for first in range(0, segments.items, _BLOCK_ITEMS):
        end = min(first + _BLOCK_ITEMS, segments.items)
        bought = []
        for one in journal.hypotheses(LARGE, range(first, end)):
            if one.failure is not None:
                code[one.item] = FAILED
            elif pinned is not None and pinned[one.item] and one.text.strip():
                code[one.item] = TAKEN
            else:
                bought.append(one)
        if not bought:
            continue
        reasons = _reasons(journal, segments, bought, target_language)
        passed = [one for one, reason in zip(bought, reasons, strict=True) if reason == NO_REASON]
        for one, reason in zip(bought, reasons, strict=True):
            code[one.item] = numbers[reason]
        if second_opinion is not None:
            kept = second_opinion.keeps(journal, segments, passed)
            for one, is_kept in zip(passed, kept.tolist(), strict=True):
                code[one.item] = numbers["chooser"] if is_kept else TAKEN
    for item in journal.failed(SMALL):
        if code[item] != TAKEN:  # neither model gave this segment a translation
            code[item] = FAILED
    return Choice(code)


def _reasons(
    journal: Journal, segments: Segments, bought: Sequence[Hypothesis], target_language: str
) -> list[str]:
    """Ask the rules about retranslations."""
    items = [one.item for one in bought]
    drafts = journal.texts(SMALL, items)
    return keep_reasons(
        segments.sources.take(np.array(items, np.int64)),
        [drafts[item] for item in items],
        [one.text for one in bought],
        np.array([one.truncated for one in bought], np.bool_),
        target_language=target_language,
    )
