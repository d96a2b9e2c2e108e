"""What run folders there are, in which state, and removing those that are done with.

In: a folder that holds run folders. Out: a summary of each. Always: looking changes nothing, also
where a process is working; only a run whose lock is free is removed, and only in a state that the
caller allows. Outputs are never touched, half-written ones apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from routelmt_cli.errors import RoutelmtError, UsageError
from routelmt_cli.run.folder import SUFFIX, RunFiles, RunFolder, runs_in_cache
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.lock import find_holder
from routelmt_cli.run.whole_file import temporary_of


class State(str, Enum):
    """What has become of a run."""

    FINISHED = "finished"
    IN_PROGRESS = "in progress"
    """Begun and not finished; nobody works on it."""
    RUNNING = "running"
    DAMAGED = "damaged"
    """It cannot be continued as it is."""


@dataclass(frozen=True)
class RunSummary:
    """What is known of a run from its folder.

    Attributes
    ----------
    process
        The id of the process that works on it, 0 where it has not said; None where none does.
    problem
        What is wrong with it, in one line, or None.
    input, output
        Paths, or ``-`` for standard input and output; the input is None where it is not known.
    output_exists
        Whether there is such a file; None for standard output.
    spend_nanousd, budget_nanousd
        None where they are not known, or there is no limit.
    bytes
        Of the run's own files.
    age_seconds
        Since they were last changed; 0 where a clock was set back.
    """

    folder: Path
    state: State
    process: int | None
    problem: str | None
    input: str | None
    output: str
    output_exists: bool | None
    spend_nanousd: int | None
    budget_nanousd: int | None
    bytes: int
    age_seconds: int


def list_runs(parent: Path) -> list[RunSummary]:
    """Summarise the run folders that lie in a folder, by name.

    Raises
    ------
    UsageError
        Where the folder cannot be read.
    """
    try:
        folders = sorted(path for path in parent.iterdir() if path.name.endswith(SUFFIX))
    except OSError as error:
        raise UsageError(
            f"{parent}: cannot be read: {error.strerror}", hint="name the folder of the outputs"
        ) from error
    return [summarise(path) for path in folders if path.is_dir()]


def summarise(path: Path, *, is_ours: bool = False) -> RunSummary:
    """Look at one run folder; ``is_ours`` where this process holds it."""
    files = RunFiles(path)
    process, problem, known, spend, finished = None, None, None, None, False
    try:
        process = None if is_ours else find_holder(files.lock)
        known = files.describe()
        spend, finished = _look(files)
        if spend and known is None:
            problem = f"{files.description}: is missing"
    except RoutelmtError as error:
        problem = error.message
    except OSError as error:
        problem = f"{path}: cannot be read: {error.strerror}"
    if process is not None:
        state = State.RUNNING
    elif problem is not None:
        state = State.DAMAGED
    else:
        state = State.FINISHED if finished else State.IN_PROGRESS
    output = _output(path)
    to_stdout = path.parent.absolute() == runs_in_cache().absolute()
    size, changed = _size_and_time(files)
    return RunSummary(
        folder=path,
        state=state,
        process=process,
        problem=problem,
        input=None if known is None else known.get("input"),
        output="-" if to_stdout else str(output),
        output_exists=None if to_stdout else output.exists(),
        spend_nanousd=spend,
        budget_nanousd=None if known is None else known.get("budget_nanousd"),
        bytes=size,
        age_seconds=max(0, int(time.time() - changed)),
    )


def _output(folder: Path) -> Path:
    return folder.with_name(folder.name.removesuffix(SUFFIX))


def _look(files: RunFiles) -> tuple[int, bool]:
    """Return what a run has spent, and whether it is finished."""
    if not files.journal.exists():
        return 0, False
    with Journal(files.journal, read_only=True) as journal:
        return journal.spend_nanousd(), journal.is_finished


def _size_and_time(files: RunFiles) -> tuple[int, float]:
    try:
        found = {path: path.stat() for path in files.own_files()}
        # Whoever looks at a run in vain, such as a command that is refused, takes its lock.
        times = [one.st_mtime for path, one in found.items() if path != files.lock]
        return sum(one.st_size for one in found.values()), max(
            times, default=files.path.stat().st_mtime
        )
    except OSError:  # another process is removing it, or it is not ours to read
        return 0, time.time()


def remove_runs(
    summaries: list[RunSummary], allowed: Callable[[RunSummary], bool]
) -> Iterator[tuple[RunSummary, str | None]]:
    """Remove run folders, looking at each again under its lock.

    Parameters
    ----------
    summaries
        Which.
    allowed
        Whether a run may be removed in the state in which it is then.

    Yields
    ------
    tuple
        A run, and why its folder is still there, or None where it is gone.
    """
    for summary in summaries:
        yield summary, _remove(summary.folder, allowed)


def _remove(path: Path, allowed: Callable[[RunSummary], bool]) -> str | None:
    if not path.is_dir():
        return None
    try:
        with RunFolder(path) as folder:
            if not allowed(summarise(path, is_ours=True)):
                return "it was continued in the meantime"
            temporary_of(_output(path), hidden=True).unlink(missing_ok=True)
            return None if folder.remove() else "it holds files that are not the run's"
    except UsageError as error:
        return error.message
    except OSError as error:
        return str(error.strerror)
