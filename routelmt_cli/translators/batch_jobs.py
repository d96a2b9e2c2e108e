"""The requests of one wave while a server's batches work on them.

Requests go in, then replies by name; outcomes come out when all parts of a source have theirs.
Parts with the same body are sent once, and whoever is handed over first bears what they used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from routelmt_cli.translators.batch_files import request_name
from routelmt_cli.translators.endpoint_answer import Answer
from routelmt_cli.translators.endpoint_connection import Reply
from routelmt_cli.translators.endpoint_outcome import outcome_of
from routelmt_cli.translators.endpoint_prompter import EndpointPrompter
from routelmt_cli.translators.pieces import Pieces
from routelmt_cli.translators.protocol import Outcome, Request


@dataclass(frozen=True, slots=True)
class _Job:
    item: int
    pieces: Pieces
    names: tuple[str, ...]


class BatchJobs:
    """What is asked for in one wave, and what of it is answered.

    Parameters
    ----------
    prompter
        Makes the bodies.
    requests
        All of one wave.
    with_logprobs
        Whether log-probabilities are asked for.

    Attributes
    ----------
    wave
        The name of the wave.
    bodies
        Of all requests that have no reply yet, by their names.
    """

    def __init__(
        self, prompter: EndpointPrompter, requests: Iterable[Request], *, with_logprobs: bool
    ) -> None:
        self.wave = ""
        self.bodies: dict[str, Mapping[str, Any]] = {}
        self._open: list[_Job] = []
        self._replies: dict[str, Reply] = {}
        self._charged: set[str] = set()
        for request in requests:
            self.wave = request.wave
            pieces, notes = prompter.pieces(request.source), prompter.notes(request.notes)
            names = []
            for piece in pieces.texts:
                body = prompter.body(piece, notes, with_logprobs=with_logprobs)
                names.append(request_name(request.wave, body))
                self.bodies[names[-1]] = body
            self._open.append(_Job(request.item, pieces, tuple(names)))

    def answer(self, replies: Mapping[str, Reply]) -> None:
        """Take replies by name."""
        self._replies.update(replies)
        for name in replies:
            self.bodies.pop(name, None)

    def take_outcomes(self) -> list[Outcome]:
        """Return the outcomes of all requests whose parts have their replies since the last."""
        done: list[_Job] = []
        still_open: list[_Job] = []
        for job in self._open:
            is_done = all(name in self._replies for name in job.names)
            (done if is_done else still_open).append(job)
        self._open = still_open
        return [
            outcome_of(job.item, job.pieces, [self._charge(name) for name in job.names])
            for job in done
        ]

    def _charge(self, name: str) -> Reply:
        reply = self._replies[name]
        if name in self._charged and isinstance(reply, Answer) and reply.is_metered:
            return replace(reply, prompt_tokens=0, output_tokens=0)
        self._charged.add(name)
        return reply
