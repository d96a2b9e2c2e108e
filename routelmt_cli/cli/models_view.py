"""What the user sees of model cards and their weights: lines for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import typer

from routelmt_cli.cli.printable import printable
from routelmt_cli.errors import UsageError
from routelmt_cli.gain.catalogue import router_name
from routelmt_cli.gain.router import Router
from routelmt_cli.run.model_adding import AddedModel
from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.card_file import card_data
from routelmt_cli.translators.weights import Weights, weights_are_here


def show_list(
    cards: Sequence[ModelCard], routers: Sequence[Router], prior: Router | None, *, as_json: bool
) -> None:
    """Print cards, routers and the prior, one a line."""
    if as_json:
        found = {
            "cards": [_card_row(card) for card in cards],
            "routers": [_router_row(router) for router in routers],
            "prior": None if prior is None else _router_row(prior),
        }
        typer.echo(json.dumps(found))
        return
    for card in cards:
        state = "here" if weights_are_here(card) else "missing"
        if card.endpoint is not None:
            state = f"at {card.endpoint.host}"
        if state == "missing" and card.weights and card.weights.repo:
            state = "to be pulled"
        typer.echo("\t".join(map(printable, (card.name, card.description, card.license, state))))
    for router in routers:
        data = router.metadata
        typer.echo(
            f"router {router_name(data)}\t"
            f"{data.small.name} + {data.large.name}\t{data.segments} segments: {data.provenance}"
        )
    if prior:
        data = prior.metadata
        typer.echo(f"prior\tany models\t{data.segments} segments: {data.provenance}")


def note_refused(error: UsageError) -> None:
    """Say that a card is left out."""
    typer.echo(printable(f"warning: left out: {error.message}"), err=True)


def show_card(card: ModelCard, *, as_json: bool) -> None:
    """Print a card as it is written; to a terminal, only what may be shown there."""
    if as_json:
        typer.echo(
            json.dumps({**card_data(card.card_path), "card": str(card.card_path)}, default=str)
        )
        return
    text = card.card_path.read_bytes().decode("utf-8")
    if sys.stdout.isatty():
        text = "\n".join(printable(line.rstrip("\r").expandtabs()) for line in text.split("\n"))
    typer.echo(text, nl=False)


def show_weights(
    card: ModelCard, weights: Weights | None, *, as_json: bool, fetched: bool | None = None
) -> None:
    """Print where verified weights are, None for what has none: a stand-in, a server's model."""
    compared = card.weights is not None and card.weights.sha256 is not None
    if as_json:
        row: dict[str, Any] = {"name": card.name, "card": str(card.card_path)}
        if card.endpoint is not None:
            row |= {"url": card.endpoint.url, "model": card.endpoint.model}
        if weights is not None:
            row |= {"weights": str(weights.path), "sha256": weights.sha256, "compared": compared}
        if fetched is not None:
            row |= {"fetched": fetched}
        typer.echo(json.dumps(row))
        return
    if weights is None:
        typer.echo(printable(f"{card.name}: {_where_it_runs(card)}"))
        return
    typer.echo(printable(f"{card.name}: {weights.path}"))
    verdict = "as its card says" if compared else "its card names none"
    typer.echo(f"sha256 {weights.sha256} ({verdict})")


def show_added(made: AddedModel, *, as_json: bool) -> None:
    """Print a new card's name and what it says, and what is to be looked at in it."""
    for remark in made.remarks:
        typer.echo(printable(remark), err=True)
    if as_json:
        typer.echo(json.dumps(made.as_json()))
        return
    typer.echo(printable(f"{made.name}: {made.card}"))
    typer.echo(printable(f"{made.prompt}, {made.context_tokens} tokens, licence {made.license}"))
    typer.echo(f"sha256 {made.sha256}")


def _where_it_runs(card: ModelCard) -> str:
    if card.endpoint is None:
        return "a stand-in, it has no weights"
    return f"{card.endpoint.host} has the model {card.endpoint.model}"


def _card_row(card: ModelCard) -> dict[str, Any]:
    weights = card.weights
    return {
        "name": card.name,
        "description": card.description,
        "license": card.license,
        "backend": card.backend,
        "card": str(card.card_path),
        "weights_are_here": weights_are_here(card),
        "url": None if card.endpoint is None else card.endpoint.url,
        "repo": None if weights is None else weights.repo,
        "sha256": None if weights is None else weights.sha256,
    }


def _router_row(router: Router) -> dict[str, Any]:
    data = router.metadata
    return {
        "languages": list(data.pair_labels),
        "small": data.small.name,
        "large": data.large.name,
        "segments": data.segments,
        "provenance": data.provenance,
    }
