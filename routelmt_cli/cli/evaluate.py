"""``routelmt evaluate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from routelmt_cli.cli import arguments
from routelmt_cli.corpus.invalid import OnInvalid
from routelmt_cli.errors import ExitCode


def evaluate(
    source: arguments.Input,
    router: Annotated[Path, typer.Option(metavar="BUNDLE", help="Router to evaluate.")],
    draft_column: arguments.DraftColumn = "draft",
    retranslation_column: arguments.RetranslationColumn = "retranslation",
    reference_column: arguments.ReferenceColumn = None,
    draft_score: arguments.DraftScore = None,
    retranslation_score: arguments.RetranslationScore = None,
    metric: arguments.MetricSpec = None,
    from_language: arguments.From = None,
    to_language: arguments.To = None,
    large: Annotated[
        str | None,
        typer.Option(
            metavar="CARD",
            help="Card whose price retranslations have; the router's large model by default.",
        ),
    ] = None,
    share: Annotated[
        float, typer.Option(metavar="P", help="Share of the budget that figures are read at.")
    ] = 0.3,
    samples: Annotated[
        int, typer.Option(metavar="N", min=1, max=100_000, help="Samples of the bootstrap.")
    ] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, curves included.")
    ] = False,
    predictions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write id, predicted_gain and cost_usd as TSV."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the curves: .svg, or .png with matplotlib."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write curves and figures as one page.")
    ] = None,
    format_name: arguments.Format = None,
    source_column: arguments.SourceColumn = None,
    no_header: arguments.NoHeader = False,
    on_invalid: arguments.Invalid = OnInvalid.ERROR,
    quiet: arguments.Quiet = False,
    verbose: arguments.Verbose = 0,
) -> int:
    """Evaluate a router on a corpus that both models have translated.

    No model is run. The router is put beside rules that need none (random, length, rarity) and
    oracles that know the gain, at equal budgets of calls and of dollars. Give it segments that
    the router was not calibrated on.
    """
    from routelmt_cli.cli.console import Console
    from routelmt_cli.cli.evaluation_view import show_evaluation
    from routelmt_cli.evaluation.metrics import DEFAULT_METRIC
    from routelmt_cli.run.evaluation import EvaluateOptions
    from routelmt_cli.run.evaluation import evaluate as run
    from routelmt_cli.run.evaluation_outputs import Outputs
    from routelmt_cli.run.labelled_input import LabelledOptions

    options = EvaluateOptions(
        labelled=LabelledOptions(
            corpus=arguments.corpus_options(
                source,
                format_name,
                source_column,
                no_header=no_header,
                on_invalid=on_invalid,
                languages=(from_language, to_language),
            ),
            draft_column=draft_column,
            retranslation_column=retranslation_column,
            reference_column=reference_column,
            draft_score=draft_score,
            retranslation_score=retranslation_score,
            metric=metric or DEFAULT_METRIC,
        ),
        router=router,
        source_language=from_language,
        target_language=to_language,
        large=large,
        share=share,
        samples=samples,
        seed=seed,
        outputs=Outputs(predictions, plot, html),
    )
    with Console(quiet=quiet, verbosity=verbose) as console:
        evaluation = run(options, console)
        if as_json:
            typer.echo(json.dumps(evaluation.as_json(), allow_nan=False))
        else:
            show_evaluation(evaluation)
        for _, path in options.outputs.named():
            console.note(f"wrote {path}")
    return ExitCode.DONE
