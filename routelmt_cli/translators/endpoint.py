"""A server that speaks OpenAI's protocol as a translator: many requests under way, none forgotten.

Requests go in, outcomes come out as they arrive (see ``protocol``). Always: what the server refuses
for the moment is sent again, after the time that it asks for or a random one that doubles; what it
may have charged without an answer is an outcome that is charged in full, and is not sent again
here; what ends the run is raised when all that is under way has come back.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

from routelmt_cli.errors import MidRunError
from routelmt_cli.translators.adaptive_limit import AdaptiveLimit
from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.endpoint_answer import Answer
from routelmt_cli.translators.endpoint_connection import (
    Busy,
    EndpointConnection,
    Lost,
    Rejected,
    Reply,
)
from routelmt_cli.translators.endpoint_outcome import outcome_of
from routelmt_cli.translators.endpoint_patience import pause_seconds
from routelmt_cli.translators.endpoint_prompter import EndpointPrompter, endpoint_of
from routelmt_cli.translators.notes import Notes
from routelmt_cli.translators.protocol import Outcome, Request, TokenCounts

_MOST_LOST_IN_A_CALL = 20
_MOST_LOST_IN_A_ROW = 100
_MOST_REJECTED_AT_FIRST = 5
_CLOSING_SECONDS = 1.0
_MOST_IN_A_COMMIT = 64

_Finished: TypeAlias = "SimpleQueue[tuple[int, Outcome | Exception]]"


class EndpointTranslator:
    """Translate with a server.

    Parameters
    ----------
    card
        A card with an endpoint.
    source_language, target_language
        BCP 47 codes.
    with_logprobs
        Whether log-probabilities are asked for, where the card says that they are offered.
    with_notes
        Whether requests have notes.

    Raises
    ------
    UsageError
        Where the key or httpx is missing.
    """

    deterministic = False

    def __init__(
        self,
        card: ModelCard,
        source_language: str,
        target_language: str,
        *,
        with_logprobs: bool,
        with_notes: bool = False,
    ) -> None:
        self._prompter = EndpointPrompter(
            card, source_language, target_language, with_notes=with_notes
        )
        self.prefix_tokens = self._prompter.prefix_tokens
        self.context_limit = self._prompter.context_limit
        self.group_size = card.decoding.parallel_sequences
        self._card, self._tries = card, endpoint_of(card).tries
        self._with_logprobs = with_logprobs
        self._limit = AdaptiveLimit(self.group_size)
        self._connection = EndpointConnection(card, self.group_size)
        self._answers = self._lost_in_a_row = self._lost_in_this_call = self._rejected = 0
        self._down: MidRunError | None = None
        self._loop = asyncio.new_event_loop()
        # A daemon: a request that is under way holds up no process that was told to end.
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def __enter__(self) -> EndpointTranslator:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(TimeoutError, FutureTimeoutError):  # one and the same since Python 3.11
            self._submit(self._connection.close()).result(_CLOSING_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSING_SECONDS)
        if not self._loop.is_running():
            self._loop.close()

    def count(self, sources: Sequence[str], notes: Sequence[Notes] | None = None) -> TokenCounts:
        """Estimate the tokens of every source, and bound those that it is charged."""
        return self._prompter.count(sources, notes)

    def translate(self, requests: Iterable[Request]) -> Iterator[Sequence[Outcome]]:
        """Translate the requests; each sequence of outcomes is one commit.

        Raises
        ------
        MidRunError
            The server is down, or refuses key, address, model or account.
        """
        finished: _Finished = SimpleQueue()
        self._lost_in_this_call = 0  # what was lost before may be all that these requests are
        under_way: dict[int, Future[None]] = {}
        remaining = iter(enumerate(requests))
        try:
            while True:
                while self._down is None and len(under_way) < self._limit.current:
                    number, request = next(remaining, (0, None))
                    if request is None:
                        break
                    under_way[number] = self._submit(self._finish(number, request, finished))
                if not under_way:
                    break
                commit = []
                for number, result in _some(finished):
                    del under_way[number]
                    if isinstance(result, Outcome):
                        commit.append(result)
                    elif isinstance(result, MidRunError):
                        self._down = self._down or result
                    else:
                        raise result
                if commit:
                    yield commit
            if self._down is not None:
                raise self._down
        finally:
            for future in under_way.values():
                future.cancel()

    def _submit(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    # -- in the event loop --------------------------------------------------------------------

    async def _finish(self, number: int, request: Request, finished: _Finished) -> None:
        try:
            finished.put((number, await self._outcome(request)))
        except Exception as error:  # it is the other thread's to raise
            finished.put((number, error))

    async def _outcome(self, request: Request) -> Outcome:
        """Ask for the parts of a source, one after the other, and make one outcome of them."""
        pieces = self._prompter.pieces(request.source)
        notes = self._prompter.notes(request.notes)
        replies: list[Reply] = []
        for piece in pieces.texts:
            body = self._prompter.body(piece, notes, with_logprobs=self._with_logprobs)
            try:
                reply = await self._reply(body)
            except MidRunError as error:
                if not replies:
                    raise
                # The parts before this one are paid for, which must be told all the same.
                self._down = self._down or error
                reply = Rejected(error.message)
            replies.append(reply)
            if not isinstance(reply, Answer) or reply.failure is not None:
                break
        return outcome_of(request.item, pieces, replies)

    async def _reply(self, body: dict[str, Any]) -> Reply:
        """Send a request until it is answered, lost or refused for good."""
        answers_before, tried = self._answers, 0
        while True:
            reply, tried = await self._connection.ask(body), tried + 1
            if not isinstance(reply, Busy):
                self._watch(reply)
                return reply
            self._limit.refused()
            if tried == self._tries:
                break
            pause = pause_seconds(tried, reply)
            if pause is None:
                raise self._trouble(f"{reply.reason}; asks to wait {reply.wait_seconds:.0f} s")
            await asyncio.sleep(pause)
        if self._answers == answers_before:
            # Nobody else was answered meanwhile: it is not this request's fault.
            raise self._trouble(f"{reply.reason}; tried {tried} times")
        return reply

    def _watch(self, reply: Reply) -> None:
        """Take notice of a reply.

        Raises
        ------
        MidRunError
            Where nothing but refusals has come since the start.
        """
        if isinstance(reply, Answer):
            self._limit.answered()
            self._answers += 1
            self._lost_in_a_row = self._lost_in_this_call = 0
        elif isinstance(reply, Lost):
            self._limit.refused()
            self._lost_in_a_row += 1
            self._lost_in_this_call += 1
            if (
                self._lost_in_this_call >= _MOST_LOST_IN_A_CALL
                or self._lost_in_a_row >= _MOST_LOST_IN_A_ROW
            ):
                # Not raised: that this one may have been charged must be told.
                self._down = self._down or self._trouble(f"{reply.reason}; so were those before it")
        else:
            self._rejected += 1
            if not self._answers and self._rejected >= _MOST_REJECTED_AT_FIRST:
                raise self._trouble(f"{reply.reason}; so were all requests before it")

    def _trouble(self, reason: str) -> MidRunError:
        return self._connection.trouble(
            reason, "run the same command again to continue; what is bought is kept"
        )


def _some(finished: _Finished) -> Iterator[tuple[int, Outcome | Exception]]:
    """Wait for one result, and take what else is there."""
    yield finished.get()
    with suppress(Empty):
        for _ in range(_MOST_IN_A_COMMIT - 1):
            yield finished.get_nowait()
