"""Pieces of a page's texts: nothing is lost, nothing unseen is left."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routelmt_cli.run.page.text import MAX_CHARACTERS, Piece, compared, shown

TEXTS = st.text(max_size=80) | st.text("ab <>&\"'\u202e\u2067\n\t", max_size=40)
ACTING = {"Cc", "Cs", "Zl", "Zp"}


def restored(pieces):
    return "".join(
        chr(int(piece.text.removeprefix("U+"), 16)) if piece.hidden else piece.text
        for piece in pieces
    )


@settings(max_examples=40)
@given(TEXTS)
def test_a_text_is_its_pieces(text):
    assert restored(shown(text)) == text


@settings(max_examples=40)
@given(TEXTS, TEXTS)
def test_both_texts_are_their_pieces_and_what_is_unchanged_is_common(draft, retranslation):
    before, after = compared(draft, retranslation)
    assert (restored(before), restored(after)) == (draft, retranslation)
    common = [
        "".join(restored([piece]) for piece in pieces if not piece.changed)
        for pieces in (before, after)
    ]
    assert common[0] == common[1]


@settings(max_examples=40)
@given(TEXTS)
def test_nothing_that_acts_on_its_neighbours_is_left(text):
    for piece in shown(text):
        assert all(unicodedata.category(sign) not in ACTING for sign in piece.text)
        assert all(unicodedata.bidirectional(sign) not in BIDI for sign in piece.text)


BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def test_equal_texts_have_no_difference():
    for pieces in compared("The same, twice.", "The same, twice."):
        assert pieces == [Piece("The same, twice.")]


def test_words_are_compared_whole():
    before, after = compared("The cat sat.", "The dog sat.")
    assert [piece.text for piece in before if piece.changed] == ["cat"]
    assert [piece.text for piece in after if piece.changed] == ["dog"]


def test_scripts_without_blanks_are_compared_by_character():
    before, after = compared("私は猫が好き", "私は犬が好き")
    assert [piece.text for piece in before if piece.changed] == ["猫"]
    assert [piece.text for piece in after if piece.changed] == ["犬"]


@pytest.mark.parametrize("text", ["word " * 100_000, "x" * 1_000_000])
def test_a_very_long_text_is_cut_and_takes_no_time(text):
    before, _ = compared(text, text[::-1])
    assert sum(len(piece.text) for piece in before) <= MAX_CHARACTERS + 1
    assert before[-1] == Piece("…", hidden=True)


def test_a_joiner_is_spelling():
    assert shown("می\u200cخواهم") == [Piece("می\u200cخواهم")]
