"""``routelmt plan``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from routelmt_cli.cli import arguments
from routelmt_cli.corpus.invalid import OnInvalid
from routelmt_cli.corpus.units import Units
from routelmt_cli.errors import ExitCode
from routelmt_cli.run.options import DEFAULT_LARGE, DEFAULT_NEAR, DEFAULT_SMALL


def plan(
    source: arguments.Input,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="USD",
            help="Limit of what the drafts may cost; without it only drafts that are there count.",
            show_default="nothing is spent",
        ),
    ] = None,
    max_hours: arguments.MaxHours = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="OUT", help="The output that translate will write."),
    ] = None,
    from_language: arguments.From = None,
    to_language: arguments.To = None,
    small: arguments.Small = DEFAULT_SMALL,
    large: arguments.Large = DEFAULT_LARGE,
    tier: arguments.Tiers = None,
    router: arguments.RouterBundle = None,
    force_router: arguments.ForceRouter = False,
    target_gain: Annotated[
        float | None,
        typer.Option(metavar="POINTS", help="Find the cheapest budget for so much gain."),
    ] = None,
    target_share: Annotated[
        str | None,
        typer.Option(metavar="P", help="The same for a share of the text, such as 30%."),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(metavar="N", min=2, help="Draft N distinct segments and project from them."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, the curve included.")
    ] = False,
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
    no_protect: arguments.NoProtect = False,
    deterministic: arguments.Deterministic = False,
    restart: arguments.Restart = False,
    engine: arguments.Engine = "local",
    address: arguments.Address = None,
    quiet: arguments.Quiet = False,
    verbose: arguments.Verbose = 0,
) -> int:
    """Say what each budget would buy, before anything is spent on the large model.

    The corpus, or a sample of it, is drafted within --budget; translate with the same input,
    output, models and router continues from these drafts and does not pay for them again. Where
    the router also looks at probes, --route draft and --route probe are compared.
    """
    from routelmt_cli.budget.money import parse_usd
    from routelmt_cli.cli.console import Console
    from routelmt_cli.cli.plan_view import show_plan
    from routelmt_cli.run.budget_plan import plan as run
    from routelmt_cli.run.options import EngineOptions, PlanOptions, TranslateOptions

    options = PlanOptions(
        run=TranslateOptions(
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
            budget_nanousd=0 if budget is None else parse_usd(budget),
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
            max_hours=max_hours,
            guard=guard,
            restart=restart,
            engine=EngineOptions(engine, address),
        ),
        spends=budget is not None,
        sample=sample,
        target_gain=target_gain,
        target_share=None
        if target_share is None
        else arguments.parse_share(target_share, "--target-share"),
    )
    with Console(quiet=quiet, verbosity=verbose) as console:
        found = run(options, console)
        for line in found.remarks:
            console.note(line)
    if as_json:
        typer.echo(json.dumps(found.as_json(), allow_nan=False))
    else:
        show_plan(found)
    return ExitCode.DONE
