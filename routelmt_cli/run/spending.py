"""Spend in waves: reserve worst cases, send, settle, and only then look at what remains.

In: a tier, items in the order of preference, the budget. Out: hypotheses in the journal. Always:
what is sent was reserved durably before; the outcome does not depend on which request of a wave
finished first; a wave that a crash cut off is finished first, in its own groups. A server's answer
that got lost, by the network or by a crash, is charged in full and asked for again like any other
item, with a reservation of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from routelmt_cli.errors import MidRunError
from routelmt_cli.run.deadline import Deadline
from routelmt_cli.run.engines.engine import Engine, LocalEngine
from routelmt_cli.run.hypotheses import Hypothesis
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.owed_drafts import OwedDrafts
from routelmt_cli.run.progress import Progress
from routelmt_cli.run.segments import Segments
from routelmt_cli.run.tiers import Tier
from routelmt_cli.run.wave import Wave
from routelmt_cli.run.wishes import Wishes
from routelmt_cli.translators.protocol import Outcome, Request, Translator

# Bounds what a crash leaves unsettled, and the list of sources held in memory.
WAVE_ITEMS = 4096
_NO_LIMIT = 1 << 62
_MOST_TRIES = 3
_LEAST_SHARE = 20  # a twentieth of what was bought before


class Spender:
    """Buy hypotheses for one run.

    Parameters
    ----------
    journal, segments
        Where it is written, and the sources.
    budget_nanousd
        The run's budget; None for no limit.
    deterministic
        Decode static groups from a clean state.
    progress
        Told of every commit.
    deadline
        Asked before every wave and after every commit.
    engine
        Where models run; this process by default.
    owed
        Drafts that are owed while retranslations are bought, whose worst case is put aside; None
        for none.
    """

    def __init__(
        self,
        journal: Journal,
        segments: Segments,
        *,
        budget_nanousd: int | None,
        deterministic: bool,
        progress: Progress,
        deadline: Deadline | None = None,
        engine: Engine | None = None,
        owed: OwedDrafts | None = None,
    ) -> None:
        self._journal = journal
        self._segments = segments
        self._budget = _NO_LIMIT if budget_nanousd is None else budget_nanousd
        self._deterministic = deterministic
        self._progress = progress
        self._deadline = deadline or Deadline(None)
        self._engine = engine or LocalEngine()
        self._owed = owed

    def buy(
        self,
        tier: Tier,
        preference: npt.NDArray[np.int64],
        stage: str,
        *,
        expected: int | None = None,
        wishes: Wishes | None = None,
    ) -> None:
        """Buy hypotheses in waves until nothing is left or nothing fits.

        Items that cannot fit any more are dropped before each wave, since what is left only
        shrinks, unless drafts are owed: then it grows with what is no longer put aside for them,
        and what does not fit yet is asked about again. The wave is the longest prefix of the
        others whose worst cases fit, and whose tokens do where a share is a limit. So what stays
        unspent is less than the worst case of the cheapest item left, and a wave is a function
        of the journal alone: a run that was cut off goes on with the very waves that it had ahead.

        Parameters
        ----------
        tier
            From which model.
        preference
            int64: items, best first; those already bought are skipped.
        stage
            What the watcher is told.
        expected
            How many of the first items are expected to fit; all by default.
        wishes
            Whose share of the source tokens is a second limit, kept as the budget is; None for
            none.
        """
        bought = self._journal.bought(tier.name, self._segments.items)
        rest = preference[~bought[preference]]
        tries: Counter[int] = Counter()

        def must(waiting: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
            """Return those that the run has promised to buy."""
            if expected is None:
                return waiting
            return waiting[:0] if wishes is None else waiting[wishes.pinned_to(tier.name)[waiting]]

        interrupted = self._journal.unsettled_wave(tier.name)
        room = _Room(self._journal, tier, wishes)
        if interrupted is None and not self._fits(tier, rest, room).any():
            return  # a model is not loaded for nothing
        planned = preference[:expected]
        missing = planned[~bought[planned]]
        segments = int(self._segments.repeats[missing].sum())
        self._progress.stage(stage, segments, self._journal.spend_nanousd())
        with self._engine.open(
            tier.model,
            with_logprobs=tier.with_logprobs,
            with_states=tier.with_states,
            deterministic=self._deterministic,
            demand=tier.demand,
        ) as translator:
            if interrupted is not None and tier.may_lose_answers:
                # What was not sent is reserved anew, at what it may cost now.
                lost = self._charge_unanswered(tier, interrupted)
                self._journal.release_unsent(tier.name)
                self._let_go(tier, lost, must(rest[~np.isin(rest, lost)]), tries)
                bought = self._journal.bought(tier.name, self._segments.items)
                rest = preference[~bought[preference]]
                room = _Room(self._journal, tier, wishes)
            elif interrupted is not None:
                unsettled = interrupted.items[~bought[interrupted.items]]
                lost = self._send(tier, translator, interrupted, unsettled)
                rest = rest[~np.isin(rest, interrupted.items)]
                again = self._let_go(tier, lost, must(rest), tries)
                room.give_back(again)
                rest = np.concatenate([again, rest])
            most = max(WAVE_ITEMS, tier.batched_items)
            while len(places := np.flatnonzero(self._fits(tier, rest, room))):
                self._deadline.check()
                if self._owed is None:
                    rest, places = rest[places], np.arange(len(places))
                next_ones = rest[places[: max(most, self._engine.wave_items)]]
                fitting = min(
                    _longest_prefix(tier.worst_nanousd[next_ones], self._left(tier)),
                    room.longest_prefix(next_ones),
                )
                if self._is_too_little(tier, fitting) and not len(must(rest)):
                    break
                rest = np.delete(rest, places[:fitting])
                room.take(next_ones[:fitting])
                wave = self._reserve(tier, next_ones[:fitting])
                lost = self._send(tier, translator, wave, wave.items)
                again = self._let_go(tier, lost, must(rest), tries)
                room.give_back(again)
                rest = np.concatenate([again, rest])

    def _is_too_little(self, tier: Tier, items: int) -> bool:
        """Say whether items are not worth the day that a server's batch may take.

        Worst cases are some times what is spent in the end, so what a wave leaves unspent buys a
        smaller wave, and so on, which without batches costs no time to speak of.
        """
        return bool(tier.batched_items) and items * _LEAST_SHARE < self._journal.count(tier.name)

    def _fits(self, tier: Tier, items: npt.NDArray[np.int64], room: _Room) -> npt.NDArray[np.bool_]:
        return (tier.worst_nanousd[items] <= self._left(tier)) & room.has_for(items)

    def _left(self, tier: Tier) -> int:
        return left_nanousd(self._journal, tier, self._free_nanousd)

    @property
    def _free_nanousd(self) -> int:
        """The part of the budget that nothing is put aside of."""
        return self._budget - (0 if self._owed is None else self._owed.worst_nanousd)

    def _reserve(self, tier: Tier, items: npt.NDArray[np.int64]) -> Wave:
        # Longest first: sequences that run together end together, and the tail is short.
        longest_first = items[np.argsort(-tier.cap_tokens[items], kind="stable")]
        return self._journal.reserve(
            tier.name,
            longest_first,
            tier.worst_nanousd[longest_first],
            budget_nanousd=self._free_nanousd,
            prefix_nanousd=tier.prefix_nanousd,
        )

    def _send(
        self, tier: Tier, translator: Translator, wave: Wave, items: npt.NDArray[np.int64]
    ) -> list[int]:
        """Send what is reserved and settle it; return the items whose answers were lost."""
        # Deterministic groups are the wave's own, whether or not a crash came between: a group
        # is committed whole, so those of an interrupted wave that are bought are whole groups.
        sources, name = self._segments.sources.take(items), self._journal.wave_name(wave)
        requests = tier.requests(items, sources, name)
        broken: list[MidRunError] = []
        if tier.may_lose_answers:
            requests = self._marked(tier, requests, broken)
        lost = []
        for commit in self._commits(tier, translator, requests):
            hypotheses = [_hypothesis(tier, wave, outcome) for outcome in commit]
            self._refuse_overruns(tier, wave, hypotheses)
            self._journal.settle(wave, hypotheses)
            if self._owed is not None:
                self._owed.settled([one.item for one in hypotheses])
            lost += [one.item for one in hypotheses if one.unmetered and one.failure is not None]
            done = sum(int(self._segments.repeats[outcome.item]) for outcome in commit)
            self._progress.advance(done, self._journal.spend_nanousd())
            if not tier.may_lose_answers:
                self._deadline.check()
        if broken:
            raise broken[0]
        self._deadline.check()
        return lost

    def _marked(
        self, tier: Tier, requests: Iterable[Request], broken: list[MidRunError]
    ) -> Iterator[Request]:
        """Mark requests as they are sent, so that a crash knows what a server may have charged.

        When the time is over, or a mark cannot be written, none is sent any more; what is under
        way then is waited for.
        """
        for request in requests:
            if self._deadline.is_over:
                return
            try:
                self._journal.mark_sent(tier.name, request.item)
            except MidRunError as error:
                broken.append(error)
                return
            yield request

    def _commits(
        self, tier: Tier, translator: Translator, requests: Iterable[Request]
    ) -> Iterator[Sequence[Outcome]]:
        try:
            yield from translator.translate(requests)
        except MidRunError:
            if tier.may_lose_answers:  # it has yielded whatever may have been charged
                self._journal.unmark_sent(tier.name)
            raise

    def _charge_unanswered(self, tier: Tier, wave: Wave) -> list[int]:
        """Charge in full what was sent to a server before a crash and never answered; name it."""
        items = self._journal.unanswered(wave)
        if items:
            self._journal.settle(wave, [_unanswered(wave, item) for item in items])
        return items

    def _let_go(
        self,
        tier: Tier,
        lost: Sequence[int],
        before: npt.NDArray[np.int64],
        tries: Counter[int],
    ) -> npt.NDArray[np.int64]:
        """Let what was lost be sent again, where the money goes round; its charge stays.

        Parameters
        ----------
        tier, lost
            What is to be let go.
        before
            The items whose turn is still to come, and whose worst cases come first.
        tries
            How often each item was lost already.
        """
        if not lost:
            return np.zeros(0, np.int64)
        tries.update(lost)
        left = self._left(tier) - sum(tier.worst_nanousd[before].tolist())
        again: list[int] = []
        for item in lost:
            worst = int(tier.worst_nanousd[item])
            if tries[item] < _MOST_TRIES and worst <= left:
                again.append(item)
                left -= worst
        if again:
            self._journal.release_failed(tier.name, again)
        return np.array(again, np.int64)

    def _refuse_overruns(self, tier: Tier, wave: Wave, hypotheses: list[Hypothesis]) -> None:
        """Stop where a model used more than its cap; the journal would not take it."""
        for one in hypotheses:
            if one.spend_nanousd > wave.worst_by_item[one.item]:
                row = int(self._segments.first_row[one.item]) + 1
                raise MidRunError(
                    f"{tier.name} model '{tier.model.card.name}' used {one.prompt_tokens} + "
                    f"{one.output_tokens} tokens for segment {row}, more than it was allowed",
                    hint="raise 'template_tokens' in its card and run the same command again"
                    if tier.is_remote
                    else "nothing more is sent to a model that does not keep to its cap",
                )


class _Room:
    """What a share of the source tokens leaves; everything fits where there is none."""

    def __init__(self, journal: Journal, tier: Tier, wishes: Wishes | None) -> None:
        self._left: int | None = None
        if wishes is not None and wishes.share is not None:
            self._tokens = wishes.tokens
            self._left = wishes.tokens_left(journal.sent(tier.name, len(wishes.tokens)))

    def has_for(self, items: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Say which items fit, each alone."""
        if self._left is None:
            return np.ones(len(items), np.bool_)
        return np.less_equal(self._tokens[items], self._left)

    def longest_prefix(self, items: npt.NDArray[np.int64]) -> int:
        """Return how many of the first items fit together."""
        if self._left is None:
            return len(items)
        return _longest_prefix(self._tokens[items], self._left)

    def give_back(self, items: npt.NDArray[np.int64]) -> None:
        """Take back the room of items that are to be sent again."""
        if self._left is not None:
            self._left += int(self._tokens[items].sum())

    def take(self, items: npt.NDArray[np.int64]) -> None:
        """Give room to items that are sent."""
        if self._left is not None:
            self._left -= int(self._tokens[items].sum())


