"""What runs in one worker of a Ray cluster: a model that is loaded once, and a queue of requests.

Requests come in portions; commits go out in steps of about a tenth of a second, so that hypotheses
are in the journal soon after they exist, and few messages pass. Always: without groups, requests
that come while others are decoded join them; a group is decoded alone, as it is without workers.
Money is not known here, and nothing is kept: what a worker has when it is lost is done again by
another. Ray itself is not needed here.
"""

from __future__ import annotations

import fcntl
import platform
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import routelmt_cli
from routelmt_cli.errors import RoutelmtError, UsageError
from routelmt_cli.translators.cache import cache_folder
from routelmt_cli.translators.models import Model, find_model
from routelmt_cli.translators.openmp import share_the_processor
from routelmt_cli.translators.protocol import Outcome, Request, Translator

STEP_SECONDS = 0.1


@dataclass(frozen=True)
class Order:
    """What a worker is to load.

    Attributes
    ----------
    model
        The model as the driver found it; a worker finds the weights of its card again.
    options
        What ``Model.open_translator`` is told.
    """

    model: Model
    options: dict[str, Any]


@dataclass(frozen=True)
class Loaded:
    """What a loaded model says of itself; as of a ``Translator``."""

    prefix_tokens: int
    context_limit: int
    group_size: int


@dataclass(frozen=True)
class Step:
    """What became of requests since the step before.

    Attributes
    ----------
    commits
        Sequences of outcomes.
    error
        What ended the decoding after them; None where nothing did.
    """

    commits: list[Sequence[Outcome]]
    error: RoutelmtError | None = None


class Worker:
    """One model in a process of its own; its methods are called one after the other."""

    def __init__(self) -> None:
        self._turn = -1
        self._portions: deque[list[Request]] = deque()
        self._commits: Iterator[Sequence[Outcome]] | None = None

    def greet(self) -> tuple[str, str]:
        """Return the version of routelmt here and the name of this node."""
        return routelmt_cli.__version__, platform.node()

    def load(self, order: Order) -> Loaded | RoutelmtError:
        """Load a model, once; return why it cannot be loaded, where it cannot."""
        share_the_processor()
        try:
            with _one_at_a_time():
                model = _found_here(order.model)
            translator = model.open_translator(**order.options)
        except RoutelmtError as error:
            return error
        self._translator: Translator = translator.__enter__()
        self._deterministic = translator.deterministic
        return Loaded(translator.prefix_tokens, translator.context_limit, translator.group_size)

    def step(self, turn: int, portion: list[Request]) -> Step:
        """Queue requests, decode for a moment, return what ended.

        Parameters
        ----------
        turn
            Which stream of requests these belong to; what is left of another one is dropped.
        portion
            The requests, a whole group where there are groups; may be empty.
        """
        if turn != self._turn:
            self._turn, self._commits = turn, None
            self._portions.clear()
        if portion:
            self._portions.append(portion)
        commits: list[Sequence[Outcome]] = []
        end = time.monotonic() + STEP_SECONDS
        try:
            while (commit := self._next_commit()) is not None:
                commits.append(commit)
                if time.monotonic() >= end:
                    break
        except RoutelmtError as error:
            return Step(commits, error)
        return Step(commits)

    def _next_commit(self) -> Sequence[Outcome] | None:
        while True:
            if self._commits is None:
                if not self._portions:
                    return None
                self._commits = self._translator.translate(self._requests())
            commit = next(self._commits, None)
            if commit is not None:
                return commit
            self._commits = None

    def _requests(self) -> Iterator[Request]:
        """Yield one group, or whatever is there, and comes, until there is nothing."""
        while self._portions:
            yield from self._portions.popleft()
            if self._deterministic:
                return


def _found_here(model: Model) -> Model:
    """Find a model's weights on this node, and try them where that was not done here before.

    Raises
    ------
    UsageError
        They are missing, or other ones.
    """
    found = find_model(
        model.card, model.source_language, model.target_language, protects=model.protects
    )
    if found.fingerprint != model.fingerprint:
        raise UsageError(f"the weights of '{model.card.name}' are others than where the run began")
    if found.weights is not None:
        from routelmt_cli.translators.llama_selfcheck import extra_buffers_work

        extra_buffers_work(found.weights.path, found.weights.sha256)
    return replace(model, weights=found.weights)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let the workers of a node check weights one after the other: the first finds it out."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "workers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
