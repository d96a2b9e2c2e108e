"""What a segment says to the model stays text: it is tokens of characters, one line at a time.

No text is decoded here; ``benchmarks/hostile_text.py`` does that.
"""

from __future__ import annotations

import re

import llama_cpp
import pytest
from demo_pair import NEEDS_DEMO_MODELS
from hostile import HOSTILE, SOURCES

from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.models import find_model
from routelmt_cli.translators.pieces import cut

BREAKS = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
SPECIAL = llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN
MARKUP = " {} word{}word {}{} {}: {}\u00a0{}."
"""How special tokens are put among words, and beside one another."""


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=NEEDS_DEMO_MODELS) for name in ("smollm2-135m", "gemma3-270m")
    ],
)
def prompter(request):
    with find_model(find_card(request.param), "es", "en").open_counter() as counter:
        yield counter


@pytest.fixture(scope="module")
def special(prompter):
    """Tokens that steer a model: control tokens, the unknown one, and whatever ends a text."""
    model = prompter.model
    return {
        token
        for token in range(model.vocabulary_size)
        if model.ends_generation(token)
        or llama_cpp.llama_vocab_get_attr(model.vocab, token) & SPECIAL
    }


def assert_is_text(prompter, tokens, special, text):
    """Check that tokens stand for the characters of a text and steer nothing."""
    assert special.isdisjoint(tokens), text
    # SentencePiece writes a blank as U+2581, so that sign itself comes back as one.
    spelled = b"".join(map(prompter.model.piece, tokens)).decode()
    assert spelled.replace("\u2581", " ") == text.replace("\u2581", " ")


def test_there_are_enough_of_them():
    assert len(set(SOURCES)) == len(SOURCES) >= 100
    assert len({row["kind"] for row in HOSTILE}) >= 9


@pytest.mark.parametrize("source", SOURCES, ids=range(len(SOURCES)))
def test_a_line_break_never_reaches_a_prompt(source):
    pieces = cut(source)
    assert not any(map(BREAKS.search, pieces.texts))
    assert pieces.join(pieces.texts) == source if BREAKS.search(source) else source.strip()


def test_hostile_segments_are_read_as_their_characters(prompter, special):
    lead = prompter._lead
    for source in SOURCES:
        tokens = [prompter.source(piece) for piece in cut(source).texts]
        for piece, part in zip(cut(source).texts, tokens, strict=True):
            assert_is_text(prompter, part, special, lead + piece)
        counts = prompter.count([source])
        assert counts.source_tokens.tolist() == [sum(map(len, tokens))]
        assert counts.context_tokens <= prompter.context_limit


def test_no_special_token_can_be_written_in_a_segment(prompter, special):
    """Every special token's own text, alone and among others."""
    texts = [prompter.model.special_text(token) for token in sorted(special)]
    assert {"<|im_end|>", "<eos>"} & set(texts)
    for text in texts:
        for source in (text, MARKUP.format(*[text] * MARKUP.count("{}"))):
            assert_is_text(prompter, prompter.source(source), special, prompter._lead + source)
