"""Sources with line breaks and tabs: cut, translated in parts, joined as they were."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routelmt_cli.translators.pieces import cut, pair

BREAKS = "\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"
TEXT = st.text(st.sampled_from([*BREAKS, *"abc .\x1f\xa0\u3000\u200b"]))
TEXT |= st.text(st.characters(max_codepoint=0xDFFF, exclude_categories=["Cs"]))


def without_outer_blanks(text):
    """Drop the blanks at the ends of a text, as far as the nearest break."""
    for _ in range(2):
        bare = text.lstrip()
        edge = text[: len(text) - len(bare)]
        text = (text if set(edge) & set(BREAKS) else bare)[::-1]
    return text


@given(TEXT)
def test_the_parts_joined_again_are_the_source(source):
    pieces = cut(source)
    assert pieces.join(pieces.texts) == without_outer_blanks(source)


@given(TEXT)
def test_no_part_holds_a_break_or_is_blank(source):
    for part in cut(source).texts:
        assert not set(part) & set(BREAKS)
        assert part
        assert part == part.strip()


@given(TEXT)
def test_hypotheses_stand_where_the_parts_were(source):
    pieces = cut(source)
    marks = [chr(0xE000 + number) for number in range(len(pieces.texts))]
    joined = pieces.join(marks)
    assert [c for c in joined if c in BREAKS] == [c for c in source if c in BREAKS]
    assert [c for c in joined if c >= "\ue000"] == marks


@given(st.text(st.characters(exclude_characters=BREAKS)))
def test_a_source_of_one_line_is_one_part(source):
    assert cut(source).texts == ((source.strip(),) if source.strip() else ())


@pytest.mark.parametrize(
    ("source", "texts", "template"),
    [
        ("", (), ()),
        ("  ", (), ()),
        (" one line ", ("one line",), (None,)),
        ("a\nb", ("a", "b"), (None, "\n", None)),
        ("a \r\n\r\n b\t\tc", ("a", "b", "c"), (None, " \r\n\r\n ", None, "\t\t", None)),
        ("\n\ta\n", ("a",), ("\n\t", None, "\n")),
        ("\n", (), ("\n",)),
        ("a\u2028b\x85c", ("a", "b", "c"), (None, "\u2028", None, "\x85", None)),
    ],
)
def test_examples(source, texts, template):
    pieces = cut(source)
    assert (pieces.texts, pieces.template) == (texts, template)


def test_long_blanks_do_not_take_long():
    begun = time.perf_counter()
    pieces = cut("a" + " " * 200_000 + "b\n" + "c " * 100_000)
    assert len(pieces.texts) == 2
    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize(
    ("source", "draft", "pairs"),
    [
        ("uno", "one", [("uno", "one")]),
        (" uno\ndos\n", "one\r\n\ntwo", [("uno", "one"), ("dos", "two")]),
        ("uno\ndos", "one two", [("uno dos", "one two")]),
        ("uno dos", "one\ttwo", [("uno dos", "one two")]),
        ("uno\ndos", " \n", [("uno dos", "")]),
        ("", "one\ntwo", [("", "one two")]),
        ("\n", "", [("", "")]),
    ],
)
def test_parts_are_paired_where_there_are_as_many(source, draft, pairs):
    assert pair(source, draft) == pairs
