"""Prompts on a vocabulary alone, made up small enough to say what must come out."""

from __future__ import annotations

import pytest
from made_gguf import BYTES, SPECIAL, STRING, UINT32, WORDS, Value, gguf
from toy_llama import toy_card

from routelmt_cli.translators.llama_library import LlamaModel
from routelmt_cli.translators.llama_prompter import LlamaPrompter

CONTEXT = 400


@pytest.fixture
def weights(tmp_path):
    """Write a vocabulary to a file."""

    def write(*arguments, **changes):
        path = tmp_path / "w.gguf"
        path.write_bytes(gguf(*arguments, **changes))
        return path

    return write


@pytest.fixture
def prompter(weights):
    card, path = toy_card(context_tokens=CONTEXT), weights([*SPECIAL, *BYTES, *WORDS, ("abc", 1)])
    with LlamaPrompter.vocabulary_only(card, path, "es", "en") as prompter:
        yield prompter


@pytest.fixture
def opened():
    models = []

    def open_(path):
        models.append(LlamaModel(path, vocabulary_only=True))
        return models[-1]

    yield open_
    for model in models:
        model.close()


def test_a_text_of_many_times_the_context_is_never_tokenized_whole(prompter, monkeypatch):
    tokenized = []
    original = prompter.model.tokenize

    def tokenize(text, *, parse_special):
        tokenized.append(len(text))
        return original(text, parse_special=parse_special)

    monkeypatch.setattr(prompter.model, "tokenize", tokenize)
    longest = CONTEXT * prompter.model.longest_piece
    counts = prompter.count(["\0" * 300_000, "a\0b", "a\n" + "\0" * (longest + 1)])
    assert max(tokenized) <= longest
    assert (counts.context_tokens <= CONTEXT).all()
    assert counts.source_tokens[0] >= 300_000


def test_what_may_fit_is_counted_exactly(prompter):
    for length in (1, CONTEXT - 1, CONTEXT * prompter.model.longest_piece):
        text = "\0" * length
        assert prompter.source_tokens(text) == len(prompter.source(text))


def test_the_longest_piece_is_of_all_tokens(weights, opened):
    words = [("a b c d e f", 1), ("\u00fc" * 9, 1)]
    assert opened(weights([*SPECIAL, *BYTES, *WORDS, *words])).longest_piece == 18


@pytest.mark.parametrize("length", [0, 4095, 4096, 70_000])
def test_metadata_of_any_length_comes_whole(weights, opened, length):
    template = "ü" * (length // 2) + "x" * (length % 2)
    model = opened(weights(tokenizer__chat_template=Value(STRING, template)))
    assert model.metadata("tokenizer.chat_template") == template
    assert model.metadata("nothing.of.that.name") is None


@pytest.mark.parametrize(
    ("value", "context"),
    [
        (Value(UINT32, 512), 512),
        (Value(STRING, "many"), 1 << 20),
        (Value(STRING, "-5"), 1 << 20),
        (Value(STRING, "\u0663"), 1 << 20),
        (None, 1 << 20),
    ],
)
def test_a_context_length_that_is_no_number_is_none(weights, opened, value, context):
    assert opened(weights(llama__context_length=value)).trained_context == context
