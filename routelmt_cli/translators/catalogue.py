"""Find model cards: the ones that travel with the package, and files of the user's."""

from __future__ import annotations

from pathlib import Path

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.card import ModelCard, load_card


def models_folder() -> Path:
    """Return the folder of shipped cards and routers: in a wheel, or in a checkout beside it."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_models"
    return installed if installed.is_dir() else package.parent / "models"


def list_cards() -> list[ModelCard]:
    """Load every shipped card, ordered by name."""
    return [load_card(path) for path in sorted(models_folder().glob("*.toml"))]


def find_card(name: str) -> ModelCard:
    """Load a card by the name of a shipped one, or by its path.

    Raises
    ------
    UsageError
        Where there is no such card, naming those that there are.
    """
    path = Path(name)
    if path.suffix == ".toml" or path.is_file():
        if not path.is_file():
            raise UsageError(
                f"{name}: no such model card", hint="'routelmt models list' shows the shipped ones"
            )
        return load_card(path)
    shipped = models_folder() / f"{name}.toml"
    if path.name == name and shipped.is_file():
        return load_card(shipped)
    names = ", ".join(sorted(file.stem for file in models_folder().glob("*.toml")))
    raise UsageError(
        f"no model card is called '{name}'",
        hint=f"shipped cards: {names}; or give the path of a .toml card",
    )
