"""Texts that are too long for a model: cut where it hurts least, and whole again when joined."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routelmt_cli.translators.long_text import parts_that_fit, sentences
from routelmt_cli.translators.pieces import Limit, cut, pair

TEXT = st.text(st.sampled_from([*"ab .,!?。，()", "\u0301", "\u200d", "\xa0", "\u3000", "👩", "ก"]))
TEXT |= st.text(st.characters(exclude_categories=["Cs"]))


def count(text):
    """Count bytes and one more, as the most pessimistic tokenizers do."""
    return len(text.encode("utf-8")) + 1


def texts(text, most, language="en"):
    return [part for part, _ in parts_that_fit(text, count, most, language)]


@given(TEXT, st.integers(8, 40), st.sampled_from(["en", "zh", "th", "de-AT", "xx"]))
def test_parts_fit_and_joined_are_the_text(text, most, language):
    text = text.strip()
    parts = parts_that_fit(text, count, most, language)
    assert "".join(part + separator for part, separator in parts) == text
    assert all(count(part) <= most for part, _ in parts)
    assert all(not separator.strip() for _, separator in parts)
    assert all(part == part.strip() and part for part, _ in parts) or not text


@given(TEXT, st.integers(8, 40))
def test_what_fits_is_not_cut(text, most):
    text = text.strip()
    if count(text) <= most:
        assert parts_that_fit(text, count, most, "en") == [(text, "")]


@pytest.mark.parametrize(
    ("language", "text", "most", "parts"),
    [
        ("en", "I saw Mr. Smith. He left us.", 20, ["I saw Mr. Smith.", "He left us."]),
        ("en", "One, two three, four five", 18, ["One, two three,", "four five"]),
        ("en", "one two three four", 12, ["one two", "three four"]),
        ("en", "abcdefghijkl", 9, ["abcdef", "ghijkl"]),
        ("zh", "我来了。你呢？好！", 16, ["我来了。", "你呢？", "好！"]),
        ("zh", "我来了，你呢，他呢", 16, ["我来了，", "你呢，", "他呢"]),
        ("ja", "「はい。」と言った。", 23, ["「はい。」", "と言った。"]),
        ("hi", "मैं हूँ। आप हैं।", 26, ["मैं हूँ।", "आप हैं।"]),
        ("th", "สวัสดี ครับ", 25, ["สวัสดี", "ครับ"]),
    ],
)  # fmt: skip
def test_sentences_then_clauses_then_words_then_characters(language, text, most, parts):
    assert texts(text, most, language) == parts


def test_parts_are_filled_alike():
    lengths = [len(part) for part in texts("One two. " * 40, 100)]
    assert len(lengths) == 4
    assert max(lengths) - min(lengths) <= len("One two. ")


def test_an_accent_stays_with_its_letter():
    parts = texts("e\u0301" * 200, 20)
    assert len(parts) > 20
    assert not any(unicodedata.combining(part[0]) for part in parts)


def test_very_many_sentences_do_not_take_long():
    begun = time.perf_counter()
    assert len(sentences("你好。" * 33_000, "zh")) == 33_000
    assert time.perf_counter() - begun < 5


def test_a_window_does_not_end_a_sentence():
    text = "a word " * 3000 + "ends. " + "Then. " * 3000
    assert [len(found) for found in sentences(text, "en")][:2] == [21_006, 6]


def limit(source, target, most=16):
    return Limit(count, most, source, target)


@pytest.mark.parametrize(
    ("source", "target", "text", "joined"),
    [
        ("zh", "en", "我来了。你呢？好！", "A B C"),
        ("zh", "ja", "我来了。你呢？好！", "ABC"),
        ("zh", "en", "我来了。\n你呢？ 好的好的", "A\nB C"),
        ("en", "zh", "I saw him. He ran off.", "A B"),
        ("en", "de", "x" * 20, "AB"),
        ("zh", "en", "x" * 20, "AB"),
    ],
)
def test_separators_are_kept_and_a_missing_blank_is_added(source, target, text, joined):
    pieces = cut(text, limit(source, target))
    assert len(pieces.texts) == joined.count("A") + joined.count("B") + joined.count("C")
    assert pieces.join("ABC"[: len(pieces.texts)]) == joined


@given(TEXT)
def test_lines_are_cut_where_no_limit_would_have_cut_them_too(source):
    pieces = cut(source, limit("en", "de"))
    assert pieces.join(pieces.texts) == cut(source).join(cut(source).texts)


def test_a_draft_is_shared_among_the_parts_of_its_source():
    source, draft = "One is here. Two is it. Three too.", "Eins da. Zwei ist es. Drei auch."
    assert pair(source, draft, limit("en", "de")) == [
        ("One is here.", "Eins da."),
        ("Two is it.", "Zwei ist es."),
        ("Three too.", "Drei auch."),
    ]
    assert pair(source, "", limit("en", "de")) == [
        ("One is here.", ""),
        ("Two is it.", ""),
        ("Three too.", ""),
    ]
    words = pair(source, "Eins zwei drei", limit("en", "de"))
    assert [draft for _, draft in words] == ["Eins", "zwei", "drei"]
    assert [draft for _, draft in pair(source, "一二三", limit("en", "zh"))] == ["一", "二", "三"]


@given(TEXT, TEXT)
def test_nothing_of_a_draft_is_lost(source, draft):
    pairs = pair(source, draft, limit("en", "de"))
    assert "".join("".join(part for _, part in pairs).split()) == "".join(draft.split())
