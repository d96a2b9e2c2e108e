"""``routelmt translate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from routelmt_cli.cli import arguments
from routelmt_cli.corpus.invalid import OnInvalid
from routelmt_cli.corpus.units import Units
from routelmt_cli.errors import ExitCode, UsageError
from routelmt_cli.run.options import DEFAULT_LARGE, DEFAULT_NEAR, DEFAULT_SMALL, RouteBy


def translate(
    source: arguments.Input,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="USD",
            help="Limit of all spending, drafts included: 5, 0.003; auto:5 finds the knee up to 5.",
            show_default="needed without --share",
        ),
    ] = None,
    share: Annotated[
        str | None,
        typer.Option(
            metavar="P",
            help="Limit on the share of the source tokens that is retranslated, such as 30%.",
            show_default="no limit",
        ),
    ] = None,
    max_hours: arguments.MaxHours = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="OUT", help="Output file; - is stdout."),
    ] = None,
    from_language: arguments.From = None,
    to_language: arguments.To = None,
    small: arguments.Small = DEFAULT_SMALL,
    large: arguments.Large = DEFAULT_LARGE,
    tier: arguments.Tiers = None,
    router: arguments.RouterBundle = None,
    force_router: arguments.ForceRouter = False,
    route: arguments.RouteOption = RouteBy.DRAFT,
    format_name: arguments.Format = None,
    source_column: arguments.SourceColumn = None,
    no_header: arguments.NoHeader = False,
    on_invalid: arguments.Invalid = OnInvalid.ERROR,
    units: arguments.UnitsOption = Units.NEW,
    weight: arguments.Weight = "length",
    pin: arguments.Pin = None,
    glossary: arguments.Glossary = None,
    context: arguments.Context = 0,
    document_column: arguments.ContextDocuments = None,
    memory: arguments.Memory = None,
    near: arguments.Near = DEFAULT_NEAR,
    guard: arguments.Guard = None,
    stream: Annotated[
        str | None,
        typer.Option(
            metavar="SPAN",
            help="Translate standard input as it comes, so that the budget lasts for so many "
            "segments (100000) or hours (8h).",
            show_default="read it all first",
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Add predicted_gain, cost_usd and reason.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be spent; call no model.")
    ] = False,
    no_protect: arguments.NoProtect = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report, or the estimate, as one JSON object.")
    ] = False,
    deterministic: arguments.Deterministic = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an output that another wrote.")
    ] = False,
    restart: arguments.Restart = False,
    engine: arguments.Engine = "local",
    address: arguments.Address = None,
    quiet: arguments.Quiet = False,
    verbose: arguments.Verbose = 0,
) -> int:
    """Translate a corpus: draft all of it, retranslate what gains most within the budget.

    Run it again after an interruption and it continues; run it with a larger --budget or --share
    and only the difference is spent.
    """
    from routelmt_cli.cli.console import Console
    from routelmt_cli.run.options import EngineOptions, TranslateOptions

    to_stdout = output == "-" or (output is None and source == "-")
    if as_json and to_stdout and not dry_run:
        raise UsageError(
            "--json and the translations would both go to standard output",
            hint="name an output with -o; the report is in the run folder all the same",
        )
    limit, auto = (None, False) if budget is None else arguments.parse_budget(budget)
    options = TranslateOptions(
        corpus=arguments.corpus_options(
            source,
            format_name,
            source_column,
            no_header=no_header,
            on_invalid=on_invalid,
            units=units,
            languages=(from_language, to_language),
        ),
        pair=arguments.pair_options(
            from_language,
            to_language,
            small,
            large,
            tier,
            deterministic=deterministic,
            protects=not no_protect,
        ),
        budget_nanousd=limit,
        auto_budget=auto,
        output=None if output in (None, "-") else Path(str(output)),
        to_stdout=output == "-",
        router=router,
        force_router=force_router,
        weight=weight,
        pin=pin,
        glossary=glossary,
        context=context,
        document_column=document_column,
        near=near,
        memory=tuple(memory or ()),
        share=None if share is None else arguments.parse_share(share, "--share"),
        max_hours=max_hours,
        guard=guard,
        explain=explain,
        overwrite=overwrite,
        restart=restart,
        engine=EngineOptions(engine, address),
        route_by=route,
    )
    with Console(quiet=quiet, verbosity=verbose) as console:
        if stream is not None:
            from routelmt_cli.run.stream import stream as run_stream
            from routelmt_cli.run.stream_pace import parse_span

            if dry_run or as_json:
                raise UsageError(
                    f"--stream does not go with {'--dry-run' if dry_run else '--json'}",
                    hint="the figures are in stream.json in the run folder all the same",
                )
            figures = run_stream(options, parse_span(stream), console)
            console.show_stream(figures)
            return ExitCode.PARTIAL if figures.failed else ExitCode.DONE
        if dry_run:
            from routelmt_cli.run.dry_run import dry_run as estimate

            console.show_estimate(estimate(options, console), as_json=as_json)
            return ExitCode.DONE
        from routelmt_cli.run.pipeline import translate as run

        report = run(options, console)
        console.show_report(report)
        if as_json:
            typer.echo(report.as_json(), nl=False)
    return ExitCode.PARTIAL if report.failed else ExitCode.DONE
