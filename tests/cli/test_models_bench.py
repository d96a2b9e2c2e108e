"""``routelmt models bench``: what it prints, keeps and refuses. The model is a toy."""

from __future__ import annotations

import json

import pytest
import toy_llama
from toy_llama import ToyContext, ToyModel

from routelmt_cli.run import model_bench
from routelmt_cli.translators import llama_bench

CARD = """\
name = "toy"
[weights]
path = "toy.gguf"
[price]
usd_per_million_tokens = { input = 0, output = 0 }
usd_per_hour = "0.36"
[prompt]
kind = "completion"
template = "{source}:{target};"
[decoding]
parallel_sequences = 4
"""


@pytest.fixture
def card(shell, monkeypatch):
    (shell.folder / "toy.gguf").write_bytes(b"GGUF, but not really")
    (shell.folder / "toy.toml").write_text(CARD)
    monkeypatch.setattr(model_bench, "extra_buffers_work", lambda *_: False)
    monkeypatch.setattr(model_bench, "LlamaModel", lambda *_, **__: ToyModel())
    monkeypatch.setattr(llama_bench, "LlamaContext", ToyContext)
    monkeypatch.setattr(toy_llama, "BATCH", 64)  # rows for all sequences that are tried
    return "toy.toml"


def test_a_table_a_place_and_a_price(shell, card):
    result = shell.run("models", "bench", card, "--seconds", "1")
    assert result.code == 0, result.stderr
    header, *rows, kept, price = result.text.splitlines()
    assert header.split()[-3:] == ["output", "tokens/s", "segments/s"]
    assert sum(row.startswith("*") for row in rows) == 1
    assert kept.endswith(str(shell.cache / "settings.json"))
    assert price.startswith("price for the card: usd_per_million_tokens = { input = 0.")
    assert len(result.error_lines) == len(rows)
    assert (shell.cache / "settings.json").is_file()


def test_json_and_a_price_on_the_command_line(shell, card):
    command = ["models", "bench", card, "--seconds", "1", "--json", "--quiet", "--usd-per-hour"]
    result = shell.run(*command, "3.6")
    assert (result.code, result.stderr) == (0, "")
    found = json.loads(result.text)
    assert found["best"] in found["trials"]
    assert found["trials"][0]["sequences"] == 4
    for side in ("input", "output"):
        rate = found["best"][f"{side}_tokens_per_second"]
        # A second costs a thousandth of a dollar.
        assert found["usd_per_million_tokens"][side] == pytest.approx(1000 / rate, rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["toy.toml", "--usd-per-hour", "0"], "--usd-per-hour '0' is zero"),
        (["toy.toml", "--seconds", "0"], "'--seconds'"),
        (["nothing"], "no model card is called 'nothing'"),
    ],
)
def test_wrong_options(shell, card, arguments, message):
    result = shell.run("models", "bench", *arguments)
    assert (result.code, result.stdout) == (2, b"")
    assert message in result.stderr


def test_a_stand_in_has_nothing_to_measure(shell, stand_ins):
    result = shell.run("models", "bench", stand_ins.small)
    assert (result.code, result.stdout) == (2, b"")
    assert "is a stand-in, it has no weights" in result.stderr


def test_too_little_memory(shell, card, monkeypatch):
    monkeypatch.setattr(llama_bench, "free_bytes", lambda: 1000)
    result = shell.run("models", "bench", card)
    assert (result.code, result.stdout) == (4, b"")
    assert result.error_lines[0].startswith("error: model 'toy' needs")
