"""Write docs/reference.md: the program's own help, command by command.

    python docs/_make/reference.py > docs/reference.md

``tests/docs/test_docs.py`` fails where the two differ.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import typer.main

from routelmt_cli.cli.main import app

HEAD = """# Commands

What `routelmt COMMAND --help` prints; made by `python docs/_make/reference.py`.
"""
PLAIN = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb", "LANG": "C.UTF-8"}


def walk(command: Any, name: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield a command and all below it, each after its name, such as ("models", "list")."""
    yield name, command
    for below, inner in sorted(getattr(command, "commands", {}).items()):
        if not inner.hidden:
            yield from walk(inner, (*name, below))


def help_of(name: tuple[str, ...]) -> str:
    """Return what a command prints when it is asked for help."""
    run = subprocess.run(
        [sys.executable, "-m", "routelmt_cli", *name, "--help"],
        env={**os.environ, **PLAIN},
        capture_output=True,
        check=True,
        text=True,
    )
    return "\n".join(line.rstrip() for line in run.stdout.strip().splitlines())


def reference(show: Callable[[tuple[str, ...]], str] = help_of) -> str:
    """Return the page.

    Parameters
    ----------
    show
        Returns what a command prints when it is asked for help.
    """
    sections = [
        f"## {' '.join(('routelmt', *name))}\n\n```\n{show(name)}\n```\n"
        for name, _ in walk(typer.main.get_command(app))
    ]
    return "\n".join([HEAD, *sections])


if __name__ == "__main__":
    print(reference(), end="")
