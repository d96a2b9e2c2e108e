"""Decode many sequences together: who is in the batch, who ends, who is admitted next.

In: jobs (tokens after the shared prefix, and a cap). Out: finished byte strings with statistics of
their tokens and their hidden states, where asked for. Greedy decoding only. Always: a sequence is
only begun where the cache has room for its prompt and cap beside the others'; should llama.cpp
have none all the same, fewer are decoded together. What a job is a part of, and what it costs, is
not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from routelmt_cli.translators.hidden_state import StateAverage
from routelmt_cli.translators.llama_library import LlamaContext, NoRoomError
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

    @property
    def cells(self) -> int:
        """How many tokens the cache may have to hold of it, the shared prefix apart."""
        return len(self.tokens) + self.cap


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
    held: int = 0  # tokens that the cache holds of it, the shared prefix apart
    next_token: int = -1
    data: bytearray = field(default_factory=bytearray)
    sampled: int = 0
    statistics: list[tuple[float, float, float]] = field(default_factory=list)
    state: StateAverage = field(default_factory=StateAverage)

    @property
    def waiting(self) -> int:
        """Prompt tokens not yet evaluated."""
        return max(0, len(self.job.tokens) - self.held)


class _Batch:
    """Rows of a context that are being filled; nothing else changes before they are evaluated."""

    def __init__(self, context: LlamaContext, prefix_tokens: int, limit: int) -> None:
        self._context, self._prefix_tokens, self._limit = context, prefix_tokens, limit
        self._parts: list[tuple[_Running, int]] = []
        self.rows = 0
        context.wants_logits[:] = 0

    def add(self, entry: _Running, tokens: Sequence[int]) -> int:
        """Add the next tokens of a sequence, as many as there is room for; return how many."""
        context, count = self._context, min(len(tokens), self._limit - self.rows)
        end, position = self.rows + count, self._prefix_tokens + entry.held
        context.token[self.rows : end] = tokens[:count]
        context.position[self.rows : end] = np.arange(position, position + count)
        context.sequence[self.rows : end] = entry.sequence
        self.rows = end
        self._parts.append((entry, count))
        return count

    def want_logits(self) -> None:
        """Ask for the logits of the row that was added last."""
        self._context.wants_logits[self.rows - 1] = 1

    def evaluate(self, *, with_states: bool = False) -> npt.NDArray[np.float32]:
        """Evaluate the rows; the sequences hold them afterwards, or none of them."""
        logits = self._context.decode(self.rows, with_states=with_states)
        for entry, count in self._parts:
            entry.held += count
        return logits


class _Waiting:
    """Jobs that have not begun, or begin again."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._jobs = iter(jobs)
        self._first: list[Job] = []

    def next_job(self) -> Job | None:
        """Take the next one; None where none is left."""
        return self._first.pop() if self._first else next(self._jobs, None)

    def put_back(self, job: Job) -> None:
        """Make a job that was taken the next one again."""
        self._first.append(job)


class Scheduler:
    """Continuous batching over one context.

    Parameters
    ----------
    context
        With a sequence for each slot, and sequence 0 for the shared prefix.
    prefix
        Tokens that every sequence starts with, evaluated once and copied.
    stop
        Texts that end a sequence; the sequence is cut before them.
    slots
        How many sequences are decoded together, where the cache has room for their prompts and
        caps.
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
        self._work = np.empty(context.model.vocabulary_size, np.float32)
        self.reset()

    def reset(self) -> None:
        """Go back to a clean state: an empty cache with the prefix evaluated."""
        self._context.clear()
        if self._prefix:
            self._context.evaluate(0, self._prefix)

    def run(self, jobs: Iterable[Job]) -> Iterator[list[Finished]]:
        """Decode the jobs, admitting the next one whenever a sequence ends.

        The schedule is a function of the jobs, their order and the context's size alone.

        Yields
        ------
        list of Finished
            What ended in one step, never empty.

        Raises
        ------
        NoRoomError
            Where the cache cannot even hold one sequence.
        """
        waiting = _Waiting(jobs)
        running: list[_Running] = []
        self._most_together, self._most_rows = self._slots, self._context.batch_tokens
        try:
            while True:
                self._admit(waiting, running)
                if not running:
                    return
                try:
                    finished = self._step(running)
                except NoRoomError:
                    self._make_room(waiting, running)
                    continue
                if finished:
                    for entry in finished:
                        self._context.drop_sequence(entry.sequence)
                    running = [entry for entry in running if entry not in finished]
                    yield [self._result(entry) for entry in finished]
        finally:
            for entry in running:
                self._context.drop_sequence(entry.sequence)

    def _admit(self, waiting: _Waiting, running: list[_Running]) -> None:
        """Start jobs while the cache has room for all that may become of them."""
        room = self._context.cells - len(self._prefix) - sum(e.job.cells for e in running)
        free = {*range(1, self._slots + 1)} - {entry.sequence for entry in running}
        while len(running) < self._most_together and (job := waiting.next_job()) is not None:
            if running and job.cells > room:
                waiting.put_back(job)
                return
            sequence = min(free)
            free.remove(sequence)
            room -= job.cells
            if self._prefix:
                self._context.copy_sequence(0, sequence)
            running.append(_Running(job, sequence))

    def _make_room(self, waiting: _Waiting, running: list[_Running]) -> None:
        """Let the sequence that began last begin again later, or else take smaller batches.

        Raises
        ------
        NoRoomError
            Where there is nothing left to make smaller.
        """
        if len(running) > 1:
            last = running.pop()
            self._context.drop_sequence(last.sequence)
            waiting.put_back(last.job)
            self._most_together = len(running)
        elif self._most_rows > 1:
            self._most_rows //= 2
        else:
            raise NoRoomError(
                f"the cache of {self._context.cells} tokens does not hold one sequence",
                hint="raise context_tokens in the model card",
            )

    def _step(self, running: list[_Running]) -> list[_Running]:
        """Evaluate one batch: a token of every decoding sequence, then prompts while room lasts."""
        sampling: list[_Running] = []
        prompts = [entry for entry in running if entry.waiting]
        if self._with_states:
            self._evaluate_prompts(prompts)
            prompts = [entry for entry in prompts if entry.waiting == 1]
        batch = self._new_batch()
        for entry in running:
            if entry.next_token >= 0 and batch.add(entry, [entry.next_token]):
                batch.want_logits()
                sampling.append(entry)
        for entry in prompts:
            if batch.add(entry, entry.job.tokens[entry.held :]) == entry.waiting:
                batch.want_logits()
                sampling.append(entry)
        if not batch.rows:
            return []
        logits = batch.evaluate(with_states=self._with_states)
        return self._sample(logits, sampling) if sampling else []

    def _evaluate_prompts(self, prompts: list[_Running]) -> None:
        """Evaluate prompts but for their last tokens in a batch of their own, without states.

        With states llama.cpp makes an output of every row, and an output costs a vocabulary.
        """
        batch = self._new_batch()
        for entry in prompts:
            batch.add(entry, entry.job.tokens[entry.held : -1])
        if batch.rows:
            batch.want_logits()  # never read: see LlamaContext.evaluate
            batch.evaluate()

    def _new_batch(self) -> _Batch:
        return _Batch(self._context, len(self._prefix), self._most_rows)

    def _sample(self, logits: npt.NDArray[np.float32], sampling: list[_Running]) -> list[_Running]:
        if not self._with_logprobs:
            chosen = logits.argmax(axis=1)
        else:
            chosen, found = token_statistics(logits, self._work)
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
