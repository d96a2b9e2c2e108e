"""The second guard keeps the draft for a stated reason and only then."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.gain.guard import REASONS, keep_reasons


def reason(source, draft, retranslation, *, truncated=False, to=None):
    (one,) = keep_reasons(
        [source], [draft], [retranslation], np.array([truncated]), target_language=to
    )
    assert one in ("", *REASONS)
    return one


def test_a_good_retranslation_is_taken():
    assert reason("Hola, Ana {name} 1998", "Hi Ana {name} 1998", "Hello, Ana {name} 1998!") == ""


@pytest.mark.parametrize("text", ["", "  ", "\u3000\n"])
def test_empty(text):
    assert reason("Hola", "Hello", text) == "empty"
    assert reason("Hola", "", text) == "empty"


def test_truncated():
    assert reason("Hola", "Hello", "Hello and", truncated=True) == "truncated"
    assert reason("Hola", "", "Hello and", truncated=True) == ""


def test_looping():
    assert reason("No sé", "I don't know", "I know I know I know I know I know") == "looping"
    assert reason("no no no no no", "no no no no no", "no no no no no no") == ""
    assert reason("我不知道", "I don't know", "知知知知知知知知") == "looping"


@pytest.mark.parametrize(
    ("source", "draft", "retranslation", "to", "expected"),
    [
        ("Good morning", "Доброе утро", "Good morning to you", None, "script"),
        ("Good morning", "Доброе утро", "Good morning to you", "ru", "script"),
        ("早上好先生", "早上好先生", "Good morning sir", None, ""),
        ("早上好先生", "早上好先生", "Good morning sir", "en", ""),
        ("Buenos días", "Good morning", "Доброе утро", "en-GB", "script"),
        ("Good morning", "おはようございます", "早上好先生们", "ja", ""),
        ("Good morning", "Добро јутро", "Dobro jutro", "sr", ""),
        ("IBM", "ИБМ", "IBM", "ru", ""),
    ],
)
def test_script(source, draft, retranslation, to, expected):
    assert reason(source, draft, retranslation, to=to) == expected


def test_numbers_only_where_the_draft_kept_them():
    assert reason("en 1998", "in 1998", "in the nineties") == "numbers"
    assert reason("en 1998", "in the past", "in the nineties") == ""
    assert reason("4,000 años", "4,000 years", "4 000 years") == ""
    assert reason("a las 01.40", "at 01.40", "at 1:40 or 01:40") == ""
    assert reason("tiene 18 años", "he is 18", "he is eighteen") == ""


def test_placeholders_only_where_the_draft_kept_them():
    assert reason("Hola {name}", "Hi {name}", "Hello there") == "placeholders"
    assert reason("Hola {name}", "Hi you", "Hello there") == ""
    assert reason("<b>Hola</b>", "<b>Hi</b>", "Hello") == "placeholders"
    assert reason("%s mensajes", "%s messages", "messages: many") == "placeholders"


def test_the_first_rule_names_the_reason():
    assert reason("x {n} 1998", "x {n} 1998", "y", truncated=True) == "truncated"


def test_rows_do_not_touch_each_other():
    assert keep_reasons([], [], [], np.zeros(0, dtype=bool)) == []
    assert keep_reasons(
        ["a", "en 1998", "b"], ["a", "in 1998", "b"], ["a", "then", ""], np.zeros(3, dtype=bool)
    ) == ["", "numbers", "empty"]
