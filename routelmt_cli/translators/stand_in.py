"""A translator without a model: deterministic, instant or slowed, for tests and benchmarks.

It "translates" word by word: a word comes out as it is, or reversed where a hash of it and the
card's seed falls above the card's skill. So two stand-ins of different skill have gains that a
router can learn, with the source itself as reference. It can also be told to fail.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from routelmt_cli.errors import MidRunError, UsageError
from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.pieces import cut
from routelmt_cli.translators.protocol import Outcome, Request, TokenCounts

_PREFIX_TOKENS = 7


class StandInTranslator:
    """Translate by hashing; see ``protocol.Translator`` for the contract.

    Parameters
    ----------
    card
        Its ``[stand_in]`` section: ``skill`` (0 to 1), ``seed``, ``seconds_per_request``,
        ``fail_on`` (a text: segments that hold it fail), ``die_on`` (a text: the model breaks).
    deterministic
        Yield static groups; otherwise outcomes come out of order, one commit each.
    """

    def __init__(self, card: ModelCard, *, deterministic: bool = False) -> None:
        self.prefix_tokens = _PREFIX_TOKENS
        self.context_limit = card.decoding.context_tokens
        self.deterministic = deterministic
        self.group_size = card.decoding.parallel_sequences
        self._decoding = card.decoding
        try:
            self._skill = float(card.stand_in.get("skill", 0.5))
            self._seconds = float(card.stand_in.get("seconds_per_request", 0.0))
        except (TypeError, ValueError) as error:
            raise UsageError(f"{card.card_path}: [stand_in] holds a wrong number") from error
        self._seed = str(card.stand_in.get("seed", 0))
        self._fail_on = str(card.stand_in.get("fail_on", ""))
        self._die_on = str(card.stand_in.get("die_on", ""))

    def __enter__(self) -> StandInTranslator:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def count(self, sources: Sequence[str]) -> TokenCounts:
        """Count words as tokens."""
        words = np.array([len(source.split()) for source in sources], np.int64)
        caps = np.array([self._cap(int(count)) for count in words], np.int64)
        return TokenCounts(words, words, caps, words + caps + self.prefix_tokens)

    def _cap(self, words: int) -> int:
        return math.ceil(self._decoding.cap_ratio * words) + self._decoding.cap_extra

    def translate(self, requests: Iterable[Request]) -> Iterator[Sequence[Outcome]]:
        """Translate the requests; each sequence of outcomes is one commit."""
        remaining = iter(requests)
        while group := list(islice(remaining, self.group_size)):
            if self.deterministic:
                yield [self._outcome(request) for request in group]
            else:
                for request in reversed(group):
                    yield [self._outcome(request)]

    def _outcome(self, request: Request) -> Outcome:
        if self._seconds:
            time.sleep(self._seconds)
        if self._die_on and self._die_on in request.source:
            raise MidRunError("the stand-in model broke, as its card asks")
        words = request.source.split()
        if self._fail_on and self._fail_on in request.source:
            return Outcome(request.item, "", len(words), 0, failure="fails, as its card asks")
        luck = [self._luck(word) for word in words]
        translated = iter(
            word if chance < self._skill else word[::-1]
            for word, chance in zip(words, luck, strict=True)
        )
        pieces = cut(request.source)
        output = [" ".join(islice(translated, len(piece.split()))) for piece in pieces.texts]
        logprobs = np.log(np.maximum(1.0 - 0.9 * np.array([*luck, 0.0]), 1e-3))
        sampled = min(len(words) + 1, self._cap(len(words)))
        return Outcome(
            item=request.item,
            text=pieces.join(output),
            prompt_tokens=len(words),
            output_tokens=sampled,
            truncated=sampled < len(words) + 1,
            token_logprobs=logprobs[:sampled].astype(np.float32),
        )

    def _luck(self, word: str) -> float:
        digest = hashlib.blake2b(f"{self._seed} {word}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64
