"""Which of several hypotheses stands in the end: terms and spans over the verdicts of tiers."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from routelmt_cli.protection.glossary import Glossary
from routelmt_cli.run.choice import FAILED, LEFT, NOT_SENT, TAKEN, Choice, code_of
from routelmt_cli.run.glossary_input import read_glossary
from routelmt_cli.run.shielding import shielded
from routelmt_cli.run.terms import with_terms

TIERS = ["nano", "mid", "top"]
CHOOSER, LOOPING = code_of("chooser"), code_of("looping")


class Journal:
    """Texts by tier and item."""

    def __init__(self, **texts):
        self.by_tier = texts

    def texts(self, tier, items):
        return {item: self.by_tier[tier][item] for item in items if item in self.by_tier[tier]}

    def hypotheses(self, tier, items):
        return [
            SimpleNamespace(item=item, text=self.by_tier[tier][item], failure=None)
            for item in items
            if item in self.by_tier[tier]
        ]


def segments_of(source):
    def where(wanted):
        return iter([{0: source}] if wanted(source) else [])

    return SimpleNamespace(items=1, sources=SimpleNamespace(where=where))


def choice_of(mid, top):
    """What ``choose`` makes of the verdicts of two tiers."""
    passed = [number for number, verdict in ((1, mid), (2, top)) if verdict == TAKEN]
    code = TAKEN if passed else top or mid
    return Choice(
        TIERS,
        np.array([code], np.int8),
        np.array([passed[-1] if passed else 0], np.int8),
        np.array([[mid, top]], np.int8),
    )


@pytest.fixture
def glossary(tmp_path) -> Glossary:
    (tmp_path / "terms.tsv").write_text("Haus\thouse\n")
    return read_glossary(tmp_path / "terms.tsv")


# Verdicts of mid and top, whose text has the term (nano's never has), and who stands in the end.
TERMS = [
    ((TAKEN, TAKEN), "top", (TAKEN, 2)),
    ((TAKEN, TAKEN), "mid", (TAKEN, 2)),  # no more than the draft lacks
    ((TAKEN, CHOOSER), "top", (TAKEN, 2)),
    ((LOOPING, CHOOSER), "mid", (CHOOSER, 0)),
    ((CHOOSER, LOOPING), "mid", (TAKEN, 1)),
    ((LOOPING, LOOPING), "mid", (LOOPING, 0)),
]


@pytest.mark.parametrize(("verdicts", "has", "expected"), TERMS)
def test_a_term_takes_only_what_the_guard_lets_pass(glossary, verdicts, has, expected):
    texts = {name: {0: "a house" if name == has else "a hut"} for name in TIERS}
    found = with_terms(choice_of(*verdicts), Journal(**texts), segments_of("ein Haus"), glossary)
    assert (found.code[0], found.tier[0]) == expected


@pytest.mark.parametrize(
    ("have", "expected"),
    [
        ({"nano", "top"}, (TAKEN, 2)),
        ({"nano", "mid"}, (TAKEN, 1)),
        ({"nano"}, (code_of("glossary"), 0)),
    ],
)
def test_what_lacks_more_terms_than_the_draft_gives_way(glossary, have, expected):
    texts = {name: {0: "a house" if name in have else "a hut"} for name in TIERS}
    choice = choice_of(TAKEN, TAKEN)
    found = with_terms(choice, Journal(**texts), segments_of("ein Haus"), glossary)
    assert (found.code[0], found.tier[0]) == expected


@pytest.mark.parametrize(
    ("verdicts", "intact", "expected"),
    [
        ((TAKEN, TAKEN), {"nano", "mid"}, (TAKEN, 1)),
        ((TAKEN, TAKEN), {"nano"}, (code_of("placeholders"), 0)),
        ((TAKEN, TAKEN), set(), (LEFT, 0)),
        ((LOOPING, TAKEN), {"mid"}, (LEFT, 0)),
        ((LOOPING, CHOOSER), {"mid"}, (LEFT, 0)),
        ((CHOOSER, LOOPING), {"mid", "top"}, (TAKEN, 1)),
        ((NOT_SENT, NOT_SENT), {"mid", "top"}, (LEFT, 0)),
    ],
)
def test_what_lost_a_span_gives_way_to_what_may_stand(verdicts, intact, expected):
    texts = {name: {0: "go to {place}" if name in intact else "go"} for name in TIERS}
    found = shielded(choice_of(*verdicts), Journal(**texts), segments_of("geh nach {place}"))
    assert (found.code[0], found.tier[0]) == expected


def test_a_failure_counts_unless_a_later_tier_is_taken():
    assert not choice_of(FAILED, TAKEN).failed[0]
    assert choice_of(TAKEN, FAILED).failed[0]
    assert choice_of(FAILED, LOOPING).failed[0]
    assert not choice_of(TAKEN, LOOPING).failed[0]


def test_figures_are_of_the_route_that_was_taken_or_asked():
    target = np.array([0], np.int8)
    for verdicts, route in (
        ((TAKEN, NOT_SENT), 0),
        ((TAKEN, LOOPING), 0),
        ((LOOPING, TAKEN), 1),
        ((NOT_SENT, CHOOSER), 1),
        ((NOT_SENT, NOT_SENT), 0),
    ):
        assert choice_of(*verdicts).routes(target)[0] == route
