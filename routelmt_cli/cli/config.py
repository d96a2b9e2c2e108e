"""``routelmt config``."""

from __future__ import annotations

import json
from enum import Enum
from typing import Annotated, Any

import typer

from routelmt_cli.cli import arguments
from routelmt_cli.cli.printable import printable
from routelmt_cli.cli.settings import Setting, files, options_of, read_settings


class _Command(Enum):
    """A command whose options can be set."""

    translate = "translate"
    plan = "plan"
    calibrate = "calibrate"
    evaluate = "evaluate"


def config(
    context: typer.Context,
    command: Annotated[
        _Command, typer.Argument(help="The command whose options are shown.")
    ] = _Command.translate,
    as_json: arguments.AsJson = False,
) -> None:
    """Show what a command's options are where the command line says nothing, and why.

    In rising order: the default, routelmt.toml in your configuration folder, routelmt.toml in this
    folder, variables such as ROUTELMT_BUDGET or ROUTELMT_PLAN_BUDGET, the command line.
    """
    from routelmt_cli.translators.cache import cache_folder

    group: Any = context.find_root().command
    name = command.value
    settings = read_settings(group)[name]
    rows = [
        settings.get(option.name) or Setting(key, _default(option), None)
        for key, option in options_of(group.commands[name]).items()
    ]
    if as_json:
        found = {
            "command": name,
            "options": {
                row.key: {"value": row.value, "origin": row.origin or "default"} for row in rows
            },
            "files": [{"path": str(path), "exists": path.is_file()} for path in files()],
            "cache": str(cache_folder()),
        }
        typer.echo(json.dumps(found))
        return
    show(rows)
    for path in files():
        state = "" if path.is_file() else " (not there)"
        typer.echo(printable(f"{path.absolute()}{state}"), err=True)


def show(rows: list[Setting]) -> None:
    """Print options, their values and origins as a table."""
    from rich.console import Console
    from rich.text import Text

    from routelmt_cli.cli.console import plain_table

    table = plain_table(("option", "value", "from"), numeric=())
    for row in rows:
        value = "" if row.value is None else str(row.value)
        table.add_row(*map(Text, map(printable, (row.key, value, row.origin or "default"))))
    Console(highlight=False, soft_wrap=True, width=500).print(table)


def _default(option: Any) -> Any:
    """Return the default as it would be typed; where it depends, what the help says of it."""
    value = option.default
    if isinstance(value, Enum):
        return value.value
    if value is None and isinstance(option.show_default, str):
        return option.show_default
    return value
