"""What is wrong with a final translation is seen by form alone, whoever wrote it."""

from __future__ import annotations

import pytest

from routelmt_cli.gain.faults import FAULTS, NO_FAULT, find_faults

SOURCE = "El tribunal decidió ayer que la empresa debe pagar a todos"
GOOD = "The court decided yesterday that the company must pay everyone"


def fault(text, source=SOURCE, *, languages=("es", "en")):
    (found,) = find_faults(
        [source], [text], source_language=languages[0], target_language=languages[1]
    )
    assert found in (NO_FAULT, *FAULTS)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD, ""),
        ("", "empty"),
        (" \n", "empty"),
        ("...", "empty"),
        ("the court the court the court the court the court", "looping"),
        ("a" * 50, "looping"),
        (SOURCE, "copied"),
        (SOURCE.upper() + "!", "copied"),
        ("Суд решил вчера, что компания должна заплатить", "script"),
        ("法院昨天裁定该公司必须向所有人付款", "script"),
        ("Суд решил", ""),
    ],
)
def test_faults(text, expected):
    assert fault(text) == expected


def test_what_the_source_is_like_is_no_fault():
    assert fault("!!!", "???") == ""
    assert fault("no " * 40, "no " * 40) == "copied"
    assert fault("nein " * 40, "no " * 40) == ""
    assert fault("!" * 60, "!" * 60 + " x") == "empty"


def test_a_copy_between_regions_of_one_language_is_none():
    assert fault(SOURCE, languages=("pt-BR", "pt-PT")) == ""
    assert fault(SOURCE, languages=("es_MX", "es")) == ""


def test_the_script_of_an_unknown_language_is_not_judged():
    assert fault("Суд решил вчера, что компания должна заплатить", languages=("es", "xx")) == ""


def test_rows_do_not_touch_each_other():
    languages = {"source_language": "es", "target_language": "en"}
    assert find_faults([], [], **languages) == []
    texts = [GOOD, "", SOURCE]
    assert find_faults([SOURCE] * 3, texts, **languages) == ["", "empty", "copied"]
