"""Find model cards: the user's own, the ones that travel with the package, and files anywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.card import ModelCard, load_card
from routelmt_cli.translators.user_folder import user_models_folder


def models_folder() -> Path:
    """Return the folder of shipped cards and routers: in a wheel, or in a checkout beside it."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_models"
    return installed if installed.is_dir() else package.parent / "models"


def list_cards() -> list[ModelCard]:
    """Load every shipped card, ordered by name."""
    return [load_card(path) for path in _cards_in(models_folder())]


def list_user_cards(refused: Callable[[UsageError], None]) -> list[ModelCard]:
    """Load the cards of the user's model folder, ordered by the names of their files.

    Parameters
    ----------
    refused
        Told of every card that is left out since it is not valid.
    """
    loaded = (_load(path, refused) for path in _cards_in(user_models_folder()))
    return [card for card in loaded if card is not None]


def card_names() -> list[str]:
    """Return the names by which cards are found, sorted."""
    folders = (models_folder(), user_models_folder())
    return sorted({file.stem for folder in folders for file in _cards_in(folder)})


def shipped_card(name: str) -> Path | None:
    """Return the path of a shipped card, None where there is none of this name."""
    return _named(models_folder(), name)


def find_card(name: str) -> ModelCard:
    """Load a card by its path, or by the name of one of the user's or of a shipped one.

    Raises
    ------
    UsageError
        Where there is no such card, naming those that there are.
    """
    path = Path(name)
    if path.suffix == ".toml" or path.is_file():
        if not path.is_file():
            raise UsageError(
                f"{name}: no such model card", hint="'routelmt models list' shows those with a name"
            )
        return load_card(path)
    for folder in (user_models_folder(), models_folder()):
        if found := _named(folder, name):
            return load_card(found)
    raise UsageError(
        f"no model card is called '{name}'",
        hint=f"there are {', '.join(card_names())}; or give the path of a .toml card",
    )


def _load(path: Path, refused: Callable[[UsageError], None]) -> ModelCard | None:
    try:
        return load_card(path)
    except UsageError as error:
        refused(error)
        return None


def _named(folder: Path, name: str) -> Path | None:
    path = folder / f"{name}.toml"
    return path if Path(name).name == name and path.is_file() else None


def _cards_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.toml") if path.is_file())
