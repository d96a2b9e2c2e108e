"""Numbers, URLs and placeholders."""

from __future__ import annotations

import pytest

from routelmt_cli.features import patterns


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


def test_hostile_text_takes_no_quadratic_time():
    for text in ("{" * 20_000, "<a" * 20_000, "%(" * 20_000, "a@" * 20_000, "1," * 20_000):
        patterns.placeholders(text)
        patterns.urls(text)
        patterns.numbers(text)
