"""A damaged GGUF header: llama.cpp may crash at it, in a child process that nobody misses.

Each case starts a process, so there are few by default.
"""

from __future__ import annotations

import hashlib

import pytest
from fuzz_cases import cases, edited, edits, refusal
from hypothesis import given
from made_gguf import gguf

from routelmt_cli.translators.llama_library import LlamaModel
from routelmt_cli.translators.llama_selfcheck import refuse_broken_vocabulary

GOOD = gguf()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROUTELMT_CACHE", str(folder / "cache"))
        yield folder / "w.gguf"


def load(path, data):
    """Do what a run does, first in a child and then here; say whether there is a vocabulary."""
    path.write_bytes(data)
    error = refusal(lambda: refuse_broken_vocabulary(path, hashlib.sha256(data).hexdigest()))
    if error is None:
        model = LlamaModel(path, vocabulary_only=True)
        model.use_vocabulary()
        model.close()
    return error is None


def test_the_file_is_good(path):
    assert load(path, GOOD)


@cases(8)
@given(changes=edits())
def test_damage_anywhere(path, changes):
    load(path, edited(GOOD, changes))
