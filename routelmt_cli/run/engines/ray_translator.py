"""One translator made of many workers: requests are spread over them, commits come as they end.

Requests are taken only when a worker has room for them, two groups each: one that is decoded and
one that waits. What a lost worker had goes to another, and a new worker takes its place. Nothing is
paid for what was lost: it was reserved before, and is settled when an outcome arrives.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import routelmt_cli
from routelmt_cli.errors import MidRunError, RoutelmtError, UsageError
from routelmt_cli.run.engines.ray_worker import Loaded, Order, Step, Worker
from routelmt_cli.run.engines.work import Work
from routelmt_cli.translators.notes import Notes
from routelmt_cli.translators.protocol import Outcome, Request, TokenCounts

_GROUPS_EACH = 2
_PARTS = 4  # of a group that are given in turns, so that little work is shared out evenly
_STEPS_EACH = 2  # one runs, one waits for it
_POLL_SECONDS = 0.2  # signals are looked at between polls
_REMIND_SECONDS = 10.0
_PATIENCE_SECONDS = 600.0
_MOST_LOST_STARTS = 3
_SHOWN_CHARACTERS = 200


class _Replica:
    """One worker as the driver sees it."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.node = ""
        self.loaded: Loaded | None = None
        self.steps = 0
        self.portions: list[list[Request]] = []
        self.waiting: set[int] = set()

    @property
    def room(self) -> int:
        """How many requests more it may be given."""
        if self.loaded is None:
            return 0
        return _GROUPS_EACH * self.loaded.group_size - len(self.waiting)

    def answer(self, commits: Iterable[Sequence[Outcome]]) -> None:
        """Note what it has answered."""
        self.waiting -= {outcome.item for commit in commits for outcome in commit}
        self.portions = [
            portion
            for portion in self.portions
            if any(request.item in self.waiting for request in portion)
        ]

    def unanswered(self) -> list[list[Request]]:
        """Return what it has not answered, in the portions that it was given."""
        return [
            [request for request in portion if request.item in self.waiting]
            for portion in self.portions
        ]

    def forget(self) -> None:
        """Forget what it was sent."""
        self.steps, self.portions, self.waiting = 0, [], set()


_Kind = Literal["greet", "load", "step"]


