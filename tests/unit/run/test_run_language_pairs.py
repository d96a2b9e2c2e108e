"""Labels of language pairs."""

from __future__ import annotations

import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.run.language_pairs import LanguagePair, given_pair, read_pair


@pytest.mark.parametrize(
    ("label", "target", "pair"),
    [
        ("de-en", None, "de-en"),
        (" DE-EN ", None, "de-en"),
        ("de", "en", "de-en"),
        ("de-en", "en", "de-en"),
        ("pt-BR", "en", "pt-BR-en"),
        ("pt-BR-en", None, "pt-BR-en"),
        ("en-pt-BR", None, "en-pt-BR"),
        ("en-pt-br", "pt-BR", "en-pt-BR"),
    ],
)
def test_labels(label, target, pair):
    assert str(read_pair(label, target)) == pair


@pytest.mark.parametrize(
    ("label", "target"), [("", None), ("de", None), ("", "en"), ("de-fr", "en"), ("17", "en")]
)
def test_what_names_no_pair(label, target):
    assert read_pair(label, target) is None


def test_given_pair():
    assert given_pair("ES", "pt_br") == LanguagePair("es", "pt-BR")
    with pytest.raises(UsageError, match="languages are not given"):
        given_pair("es", None)