def left_nanousd(journal: Journal, tier: Tier, budget_nanousd: int) -> int:
    """Return what a new wave of a tier may cost, its prompt prefix put aside."""
    prefix = 0 if journal.has_waves(tier.name) else tier.prefix_nanousd
    return budget_nanousd - journal.committed_nanousd() - prefix


def needed_nanousd(journal: Journal | None, tier: Tier, items: npt.NDArray[np.int64]) -> int:
    """Return what buying all of some items can still cost at most, the prompt prefix included.

    Parameters
    ----------
    journal
        What is sent or charged already; None where nothing is.
    tier, items
        What is to be bought.
    """
    sent = np.zeros(len(tier.worst_nanousd), np.bool_)
    if journal is not None:
        sent = journal.sent(tier.name, len(sent))
    waiting = items[~sent[items]]
    begun = not len(waiting) or (journal is not None and journal.has_waves(tier.name))
    # Python's integers: the sum can exceed 64 bits.
    worst = sum(map(int, tier.worst_nanousd[waiting].tolist()))
    return worst + (0 if begun else tier.prefix_nanousd)


def _longest_prefix(needed: npt.NDArray[np.int64], left: int) -> int:
    # Python's integers: the sum of a wave's worst cases can exceed 64 bits.
    for count, total in enumerate(accumulate(needed.tolist())):
        if total > left:
            return count
    return len(needed)


def _unanswered(wave: Wave, item: int) -> Hypothesis:
    return Hypothesis(
        item=item,
        text="",
        prompt_tokens=0,
        output_tokens=0,
        truncated=False,
        token_logprobs=None,
        failure="it was sent when the run was cut off, and its answer was lost",
        spend_nanousd=wave.worst_by_item[item],
        unmetered=True,
    )


def _hypothesis(tier: Tier, wave: Wave, outcome: Outcome) -> Hypothesis:
    spend = tier.spend_nanousd(outcome)
    if outcome.unmetered:
        spend = max(spend, wave.worst_by_item[outcome.item])
    return Hypothesis(
        item=outcome.item,
        text=outcome.text,
        prompt_tokens=outcome.prompt_tokens,
        output_tokens=outcome.output_tokens,
        truncated=outcome.truncated,
        token_logprobs=outcome.token_logprobs,
        failure=outcome.failure,
        spend_nanousd=spend,
        token_entropies=outcome.token_entropies,
        token_margins=outcome.token_margins,
        state=outcome.state,
        unmetered=outcome.unmetered,
    )
