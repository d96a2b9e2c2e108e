"""``routelmt calibrate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from routelmt_cli.cli import arguments
from routelmt_cli.corpus.invalid import OnInvalid
from routelmt_cli.errors import ExitCode
from routelmt_cli.run.options import DEFAULT_LARGE, DEFAULT_SMALL, RouteBy


def calibrate(
    sources: arguments.Inputs,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="BUNDLE", help="Router to write.")
    ],
    reference_column: arguments.ReferenceColumn = None,
    draft_column: arguments.DraftColumn = None,
    retranslation_column: arguments.RetranslationColumn = None,
    draft_score: arguments.DraftScore = None,
    retranslation_score: arguments.RetranslationScore = None,
    metric: arguments.MetricSpec = None,
    document_column: arguments.DocumentColumn = None,
    language_column: arguments.LanguageColumn = None,
    from_languages: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="CODE", help="Source language; one for all IN or for each."),
    ] = None,
    to_languages: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="CODE", help="Target language; one for all IN or for each."),
    ] = None,
    small: Annotated[
        str | None,
        typer.Option(
            metavar="CARD",
            help="Model that drafts: a card's name or its path; a mere name with columns.",
            show_default=DEFAULT_SMALL,
        ),
    ] = None,
    large: Annotated[
        str | None,
        typer.Option(metavar="CARD", help="Model that retranslates.", show_default=DEFAULT_LARGE),
    ] = None,
    tier: arguments.Tiers = None,
    route: Annotated[
        RouteBy,
        typer.Option(help="With probe, make a second router that looks at probes, not drafts."),
    ] = RouteBy.DRAFT,
    score_with: Annotated[
        str | None,
        typer.Option(metavar="CARD", help="Model that says how likely given drafts are."),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="USD", help="Limit of all spending; none by default.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Use N segments, sampled by strata of length."),
    ] = None,
    folds: Annotated[
        int, typer.Option(min=2, max=20, metavar="N", help="Blocks of the validation.")
    ] = 5,
    prior: Annotated[
        str,
        typer.Option(
            metavar="BUNDLE", help="Router that training starts from: default, none or a path."
        ),
    ] = "default",
    guard_threshold: Annotated[
        float,
        typer.Option(metavar="POINTS", help="Gain from which a regression is severe."),
    ] = -10.0,
    provenance: Annotated[
        str, typer.Option(metavar="TEXT", help="Where the corpus comes from, for the bundle.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Seed of the sample and the training.")] = 0,
    format_name: arguments.Format = None,
    source_column: arguments.SourceColumn = None,
    no_header: arguments.NoHeader = False,
    on_invalid: arguments.Invalid = OnInvalid.ERROR,
    no_protect: arguments.NoProtect = False,
    as_json: arguments.AsJson = False,
    deterministic: arguments.Deterministic = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the router.")] = False,
    restart: arguments.Restart = False,
    engine: arguments.Engine = "local",
    address: arguments.Address = None,
    quiet: arguments.Quiet = False,
    verbose: arguments.Verbose = 0,
) -> int:
    """Calibrate a router on a corpus with references, or with scores.

    Both models translate the corpus, and a gain model learns where the large one gains; run it
    again after an interruption and it continues. With --draft-column and --retranslation-column
    the translations are the corpus's own, of any number of corpora and language pairs, and no
    model is run. Prints the router's figures on segments that it had not seen.
    """
    from routelmt_cli.budget.money import parse_usd
    from routelmt_cli.cli.console import Console
    from routelmt_cli.run.calibration import calibrate as run
    from routelmt_cli.run.given_hypotheses import DRAFTS_ELSEWHERE, RETRANSLATIONS_ELSEWHERE
    from routelmt_cli.run.options import CalibrateOptions, EngineOptions, FurtherCorpus

    given = draft_column is not None and not tier
    from_all = arguments.one_for_each(from_languages, "--from", len(sources))
    to_all = arguments.one_for_each(to_languages, "--to", len(sources))
    (first, *more) = arguments.corpora_options(
        sources,
        format_name,
        source_column,
        no_header,
        on_invalid,
        list(zip(from_all, to_all, strict=True)),
    )
    options = CalibrateOptions(
        corpus=first,
        pair=arguments.pair_options(
            from_all[0],
            to_all[0],
            small or (DRAFTS_ELSEWHERE if given else DEFAULT_SMALL),
            large or (RETRANSLATIONS_ELSEWHERE if given else DEFAULT_LARGE),
            tier,
            deterministic=deterministic,
            protects=not no_protect,
        ),
        output=output,
        reference_column=reference_column,
        budget_nanousd=None if budget is None else parse_usd(budget),
        limit=limit,
        seed=seed,
        provenance=provenance,
        overwrite=overwrite,
        restart=restart,
        engine=EngineOptions(engine, address),
        further=tuple(map(FurtherCorpus, more, from_all[1:], to_all[1:])),
        draft_column=draft_column,
        retranslation_column=retranslation_column,
        draft_score=draft_score,
        retranslation_score=retranslation_score,
        document_column=document_column,
        language_column=language_column,
        metric=metric,
        folds=folds,
        prior=prior,
        score_with=score_with,
        guard_threshold=guard_threshold,
        route_by=route,
    )
    with Console(quiet=quiet, verbosity=verbose) as console:
        console.show_calibration(run(options, console), output, as_json=as_json)
    return ExitCode.DONE
