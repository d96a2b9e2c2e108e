"""A model that has lost its way is stopped at the cap, and what it wrote is one text."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import toy_llama
from toy_llama import BLANK_LINE, BYTES, END, ToyContext, ToyModel, toy_card

from routelmt_cli.translators import llama_session
from routelmt_cli.translators.llama_cpp import LlamaTranslator
from routelmt_cli.translators.protocol import Request

SOURCES = ["uno", "dos\ntres", "x" * 50]


@pytest.fixture
def translate(monkeypatch):
    """Translate with a model that always says the same tokens, in turn."""

    def run(*tokens):
        def logits(before):
            wanted = tokens[len(before) % len(tokens)]
            return np.where(np.arange(ToyModel.vocabulary_size) == wanted, 1, 0).astype(np.float32)

        monkeypatch.setattr(llama_session, "LlamaModel", lambda *_, **__: ToyModel())
        monkeypatch.setattr(llama_session, "LlamaContext", ToyContext)
        monkeypatch.setattr(toy_llama, "logits_after", logits)
        translator = LlamaTranslator(
            toy_card(),
            Path("toy"),
            source_language="es",
            target_language="en",
            with_logprobs=True,
        )
        with translator:
            caps = translator.count(SOURCES).cap_tokens.tolist()
            requests = [Request(number, source) for number, source in enumerate(SOURCES)]
            outcomes = [one for commit in translator.translate(requests) for one in commit]
        return caps, sorted(outcomes, key=lambda outcome: outcome.item)

    return run


ENDLESS = {
    "one letter": [BYTES + ord("a")],
    "two letters": [BYTES + ord("h"), BYTES + ord("a")],
    "blanks": [BYTES + ord(" ")],
    "half a character": [BYTES + 0xC3],
    "NULs": [BYTES],
    "carriage returns": [BYTES + ord("\r")],
}


@pytest.mark.parametrize("tokens", ENDLESS.values(), ids=ENDLESS.keys())
def test_a_loop_ends_at_the_cap(translate, tokens):
    caps, outcomes = translate(*tokens)
    for outcome, cap in zip(outcomes, caps, strict=True):
        assert outcome.truncated
        assert outcome.output_tokens == cap == len(outcome.token_logprobs)
        assert len(outcome.text.encode("utf-8")) <= 3 * cap + 1
        assert "\n" not in outcome.text.replace("\n", "", SOURCES[outcome.item].count("\n"))


@pytest.mark.parametrize("token", [END, BLANK_LINE, BYTES + ord("\n")])
def test_an_end_at_once_is_an_empty_text(translate, token):
    _, outcomes = translate(token)
    for outcome, source in zip(outcomes, SOURCES, strict=True):
        assert (outcome.text.strip(), outcome.truncated, outcome.failure) == ("", False, None)
        assert outcome.output_tokens == len(source.split("\n"))


def test_the_cap_follows_the_source(translate):
    caps, _ = translate(END)
    assert caps[0] == math.ceil(2.0 * 3) + 8
    assert caps[2] == math.ceil(2.0 * 50) + 8
