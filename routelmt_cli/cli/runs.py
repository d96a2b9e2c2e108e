"""``routelmt runs list|clean``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from routelmt_cli.errors import ExitCode

runs = typer.Typer(help="Run folders: what was bought, for which output.")
Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Where the outputs lie.", show_default="here")
]

AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON array.")]


@runs.command("list")
def list_runs(
    folder: Folder = Path(),
    as_json: AsJson = False,
) -> None:
    """List run folders with output, input, state, spend, size, age."""
    from routelmt_cli.cli import runs_view
    from routelmt_cli.run import inventory

    summaries = inventory.list_runs(folder)
    if as_json:
        typer.echo(runs_view.as_json(summaries))
    else:
        runs_view.show(summaries, folder)


@runs.command("clean")
def clean(
    folder: Folder = Path(),
    unfinished: Annotated[
        bool,
        typer.Option("--unfinished", help="Also those that are not finished: it is paid again."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> int:
    """Remove run folders of finished runs, after asking; outputs stay.

    What a folder holds is needed to raise a budget, or to run the same command again for nothing.
    A folder that a process works in is never removed.
    """
    from routelmt_cli.cli import runs_view
    from routelmt_cli.run.inventory import RunSummary, State, list_runs, remove_runs

    states = {State.FINISHED} | ({State.IN_PROGRESS, State.DAMAGED} if unfinished else set())

    def allowed(summary: RunSummary) -> bool:
        return summary.state in states

    found = [summary for summary in list_runs(folder) if allowed(summary)]
    runs_view.show(found, folder, to_stderr=True)
    done: list[tuple[RunSummary, str | None]] = []
    if found and not yes and not runs_view.confirm(f"remove {runs_view.folders(found)}?"):
        done = [(summary, "the answer was no") for summary in found]
    else:
        for summary, reason in remove_runs(found, allowed):
            done.append((summary, reason))
            if reason is not None:
                runs_view.note(f"kept {summary.folder}: {reason}")
    if as_json:
        typer.echo(runs_view.cleaned_as_json(done))
    return ExitCode.DONE
