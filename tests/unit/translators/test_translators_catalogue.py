"""Finding cards by name or path."""

from __future__ import annotations

import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.translators import catalogue
from routelmt_cli.translators.catalogue import find_card, list_cards, list_user_cards

CARD = (
    'name = "{name}"\nbackend = "stand-in"\n'
    "[price]\nusd_per_million_tokens = {{ input = 0, output = 0 }}\n"
)


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A folder of shipped cards; the test runs in another one, which is empty."""
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("beta", "alpha"):
        (folder / f"{name}.toml").write_text(CARD.format(name=name))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(catalogue, "models_folder", lambda: folder)
    monkeypatch.setenv("ROUTELMT_CONFIG", str(tmp_path / "config"))
    return here


def test_cards_are_listed_by_name(shipped):
    assert [card.name for card in list_cards()] == ["alpha", "beta"]


def test_a_shipped_card_is_found_by_its_name(shipped):
    assert find_card("alpha").name == "alpha"


def test_a_card_is_found_by_its_path(shipped):
    for name in ("own.toml", "own"):
        (shipped / name).write_text(CARD.format(name="own"))
        assert find_card(name).name == "own"
        assert find_card(str(shipped / name)).name == "own"


def test_a_folder_does_not_hide_a_shipped_card(shipped):
    (shipped / "alpha").mkdir()
    assert find_card("alpha").name == "alpha"


def test_a_name_that_is_none_is_an_error_that_lists_those_there_are(shipped):
    with pytest.raises(UsageError, match="no model card is called 'gamma'") as caught:
        find_card("gamma")
    assert "alpha, beta" in caught.value.hint


@pytest.mark.parametrize("name", ["none.toml", "../models", "a/b", "../alpha", ""])
def test_what_is_no_card_is_an_error(shipped, name):
    with pytest.raises(UsageError):
        find_card(name)


def test_a_folder_is_no_card(shipped):
    (shipped / "folder.toml").mkdir()
    with pytest.raises(UsageError, match="no such model card"):
        find_card("folder.toml")


def test_the_users_own_cards_come_first(shipped, tmp_path):
    own = tmp_path / "config" / "models"
    own.mkdir(parents=True)
    for name in ("alpha", "gamma"):
        (own / f"{name}.toml").write_text(CARD.format(name=f"my {name}"))
    assert [find_card(name).name for name in ("alpha", "beta", "gamma")] == [
        "my alpha",
        "beta",
        "my gamma",
    ]
    assert [card.name for card in list_cards()] == ["alpha", "beta"]
    refused = []
    (own / "bad.toml").write_text("")
    assert [card.name for card in list_user_cards(refused.append)] == ["my alpha", "my gamma"]
    assert "bad.toml" in refused[0].message
