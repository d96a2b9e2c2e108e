"""The section [ray] of a card: what is in it, what is refused, and that it changes no output."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_up import write_card

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.card import load_card
from routelmt_cli.translators.ray_card import RayCard


def load(path, section):
    write_card(path, "small")
    path.write_text(f"{path.read_text('utf-8')}[ray]\n{section}\n", "utf-8")
    return load_card(path)


def test_it_is_read_and_changes_no_fingerprint(tmp_path):
    plain = load_card(write_card(tmp_path / "plain.toml", "small"))
    assert plain.ray == RayCard(num_cpus=None, num_gpus=None, replicas=None)
    card = load(tmp_path / "card.toml", "num_cpus = 4\nnum_gpus = 0.5\nreplicas = 3")
    assert card.ray == RayCard(num_cpus=4, num_gpus=0.5, replicas=3)
    assert card.fingerprint("", "en", "de") == plain.fingerprint("", "en", "de")


@pytest.mark.parametrize(
    "section",
    [
        *("num_cpus = 0", "num_cpus = 1.5", 'num_cpus = "4"', "num_cpus = nan"),
        *("num_gpus = -1", "num_gpus = 1.5", "num_gpus = 0.001", "num_gpus = true"),
        *("replicas = 0", "replicas = 2.5", "replicas = 1e9"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, section):
    with pytest.raises(UsageError, match=rf"\[ray\]: '{section.split()[0]}'"):
        load(tmp_path / "card.toml", section)


def test_a_server_needs_no_workers(tmp_path):
    path = tmp_path / "card.toml"
    path.write_text('name = "s"\nbackend = "openai"\n[ray]\n', "utf-8")
    with pytest.raises(UsageError, match=r"section \[ray\] is of models that need workers"):
        load_card(path)


def test_the_card_of_the_example_is_right():
    card = load_card(Path(__file__).parents[3] / "examples" / "gpu-cluster.toml")
    assert card.ray == RayCard(num_cpus=4, num_gpus=1.0, replicas=None)
