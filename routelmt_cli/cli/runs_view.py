"""How run folders are shown: a table for people, JSON for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from routelmt_cli.budget.money import format_usd
from routelmt_cli.cli.console import plain_table
from routelmt_cli.cli.printable import printable
from routelmt_cli.errors import UsageError
from routelmt_cli.run.inventory import RunSummary, State

_BYTES = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3), ("B", 1))
_SECONDS = (("days", 86400), ("h", 3600), ("min", 60), ("s", 1))


def as_json(summaries: Sequence[RunSummary]) -> str:
    """Write summaries as a JSON array."""
    return json.dumps([_fields(one) for one in summaries], indent=1)


def cleaned_as_json(done: Sequence[tuple[RunSummary, str | None]]) -> str:
    """Write as a JSON array which runs were removed, and why the others were kept."""
    rows = [
        _fields(one) | {"removed": reason is None, "kept_because": reason} for one, reason in done
    ]
    return json.dumps(rows, indent=1)


def _fields(one: RunSummary) -> dict[str, Any]:
    return asdict(one) | {"folder": str(one.folder)}


def show(summaries: Sequence[RunSummary], folder: Path, *, to_stderr: bool = False) -> None:
    """Print a table of summaries, and what is wrong with those that are damaged."""
    if not summaries:
        note(f"no run folders in {folder.absolute()}" if not to_stderr else "nothing to remove")
        return
    table = plain_table(("output", "input", "state", "spend", "size", "age"), numeric=(3, 4, 5))
    for one in summaries:
        table.add_row(*map(Text, map(printable, _row(one))))
    Console(stderr=to_stderr, highlight=False, soft_wrap=True).print(table)
    for one in summaries:
        if one.problem is not None:
            note(one.problem)


def note(text: str) -> None:
    """Say one line beside the answer."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(printable(text)))


def confirm(question: str) -> bool:
    """Ask on stderr, read the answer from standard input.

    Raises
    ------
    UsageError
        Where there is no answer.
    """
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201
    answer = sys.stdin.readline() if sys.stdin is not None else ""
    if not answer:
        print(file=sys.stderr)  # noqa: T201
        raise UsageError("nothing is removed without a yes", hint="add --yes")
    return answer.strip().lower() in ("y", "yes")


def folders(summaries: Sequence[RunSummary]) -> str:
    """Say how many folders there are and what they hold."""
    size = _largest_unit(sum(one.bytes for one in summaries), _BYTES)
    return f"{len(summaries)} run folder{'s' if len(summaries) > 1 else ''} ({size})"


def _row(one: RunSummary) -> tuple[str, ...]:
    output = os.path.relpath(one.output) if one.output != "-" else one.folder.name
    state = one.state.value
    if one.state is State.RUNNING:
        state = f"running (process {one.process or 'unknown'})"
    return (
        f"{output} (gone)" if one.output_exists is False and state == "finished" else output,
        "unknown" if one.input is None else _near(one.input),
        state,
        "unknown" if one.spend_nanousd is None else format_usd(one.spend_nanousd),
        _largest_unit(one.bytes, _BYTES),
        _largest_unit(one.age_seconds, _SECONDS),
    )


def _near(name: str) -> str:
    """Name a file from here where it lies below, and in full where it does not."""
    path = Path(name)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else name


def _largest_unit(value: int, units: Sequence[tuple[str, int]]) -> str:
    name, size = next((unit for unit in units if value >= unit[1]), units[-1])
    return (
        f"{value / size:.1f} {name}"
        if value < 10 * size and size > 1
        else f"{value // size} {name}"
    )
