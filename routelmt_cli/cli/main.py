"""The command ``routelmt``: its subcommands, and the one place where errors become exit codes."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any, NoReturn

import typer

import routelmt_cli
from routelmt_cli.cli import interruption
from routelmt_cli.cli.calibrate import calibrate
from routelmt_cli.cli.config import config
from routelmt_cli.cli.evaluate import evaluate
from routelmt_cli.cli.models import models
from routelmt_cli.cli.plan import plan
from routelmt_cli.cli.printable import printable
from routelmt_cli.cli.report import report
from routelmt_cli.cli.runs import runs
from routelmt_cli.cli.settings import COMMANDS, Settings, default_map, origin_of, read_settings
from routelmt_cli.cli.translate import translate
from routelmt_cli.errors import ExitCode, RoutelmtError
from routelmt_cli.run.streams import discard, fill_closed, flush_stdout
from routelmt_cli.translators.openmp import share_the_processor

app = typer.Typer(
    name="routelmt",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(translate)
app.command()(plan)
app.command()(calibrate)
app.command()(evaluate)
app.command()(report)
app.command()(config)
app.add_typer(models, name="models")
app.add_typer(runs, name="runs")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"routelmt {routelmt_cli.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Translate corpora within a budget.

    A small model drafts every segment; a large one retranslates those where it is predicted to
    gain most per dollar.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


# Newer typers bring a click of their own, so its errors are found through typer's public name.
_COMMAND_LINE_ERRORS: tuple[type[Exception], ...] = tuple(
    kind
    for kind in typer.BadParameter.__mro__
    if issubclass(kind, Exception) and kind.__name__ == "ClickException"
)


def _end(code: ExitCode, message: str, hint: str | None = None) -> NoReturn:
    interruption.ignore()
    lines = [f"error: {message}"] if code not in _INTERRUPTIONS else [message]
    if hint:
        lines.append(f"hint: {hint}")
    for line in lines:
        print(printable(line), file=sys.stderr)  # noqa: T201
    try:
        flush_stdout()
    except OSError:
        discard(sys.stdout)  # or it would fail again, with another exit code, when Python ends
    sys.exit(int(code))


_INTERRUPTIONS = (ExitCode.INTERRUPTED, ExitCode.TERMINATED)
_COMPLETION = "_ROUTELMT_COMPLETE"
_AGAIN = "run the same command again to continue, nothing is paid twice"


def _wrong_command_line(error: Any) -> tuple[str, str]:
    """Word what typer found wrong as a message and a hint."""
    message = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    command = "routelmt" if context is None else context.command_path
    return message[:1].lower() + message[1:], f"see '{command} --help'"


# What is asked of the command itself must work whatever the settings are.
_NEED_NO_SETTINGS = frozenset(["-h", "--help"])


def _invoke(command: Any, settings: Settings) -> int:
    """Run the command; typer's own main is left out, which turns errors into exit codes of its."""
    try:
        with command.make_context(
            "routelmt", sys.argv[1:], default_map=default_map(settings)
        ) as context:
            return int(command.invoke(context) or ExitCode.DONE)
    except typer.Exit as done:
        return int(done.exit_code)


def _settings_for(command: Any) -> Settings:
    """Read the settings where the command line names a command that has some."""
    if _name() not in COMMANDS or _NEED_NO_SETTINGS & set(sys.argv[1:]):
        return {}
    return read_settings(command)


def _name() -> str:
    return next((word for word in sys.argv[1:] if not word.startswith("-")), "")


def _origin(settings: Settings, message: str) -> str | None:
    """Say where an option that an error names was set, if it was not typed."""
    return origin_of(settings.get(_name(), {}), message, sys.argv[1:])


def run() -> NoReturn:
    """Run the command line and exit with the documented code."""
    fill_closed()
    share_the_processor()
    interruption.listen()
    command = typer.main.get_command(app)
    if _COMPLETION in os.environ:
        command.main(prog_name="routelmt")  # answers the shell that asks, and exits
    settings: Settings = {}
    try:
        settings = _settings_for(command)
        code = _invoke(command, settings)
        flush_stdout()  # here, where a closed pipe is still an error like others
        interruption.ignore()
    except _COMMAND_LINE_ERRORS as error:
        message, hint = _wrong_command_line(error)
        _end(ExitCode.USAGE, message, _origin(settings, message) or hint)
    except RoutelmtError as error:
        again = _AGAIN if error.exit_code is ExitCode.MID_RUN else None
        hints = [error.hint or again, _origin(settings, error.message)]
        _end(error.exit_code, " ".join(error.message.split("\n")), "; ".join(filter(None, hints)))
    except BrokenPipeError:
        discard(sys.stdout)  # the reader of a list or a help text has seen enough
        code = ExitCode.DONE
    except OSError as error:
        # Files of the user's are checked where they are opened; what is left is a failing disk.
        place = f"{error.filename}: " if error.filename else ""
        _end(ExitCode.MID_RUN, f"{place}{error.strerror or error}", _AGAIN)
    except KeyboardInterrupt:
        _end(ExitCode.INTERRUPTED, f"stopped; {_AGAIN}")
    except interruption.Terminated:
        _end(ExitCode.TERMINATED, f"stopped; {_AGAIN}")
    sys.exit(int(code))
