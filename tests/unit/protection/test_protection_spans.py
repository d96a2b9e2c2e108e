"""What is protected in a text, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routelmt_cli.protection.spans import find_spans


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cannot open %s: %-10.2f of %1$s", ["%s", "%-10.2f", "%1$s"]),
        ("%(count)d files, %lu bytes, %%", ["%(count)d", "%lu", "%%"]),
        ("50% discount, 100 % sure, 5%", []),
        (
            "Hi {name}, {0} of {{ total }}, ${USER} #{id}",
            ["{name}", "{0}", "{{ total }}", "${USER}", "#{id}"],
        ),
        (
            "{n, plural, one {# file} other {# files}} left",
            ["{n, plural, one {# file} other {# files}}"],
        ),
        ("a { block; } and {} here", ["{}"]),
        (
            '<b>bold</b> <a href="x?a=1">link</a><br/>',
            ["<b>", "</b>", '<a href="x?a=1">', "</a>", "<br/>"],
        ),
        ("1 < 2 and a > b", []),
        ("Fish &amp; chips &#160; R&D", ["&amp;", "&#160;"]),
        (
            "see https://example.org/a?b=1, or www.example.org.",
            ["https://example.org/a?b=1", "www.example.org"],
        ),
        ("write to jo.doe@example.org.", ["jo.doe@example.org"]),
        ("run `ls -l` and **now**", ["`ls -l`", "**", "**"]),
        ("the `quoted' word of `another'", []),
        ("see [the guide](docs/a.md) and ![x](y.png)", ["[", "](docs/a.md)", "![", "](y.png)"]),
        (r"first\nsecond", [r"\n"]),
        ("#NAME# costs $5 in $HOME", ["#NAME#", "$HOME"]),
        ("%1 of %2", ["%1", "%2"]),
        ("plain text.", []),
    ],
)
def test_spans(text, expected):
    assert [text[start:end] for start, end in find_spans(text)] == expected


@given(st.text(st.sampled_from("%{}<>/ab sd&;#$@.[]()*`~\\:1é\n"), max_size=60))
def test_spans_rise_and_do_not_overlap(text):
    end = 0
    for start, stop in find_spans(text):
        assert end <= start < stop <= len(text)
        end = stop


def test_a_long_hostile_text_is_searched_in_linear_time():
    for sign in ("{", "[", "<a ", "**", "%", "`a", "a@", "](", "www."):
        assert find_spans(sign * 20_000) is not None
