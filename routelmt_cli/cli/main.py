"""The command ``routelmt``: its subcommands, and the one place where errors become exit codes."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import click
import typer

import routelmt_cli
from routelmt_cli.cli.calibrate import calibrate
from routelmt_cli.cli.models import models
from routelmt_cli.cli.translate import translate
from routelmt_cli.errors import ExitCode, RoutelmtError

app = typer.Typer(
    name="routelmt",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(translate)
app.command()(calibrate)
app.add_typer(models, name="models")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"routelmt {routelmt_cli.__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Translate corpora within a budget.

    A small model drafts every segment; a large one retranslates those where it is predicted to
    gain most per dollar.
    """


class _Terminated(BaseException):
    """SIGTERM arrived."""


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise _Terminated


def _end(code: ExitCode, message: str, hint: str | None = None) -> NoReturn:
    lines = [f"error: {message}"] if code not in _INTERRUPTIONS else [message]
    if hint:
        lines.append(f"hint: {hint}")
    for line in lines:
        # Names and segments may hold anything; a terminal gets printable characters only.
        shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
        print(shown.encode("utf-8", "replace").decode("utf-8"), file=sys.stderr)  # noqa: T201
    sys.exit(int(code))


_INTERRUPTIONS = (ExitCode.INTERRUPTED, ExitCode.TERMINATED)
_CONTINUE = "stopped; run the same command again to continue, nothing is paid twice"


def run() -> NoReturn:
    """Run the command line and exit with the documented code."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = app(standalone_mode=False)
    except click.ClickException as error:
        hint = "see 'routelmt --help'"
        if isinstance(error, click.UsageError) and error.ctx is not None:
            hint = f"see '{error.ctx.command_path} --help'"
        message = " ".join(error.format_message().split()).rstrip(".")
        _end(ExitCode.USAGE, message, hint)
    except RoutelmtError as error:
        _end(error.exit_code, " ".join(error.message.split("\n")), error.hint)
    except (KeyboardInterrupt, click.Abort):
        _end(ExitCode.INTERRUPTED, _CONTINUE)
    except _Terminated:
        _end(ExitCode.TERMINATED, _CONTINUE)
    sys.exit(code if isinstance(code, int) else ExitCode.DONE)
