"""``routelmt models prune``: files that it writes, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from demo_pair import NEEDS_DEMO_MODELS
from made_up import write_card
from made_vocabularies import bpe_model, sentencepiece_model, write_model

from routelmt_cli.run import model_pruning
from routelmt_cli.translators.cache import cache_folder
from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.llama_cpp import LlamaTranslator
from routelmt_cli.translators.llama_prompter import LlamaPrompter
from routelmt_cli.translators.llama_settings import default_settings
from routelmt_cli.translators.models import find_model
from routelmt_cli.translators.protocol import Request
from routelmt_cli.translators.shortlist import Shortlist

LINES = "source\treference\tother\nabcd mnop\tefgh ab\tkl\n\tab\tij\n"
PAIR = ("es", "fr")  # without examples, so that the demo model's prompt is short
COMMAND = ("models", "prune", "model.toml", "in.tsv", "--from", "es", "--to", "en")


@pytest.fixture
def folder(shell):
    pytest.importorskip("gguf", reason="the package gguf is not installed: pip install '.[prune]'")
    write_model(shell.folder, sentencepiece_model())
    (shell.folder / "in.tsv").write_text(LINES)
    return shell.folder


@pytest.fixture
def no_children(monkeypatch):
    """Leave the checks in child processes out, which take a second each."""
    monkeypatch.setattr(model_pruning, "refuse_broken_vocabulary", lambda *_: None)
    monkeypatch.setattr(model_pruning, "extra_buffers_work", lambda *_: True)


def test_writes_a_model_and_a_card_that_can_be_used(shell, folder):
    result = shell.run(*COMMAND, "-o", "new.gguf", "--keep", "300")
    assert (result.code, result.stderr) == (0, "")
    assert result.text.startswith("tiny-pruned-es-en: new.toml\n320 of 419 tokens, ")
    assert "all 4 texts have the same tokens as before" in result.text
    assert sorted(path.name for path in folder.iterdir()) == [
        "in.tsv", "model.gguf", "model.toml", "new.gguf", "new.toml",
    ]  # fmt: skip
    checked = shell.run("models", "check", "new.toml")
    assert checked.code == 0 and "(as its card says)" in checked.text
    cards = [find_card(str(folder / name)) for name in ("model.toml", "new.toml")]
    fingerprints = {find_model(card, "es", "en").fingerprint for card in cards}
    assert len(fingerprints) == 2
    assert cards[0].prompt == cards[1].prompt and cards[0].price == cards[1].price


def test_bpe_columns_and_json(shell, folder, no_children):
    write_model(folder, bpe_model(tied=False))
    options = ("-o", "new.gguf", "--keep", "1", "--json")
    shortest = json.loads(shell.run(*COMMAND, *options, "--column", "reference").text)
    assert (shortest["texts"], shortest["tokens_before"]) == (2, 847)
    refused = shell.run(*COMMAND, *options)
    assert refused.code == 2 and refused.error_lines == [
        "error: new.gguf exists already",
        "hint: name another, or add --overwrite",
    ]
    usual = json.loads(shell.run(*COMMAND, *options, "--overwrite").text)
    assert usual["texts"] == 4 and usual["tokens_needed"] > shortest["tokens_needed"]
    assert usual["bytes"] == (folder / "new.gguf").stat().st_size
    assert json.loads(shell.run(*COMMAND, *options, "--overwrite").text) == usual
    half = json.loads(shell.run(*COMMAND, "-o", "half.gguf", "--json").text)
    assert half["tokens"] == 448 > usual["tokens"]  # half of 847, by 64


def test_nothing_is_written_where_texts_would_be_cut_otherwise(
    fails, folder, no_children, monkeypatch
):
    choose = model_pruning.choose_tokens

    def forget(table, *arguments):
        chosen = choose(table, *arguments)
        kept = chosen.tokens[chosen.tokens != table.ids["mn"]]
        return Shortlist(kept, chosen.needed)

    monkeypatch.setattr(model_pruning, "choose_tokens", forget)
    error, _ = fails(*COMMAND, "-o", "new.gguf", "--keep", "1")
    assert error.startswith("error: the pruned vocabulary would cut ' abcd mnop' into other tokens")
    assert {path.name for path in folder.iterdir()} == {"in.tsv", "model.gguf", "model.toml"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-o", "new.bin"), "new.bin: the output's name must end in .gguf"),
        (("-o", "none/new.gguf"), "none/new.gguf: there is no folder none"),
        (("-o", "model.gguf"), "model.gguf exists already"),
        (("-o", "model.gguf", "--overwrite"), "model.gguf is the model that it is made from"),
        (("-o", "new.gguf", "--column", "x"), "in.tsv has no column 'x'; it has 'source', "),
        (("-o", "new.gguf", "--keep", "419"), "model.gguf: all of its 419 tokens would be kept"),
    ],
)
def test_wrong_options(fails, folder, no_children, options, message):
    before = {path: path.read_bytes() for path in folder.iterdir()}
    error, _ = fails(*COMMAND, *options)
    assert error.startswith(f"error: {message}")
    assert before == {path: path.read_bytes() for path in folder.iterdir()}


def test_texts_must_be_in_a_file(fails, folder):
    command = ("models", "prune", "model.toml", "-", "--from", "es", "--to", "en")
    error, hint = fails(*command, "-o", "new.gguf", stdin=b"abc\n")
    assert (error, hint) == ("error: -: the texts are read twice", "hint: put them into a file")


def test_wrong_kinds(fails, tmp_path):
    card = write_card(tmp_path / "small.toml", "small")
    command = ("models", "prune", card, "in.tsv", "--from", "es", "--to", "en")
    error, hint = fails(*command, "-o", "new.gguf")
    assert "is a stand-in, it has no weights" in error and hint
    assert fails("models", "prune", "x", "in.tsv", "-o", "n.gguf")[0].startswith(
        "error: the languages are not given"
    )


class TestDemoModel:
    """The demo pair's small model, a few texts."""

    pytestmark = NEEDS_DEMO_MODELS

    def test_gives_the_same_texts_where_no_dropped_token_would_be_chosen(self, shell, no_children):
        pytest.importorskip("gguf", reason="the package gguf is not installed")
        shell.environment["ROUTELMT_CACHE"] = str(cache_folder())
        sources = ["El tren llega.", "¿Dónde está?"]
        whole = find_model(find_card("smollm2-135m"), *PAIR)
        hypotheses = _translate(whole, sources)
        (shell.folder / "in.txt").write_text("\n".join([*sources, *hypotheses]), "utf-8")
        command = ("models", "prune", "smollm2-135m", "in.txt", "--from", "es", "--to", "fr")
        result = shell.run(*command, "-o", "new.gguf", "--keep", "4096", "--json")
        assert result.code == 0, result.stderr
        made = json.loads(result.text)
        assert made["tokens"] == 4096 and made["bytes"] < made["bytes_before"] - 20_000_000
        pruned = find_model(find_card(str(shell.folder / "new.toml")), *PAIR)
        assert _translate(pruned, sources) == hypotheses
        assert _tokens(pruned, sources) == _tokens(whole, sources)


def _translate(model, sources):
    settings = replace(default_settings(model.card), sequences=len(sources), threads=1)
    translator = LlamaTranslator(
        model.card,
        model.weights.path,
        source_language=PAIR[0],
        target_language=PAIR[1],
        with_logprobs=False,
        deterministic=True,
        settings=settings,
        use_extra_buffers=False,
    )
    with translator:
        outcomes = [
            outcome
            for commit in translator.translate(map(Request, range(len(sources)), sources))
            for outcome in commit
        ]
    return [one.text for one in sorted(outcomes, key=lambda outcome: outcome.item)]


def _tokens(model, sources):
    """Return the sources' tokens, each as the bytes that it stands for."""
    with LlamaPrompter.vocabulary_only(model.card, model.weights.path, *PAIR) as prompter:
        return [list(map(prompter.model.piece, prompter.source(text))) for text in sources]
