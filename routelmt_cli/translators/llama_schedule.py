"""Decode many sequences together: who is in the batch, who ends, who is admitted next.

In: jobs (tokens after the shared prefix, and a cap). Out: finished byte strings with the
log-probabilities of their tokens. Greedy decoding only. What a job is a part of, and what it
costs, is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from routelmt_cli.translators.llama_library import LlamaContext


@dataclass(frozen=True, slots=True)
class Job:
    """One sequence to decode.

    Attributes
    ----------
    key
        The caller's number for it.
    tokens
        What follows the shared prefix.
    cap
        The most tokens to sample, at least one.
    """

    key: int
    tokens: Sequence[int]
    cap: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A decoded sequence: its bytes up to the stop text, and what sampling it took."""

    key: int
    data: bytes
    sampled_tokens: int
    truncated: bool
    logprobs: npt.NDArray[np.float32] | None


@dataclass(slots=True, eq=False)
class _Running:
    job: Job
    sequence: int
    position: int
    evaluated: int = 0  # prompt tokens already evaluated
    next_token: int = -1
    data: bytearray = field(default_factory=bytearray)
    sampled: int = 0
    logprobs: list[float] = field(default_factory=list)


class Scheduler:
    """Continuous batching over one context.

    Parameters
    ----------
    context
        With ``slots + 1`` sequences: sequence 0 holds the shared prefix.
    prefix
        Tokens that every sequence starts with, evaluated once and copied.
    stop
        Texts that end a sequence; the sequence is cut before them.
    slots
        How many sequences are decoded together.
    with_logprobs
        Whether the log-probability of every sampled token is kept.
    """

    def __init__(
        self,
        context: LlamaContext,
        *,
        prefix: Sequence[int],
        stop: Sequence[str],
        slots: int,
        with_logprobs: bool,
    ) -> None:
        self._context = context
        self._prefix = prefix
        self._stop = tuple(text.encode("utf-8") for text in stop)
        self._slots = slots
        self._with_logprobs = with_logprobs
        # exp() of a step's logits goes here, so that no step allocates a vocabulary-sized array.
        rows = slots if with_logprobs else 0
        self._exponentials = np.empty((rows, context.model.vocabulary_size), np.float32)
        self.reset()

    def reset(self) -> None:
        """Go back to a clean state: an empty cache with the prefix evaluated."""
        self._context.clear()
        if self._prefix:
            self._context.evaluate(0, self._prefix)

    def run(self, jobs: Iterable[Job]) -> Iterator[list[Finished]]:
        """Decode the jobs, admitting the next one whenever a sequence ends.

        The schedule is a function of the jobs and their order alone.

        Yields
        ------
        list of Finished
            What ended in one step, never empty.
        """
        waiting = iter(jobs)
        free = list(range(self._slots, 0, -1))
        running: list[_Running] = []
        exhausted = False
        try:
            while True:
                while free and not exhausted:
                    job = next(waiting, None)
                    if job is None:
                        exhausted = True
                        break
                    running.append(self._admit(job, free.pop()))
                if not running:
                    return
                finished = self._step(running)
                if finished:
                    for entry in finished:
                        self._context.drop_sequence(entry.sequence)
                        free.append(entry.sequence)
                    running = [entry for entry in running if entry not in finished]
                    yield [self._result(entry) for entry in finished]
        finally:
            for entry in running:
                self._context.drop_sequence(entry.sequence)

    def _admit(self, job: Job, sequence: int) -> _Running:
        if self._prefix:
            self._context.copy_sequence(0, sequence)
        return _Running(job, sequence, position=len(self._prefix))

    def _step(self, running: list[_Running]) -> list[_Running]:
        """Evaluate one batch: a token of every decoding sequence, then prompts while room lasts."""
        context, row = self._context, 0
        sampling: list[_Running] = []
        context.wants_logits[:] = 0
        for entry in running:
            if entry.next_token >= 0:
                context.token[row] = entry.next_token
                context.position[row] = entry.position
                context.sequence[row] = entry.sequence
                context.wants_logits[row] = 1
                entry.position += 1
                row += 1
                sampling.append(entry)
        for entry in running:
            if entry.next_token >= 0 or row == context.batch_tokens:
                continue
            part = entry.job.tokens[entry.evaluated : entry.evaluated + context.batch_tokens - row]
            end = row + len(part)
            context.token[row:end] = part
            context.position[row:end] = np.arange(entry.position, entry.position + len(part))
            context.sequence[row:end] = entry.sequence
            entry.position += len(part)
            entry.evaluated += len(part)
            if entry.evaluated == len(entry.job.tokens):
                context.wants_logits[end - 1] = 1
                sampling.append(entry)
            row = end
        logits = context.decode(row)
        return self._sample(logits, sampling) if sampling else []

    def _sample(self, logits: npt.NDArray[np.float32], sampling: list[_Running]) -> list[_Running]:
        chosen = logits.argmax(axis=1)
        if self._with_logprobs:
            work = self._exponentials[: len(sampling)]
            highest = np.take_along_axis(logits, chosen[:, None], axis=1)
            np.subtract(logits, highest, out=work)
            np.exp(work, out=work)
            logprobs = -np.log(work.sum(axis=1))
        finished = []
        for index, entry in enumerate(sampling):
            if self._with_logprobs:
                entry.logprobs.append(float(logprobs[index]))
            if self._append(entry, int(chosen[index])):
                finished.append(entry)
        return finished

    def _append(self, entry: _Running, token: int) -> bool:
        """Add a sampled token; say whether the sequence ends with it."""
        model = self._context.model
        entry.sampled += 1
        if model.ends_generation(token):
            entry.next_token = -1
            return True
        before = len(entry.data)
        entry.data += model.piece(token)
        for stop in self._stop:
            at = entry.data.find(stop, max(0, before - len(stop) + 1))
            if at >= 0:
                del entry.data[at:]
                entry.next_token = -1
                return True
        entry.next_token = token
        return entry.sampled >= entry.job.cap

    def _result(self, entry: _Running) -> Finished:
        return Finished(
            key=entry.job.key,
            data=bytes(entry.data),
            sampled_tokens=entry.sampled,
            truncated=entry.next_token >= 0,
            logprobs=np.array(entry.logprobs, np.float32) if self._with_logprobs else None,
        )
