"""Rows of hashed n-grams depend on their own texts alone, in every script."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routelmt_cli.features.ngrams import COLUMNS, SIDE_COLUMNS, ngram_matrix

TEXTS = [
    "Hello, world",
    "",
    " ",
    "a",
    "HELLO, WORLD",
    "漢字仮名交じり文",
    "한국어 문장입니다",
    "مرحبا بالعالم",
    "👩‍👩‍👧 e\u0301 \u2028 \0",
    "\ud800 lone \udfff",
    "İstanbul STRASSE ẞ",
    "x" * 3_000,
]


def dense(sources, drafts):
    return ngram_matrix(sources, drafts).toarray()


def row(source, draft=""):
    return dense([source], [draft])[0]


def cosine(one, other):
    return float(row(one)[:SIDE_COLUMNS] @ row(other)[:SIDE_COLUMNS])


def test_shape_kind_and_length():
    found = ngram_matrix(TEXTS, TEXTS[::-1])
    assert found.shape == (len(TEXTS), COLUMNS)
    assert found.format == "csr"
    assert found.dtype == np.float64
    values = found.toarray()
    assert (values >= 0).all()
    for side in (values[:, :SIDE_COLUMNS], values[:, SIDE_COLUMNS:]):
        np.testing.assert_allclose(np.linalg.norm(side, axis=1), 1)


def test_a_row_depends_on_its_own_texts_alone():
    whole = dense(TEXTS, TEXTS[::-1])
    for number, (source, draft) in enumerate(zip(TEXTS, TEXTS[::-1], strict=True)):
        np.testing.assert_array_equal(row(source, draft), whole[number])
    order = np.random.default_rng(0).permutation(len(TEXTS))
    shuffled = dense([TEXTS[n] for n in order], [TEXTS[::-1][n] for n in order])
    np.testing.assert_array_equal(shuffled, whole[order])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12)), min_size=1, max_size=5))
def test_any_texts(pairs):
    sources, drafts = ([pair[side] for pair in pairs] for side in (0, 1))
    whole = dense(sources, drafts)
    for number, (source, draft) in enumerate(pairs):
        np.testing.assert_array_equal(row(source, draft), whole[number])


def test_sides_do_not_mix():
    one, other = row("abc", "xyz"), row("xyz", "abc")
    np.testing.assert_array_equal(one[:SIDE_COLUMNS], other[SIDE_COLUMNS:])
    np.testing.assert_array_equal(one[SIDE_COLUMNS:], other[:SIDE_COLUMNS])
    assert not np.array_equal(one, other)


def test_no_rows_and_no_text():
    assert ngram_matrix([], []).shape == (0, COLUMNS)
    blank = row("", "")
    # Both edges, and the one beside the other.
    assert np.count_nonzero(blank[:SIDE_COLUMNS]) == 2
    np.testing.assert_array_equal(row("abc")[SIDE_COLUMNS:], blank[SIDE_COLUMNS:])


def test_case_is_folded_and_nothing_else():
    assert cosine("Hello, WORLD", "hELLO, world") == pytest.approx(1)
    assert cosine("ÅÄÖ Жук Σ", "åäö жук σ") == pytest.approx(1)
    for one, other in (("e\u0301", "\u00e9"), ("a  b", "a b"), ("1", "2"), ("\ud800", "\udfff")):
        assert cosine(one, other) < 0.99


def test_beginnings_and_ends_count():
    """The same characters in another place differ by their edges."""
    assert cosine("abab", "baba") < 0.9
    edge = row("a")[:SIDE_COLUMNS]
    # a, both edges, two pairs and the three together.
    assert np.count_nonzero(edge) == 5


def test_like_texts_are_near_and_unlike_ones_are_not():
    for text, near, far in (
        ("The house is small.", "The house is smaller.", "Quick brown foxes jump"),
        ("東京都に住んでいます", "東京都に住んでいました", "猫が好きだ"),
        ("서울에 살고 있습니다", "서울에 살고 있어요", "고양이를 좋아해"),
    ):
        assert cosine(text, near) > 0.6 > 0.4 > cosine(text, far)


def test_counts_are_damped():
    often = np.sort(row("a" * 100)[:SIDE_COLUMNS])
    # log(101), log(100), log(99), log(98) for the inner ones, log 2 and log 3 for the edges.
    assert often[-1] / often[-5] == pytest.approx(np.log(101) / np.log(3), rel=1e-6)


def test_what_comes_after_two_thousand_characters_is_not_looked_at():
    long = "ab " * 1_000
    np.testing.assert_array_equal(row(long + "something else"), row(long[:2_000]))
    assert not np.array_equal(row("c" + long), row(long))


def test_columns_are_spread_over_the_whole_side():
    """Short texts of many scripts do not fall onto few columns."""
    texts = [chr(code) for code in range(0x4E00, 0x4E00 + 2_000)]
    used = np.unique(ngram_matrix(texts, texts).indices % SIDE_COLUMNS)
    expected = SIDE_COLUMNS * (1 - np.exp(-4 * 2_000 / SIDE_COLUMNS))
    assert used.size == pytest.approx(expected, rel=0.05)


def test_hashes_are_the_same_on_every_machine():
    """A router's weights belong to these columns for as long as the schema's version stands."""
    found = ngram_matrix(["ab"], [""])
    sources = [568, 1605, 5630, 6319, 8339, 10203, 12014, 13453, 14912]
    drafts = [20598, 29837]
    assert sorted(found.indices.tolist()) == sources + drafts
