"""``routelmt report``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from routelmt_cli.cli import arguments
from routelmt_cli.errors import ExitCode


def report(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="An output of translate, or its run folder."),
    ],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Copy the page there; - is stdout."),
    ] = None,
    open_page: Annotated[
        bool, typer.Option("--open", help="Show the page in the web browser.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print report.json.")] = False,
    quiet: arguments.Quiet = False,
) -> int:
    """Show the report of a finished run again: a table, and a page for the web browser.

    The page is one file that needs no network: budget and quality, spend, predicted gains, what
    the guards kept, and the segments that gained most and least with the reasons. It quotes the
    corpus, so pass it on only to whom you would give that.
    """
    from routelmt_cli.cli.console import Console
    from routelmt_cli.errors import UsageError
    from routelmt_cli.run import finished

    if as_json and output == "-":
        raise UsageError("--json and -o - both print", hint="leave one of them out")
    files = finished.find_run(run)
    found = finished.read_report(files)
    with Console(quiet=quiet, verbosity=0) as console:
        if output == "-":
            sys.stdout.buffer.write(finished.read_page(files))
        else:
            place = files.page
            if output is not None:
                place = Path(output)
                finished.copy_page(files, place)
            elif open_page:
                finished.read_page(files)
            if as_json:
                typer.echo(files.report.read_text("utf-8"), nl=False)
            else:
                console.show_report(found, is_answer=True)
            if place.exists():
                console.note(f"page: {place}")
            if open_page and not _open(place):
                console.note("no web browser was found: open the page yourself")
    return ExitCode.DONE


def _open(page: Path) -> bool:
    import webbrowser

    return webbrowser.open(page.absolute().as_uri())
