"""A server's batches as a translator: files of requests, answered within a day at a lower price.

Requests go in, outcomes come out when a batch is done (see ``protocol``); while it waits it yields
empty sequences, so that whoever spends can stop and come back. Always: nothing is sent twice. A
batch bears the name of its wave, so that after a crash, days later, it is found again at the
server, and what it holds is read from its own file of requests.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from routelmt_cli.errors import MidRunError
from routelmt_cli.translators.batch_files import read_names, read_replies, request_line
from routelmt_cli.translators.batch_jobs import BatchJobs
from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.endpoint_connection import (
    Busy,
    EndpointConnection,
    Lost,
    Rejected,
    Reply,
)
from routelmt_cli.translators.endpoint_patience import pause_seconds
from routelmt_cli.translators.endpoint_prompter import EndpointPrompter, endpoint_of
from routelmt_cli.translators.notes import Notes
from routelmt_cli.translators.protocol import Outcome, Request, TokenCounts

_CONNECTIONS = 4
_MOST_FILE_BYTES = 100 << 20  # OpenAI takes 200 MB
_MOST_RESULT_BYTES = 1 << 30
_BATCHES_A_PAGE = 100
_LOOKS_FOR_A_LOST_BATCH = 3
_WAVE = "routelmt"  # under which a batch's metadata names the wave
_ENDED = frozenset(["completed", "expired", "cancelled"])
_FULL = "token_limit_exceeded"  # more is waiting already than the account may let wait

_T = TypeVar("_T")


class BatchTranslator:
    """Translate with a server's batches.

    Parameters
    ----------
    card
        A card with an endpoint that has batches.
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
        endpoint = endpoint_of(card)
        if endpoint.batch is None:
            raise ValueError(f"model '{card.name}' has no batches")
        self._prompter = EndpointPrompter(
            card, source_language, target_language, with_notes=with_notes
        )
        self.prefix_tokens = self._prompter.prefix_tokens
        self.context_limit = self._prompter.context_limit
        self._batch, self._tries = endpoint.batch, endpoint.tries
        self.group_size = self._most_requests = endpoint.batch.most_requests
        self._with_logprobs = with_logprobs
        self._connection = EndpointConnection(card, _CONNECTIONS)
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> BatchTranslator:
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._connection.close())
        self._loop.close()

    def count(self, sources: Sequence[str], notes: Sequence[Notes] | None = None) -> TokenCounts:
        """Estimate the tokens of every source, and bound those that it is charged."""
        return self._prompter.count(sources, notes)

    def translate(self, requests: Iterable[Request]) -> Iterator[Sequence[Outcome]]:
        """Translate the requests of one wave; each sequence of outcomes is one commit.

        Raises
        ------
        MidRunError
            The server is down, or refuses key, address, model, account or batch.
        """
        jobs = BatchJobs(self._prompter, requests, with_logprobs=self._with_logprobs)
        under_way = self._find(jobs.wave) if jobs.bodies and jobs.wave else {}
        found = {name for names in under_way.values() for name in names}
        waiting = deque(name for name in jobs.bodies if name not in found)
        at_once = self._batch.at_once
        while True:
            if outcomes := jobs.take_outcomes():
                yield outcomes
            while waiting and len(under_way) < at_once:
                names, content = self._file(jobs, waiting)
                under_way[self._begin(content, jobs.wave)] = names
            if not under_way:
                return
            has_news = False
            for identity in list(under_way):
                state = self._state(identity)
                status = state.get("status")
                if status == "failed":
                    names = under_way.pop(identity)
                    if not _is_full(state) or (not under_way and len(names) == 1):
                        raise self._refused(identity, state)
                    waiting.extendleft(reversed(names))
                    at_once = max(1, len(under_way))  # wait for those before it
                    if not under_way:  # there are none: it is too large
                        self._most_requests = len(names) // 2
                elif status in _ENDED:
                    jobs.answer(self._replies(state, under_way.pop(identity)))
                    at_once, has_news = self._batch.at_once, True
            if not has_news:
                yield []
                time.sleep(self._batch.poll_seconds)

    # -- batches --------------------------------------------------------------------------------

    def _find(self, wave: str) -> dict[str, list[str]]:
        """Find the batches of a wave that were begun before, and the names in each."""
        found = {}
        for state in self._list():
            metadata = state.get("metadata")
            is_ours = isinstance(metadata, dict) and metadata.get(_WAVE) == wave
            if is_ours and state.get("status") != "failed":
                content = self._content(state.get("input_file_id"))
                if content is None:
                    raise self._trouble(f"the file of batch {state.get('id')} is gone")
                found[str(state["id"])] = read_names(content)
        return found

    def _list(self) -> Iterator[dict[str, Any]]:
        after: dict[str, str] = {}
        while True:
            page = self._json("GET", "batches", params={"limit": str(_BATCHES_A_PAGE), **after})
            states = [one for one in page.get("data") or [] if isinstance(one, dict)]
            yield from states
            if not page.get("has_more") or not states:
                return
            after = {"after": str(states[-1].get("id"))}

    def _file(self, jobs: BatchJobs, waiting: deque[str]) -> tuple[list[str], bytes]:
        """Take what waits into a file, as much as fits."""
        names: list[str] = []
        lines: list[bytes] = []
        size = 0
        while waiting and len(names) < self._most_requests:
            line = request_line(waiting[0], self._connection.place, jobs.bodies[waiting[0]])
            if names and size + len(line) > _MOST_FILE_BYTES:
                break
            names.append(waiting.popleft())
            lines.append(line)
            size += len(line)
        return names, b"".join(lines)

    def _begin(self, content: bytes, wave: str) -> str:
        """Begin a batch of a file; return the name that the server gives it."""
        file = self._json(
            "POST",
            "files",
            files={"file": ("routelmt.jsonl", content, "application/jsonl")},
            data={"purpose": "batch"},
        )
        order = {
            "input_file_id": file.get("id"),
            "endpoint": f"/v1/{self._connection.place}",
            "completion_window": self._batch.window,
            "metadata": {_WAVE: wave},
        }
        tried = 0
        while True:
            reply = self._call("POST", "batches", may_repeat=False, json=order)
            tried += 1
            if isinstance(reply, bytes):
                return str(self._read(reply, "batches").get("id"))
            if isinstance(reply, Rejected):
                raise self._trouble(reply.reason)
            # It may have begun: another one would pay for all of it twice.
            identity = self._look_for(file.get("id"))
            if identity is not None:
                return identity
            if isinstance(reply, Lost) or tried == self._tries:
                raise self._trouble(f"nobody knows whether a batch has begun: {reply.reason}")

    def _look_for(self, file: object) -> str | None:
        """Look for a batch of a file, which may take a moment to be listed."""
        for _ in range(_LOOKS_FOR_A_LOST_BATCH):
            time.sleep(self._batch.poll_seconds)
            for state in self._list():
                if state.get("input_file_id") == file:
                    return str(state.get("id"))
        return None

    def _state(self, identity: str) -> dict[str, Any]:
        return self._json("GET", f"batches/{identity}")

    def _replies(self, state: dict[str, Any], names: Sequence[str]) -> dict[str, Reply]:
        """Read what became of all requests of a batch that has ended."""
        told: dict[str, Reply] = {}
        is_whole = True
        for key in ("error_file_id", "output_file_id"):
            if state.get(key) is not None:
                content = self._content(state[key])
                is_whole = is_whole and content is not None
                told |= read_replies(content or b"")
        status = state.get("status")
        missing: Reply = Lost("the server's batch says nothing of it")
        if is_whole and status in ("expired", "cancelled"):
            missing = Rejected(f"the server's batch {status} before it was its turn")
        return {name: told.get(name, missing) for name in names}

    def _content(self, file: object) -> bytes | None:
        """Return what is in a file, None where there is none any more."""
        reply = self._call(
            "GET", f"files/{file}/content", most_bytes=_MOST_RESULT_BYTES, may_be_gone=True
        )
        return reply if isinstance(reply, bytes) else None

    def _refused(self, identity: str, state: dict[str, Any]) -> MidRunError:
        said = "; ".join(str(one.get("message")) for one in _errors(state)[:3])
        return self._trouble(f"batch {identity} is refused: {said or 'it does not say why'}")

    # -- calls ----------------------------------------------------------------------------------

    def _json(self, method: str, place: str, **content: Any) -> dict[str, Any]:
        reply = self._call(method, place, **content)
        if not isinstance(reply, bytes):
            raise self._trouble(reply.reason)
        return self._read(reply, place)

    def _read(self, content: bytes, place: str) -> dict[str, Any]:
        try:
            data = json.loads(content)
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            raise self._trouble(f"{place} answers what is no JSON object")
        return data

    def _call(
        self, method: str, place: str, *, may_repeat: bool = True, **content: Any
    ) -> bytes | Busy | Lost | Rejected:
        """Send one request, again while it is refused for the moment, or lost and harmless.

        What may not be repeated is so only where it surely had no effect.
        """
        tried = 0
        while True:
            reply = self._run(self._connection.exchange(method, place, **content))
            tried += 1
            if isinstance(reply, (bytes, Rejected)):
                return reply
            if not may_repeat and not (isinstance(reply, Busy) and reply.is_free):
                return reply
            pause = pause_seconds(tried, reply if isinstance(reply, Busy) else Busy(reply.reason))
            if tried == self._tries or pause is None:
                raise self._trouble(f"{reply.reason}; tried {tried} times")
            time.sleep(pause)

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return self._loop.run_until_complete(work)

    def _trouble(self, reason: str) -> MidRunError:
        return self._connection.trouble(
            reason, "run the same command again to continue; batches that are under way are found"
        )


def _is_full(state: dict[str, Any]) -> bool:
    return any(one.get("code") == _FULL for one in _errors(state))


def _errors(state: dict[str, Any]) -> list[dict[str, Any]]:
    errors = state.get("errors")
    data = errors.get("data") if isinstance(errors, dict) else None
    return [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []
