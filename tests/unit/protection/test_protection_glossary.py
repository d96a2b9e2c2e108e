"""Terms: where they occur in a source, and whether a translation has them."""

from __future__ import annotations

import pytest

from routelmt_cli.protection.glossary import Glossary, Term

TERMS = Glossary(
    (
        Term("Haus", "house"),
        Term("Haus am See", "lake house"),
        Term("GO", "GO", matches_case=True),
        Term("C++", "C++"),
        Term("東京", "Tokyo"),
    )
)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Das haus, ein Haus.", ["Haus"]),
        ("Das Haus am See", ["Haus am See"]),
        ("Hausboot und Wohnhaus", []),
        ("GO heißt nicht go", ["GO"]),
        ("go", []),
        ("C++ ist da", ["C++"]),
        ("私は東京に住む", ["東京"]),
        ("C++, dann das Haus", ["C++", "Haus"]),
        ("", []),
    ],
)
def test_terms_of_a_source(source, expected):
    assert [term.source for term in TERMS.find(source)] == expected


@pytest.mark.parametrize(
    ("source", "translation", "missing"),
    [
        ("Das Haus", "The House", []),
        ("Das Haus", "The houses", ["Haus"]),
        ("GO und Haus", "go to the house", ["GO"]),
        ("Das Haus am See", "the lake house", []),
        ("Nichts", "", []),
    ],
)
def test_terms_that_a_translation_lacks(source, translation, missing):
    assert [term.source for term in TERMS.missing(source, translation)] == missing


def test_the_fingerprint_is_of_every_term():
    others = [
        TERMS.terms[1:],
        (*TERMS.terms[:-1], Term("東京", "Tokio")),
        (*TERMS.terms[:-1], Term("東京", "Tokyo", matches_case=True)),
    ]
    assert len({Glossary(terms).fingerprint for terms in [TERMS.terms, *others]}) == 4
