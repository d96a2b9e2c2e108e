"""Character counts agree with what Python says of one text at a time."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.features.characters import (
    ALONE,
    DIGIT,
    LETTER,
    PUNCTUATION,
    SCRIPTS,
    SPACE,
    UPPER,
    Texts,
)
from routelmt_cli.features.words import Runs, Words, found_in

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


def test_an_empty_column_has_no_rows():
    texts = Texts.of([])
    assert texts.characters.shape == (0,)
    assert texts.script_counts.shape == (0, len(SCRIPTS))
    assert Words.of(texts).per_segment().shape == (0,)
    assert Runs.of(texts).distinct.shape == (0,)


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


def words_of(text: str) -> int:
    return int(Words.of(Texts.of([text])).per_segment()[0])


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("two words", 2),
        ("don't", 2),
        ("你好世界", 4),
        ("GPT模型2", 4),
        ("naïve cafe\u0301", 2),
        ("  ", 0),
        ("", 0),
        ("a1 b2", 2),
    ],
)
def test_words_are_runs_and_letters_of_scripts_without_spaces(text, count):
    assert words_of(text) == count
    # What stands before and after in the column changes nothing.
    assert Words.of(Texts.of(["x", text, "y"])).per_segment()[1] == count


def test_words_are_alone_only_where_the_script_says_so():
    assert Texts.of(["漢a"]).is_any(ALONE).tolist() == [True, False]


def test_repetition_counts_runs_inside_one_text():
    words = Words.of(Texts.of(["a b a b a b", "a b", "A a a", "c"]))
    assert words.most_repeated(1).tolist() == [3, 1, 3, 1]
    assert words.most_repeated(2).tolist() == [3, 1, 2, 0]
    assert words.most_repeated(3).tolist() == [2, 0, 1, 0]
    assert words.distinct().tolist() == [2, 2, 1, 1]


def test_words_are_found_in_the_same_row_of_the_other_column_only():
    own = Words.of(Texts.of(["Paris is big", "nothing", ""]))
    other = Words.of(Texts.of(["big PARIS", "Paris is", "nothing"]))
    assert found_in(own, other).tolist() == [True, False, True, False]
    assert found_in(own, Words.of(Texts.of(["", "", ""]))).tolist() == [False] * 4


def test_distinct_run_share_falls_with_repetition():
    shares = Runs.of(Texts.of(["abcdefgh", "aaaaaaaa", "abc"])).distinct_share()
    assert shares[0] == 1.0
    assert shares[1] == pytest.approx(1 / 5)
    assert np.isnan(shares[2])


def test_shared_runs_ignore_case_and_diacritics_and_stay_in_their_row():
    own = Runs.of(Texts.of(["Información", "abcd", "", "abcdef"]))
    other = Runs.of(Texts.of(["INFORMATION", "", "abcd", "bcde bcde"]))
    assert own.distinct.tolist() == [8, 1, 0, 3]
    assert own.count_shared(other).tolist() == [4, 0, 0, 1]
    assert other.count_shared(own).tolist() == [4, 0, 0, 1]
