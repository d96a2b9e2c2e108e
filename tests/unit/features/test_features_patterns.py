"""Numbers, URLs and placeholders."""

from __future__ import annotations

import pytest

from routelmt_cli.features import patterns
from routelmt_cli.features.characters import Texts


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("1,234.5 km", ["12345"]),
        ("1.234,5 km", ["12345"]),
        ("２０２３年", ["2023"]),
        ("٣٫٥ كيلو", ["35"]),
        ("2020, 2021 and 7", ["2020", "2021", "7"]),
        ("no number", []),
        ("CO₂ ²", []),
    ],
)
def test_numbers_are_compared_by_their_digits(text, digits):
    assert sorted(patterns.numbers(text).elements()) == sorted(digits)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hi {name}, {{user}}", ["{name}", "{{user}}"]),
        ("%s of %d, %(count)s, %1$s", ["%s", "%d", "%(count)s", "%1$s"]),
        ("100% sure, 50%d off, 100 %sicher", []),
        ("<b>bold</b> &amp; 3 < 4 > 2", ["<b>", "</b>", "&amp;"]),
        ("#PRS_ORG# called", ["#PRS_ORG#"]),
        ("${HOME} costs $5", ["${HOME}"]),
    ],
)
def test_placeholders(text, found):
    assert sorted(patterns.placeholders(text).elements()) == sorted(found)


def test_urls_lose_the_punctuation_of_the_sentence():
    text = "See https://example.org/a?b=1, or write to me@example.org."
    assert list(patterns.urls(text)) == ["https://example.org/a?b=1", "me@example.org"]


def test_a_column_is_searched_where_a_sign_may_begin_an_item():
    rows = [
        "and/or 50% of 3 < 4 & more # 1",
        "%s",
        "5",
        "%d ends",
        "see http://a.example/b",
        "me@example.org",
        "a&amp;b",
        "</b>",
        "#NAME#",
        "{x}",
        "x %(count)s y %.2f %-3d",
        "50%d",
        "http:/",
        "/path",
        "",
        "%@",
    ]
    items = patterns.find_items(Texts.of(rows))
    for row, text in enumerate(rows):
        if patterns.urls(text) or patterns.placeholders(text):
            assert items[row].urls == patterns.urls(text)
            assert items[row].placeholders == patterns.placeholders(text)
        else:
            assert row not in items
    assert patterns.find_items(Texts.of([])) == {}


def test_hostile_text_takes_no_quadratic_time():
    for text in ("{" * 20_000, "<a" * 20_000, "%(" * 20_000, "a@" * 20_000, "1," * 20_000):
        patterns.placeholders(text)
        patterns.urls(text)
        patterns.numbers(text)
