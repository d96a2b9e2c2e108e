"""Decode many sequences together: who is in the batch, who ends, who is admitted next.

In: jobs (tokens after the shared prefix, and a cap). Out: finished byte strings with statistics of
their tokens and their hidden states, where asked for. Greedy decoding only. What a job is a part
of, and what it costs, is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from routelmt_cli.translators.hidden_state import StateAverage
from routelmt_cli.translators.llama_library import LlamaContext
from routelmt_cli.translators.token_statistics import TokenStatistics, token_statistics


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
    statistics: TokenStatistics | None
    state: npt.NDArray[np.float32] | None


@dataclass(slots=True, eq=False)
class _Running:
    job: Job
    sequence: int
    position: int
    evaluated: int = 0  # prompt tokens already evaluated
    next_token: int = -1
    data: bytearray = field(default_factory=bytearray)
    sampled: int = 0
    statistics: list[tuple[float, float, float]] = field(default_factory=list)
    state: StateAverage = field(default_factory=StateAverage)

    @property
    def waiting(self) -> int:
        """Prompt tokens not yet evaluated."""
        return len(self.job.tokens) - self.evaluated


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
        Whether statistics of every sampled token are kept: log-probability, entropy, margin.
    with_states
        Whether hidden states are kept.
    """

    def __init__(
        self,
        context: LlamaContext,
        *,
        prefix: Sequence[int],
        stop: Sequence[str],
        slots: int,
        with_logprobs: bool,
        with_states: bool = False,
    ) -> None:
        self._context = context
        self._prefix = prefix
        self._stop = tuple(text.encode("utf-8") for text in stop)
        self._slots = slots
        self._with_logprobs = with_logprobs
        self._with_states = with_states
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
        prompts = [entry for entry in running if entry.waiting]
        if self._with_states:
            self._evaluate_prompts(prompts)
            prompts = [entry for entry in prompts if entry.waiting == 1]
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
        for entry in prompts:
            row = self._add_prompt(entry, row, entry.waiting)
            if not entry.waiting:
                context.wants_logits[row - 1] = 1
                sampling.append(entry)
        if not row:
            return []
        logits = context.decode(row, with_states=self._with_states)
        return self._sample(logits, sampling) if sampling else []

    def _evaluate_prompts(self, prompts: list[_Running]) -> None:
        """Evaluate prompts but for their last tokens in a batch of their own, without states.

        With states llama.cpp makes an output of every row, and an output costs a vocabulary.
        """
        context, row = self._context, 0
        context.wants_logits[:] = 0
        for entry in prompts:
            row = self._add_prompt(entry, row, entry.waiting - 1)
        if row:
            context.wants_logits[row - 1] = 1  # never read: see LlamaContext.evaluate
            context.decode(row)

    def _add_prompt(self, entry: _Running, row: int, most: int) -> int:
        """Put up to ``most`` waiting prompt tokens into the batch; return the next free row."""
        context = self._context
        count = min(most, context.batch_tokens - row)
        end = row + count
        context.token[row:end] = entry.job.tokens[entry.evaluated : entry.evaluated + count]
        context.position[row:end] = np.arange(entry.position, entry.position + count)
        context.sequence[row:end] = entry.sequence
        entry.position += count
        entry.evaluated += count
        return end

    def _sample(self, logits: npt.NDArray[np.float32], sampling: list[_Running]) -> list[_Running]:
        chosen = logits.argmax(axis=1)
        if self._with_logprobs:
            found = token_statistics(logits, chosen, chosen, self._exponentials)
            columns = (found.logprobs, found.entropies, found.margins)
            rows = zip(*(column.tolist() for column in columns), strict=True)
            for entry, row in zip(sampling, rows, strict=True):
                entry.statistics.append(row)
        if self._with_states:
            states = self._context.states(len(sampling))
            for index, entry in enumerate(sampling):
                entry.state.add(states[index : index + 1])
        return [
            entry
            for entry, token in zip(sampling, chosen.tolist(), strict=True)
            if self._append(entry, token)
        ]

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
            statistics=TokenStatistics.of_rows(entry.statistics) if self._with_logprobs else None,
            state=entry.state.result() if self._with_states else None,
        )
