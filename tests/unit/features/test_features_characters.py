"""Character counts agree with what Python says of one text at a time."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.features import characters
from routelmt_cli.features.characters import (
    CASED,
    DIGIT,
    LETTER,
    PUNCTUATION,
    QUOTE,
    SCRIPTS,
    SPACE,
    UPPER,
    Texts,
)

ROWS = [
    "Hello, World 42!",
    "",
    "   ",
    "你好，世界。",
    "ЁЖ шла\u2028по ٣٤",
    "מַה שלומך?",
    "\ud800 lone surrogate\x00",
    "İstanbul ß Ǆ",
    "𝐁old 😀",
]


def test_counts_equal_a_loop_over_each_text():
    texts = Texts.of(ROWS)
    assert texts.characters.tolist() == [len(row) for row in ROWS]
    assert texts.count_any(LETTER).tolist() == [sum(c.isalpha() for c in row) for row in ROWS]
    assert texts.count_any(DIGIT).tolist() == [sum(c.isdecimal() for c in row) for row in ROWS]
    assert texts.count_any(SPACE).tolist() == [sum(c.isspace() for c in row) for row in ROWS]
    assert texts.count_any(PUNCTUATION).tolist() == [2, 0, 0, 2, 0, 1, 0, 0, 0]
    assert texts.count_any(UPPER)[[0, 4]].tolist() == [2, 2]
    for bit in (LETTER, DIGIT, PUNCTUATION, SPACE, UPPER, QUOTE):
        slowly = texts.count(texts.is_any(bit))
        np.testing.assert_array_equal(texts.count_any(bit), slowly)
    both = texts.count_any(LETTER) + texts.count_any(DIGIT)
    np.testing.assert_array_equal(texts.count_any(LETTER | DIGIT), both)


def test_an_empty_column_has_no_rows():
    texts = Texts.of([])
    assert texts.characters.shape == (0,)
    assert texts.script_counts.shape == (0, len(SCRIPTS))
    assert texts.sentences().shape == (0,)
    assert texts.last_visible().shape == (0,)


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("straße ñ", "latin"),
        ("слово", "cyrillic"),
        ("λόγος", "greek"),
        ("كتاب", "arabic"),
        ("ספר", "hebrew"),
        ("किताब", "indic"),
        ("หนังสือ", "thai"),
        ("한국어", "hangul"),
        ("ひらカタ", "kana"),
        ("漢字", "han"),
        ("წიგნი", "georgian"),
        ("գիրք", "armenian"),
        ("መጽሐፍ", "ethiopic"),
    ],
)
def test_every_letter_is_counted_in_its_script(text, script):
    counts = Texts.of([text]).script_counts[0]
    assert SCRIPTS[int(counts.argmax())] == script
    assert counts.sum() == sum(c.isalpha() for c in text)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two? Three!", 3),
        ("Version 3.5 is out", 1),
        ("First。Second！", 2),
        ("Wait...", 1),
        ("He said “No.” Then left.", 2),
        ("", 0),
        ("...", 1),
    ],
)
def test_sentences(text, sentences):
    # "..." counts one end since the first two full stops are followed by a full stop.
    assert Texts.of(["Before.", text, "after"]).sentences()[1] == sentences


def test_sentence_ends_at_the_end_of_a_text_are_not_taken_for_those_of_the_next():
    assert Texts.of(["Hm.", "x", "3.", "5"]).sentences().tolist() == [1, 1, 1, 0]


def test_the_last_visible_character():
    texts = Texts.of(["end.", "end!  \u2028", "", " \t", "。"])
    assert texts.last_visible().tolist() == [ord("."), ord("!"), 0, 0, ord("。")]


def test_only_letters_that_names_would_be_written_with_have_case():
    texts = Texts.of(["aÀжΩ", "漢かשع", "ა1!"])
    assert texts.count_any(CASED).tolist() == [4, 0, 0]


def test_a_text_is_read_up_to_a_million_characters(monkeypatch):
    monkeypatch.setattr(characters, "MAX_CHARACTERS", 5)
    texts = Texts.of(["1234567", "ab"])
    assert texts.characters.tolist() == [5, 2]
    assert texts.count_any(DIGIT).tolist() == [5, 0]


def test_places_and_rows_of_code_points():
    texts = Texts.of(["ab", "", "c"])
    assert texts.segment_of.tolist() == [0, 0, 2]
    assert texts.places.tolist() == [0, 1, 0]