class RayTranslator:
    """Translate with the workers of a cluster; see ``protocol.Translator`` for the contract.

    Parameters
    ----------
    ray
        The connected module.
    order
        What each worker loads.
    needed
        What one takes, by Ray's names.
    replicas
        How many there are; those that the cluster has no room for yet join when it has.

    Raises
    ------
    UsageError
        When entered: the first worker cannot load the model.
    MidRunError
        Workers are lost again and again, or none can be started; when entered, or while it
        translates.
    """

    def __init__(self, ray: Any, order: Order, needed: Mapping[str, float], replicas: int) -> None:
        self._ray, self._order, self._replicas = ray, order, replicas
        self.deterministic = bool(order.options["deterministic"])
        others = {name: amount for name, amount in needed.items() if name not in ("CPU", "GPU")}
        self._kind = ray.remote(Worker).options(
            num_cpus=needed.get("CPU", 0),
            num_gpus=needed.get("GPU", 0),
            resources=others or None,
            max_restarts=0,
            max_task_retries=0,
        )
        self._workers: list[_Replica] = []
        self._pending: dict[Any, tuple[_Replica, _Kind]] = {}
        self._turn = 0
        self._lost_starts = 0

    def __enter__(self) -> RayTranslator:
        try:
            for _ in range(self._replicas):
                self._start()
            self._last_sign = time.monotonic()
            while not (loaded := [one.loaded for one in self._workers if one.loaded]):
                self._receive(Work([], None))
        except BaseException:
            self.__exit__()
            raise
        self.prefix_tokens = loaded[0].prefix_tokens
        self.context_limit = loaded[0].context_limit
        self.group_size = loaded[0].group_size
        return self

    def __exit__(self, *_: object) -> None:
        for replica in self._workers:
            self._ray.kill(replica.actor)
        self._workers, self._pending = [], {}

    def count(self, sources: Sequence[str], notes: Sequence[Notes] | None = None) -> TokenCounts:
        """Count the tokens of every source exactly, with its notes if there are any."""
        with self._order.model.open_counter() as counter:
            return counter.count(sources, notes)

    def translate(self, requests: Iterable[Request]) -> Iterator[Sequence[Outcome]]:
        """Translate the requests; each sequence of outcomes is one commit."""
        self._turn += 1
        turn, work = self._turn, Work(requests, self.group_size if self.deterministic else None)
        yielded = time.monotonic()
        try:
            while self._feed(work):
                try:
                    step = self._receive(work)
                except UsageError as error:  # of a worker that joined when others had worked
                    raise MidRunError(error.message, hint=error.hint) from error
                if step is not None:
                    for commit in _commits(step, whole=self.deterministic):
                        yield commit
                        yielded = time.monotonic()
                    if step.error is not None:
                        raise step.error
                elif time.monotonic() - yielded > _REMIND_SECONDS:
                    yield []  # it waits, and may be left
                    yielded = time.monotonic()
        finally:
            if turn == self._turn:
                self._forget()

    def _forget(self) -> None:
        """Listen no more to what this turn's steps say; the next turn's drop what is queued."""
        self._pending = {ref: entry for ref, entry in self._pending.items() if entry[1] != "step"}
        for replica in self._workers:
            replica.forget()

    def _feed(self, work: Work) -> bool:
        """Give work to whoever has room, in turns; say whether anything is still to come."""
        portions: dict[_Replica, list[Request]] = {
            replica: []
            for replica in self._workers
            if replica.loaded is not None and replica.steps < _STEPS_EACH
        }
        taking = list(portions)
        while taking:
            taking = [one for one in taking if self._takes(one, portions[one], work)]
        for replica, portion in portions.items():
            if portion or (replica.waiting and not replica.steps):
                if portion:
                    replica.portions.append(portion)
                replica.steps += 1
                self._call(replica, "step", self._turn, portion)
        return not work.is_given_out or any(replica.waiting for replica in self._workers)

    def _takes(self, replica: _Replica, portion: list[Request], work: Work) -> bool:
        """Add a little to a worker's portion, or one group; say whether it may take more."""
        if self.deterministic:
            taken = [] if portion else work.take(replica.room)
        else:
            taken = work.take(min(replica.room, max(1, self.group_size // _PARTS)))
        portion += taken
        replica.waiting |= {request.item for request in taken}
        return bool(taken)

    def _start(self) -> None:
        replica = _Replica(self._kind.remote())
        self._workers.append(replica)
        self._call(replica, "greet")

    def _call(self, replica: _Replica, kind: _Kind, *arguments: Any) -> None:
        self._pending[getattr(replica.actor, kind).remote(*arguments)] = (replica, kind)

    def _receive(self, work: Work) -> Step | None:
        """Wait for one answer of a worker for a moment; return the step, if it was one."""
        ready, _ = self._ray.wait(list(self._pending), num_returns=1, timeout=_POLL_SECONDS)
        if not ready:
            self._refuse_to_wait_for_ever()
            return None
        replica, kind = self._pending.pop(ready[0])
        try:
            answer = self._ray.get(ready[0])
        except self._ray.exceptions.RayTaskError as error:
            raise MidRunError(
                f"a worker of '{self._name}'{_on(replica)} failed: {_shown(str(error))}"
            ) from error
        except self._ray.exceptions.RayError as error:  # it, or what it answered, is lost
            self._replace(replica, work, str(error))
            return None
        self._last_sign = time.monotonic()
        if isinstance(answer, Step):
            replica.steps -= 1
            replica.answer(answer.commits)
            return answer
        if kind == "greet":
            self._welcome(replica, *answer)
        elif isinstance(answer, RoutelmtError):
            raise type(answer)(f"node '{replica.node}': {answer.message}", hint=answer.hint)
        else:
            replica.loaded, self._lost_starts = answer, 0
        return None

    def _welcome(self, replica: _Replica, version: str, node: str) -> None:
        """Let a worker load the model, if it speaks the same language."""
        replica.node = node
        if version != routelmt_cli.__version__:
            raise UsageError(
                f"node '{node}' has routelmt {version}, this is {routelmt_cli.__version__}",
                hint="install the same version on all nodes",
            )
        self._call(replica, "load", self._order)

    def _replace(self, replica: _Replica, work: Work, trouble: str) -> None:
        """Give what a lost worker had to others, and start another in its place.

        Raises
        ------
        UsageError
            routelmt is not installed where it was to run.
        MidRunError
            It is not the first.
        """
        if "No module named" in trouble:
            missing = trouble.split("No module named")[1].split()[0].strip("'\"")
            raise UsageError(
                f"a node of the cluster has no Python module '{missing}'",
                hint="install the same routelmt on all nodes",
            )
        reason = f"the one{_on(replica)} ended: {_shown(trouble)}"
        self._workers.remove(replica)
        self._ray.kill(replica.actor)
        self._pending = {ref: e for ref, e in self._pending.items() if e[0] is not replica}
        self._lost_starts += replica.loaded is None
        if self._lost_starts >= _MOST_LOST_STARTS:
            raise MidRunError(
                f"{_MOST_LOST_STARTS} workers of '{self._name}' were lost before they had loaded "
                f"it, the last one since {reason}"
            )
        for portion in replica.unanswered():
            work.give_back(portion, reason)
        self._start()

    def _refuse_to_wait_for_ever(self) -> None:
        """Wait for whoever loads or decodes, but not for a cluster that lets nobody begin.

        Raises
        ------
        MidRunError
            No worker was started for long.
        """
        if any(replica.node for replica in self._workers):
            self._last_sign = time.monotonic()
        elif time.monotonic() - self._last_sign > _PATIENCE_SECONDS:
            raise MidRunError(
                f"the cluster started no worker of '{self._name}' for "
                f"{_PATIENCE_SECONDS / 60:g} minutes",
                hint="its nodes are gone, or busy with other work; run the same command again to "
                "continue",
            )

    @property
    def _name(self) -> str:
        return self._order.model.card.name


def _commits(step: Step, *, whole: bool) -> list[Sequence[Outcome]]:
    """Return groups as they are, and other outcomes of a step together: one sync for all."""
    commits = [commit for commit in step.commits if commit]
    if whole or not commits:
        return commits
    return [[outcome for commit in commits for outcome in commit]]


def _on(replica: _Replica) -> str:
    return f" on node '{replica.node}'" if replica.node else ""


def _shown(trouble: str) -> str:
    """Shorten what Ray says to its reason, on one line."""
    lines = [line.strip() for line in trouble.splitlines() if line.strip()]
    telling = [line for line in lines if "exit detail:" in line] or lines[-1:]
    text = " ".join(telling).rpartition("exit detail:")[2].strip()
    return text.split(". ")[0][:_SHOWN_CHARACTERS].rstrip(".")
