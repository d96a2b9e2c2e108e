"""A translator without a model: deterministic, instant or slowed, for tests and benchmarks.

It "translates" word by word: a word that is a term of the request's notes becomes what they say,
any other comes out as it is, or reversed where a hash of it and the card's seed falls above the
card's skill. So two stand-ins of different skill have gains that a
router can learn, with the source itself as reference. It can also be told to fail. Scoring a draft
makes up the same numbers that writing it would have.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from routelmt_cli.errors import MidRunError, UsageError
from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.decoding_cap import longest_source, token_cap
from routelmt_cli.translators.hidden_state import prompt_state
from routelmt_cli.translators.notes import NO_NOTES, Notes
from routelmt_cli.translators.pieces import Limit, cut
from routelmt_cli.translators.protocol import Outcome, Request, ScoreRequest, TokenCounts

_PREFIX_TOKENS = 7
_END_LUCK = 0.0
_MAX_SECONDS = 3600


class StandInTranslator:
    """Translate and score by hashing; see ``protocol`` for both contracts.

    Parameters
    ----------
    card
        Its context and caps, counted in words, and its ``[stand_in]`` section: ``skill`` (0 to
        1), ``seed``, ``seconds_per_request``, ``fail_on`` (a text: segments that hold it
        fail), ``die_on`` (a text: the model breaks).
    source_language, target_language
        BCP 47 codes.
    deterministic
        Yield static groups; otherwise outcomes come out of order, one commit each.
    with_states
        Whether outcomes carry a made-up hidden state.
    """

    def __init__(
        self,
        card: ModelCard,
        source_language: str = "en",
        target_language: str = "en",
        *,
        deterministic: bool = False,
        with_states: bool = False,
    ) -> None:
        self.prefix_tokens = _PREFIX_TOKENS
        self.context_limit = card.decoding.context_tokens
        self.deterministic = deterministic
        self.group_size = card.decoding.parallel_sequences
        self._decoding = card.decoding
        self._with_states = with_states
        most = longest_source(card, self.context_limit, self.prefix_tokens)
        self._limit = Limit(_count_words, most, source_language, target_language)
        try:
            self._skill = float(card.stand_in.get("skill", 0.5))
            self._seconds = float(card.stand_in.get("seconds_per_request", 0.0))
        except ValueError as error:
            raise UsageError(f"{card.card_path}: [stand_in] holds a wrong number") from error
        if not 0 <= self._seconds <= _MAX_SECONDS:
            raise UsageError(
                f"{card.card_path}: [stand_in] 'seconds_per_request' must lie between 0 and "
                f"{_MAX_SECONDS}"
            )
        self._seed = str(card.stand_in.get("seed", 0))
        self._fail_on = str(card.stand_in.get("fail_on", ""))
        self._die_on = str(card.stand_in.get("die_on", ""))

    def __enter__(self) -> StandInTranslator:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def count(self, sources: Sequence[str], notes: Sequence[Notes] | None = None) -> TokenCounts:
        """Count words as tokens."""
        table = np.zeros((4, len(sources)), np.int64)
        for column, source in enumerate(sources):
            before = _note_words(NO_NOTES if notes is None else notes[column])
            for piece in cut(source, self._limit).texts:
                words = _count_words(piece)
                cap = token_cap(self._decoding, words)
                table[:3, column] += (words, before + words, cap)
                longest = self.prefix_tokens + before + words + cap
                table[3, column] = max(table[3, column], longest)
        return TokenCounts(*table)

    def count_scored(self, sources: Sequence[str], drafts: Sequence[str]) -> npt.NDArray[np.int64]:
        """Count the tokens that scoring every draft reads; int64 of shape (n,)."""
        return np.array(
            [
                _count_words(source) + _count_words(draft) + bool(draft.split())
                for source, draft in zip(sources, drafts, strict=True)
            ],
            np.int64,
        )

    def translate(self, requests: Iterable[Request]) -> Iterator[Sequence[Outcome]]:
        """Translate the requests; each sequence of outcomes is one commit."""
        remaining = iter(requests)
        while group := list(islice(remaining, self.group_size)):
            if self.deterministic:
                yield [self._outcome(request) for request in group]
            else:
                for request in reversed(group):
                    yield [self._outcome(request)]

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Sequence[Outcome]]:
        """Score the drafts; each sequence of outcomes is one commit."""
        remaining = iter(requests)
        while group := list(islice(remaining, self.group_size)):
            yield [self._scored(request) for request in group]

    def _outcome(self, request: Request) -> Outcome:
        if failed := self._trouble(request.item, request.source):
            return failed
        pieces = cut(request.source, self._limit)
        if not pieces.texts:
            return Outcome(request.item, pieces.join([]), 0, 0)
        output, source, sampled, truncated = [], [], [], False
        terms = dict(request.notes.terms)
        before = _note_words(request.notes) * len(pieces.texts)
        for piece in pieces.texts:
            words = piece.split()
            luck = [self._luck(word) for word in words]
            cap = token_cap(self._decoding, len(words))
            output.append(
                " ".join(
                    terms.get(word) or self._translated(word, chance)
                    for word, chance in zip(words, luck, strict=True)
                )
            )
            source += luck
            sampled += [*luck, _END_LUCK][:cap]
            truncated |= cap <= len(words)
        made = self._made_up(request.item, pieces.join(output), source, sampled, truncated)
        return replace(made, prompt_tokens=made.prompt_tokens + before)

    def _scored(self, request: ScoreRequest) -> Outcome:
        if failed := self._trouble(request.item, request.source):
            return failed
        words, draft = request.source.split(), request.draft.split()
        luck = [self._luck(word) for word in words]
        # A word of the draft that could be the source's in its place is as likely as that is.
        drafted = [
            chance if word in (original, original[::-1]) else self._luck(word)
            for word, original, chance in zip(draft, words, luck, strict=False)
        ]
        drafted += [self._luck(word) for word in draft[len(words) :]]
        ended = [*drafted, _END_LUCK] if draft else []
        return self._made_up(request.item, request.draft, luck, ended, truncated=False)

    def _trouble(self, item: int, source: str) -> Outcome | None:
        """Take as long as a request takes; fail where the card asks for it."""
        if self._seconds:
            time.sleep(self._seconds)
        if self._die_on and self._die_on in source:
            raise MidRunError("the stand-in model broke, as its card asks")
        if self._fail_on and self._fail_on in source:
            return Outcome(item, "", len(source.split()), 0, failure="fails, as its card asks")
        return None

    def _made_up(
        self, item: int, text: str, source: list[float], tokens: list[float], truncated: bool
    ) -> Outcome:
        """Make an outcome up from the luck of the source's words and of the tokens."""
        luck = np.array(tokens, np.float64)
        return Outcome(
            item=item,
            text=text,
            prompt_tokens=len(source),
            output_tokens=len(tokens),
            truncated=truncated,
            token_logprobs=np.log(np.maximum(1.0 - 0.9 * luck, 1e-3)).astype(np.float32),
            token_entropies=(3.0 * luck).astype(np.float32),
            token_margins=(8.0 * (1.0 - luck)).astype(np.float32),
            state=_state(source, tokens) if self._with_states else None,
        )

    def _translated(self, word: str, luck: float) -> str:
        return word if luck < self._skill else word[::-1]

    def _luck(self, word: str) -> float:
        digest = hashlib.blake2b(f"{self._seed} {word}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64


class StandInProber(StandInTranslator):
    """Probe by hashing: outcomes have no text, and the first half of a draft's state."""

    def count(self, sources: Sequence[str], notes: Sequence[Notes] | None = None) -> TokenCounts:
        """Count words as tokens."""
        return super().count(sources).prompts_alone

    def _outcome(self, request: Request) -> Outcome:
        if failed := self._trouble(request.item, request.source):
            return failed
        words = [word for piece in cut(request.source, self._limit).texts for word in piece.split()]
        state = _state([self._luck(word) for word in words], [])
        return Outcome(request.item, "", len(words), 0, state=prompt_state(state))


def _note_words(notes: Notes) -> int:
    """Count the words of all notes; the stand-in has room for any number of them."""
    pairs = [text for pair in (*notes.terms, *notes.near) for text in pair]
    return sum(map(_count_words, [*notes.context, *pairs]))


def _count_words(text: str) -> int:
    return len(text.split())


def _state(source: list[float], tokens: list[float]) -> npt.NDArray[np.float32]:
    """Make a state up: mean and highest luck, and number, of the source's words and of tokens."""
    halves = [
        (np.mean(part), max(part), len(part)) if part else (0, 0, 0) for part in (source, tokens)
    ]
    return np.array(halves, np.float32).ravel()
