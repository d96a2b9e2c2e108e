"""What the user sees of ``models bench``: trials on stderr as they are made, then the answer."""

from __future__ import annotations

import json

import typer

from routelmt_cli.cli.console import plain_table
from routelmt_cli.run.model_bench import SHAPE, ModelBench
from routelmt_cli.translators.llama_bench import Trial

_HEADER = (
    "", "sequences", "threads", "batch", "cache", "flash attention",
    "input tokens/s", "output tokens/s", "segments/s",
)  # fmt: skip


def show_trial(trial: Trial) -> None:
    """Say that a trial was made."""
    settings = trial.settings
    typer.echo(
        f"{settings.sequences} sequences, {settings.threads} threads, batches of "
        f"{settings.batch_tokens}, cache {settings.cache_type}, flash attention "
        f"{settings.flash_attention}: {trial.rates.segments(SHAPE):.2f} segments/s",
        err=True,
    )


def show_bench(result: ModelBench, *, as_json: bool) -> None:
    """Print the trials, the settings that are kept, and the price."""
    if as_json:
        typer.echo(json.dumps(result.as_json()))
        return
    from rich.console import Console

    table = plain_table(_HEADER, numeric=(1, 2, 3, 6, 7, 8))
    for trial in result.trials:
        settings, rates = trial.settings, trial.rates
        table.add_row(
            "*" if trial is result.best else "",
            *map(str, (settings.sequences, settings.threads, settings.batch_tokens)),
            settings.cache_type,
            settings.flash_attention,
            f"{rates.input:.0f}",
            f"{rates.output:.0f}",
            f"{rates.segments(SHAPE):.2f}",
        )
    Console(highlight=False, soft_wrap=True, width=500).print(table)
    typer.echo(
        f"made-up segments of {SHAPE.prompt} prompt and {SHAPE.output} output tokens behind a "
        f"prefix of {SHAPE.prefix}; kept (*) for runs without --deterministic in {result.kept_in}"
    )
    if line := result.price_line():
        typer.echo(f"price for the card: {line}")
