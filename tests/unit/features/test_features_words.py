"""Words, numbers and what two columns share agree with sets and counters of Python."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from routelmt_cli.features import patterns
from routelmt_cli.features.characters import ALONE, Texts
from routelmt_cli.features.overlap import SharedItems, SharedRuns
from routelmt_cli.features.words import Numbers, Words


def words_of(*texts):
    return Words.of(Texts.of(list(texts)))


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("two words", [3, 5]),
        ("don't", [3, 1]),
        ("你好世界", [1, 1, 1, 1]),
        ("GPT模型2", [3, 1, 1, 1]),
        ("naïve cafe\u0301", [5, 5]),
        ("กิน", [2, 1]),
        ("  ", []),
        ("", []),
        ("a1 b2", [2, 2]),
        ("\ud800 lone", [4]),
    ],
)
def test_words_are_runs_and_letters_of_scripts_without_spaces(text, lengths):
    alone = words_of(text)
    assert alone.lengths.tolist() == lengths
    # What stands before and after in the column changes nothing.
    among = words_of("x", text, "y")
    np.testing.assert_array_equal(among.lengths[1:-1], alone.lengths)
    np.testing.assert_array_equal(among.hashes[1:-1], alone.hashes)
    assert among.per_segment().tolist() == [1, len(lengths), 1]


def test_letters_are_words_only_where_the_script_says_so():
    assert Texts.of(["漢a"]).is_any(ALONE).tolist() == [True, False]


def test_equal_words_have_equal_hashes_wherever_they_stand():
    words = words_of("Straße über ÜBER", "", "so über", "revo")
    over = words.hashes[[1, 2, 4]]
    assert len(set(over.tolist())) == 1
    assert len(set(words.hashes.tolist())) == 4
    # They are stored in routers, so they may never change.
    assert words_of("a").hashes.tolist() == [17508005127702757215]


def test_leads_capitals_and_bounds():
    words = words_of("Der Hund", "", "мир И 漢")
    assert words.leads.tolist() == [True, False, True, False, False]
    assert words.capitalised.tolist() == [True, True, False, True, False]
    assert words.cased.tolist() == [True, True, True, True, False]
    assert words.bounds.tolist() == [0, 2, 2, 5]


def test_repetition_counts_runs_inside_one_text():
    words = words_of("a b a b a b", "a b", "A a a", "c")
    assert words.most_repeated(1).tolist() == [3, 1, 3, 1]
    assert words.most_repeated(2).tolist() == [3, 1, 2, 0]
    assert words.most_repeated(3).tolist() == [2, 0, 1, 0]


SOURCES = ["Paris is big big", "nothing", "", "x", "你好 你", "מה שלום"]
DRAFTS = ["big PARIS big Paris", "Paris is", "nothing", "", "你 hello", "מה מה"]


def test_shared_items_equal_counters():
    own, other = words_of(*SOURCES), words_of(*DRAFTS)
    shared = SharedItems.of(len(SOURCES), own, other, own.capitalised, other.capitalised)
    counters = [
        [Counter(words.hashes[words.segments == row].tolist()) for row in range(len(SOURCES))]
        for words in (own, other)
    ]
    for row, (left, right) in enumerate(zip(*counters, strict=True)):
        assert shared.per_row(shared.own)[row] == left.total()
        assert shared.per_row(shared.other)[row] == right.total()
        assert shared.per_row(np.minimum(shared.own, shared.other))[row] == (left & right).total()
        assert shared.per_row(shared.own > 0)[row] == len(left)
        assert shared.largest(shared.other)[row] == max(right.values(), default=0)
    assert shared.per_row(shared.own_marked).tolist() == [1, 0, 0, 0, 0, 0]
    assert shared.per_row(shared.other_marked).tolist() == [2, 1, 0, 0, 0, 0]
    assert shared.per_row(shared.own_marked * (shared.other > 0))[0] == 1


def test_nothing_is_shared_by_columns_without_words():
    shared = SharedItems.of(2, words_of("", "."), words_of("", ""))
    assert shared.per_row(shared.own).tolist() == [0, 0]
    assert shared.largest(shared.other).tolist() == [0, 0]


@pytest.mark.parametrize(
    "text",
    [
        "1,234.5 km",
        "２０２３年 and ٣٫٥",
        "2020, 2021 and 7",
        "a1b22c 3..4 5.,6",
        "no number",
        "1'000’000 1\u00a0000",
        "7",
    ],
)
def test_numbers_are_those_of_the_regular_expression(text):
    expected = Counter(patterns.numbers(text).values())
    numbers = Numbers.of(Texts.of(["1", text, "2"]))
    found = Counter(numbers.hashes[numbers.segments == 1].tolist())
    assert Counter(found.values()) == expected


def test_equal_digits_are_one_number_and_others_are_not():
    spellings = Numbers.of(Texts.of(["1.234,5", "1,234.5", "１２３４５"])).hashes
    assert len(set(spellings.tolist())) == 1
    others = Numbers.of(Texts.of(["12", "21", "120", "012", "1"])).hashes
    assert len(set(others.tolist())) == 5


def test_a_number_ends_with_its_text():
    assert Numbers.of(Texts.of(["1", "2"])).segments.tolist() == [0, 1]
    assert Numbers.of(Texts.of(["1.", "2"])).segments.tolist() == [0, 1]


def runs_of(text):
    return {text[start : start + 4] for start in range(len(text) - 3)}


def test_shared_runs_ignore_case_and_diacritics_and_stay_in_their_row():
    own = ["Información", "abcd", "", "abcdef", "aaaaaaaa", "abc", "漢字仮名交じり", "😀😀😀😀😀"]
    other = ["INFORMATION", "", "abcd", "bcde bcde", "aaaa", "abcde", "漢字仮名", "😀😀😀😀"]
    plain = [["informacion", *own[1:]], ["information", *other[1:]]]
    shared = SharedRuns.of(Texts.of(own), Texts.of(other))
    for row, (left, right) in enumerate(zip(*plain, strict=True)):
        assert shared.own[row] == len(runs_of(left))
        assert shared.other[row] == len(runs_of(right))
        assert shared.shared[row] == len(runs_of(left) & runs_of(right))
        assert shared.other_total[row] == max(len(right) - 3, 0)


def test_runs_of_empty_columns():
    for texts in ([], ["", "abc"]):
        shared = SharedRuns.of(Texts.of(texts), Texts.of(texts))
        assert shared.shared.tolist() == [0] * len(texts)
