"""``routelmt models quantize``: files that it writes, and what it refuses."""

from __future__ import annotations

import json

import pytest
from demo_pair import NEEDS_DEMO_MODELS
from made_up import write_card

from routelmt_cli.translators.cache import cache_folder
from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.models import find_model
from routelmt_cli.translators.protocol import Request


class TestRealModel:
    pytestmark = NEEDS_DEMO_MODELS

    def test_a_requantised_model_translates_and_is_another_one(self, shell):
        shell.environment["ROUTELMT_CACHE"] = str(cache_folder())  # weights are checked once
        command = ("models", "quantize", "smollm2-135m", "--to", "q8_0", "-o", "q8.gguf")
        made = json.loads(shell.run(*command, "--json").text)
        assert made["name"] == "smollm2-135m-q8_0"
        assert made["bytes"] == (shell.folder / "q8.gguf").stat().st_size > made["bytes_before"]
        cards = [find_card("smollm2-135m"), find_card(str(shell.folder / "q8.toml"))]
        assert cards[0].prompt == cards[1].prompt and cards[0].decoding == cards[1].decoding
        before, after = (find_model(card, "es", "fr") for card in cards)
        assert before.fingerprint != after.fingerprint
        with after.open_translator(with_logprobs=False, deterministic=False) as translator:
            ((outcome,),) = translator.translate([Request(0, "Hola.")])
        assert outcome.failure is None and outcome.output_tokens
        refused = shell.run(*command)
        assert (refused.code, refused.error_lines[0]) == (2, "error: q8.gguf exists already")
        refused = shell.run(*command[:-1], "q8.bin")
        assert refused.code == 2 and "must end in .gguf" in refused.error_lines[0]


@pytest.mark.parametrize(
    ("card", "arguments", "message"),
    [
        ("stand.toml", ("--to", "Q8_0", "-o", "a.gguf"), "stand-in, it has no weights"),
        ("stand.toml", ("--to", "IQ1_S", "-o", "a.gguf"), "there is no type 'IQ1_S'"),
        ("none.toml", ("--to", "Q8_0", "-o", "a.gguf"), "none.toml"),
    ],
)
def test_what_is_refused(shell, card, arguments, message):
    write_card(shell.folder / "stand.toml", "small")
    result = shell.run("models", "quantize", card, *arguments)
    assert (result.code, result.stdout) == (2, b"")
    assert message in result.error_lines[0]
    assert [path.name for path in shell.folder.iterdir()] == ["stand.toml"]
