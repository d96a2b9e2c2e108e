"""``routelmt models list|show|check``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from routelmt_cli.cli.printable import printable

models = typer.Typer(help="Model cards and their weights.")
Name = Annotated[str, typer.Argument(metavar="CARD", help="A shipped card's name, or a path.")]


@models.command("list")
def list_models() -> None:
    """List the shipped model cards, routers and the prior."""
    from routelmt_cli.gain.catalogue import router_name, shipped_prior, shipped_routers
    from routelmt_cli.translators.catalogue import list_cards

    for card in list_cards():
        typer.echo("\t".join(map(printable, (card.name, card.description, card.license))))
    for router in shipped_routers():
        data = router.metadata
        typer.echo(
            f"router {router_name(data)}\t"
            f"{data.small.name} + {data.large.name}\t{data.segments} segments: {data.provenance}"
        )
    if prior := shipped_prior():
        data = prior.metadata
        typer.echo(f"prior\tany models\t{data.segments} segments: {data.provenance}")


@models.command("show")
def show(name: Name) -> None:
    """Print a model card as it is written."""
    from routelmt_cli.translators.catalogue import find_card

    text = find_card(name).card_path.read_bytes().decode("utf-8")
    if sys.stdout.isatty():
        text = "\n".join(printable(line.rstrip("\r").expandtabs()) for line in text.split("\n"))
    typer.echo(text, nl=False)


@models.command("check")
def check(name: Name) -> None:
    """Find a card's weights, read them whole, and compare their SHA-256."""
    from routelmt_cli.translators.catalogue import find_card
    from routelmt_cli.translators.weights import find_weights

    card = find_card(name)
    if card.backend == "stand-in":
        typer.echo(f"{card.name}: a stand-in, it has no weights")
        return
    weights = find_weights(card, verify_again=True)
    verdict = "as its card says" if card.weights and card.weights.sha256 else "its card names none"
    typer.echo(printable(f"{card.name}: {weights.path}"))
    typer.echo(f"sha256 {weights.sha256} ({verdict})")
