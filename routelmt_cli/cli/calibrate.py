"""``routelmt calibrate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from routelmt_cli.cli import arguments
from routelmt_cli.errors import ExitCode
from routelmt_cli.run.options import DEFAULT_LARGE, DEFAULT_SMALL


def calibrate(
    source: arguments.Input,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="BUNDLE", help="Router to write.")
    ],
    reference_column: Annotated[
        str, typer.Option(metavar="NAME", help="Column of the references.")
    ] = "reference",
    from_language: arguments.From = None,
    to_language: arguments.To = None,
    small: arguments.Small = DEFAULT_SMALL,
    large: arguments.Large = DEFAULT_LARGE,
    budget: Annotated[
        str | None, typer.Option(metavar="USD", help="Limit of all spending; none by default.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Use the first N distinct segments only.")
    ] = None,
    provenance: Annotated[
        str, typer.Option(metavar="TEXT", help="Where the corpus comes from, for the bundle.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 0,
    format_name: arguments.Format = None,
    source_column: arguments.SourceColumn = None,
    no_header: arguments.NoHeader = False,
    deterministic: arguments.Deterministic = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the router.")] = False,
    restart: arguments.Restart = False,
    quiet: arguments.Quiet = False,
    verbose: arguments.Verbose = 0,
) -> int:
    """Calibrate a router on a corpus with references.

    Both models translate the corpus, and a gain model learns where the large one gains. Prints
    its figures on segments that it had not seen. Run it again after an interruption and it
    continues.
    """
    from routelmt_cli.budget.money import parse_usd
    from routelmt_cli.cli.console import Console
    from routelmt_cli.run.calibration import calibrate as run
    from routelmt_cli.run.options import CalibrateOptions

    options = CalibrateOptions(
        corpus=arguments.corpus_options(source, format_name, source_column, no_header=no_header),
        pair=arguments.pair_options(
            from_language, to_language, small, large, deterministic=deterministic
        ),
        output=output,
        reference_column=reference_column,
        budget_nanousd=None if budget is None else parse_usd(budget),
        limit=limit,
        seed=seed,
        provenance=provenance,
        overwrite=overwrite,
        restart=restart,
    )
    with Console(quiet=quiet, verbosity=verbose) as console:
        console.show_calibration(run(options, console), output)
    return ExitCode.DONE
