"""``routelmt models``: list, show, check, pull, add, bench, prune, quantize."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from routelmt_cli.cli import arguments
from routelmt_cli.cli.printable import printable

models = typer.Typer(help="Model cards and their weights.")


@models.command("list")
def list_models(as_json: arguments.AsJson = False) -> None:
    """List model cards, whether their weights are here, routers and the prior."""
    from routelmt_cli.cli import models_view
    from routelmt_cli.gain.catalogue import shipped_prior, shipped_routers
    from routelmt_cli.translators.catalogue import list_cards, list_user_cards

    cards = [*list_cards(), *list_user_cards(models_view.note_refused)]
    models_view.show_list(cards, shipped_routers(), shipped_prior(), as_json=as_json)


@models.command("show")
def show(name: arguments.Card, as_json: arguments.AsJson = False) -> None:
    """Print a model card as it is written."""
    from routelmt_cli.cli import models_view
    from routelmt_cli.translators.catalogue import find_card

    models_view.show_card(find_card(name), as_json=as_json)


@models.command("check")
def check(name: arguments.Card, as_json: arguments.AsJson = False) -> None:
    """Find a card's weights, read them whole, and compare their SHA-256.

    Of a server's model: ask the server whether it has the model and takes the key. Nothing is
    translated or charged.
    """
    from routelmt_cli.cli import models_view
    from routelmt_cli.translators.catalogue import find_card
    from routelmt_cli.translators.weights import find_weights

    card = find_card(name)
    weights = None
    if card.backend == "llama.cpp":
        weights = find_weights(card, verify_again=True)
    elif card.endpoint is not None:
        from routelmt_cli.translators.endpoint_connection import check_endpoint

        check_endpoint(card)
    models_view.show_weights(card, weights, as_json=as_json)


@models.command("pull")
def pull(
    name: arguments.Card, as_json: arguments.AsJson = False, quiet: arguments.Quiet = False
) -> None:
    """Fetch a card's weights from the Hugging Face Hub, or the rest of them.

    HF_TOKEN opens what is gated or private, HF_ENDPOINT names another hub.
    """
    from routelmt_cli.cli import models_view
    from routelmt_cli.translators.catalogue import find_card
    from routelmt_cli.translators.hub import pull_weights

    card = find_card(name)
    weights, fetched = pull_weights(
        card,
        show_progress=not quiet and sys.stderr.isatty(),
        note=lambda text: None if quiet else typer.echo(printable(text), err=True),
    )
    models_view.show_weights(card, weights, as_json=as_json, fetched=fetched)


@models.command("add")
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE.gguf", help="Weights that are here.")],
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What to call it.", show_default="the file's name"),
    ] = None,
    input_usd: Annotated[
        str, typer.Option(metavar="USD", help="Price of a million input tokens.")
    ] = "0",
    output_usd: Annotated[
        str, typer.Option(metavar="USD", help="Price of a million output tokens.")
    ] = "0",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a card of this name.")
    ] = False,
    as_json: arguments.AsJson = False,
) -> None:
    """Write a model card for a GGUF file, so that --small NAME and --large NAME find it.

    The card is made from what the file says of itself: licence, context, and a prompt in its own
    chat template, or one for completion where it has none. The file stays where it is.
    """
    from routelmt_cli.cli import models_view
    from routelmt_cli.run.model_adding import AddOptions, add_model

    options = AddOptions(file, name, input_usd, output_usd, overwrite)
    models_view.show_added(add_model(options), as_json=as_json)


@models.command("bench")
def bench(
    name: arguments.Card,
    usd_per_hour: Annotated[
        str | None,
        typer.Option(metavar="USD", help="What the machine costs, to derive token prices from."),
    ] = None,
    seconds: Annotated[
        float, typer.Option(metavar="S", min=1, max=3600, help="About how long it may take.")
    ] = 90,
    as_json: arguments.AsJson = False,
    quiet: arguments.Quiet = False,
) -> None:
    """Find a model's fastest settings on this machine, and keep them for later runs.

    Sequences, threads, batch size, attention and cache type are tried one by one on made-up
    segments; let the machine do nothing else meanwhile. Runs with --deterministic never use what
    is kept.
    """
    from routelmt_cli.budget.money import parse_usd
    from routelmt_cli.cli.models_bench import show_bench, show_trial
    from routelmt_cli.run.model_bench import bench_model
    from routelmt_cli.translators.catalogue import find_card

    result = bench_model(
        find_card(name),
        seconds=seconds,
        nanousd_per_hour=None
        if usd_per_hour is None
        else parse_usd(usd_per_hour, "--usd-per-hour"),
        watch=lambda trial: None if quiet else show_trial(trial),
    )
    show_bench(result, as_json=as_json)


@models.command("prune")
def prune(
    name: arguments.Card,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="IN", help="Texts of either language, the corpus to be translated among them."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE.gguf", help="The new model; its card is put beside it."
        ),
    ],
    source_language: arguments.From = None,
    target_language: arguments.To = None,
    keep: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Tokens to keep; more where the texts and the prompt need more.",
            show_default="half of them",
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="NAME",
            help="Column with texts; may be given again.",
            show_default="source, and reference, translation, draft, retranslation where they are",
        ),
    ] = None,
    format_name: arguments.Format = None,
    no_header: arguments.NoHeader = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the files that are there.")
    ] = False,
    as_json: arguments.AsJson = False,
) -> None:
    """Drop the tokens from a model that a language pair does not need, so that it decodes faster.

    Kept are all tokens of the texts and of the prompt, bytes and special tokens, and up to
    --keep the most common ones in the texts' scripts. Name the corpus to be translated among the
    texts. The new model is another model: a router must be calibrated for it.
    """
    from routelmt_cli.cli.models_prune import show_pruned
    from routelmt_cli.run.language_pairs import given_pair
    from routelmt_cli.run.model_pruning import PruneOptions, prune_model
    from routelmt_cli.translators.catalogue import find_card

    pair = given_pair(source_language, target_language)
    named = columns or []
    corpora = arguments.corpora_options(inputs, format_name, next(iter(named), None), no_header)
    options = PruneOptions(corpora, named, pair, output, keep, overwrite)
    show_pruned(prune_model(find_card(name), options), as_json=as_json)


@models.command("quantize")
def quantize(
    name: arguments.Card,
    type_name: Annotated[
        str,
        typer.Option("--to", metavar="TYPE", help="llama.cpp's name of the type, such as Q8_0."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE.gguf", help="The new model; its card is put beside it."
        ),
    ],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the files that are there.")
    ] = False,
    as_json: arguments.AsJson = False,
    verbose: arguments.Verbose = 0,
) -> None:
    """Write a model's weights in another type: smaller, or read faster on this machine.

    Q2_K, Q3_K_S|M|L, Q4_0, Q4_K_S|M, Q5_0, Q5_K_S|M, Q6_K, Q8_0 or F16. What an already quantised
    model has lost does not come back. The new model is another model: a router must be calibrated
    for it.
    """
    import json

    from routelmt_cli.run.model_quantizing import quantize_model
    from routelmt_cli.translators.catalogue import find_card
    from routelmt_cli.translators.llama_log import show_llama_log

    show_llama_log(shown=verbose > 1)
    made = quantize_model(find_card(name), type_name, output, overwrite=overwrite)
    if as_json:
        typer.echo(json.dumps(made.as_json()))
        return
    typer.echo(printable(f"{made.name}: {made.card}"))
    typer.echo(f"{made.bytes / 1e6:.0f} MB instead of {made.bytes_before / 1e6:.0f}")
    typer.echo(f"sha256 {made.sha256}")
