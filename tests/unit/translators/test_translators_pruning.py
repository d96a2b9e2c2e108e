"""Pruned vocabularies: what is kept, what is renumbered, and that texts are tokenized as before."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from made_gguf import INT32, STRING, UINT32, Value
from made_vocabularies import BLANK, PLACEHOLDERS, bpe_model, sentencepiece_model, write_model

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.card import WeightsCard, load_card
from routelmt_cli.translators.card_text import card_text
from routelmt_cli.translators.gguf_file import read_gguf, require_gguf, write_gguf
from routelmt_cli.translators.llama_library import LlamaContext, LlamaModel
from routelmt_cli.translators.llama_settings import LlamaSettings
from routelmt_cli.translators.pruning import prune_file, refuse_unknown_layout, special_tokens
from routelmt_cli.translators.shortlist import ROWS_TOGETHER, choose_tokens, seen_scripts
from routelmt_cli.translators.token_table import read_token_table

TEXTS = ["abcd mnop abc", "efgh, ab 12 [x]", "aé<note>b\n\tjij"]
MODELS = {
    f"{kind.__name__}, {'tied' if tied else 'separate output'}": kind(tied=tied)
    for kind in (sentencepiece_model, bpe_model)
    for tied in (True, False)
}


@pytest.fixture
def needs_gguf():
    pytest.importorskip("gguf", reason="the package gguf is not installed: pip install '.[prune]'")


@pytest.fixture(params=MODELS.values(), ids=MODELS.keys())
def path(request, tmp_path, needs_gguf):
    path = tmp_path / "model.gguf"
    path.write_bytes(request.param)
    return path


def _shortlist(path, texts=TEXTS, keep=1):
    """Choose tokens for texts; return the file, its table and the choice."""
    file = read_gguf(path)
    table = read_token_table(file, "model")
    with closing(LlamaModel(path, vocabulary_only=True)) as model:
        tokens = [token for text in texts for token in model.tokenize(text, parse_special=False)]
    counts = {token: tokens.count(token) for token in tokens}
    return file, table, choose_tokens(table, counts, special_tokens(file), keep)


def _prune(path, **options):
    file, _, chosen = _shortlist(path, **options)
    pruned = path.with_name("pruned.gguf")
    write_gguf(pruned, prune_file(file, chosen.tokens))
    return pruned, chosen.tokens.tolist()


def test_what_is_not_pruned_is_written_as_it_was_read(path):
    again = path.with_name("again.gguf")
    write_gguf(again, read_gguf(path))
    one, other = read_gguf(path), read_gguf(again)
    assert one.metadata == other.metadata and len(one.metadata) > 10
    for before, after in zip(one.tensors, other.tensors, strict=True):
        assert replace(before, rows=None) == replace(after, rows=None)
        assert np.array_equal(before.rows, after.rows)


def test_texts_have_the_same_tokens_and_others_can_still_be_written(path):
    pruned, kept = _prune(path)
    with (
        closing(LlamaModel(path, vocabulary_only=True)) as whole,
        closing(LlamaModel(pruned, vocabulary_only=True)) as model,
    ):
        assert model.vocabulary_size == len(kept) < whole.vocabulary_size
        for text in TEXTS:
            after = model.tokenize(text, parse_special=False)
            assert [kept[token] for token in after] == whole.tokenize(text, parse_special=False)
        other = "жaa ijkl ☃ efghij 漢字"
        tokens = model.tokenize(other, parse_special=False)
        assert b"".join(map(model.piece, tokens)).decode().strip() == other
        assert model.ends_generation(model.eos) and model.special_text(model.eos) == (
            whole.special_text(whole.eos)
        )


def test_logits_of_kept_tokens_do_not_change(path):
    pruned, kept = _prune(path)
    logits = []
    for one in (path, pruned):
        with closing(LlamaModel(one, use_extra_buffers=False)) as model:
            tokens = model.tokenize(TEXTS[0], parse_special=False)
            settings = LlamaSettings(sequences=1, threads=1)
            with closing(LlamaContext(model, settings, cells=256, outputs=1)) as context:
                count = len(tokens)
                context.token[:count], context.position[:count] = tokens, range(count)
                context.wants_logits[count - 1] = 1
                logits.append(context.decode(count)[0].copy())
    assert np.ptp(logits[1]) > 0.1
    np.testing.assert_allclose(logits[0][kept], logits[1], rtol=1e-5, atol=1e-6)


def test_rows_are_copied_and_entries_about_tokens_follow(path):
    file, table, chosen = _shortlist(path)
    pruned = prune_file(file, chosen.tokens)
    kept = chosen.tokens.tolist()
    by_name = {tensor.name: tensor for tensor in pruned.tensors}
    for tensor in file.tensors:
        by_token = tensor.name in ("token_embd.weight", "output.weight")
        expected = tensor.rows[kept] if by_token else tensor.rows
        assert np.array_equal(by_name[tensor.name].rows, expected)
    after = read_token_table(pruned, "pruned")
    assert after.texts == [table.texts[token] for token in kept]
    for key, entry in file.metadata.items():
        if key.endswith("_token_id"):
            assert after.texts[pruned.metadata[key].value] == table.texts[entry.value]
    if "tokenizer.ggml.merges" in file.metadata:
        merges = [merge.decode() for merge in pruned.metadata["tokenizer.ggml.merges"].value]
        whole = [merge.decode() for merge in file.metadata["tokenizer.ggml.merges"].value]
        assert merges == [
            merge for merge in whole if merge.replace(" ", "") in after.texts
        ] and len(merges) < len(whole)
        assert pruned.metadata["llama.vocab_size"].value == len(kept)
        # The other one that was listed is dropped.
        size = len(table.texts)
        assert size - 1 in kept and size - 2 not in kept
        assert pruned.metadata["tokenizer.ggml.suppress_tokens"].value == [kept.index(size - 1)]


def test_what_is_made_on_the_way_is_kept(path):
    _, table, chosen = _shortlist(path, texts=["abcd mnop"])
    kept = {table.texts[token] for token in chosen.tokens}
    assert {"mn", "op", "mnop", "ab", "abc"} <= kept
    dropped = {table.texts[token] for token in range(len(table.texts))} - kept
    assert {"XX", "\u0436jj"} & dropped


def test_a_vocabulary_without_what_is_made_on_the_way_cuts_texts_otherwise(tmp_path, needs_gguf):
    path = tmp_path / "model.gguf"
    path.write_bytes(sentencepiece_model())
    file, table, chosen = _shortlist(path, texts=["mnop"])
    without = chosen.tokens[chosen.tokens != table.ids["op"]]
    write_gguf(tmp_path / "pruned.gguf", prune_file(file, without))
    with closing(LlamaModel(tmp_path / "pruned.gguf", vocabulary_only=True)) as model:
        tokens = model.tokenize("mnop", parse_special=False)
        assert table.ids["mnop"] in without.tolist()
        assert [model.piece(token) for token in tokens] == [b" ", b"mn", b"o", b"p"]


def test_the_most_common_tokens_of_the_scripts_fill_the_rest(tmp_path, needs_gguf):
    path = tmp_path / "model.gguf"
    path.write_bytes(sentencepiece_model())
    _, table, least = _shortlist(path, texts=["ab"])
    assert len(least.tokens) % ROWS_TOGETHER == 0
    assert least.needed <= len(least.tokens) < least.needed + ROWS_TOGETHER
    _, _, more = _shortlist(path, texts=["ab"], keep=len(least.tokens) + 1)
    assert len(more.tokens) == len(least.tokens) + ROWS_TOGETHER
    assert set(least.tokens) <= set(more.tokens) and more.needed == least.needed
    kept = {table.texts[token] for token in least.tokens}
    assert {"abc", "efgh", f"{BLANK}efgh", "ijkl"} <= kept  # Latin comes before Cyrillic
    assert not kept & {text for text, _ in PLACEHOLDERS}
    assert {"<0x00>", "<0xFF>", "<s>", "</s>", "<note>", "[", "]"} <= kept
    _, _, whole = _shortlist(path, texts=["ab"], keep=10**6)
    assert whole.tokens.tolist() == list(range(len(table.texts)))


def test_a_script_that_hardly_occurs_is_not_seen(tmp_path, needs_gguf):
    path = tmp_path / "model.gguf"
    path.write_bytes(sentencepiece_model())
    table = read_token_table(read_gguf(path), "model")
    cyrillic, latin = table.ids["\u0436aa"], table.ids["abcd"]
    assert seen_scripts(table, {latin: 100, cyrillic: 1}) == {"LATIN"}
    assert seen_scripts(table, {latin: 10, cyrillic: 1}) == {"LATIN", "CYRILLIC"}


WRONG = {
    "tokenizer": ({"tokenizer__ggml__model": Value(STRING, "t5")}, "of the kind 't5'"),
    "scores": ({"tokenizer__ggml__scores": None}, "'tokenizer.ggml.scores' does not have a value"),
    "parts": ({"split__count": Value(UINT32, 2)}, "a model in 2 files"),
    "lists": ({"llama__x__token_ids": Value(INT32, [1])}, "'llama.x.token_ids' lists tokens"),
}


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_pruned_is_refused(tmp_path, needs_gguf, changes, message):
    path = tmp_path / "model.gguf"
    path.write_bytes(sentencepiece_model(**changes))
    file = read_gguf(path)
    with pytest.raises(UsageError, match=message):
        read_token_table(file, "model")
        refuse_unknown_layout(file, "model")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors[1:], "no tensor 'token_embd.weight'"),
        (
            lambda tensors: [replace(tensors[0], dimensions=(5, 32)), *tensors[1:]],
            "'token_embd.weight' has 5 rows for",
        ),
        (
            lambda tensors: [*tensors, replace(tensors[0], name="cls.weight")],
            "'cls.weight' may have a row for each token",
        ),
    ],
)
def test_unknown_tensors_are_refused(tmp_path, needs_gguf, change, message):
    path = tmp_path / "model.gguf"
    path.write_bytes(sentencepiece_model())
    file = read_gguf(path)
    refuse_unknown_layout(file, "model")
    with pytest.raises(UsageError, match=message):
        refuse_unknown_layout(replace(file, tensors=change(list(file.tensors))), "model")


def test_a_damaged_file_is_one_error(tmp_path, needs_gguf):
    path = tmp_path / "model.gguf"
    path.write_bytes(sentencepiece_model()[:3000])
    with pytest.raises(UsageError, match=r"model\.gguf: the package gguf cannot read this file"):
        read_gguf(path)


def test_without_the_package_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(UsageError, match="needs the package gguf") as raised:
        require_gguf()
    assert raised.value.hint == "pip install 'routelmt[prune]'"


def test_a_written_card_is_read_as_it_was(tmp_path):
    card = load_card(write_model(tmp_path, b""))
    new = replace(card, weights=WeightsCard("x.gguf", tmp_path / "x.gguf", None, (), "0" * 64))
    path = tmp_path / "new.toml"
    path.write_text(card_text(new, "x.gguf"), "utf-8")
    assert load_card(path) == replace(new, card_path=path)
    assert card.nanousd_per_hour and card.decoding.stop[1] == '\x7f"]'
