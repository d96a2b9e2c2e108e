"""What the user sees of ``models prune``: the new card, and what was dropped."""

from __future__ import annotations

import json

import typer

from routelmt_cli.cli.printable import printable
from routelmt_cli.run.model_pruning import PrunedModel


def show_pruned(made: PrunedModel, *, as_json: bool) -> None:
    """Print where the model is, how large it is, and how to use it."""
    if as_json:
        typer.echo(json.dumps(made.as_json()))
        return
    typer.echo(printable(f"{made.name}: {made.card}"))
    typer.echo(
        f"{made.tokens} of {made.tokens_before} tokens, {made.tokens_needed} of them needed by the "
        f"texts; {_megabytes(made.bytes)} MB instead of {_megabytes(made.bytes_before)}"
    )
    typer.echo(f"all {made.texts} texts have the same tokens as before")
    typer.echo(f"sha256 {made.sha256}")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f}"
