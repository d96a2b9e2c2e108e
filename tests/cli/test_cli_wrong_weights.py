"""Wrong weights: found before llama.cpp can take the process down."""

from __future__ import annotations

import hashlib
import os
import struct

import pytest
from demo_pair import NEEDS_DEMO_MODELS
from made_gguf import BYTES, SPECIAL, STRING, UINT32, WORDS, Value, gguf

from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.models import find_model

PRICE = "[price]\nusd_per_million_tokens = { input = 1, output = 1 }\n"


@pytest.fixture
def write_weights(shell):
    """Write a llama.cpp card, and its weights unless they are None."""

    def write(data, sha256=None):
        if data is not None:
            (shell.folder / "model.gguf").write_bytes(data)
        checksum = f'sha256 = "{sha256}"\n' if sha256 else ""
        (shell.folder / "model.toml").write_text(
            f'name = "mine"\n{PRICE}[weights]\npath = "model.gguf"\n{checksum}'
            '[prompt]\nkind = "completion"\ntemplate = "{source} = {target}"\n'
        )
        return "model.toml"

    return write


def _string(text):
    return struct.pack("<Q", len(text)) + text.encode()


WHOLE = b"GGUF" + struct.pack("<IQQ", 3, 0, 0) + bytes(4000)
WRONG_WEIGHTS = {
    "missing": (None, None, "there is no such file"),
    "empty": (b"", None, "not a GGUF file"),
    "not GGUF": (b"PK\x03\x04 a zip file", None, "not a GGUF file"),
    "truncated": (WHOLE[:2000], hashlib.sha256(WHOLE).hexdigest(), "SHA-256 is"),
    "another file": (WHOLE + b"x", hashlib.sha256(WHOLE).hexdigest(), "SHA-256 is"),
}


@pytest.mark.parametrize(
    ("data", "sha256", "message"), WRONG_WEIGHTS.values(), ids=WRONG_WEIGHTS.keys()
)
def test_wrong_weights(translate_fails, fails, write_weights, corpus, data, sha256, message):
    card = write_weights(data, sha256)
    error, hint = translate_fails("in.tsv", "--small", card, "--force-router")
    assert error.startswith("error: model.gguf: ") and message in error
    assert hint
    assert fails("models", "check", card)[0] == error


# Files that begin as GGUF files do and whose card names no checksum: llama.cpp is the one to see.
GARBAGE = {
    "magic alone": b"GGUF",
    "zeros": b"GGUF" + bytes(4000),
    "no tensors": WHOLE,
    "absurd counts": b"GGUF" + struct.pack("<IQQ", 3, 2**62, 2**62) + bytes(100),
    "an unknown architecture": (
        b"GGUF"
        + struct.pack("<IQQ", 3, 0, 1)
        + _string("general.architecture")
        + struct.pack("<I", 8)
        + _string("nothing")
    ),
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_that_begins_like_weights(translate_fails, write_weights, corpus, data):
    card = write_weights(data)
    error, hint = translate_fails("in.tsv", "--small", card, "--force-router")
    assert error == "error: model.gguf: llama.cpp cannot load this model"
    assert "-vv" in hint


# Headers of which some abort or crash llama.cpp: seen in a child process, before anything is paid.
VOCABULARIES = {
    "a word twice": gguf([*SPECIAL, *BYTES, *WORDS, WORDS[3]]),
    "not all bytes": gguf([*SPECIAL, *BYTES[:100], *WORDS]),
    "no vocabulary": gguf([]),
    "an unknown tokenizer": gguf(tokenizer__ggml__model=Value(STRING, "nothing")),
    "cut": gguf()[:3000],
    "more words than bytes": gguf().replace(
        struct.pack("<IQ", 8, len(SPECIAL + BYTES + WORDS)), struct.pack("<IQ", 8, 1 << 40)
    ),
}


@pytest.mark.parametrize("data", VOCABULARIES.values(), ids=VOCABULARIES.keys())
def test_a_broken_vocabulary(shell, translate_fails, write_weights, corpus, data):
    card = write_weights(data)
    error, hint = translate_fails("in.tsv", "--small", card, "--force-router")
    assert error == "error: model.gguf: llama.cpp cannot load this model"
    assert "-vv" in hint
    assert not (shell.folder / "in.de.tsv").exists()


WITHOUT_TENSORS = {
    "no tensors": gguf(),
    "a context length that is no number": gguf(llama__context_length=Value(STRING, "many")),
    "words that are not there": gguf(tokenizer__ggml__bos_token_id=Value(UINT32, 1 << 31)),
    "a chat template of 100,000 characters": gguf(
        tokenizer__chat_template=Value(STRING, "x" * 100_000)
    ),
}


@pytest.mark.parametrize("data", WITHOUT_TENSORS.values(), ids=WITHOUT_TENSORS.keys())
def test_a_vocabulary_without_a_model(shell, translate_fails, write_weights, data):
    card = write_weights(data)
    (shell.folder / "in.txt").write_text("a b\n")
    error, hint = translate_fails("in.txt", "--small", card, "--force-router", "-o", "out.txt")
    assert error == "error: model.gguf: llama.cpp cannot run this model on this machine"
    assert "models check" in hint
    assert not (shell.folder / "out.txt").exists()


@pytest.mark.parametrize("share", [pytest.param(0.5, marks=NEEDS_DEMO_MODELS)])
def test_half_a_real_model(translate_fails, write_weights, corpus, share):
    whole = find_model(find_card("smollm2-135m"), "es", "en").weights.path
    with whole.open("rb") as file:
        card = write_weights(file.read(int(whole.stat().st_size * share)))
    error, _ = translate_fails("in.tsv", "--small", card, "--force-router")
    assert error == "error: model.gguf: llama.cpp cannot load this model"


def test_a_named_pipe_is_not_waited_for(shell, translate_fails, write_weights, corpus):
    card = write_weights(None)
    os.mkfifo(shell.folder / "model.gguf")
    error, _ = translate_fails("in.tsv", "--small", card, "--force-router")
    assert error.startswith("error: model.gguf: is no regular file")


def test_weights_of_a_package_that_is_not_installed(shell, fails, write_weights):
    card = shell.folder / write_weights(None)
    text = card.read_text().replace('path = "model.gguf"', 'package = "no-such-package"')
    card.write_text(text.replace("[prompt]", 'parts = ["no_such_package/model.gguf"]\n[prompt]'))
    error, hint = fails("models", "check", "model.toml")
    assert "come with the package no-such-package, which is not installed" in error
    assert "pip install no-such-package" in hint
