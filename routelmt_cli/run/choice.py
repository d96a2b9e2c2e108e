"""Which hypothesis each item gets in the end, and why: the second guard applied to the journal.

The journal goes in, a code and a tier an item come out. What always holds: the rules are asked
first, a router's chooser only about what they let pass and where the draft has text, and neither
about what is pinned to its tier; of several retranslations the one of the last tier that passes is
taken; every answer rests on its item alone, so it is the same whenever and in whichever order
retranslations were bought.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from routelmt_cli.run.tiers import Tier

_BLOCK_ITEMS = 8192

# What an item's code says; the guard's reasons follow.
NOT_SENT, TAKEN, FAILED, LEFT = 0, 1, 2, 3
_GUARDED = 4


def code_of(reason: str) -> int:
    """Return the code of one of the guard's reasons to keep a draft."""
    return _GUARDED + REASONS.index(reason)


@dataclass(frozen=True)
class Choice:
    """The final hypothesis of every item; arrays of shape (items,).

    Attributes
    ----------
    tiers
        The names of the tiers; the first drafts.
    code
        int8: ``NOT_SENT``, ``TAKEN`` (a retranslation), ``FAILED``, ``LEFT`` (as the source is) or
        one of the guard's reasons to keep the draft.
    tier
        int8: the number of the tier that the hypothesis is of, above 0 where one is ``TAKEN``.
    verdicts
        int8 of shape (items, tiers - 1): the code of each tier's own retranslation; ``NOT_SENT``
        where there is none.
    """

    tiers: Sequence[str]
    code: npt.NDArray[np.int8]
    tier: npt.NDArray[np.int8]
    verdicts: npt.NDArray[np.int8]

    @property
    def taken(self) -> npt.NDArray[np.bool_]:
        """Which items take their retranslation."""
        return np.equal(self.code, TAKEN)

    @property
    def failed(self) -> npt.NDArray[np.bool_]:
        """Which items have not got what was asked for them, since a request failed.

        Also where a retranslation is taken, if it is of a tier before the one that failed.
        """
        better = np.arange(1, len(self.tiers)) > self.tier[:, None]
        lost = np.asarray(((self.verdicts == FAILED) & better).any(axis=1))
        return lost | np.equal(self.code, FAILED)

    @property
    def left(self) -> npt.NDArray[np.bool_]:
        """Which items stay as their sources, since no hypothesis has their placeholders."""
        return np.equal(self.code, LEFT)

    def texts(self, journal: Journal, items: npt.NDArray[np.int64]) -> dict[int, str]:
        """Return the final hypotheses of items, by item; of none that is left as its source."""
        items = items[~self.left[items]]
        found: dict[int, str] = {}
        for number, name in enumerate(self.tiers):
            found |= journal.texts(name, items[self.tier[items] == number].tolist())
        return found

    def rows_by_tier(self, repeats: npt.NDArray[np.int64]) -> dict[str, int]:
        """Count segments by the tier that their translation is of, without those left."""
        own = ~self.left
        return {
            name: int(repeats[own & (self.tier == number)].sum())
            for number, name in enumerate(self.tiers)
        }

    def counts(self, repeats: npt.NDArray[np.int64]) -> dict[str, int]:
        """Count segments that did not get what was asked for them, by reason."""
        names = {_GUARDED + i: name for i, name in enumerate(REASONS)}
        found = {name: int(repeats[self.code == code].sum()) for code, name in names.items()}
        found = {"failed": int(repeats[self.failed].sum()), **found}
        return {name: count for name, count in found.items() if count}

    def routes(self, target: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
        """Say which route an item's figures are of, int8 of shape (items,), from 0.

        That of the retranslation that is taken, or else the last that was sent, or else a target.

        Parameters
        ----------
        target
            int8 of shape (items,): the route that it is planned for.
        """
        sent = self.verdicts != NOT_SENT
        count = self.verdicts.shape[1]
        last = count - 1 - np.argmax(sent[:, ::-1], axis=1)
        asked = np.where(sent.any(axis=1), last, target)
        return np.where(self.taken, self.tier - 1, asked).astype(np.int8)

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
    """What a tier's chooser of a router needs beside the journal.

    Attributes
    ----------
    router
        The router of the tier.
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

        A router without a chooser for this language pair keeps nothing, and what has no draft to be
        compared with is not kept out either.
        """
        safeguards = self.router.safeguards
        known = self.router.knows(self.pair)
        chooser = safeguards.chooser if safeguards is not None and known else None
        if chooser is None or not retranslations:
            return np.zeros(len(retranslations), np.bool_)
        profile = self.router.profiles[self.pair]
        items = np.array([one.item for one in retranslations], np.int64)
        drafted = np.isin(items, list(journal.texts(self.small.name, items.tolist())))
        keeps = np.zeros(len(items), np.bool_)
        if not drafted.any():
            return keeps
        table = draft_table(journal, segments, self.small, items[drafted])
        texts = [one.text for one, has in zip(retranslations, drafted, strict=True) if has]
        after = retranslation_features(profile, table.sources, texts)
        blank = np.array([not draft.strip() for draft in table.drafts], np.bool_)
        keeps[drafted] = chooser.keep_draft(profile.features(table), after) & ~blank
        return keeps


_NO_OPINIONS: Mapping[str, SecondOpinion] = {}


def choose(
    journal: Journal,
    segments: Segments,
    target_language: str,
    tiers: Sequence[str],
    second_opinions: Mapping[str, SecondOpinion] = _NO_OPINIONS,
    *,
    pins: npt.NDArray[np.int8] | None = None,
) -> Choice:
    """Decide for every bought retranslation whether it replaces its draft.

    Parameters
    ----------
    journal, segments
        The run.
    target_language
        A language code; it tells which script is expected.
    tiers
        Names; the first drafts.
    second_opinions
        By tier, whose chooser is asked after the rules; without one the rules alone are.
    pins
        int8 of shape (items,): the number of the tier whose retranslation an item takes whatever
        the rules and the chooser say, if only it has text; 0 or less for none.
    """
    code, tier = np.zeros(segments.items, np.int8), np.zeros(segments.items, np.int8)
    verdicts = np.zeros((segments.items, len(tiers) - 1), np.int8)
    judge = _Judge(journal, segments, target_language, tiers, second_opinions)
    for first in range(0, segments.items, _BLOCK_ITEMS):
        end = min(first + _BLOCK_ITEMS, segments.items)
        for number in reversed(range(1, len(tiers))):
            bought = list(journal.hypotheses(tiers[number], range(first, end)))
            pinned = [pins is not None and pins[one.item] == number for one in bought]
            for one, verdict in zip(bought, judge.verdicts(number, bought, pinned), strict=True):
                verdicts[one.item, number - 1] = verdict
                if code[one.item] == TAKEN:
                    continue  # a later tier's is
                if verdict == TAKEN:
                    tier[one.item] = number
                if verdict == TAKEN or code[one.item] == NOT_SENT:
                    code[one.item] = verdict
    for item in journal.failed(tiers[0]):
        if code[item] != TAKEN:  # no model gave this segment a translation
            code[item] = FAILED
    return Choice(tiers, code, tier, verdicts)


@dataclass(frozen=True)
class _Judge:
    """Who says whether retranslations replace their drafts."""

    journal: Journal
    segments: Segments
    target_language: str
    tiers: Sequence[str]
    second_opinions: Mapping[str, SecondOpinion]

    def verdicts(
        self, number: int, bought: Sequence[Hypothesis], pinned: Sequence[bool]
    ) -> list[int]:
        """Give the code of each retranslation of a tier."""
        verdicts = [
            FAILED if one.failure is not None else TAKEN if pin and one.text.strip() else NOT_SENT
            for one, pin in zip(bought, pinned, strict=True)
        ]
        open_ones = [place for place, verdict in enumerate(verdicts) if verdict == NOT_SENT]
        if not open_ones:
            return verdicts
        asked = [bought[place] for place in open_ones]
        reasons = _reasons(self.journal, self.segments, self.tiers[0], asked, self.target_language)
        for place, reason in zip(open_ones, reasons, strict=True):
            verdicts[place] = TAKEN if reason == NO_REASON else code_of(reason)
        opinion = self.second_opinions.get(self.tiers[number])
        if opinion is not None:
            passed = [place for place in open_ones if verdicts[place] == TAKEN]
            kept = opinion.keeps(self.journal, self.segments, [bought[place] for place in passed])
            for place, is_kept in zip(passed, kept.tolist(), strict=True):
                verdicts[place] = code_of("chooser") if is_kept else TAKEN
        return verdicts


def _reasons(
    journal: Journal,
    segments: Segments,
    drafting: str,
    bought: Sequence[Hypothesis],
    target_language: str,
) -> list[str]:
    """Ask the rules about retranslations."""
    items = [one.item for one in bought]
    sources = segments.sources.take(np.array(items, np.int64))
    drafts = journal.texts(drafting, items)
    return keep_reasons(
        sources,
        # What stands without a draft is one that would replace the source again.
        [drafts.get(item, source) for item, source in zip(items, sources, strict=True)],
        [one.text for one in bought],
        np.array([one.truncated for one in bought], np.bool_),
        target_language=target_language,
    )
