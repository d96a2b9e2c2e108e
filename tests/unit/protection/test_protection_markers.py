"""Markers in the places of spans, and the way back; what counts as intact."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routelmt_cli.protection.check import is_intact
from routelmt_cli.protection.markers import mark
from routelmt_cli.protection.spans import find_spans

TEXTS = st.lists(
    st.sampled_from(
        ["%s", "{name}", "<b>", "</b>", "&amp;", " ", "Haus", "ID1", "ID12", ".", "https://a.org/b"]
    ),
    max_size=12,
).map("".join)


@given(TEXTS)
def test_an_untouched_marked_text_comes_back(text):
    marked = mark(text)
    assert marked.restore(marked.text) == text
    assert not marked.markers or not find_spans(marked.text)


def test_spans_that_touch_share_a_marker_and_letters_are_kept_apart():
    marked = mark("<p><b>Haus</b></p> von %s")
    assert marked.text == "ID1 Haus ID2 von ID3"
    assert marked.restore("ID3's ID1 house ID2") == "%s's <p><b>house</b></p>"


def test_names_in_the_text_are_no_markers():
    assert mark("ID1 is not %s").text == "ID1 is not ID2"


@pytest.mark.parametrize(
    "hypothesis", ["house", "ID1 ID1 house ID2", "ID1 house ID22", "ID1house ID2"]
)
def test_a_marker_must_be_there_exactly_once(hypothesis):
    assert mark("{a} Haus {b}").restore(hypothesis) is None


@pytest.mark.parametrize(
    ("source", "translation", "expected"),
    [
        ("no span here", "%s of anything", True),
        ("von %s zu %d", "to %d from %s", True),
        ("von %s", "from", False),
        ("von %s", "from %s and %s", False),
        ("von %s", "from %s, 5 &amp; 6", False),
        ("siehe https://a.org/b", "see https://a.org/b (https://a.org/b)", True),
        ("<b>fett</b>", "<b>bold</b>", True),
        ("<b>fett</b>", "</b>bold<b>", False),
        ("Zeile<br>Zeile", "line<br>line", True),
        ("an jo@a.org", "to jo@a.org", True),
    ],
)
def test_intact(source, translation, expected):
    assert is_intact(source, translation) is expected
