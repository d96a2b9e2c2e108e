"""The plan that is made before drafts: it is the best, and its three costs keep to the budget."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routelmt_cli.run.planning import DraftsToCome, solve
from routelmt_cli.run.prediction import Prediction
from routelmt_cli.run.wishes import FREE, Wishes

AMOUNTS = st.integers(0, 40)


class _Ledger:
    """What ``solve`` asks a journal."""

    def __init__(self, committed, sent, begun):
        self._committed, self._sent, self._begun = committed, sent, begun

    def committed_nanousd(self):
        return self._committed

    def sent(self, _tier, _items):
        return self._sent

    def has_waves(self, _tier):
        return self._begun


@st.composite
def problems(draw):
    count = draw(st.integers(1, 7))
    columns = st.lists(AMOUNTS, min_size=count, max_size=count)
    gain = draw(st.lists(st.integers(-5, 9), min_size=count, max_size=count))
    sent = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    return SimpleNamespace(
        gain=np.array(gain, np.float64),
        large=np.array(draw(columns), np.int64),
        drafts=np.array(draw(columns), np.int64),
        sent=np.array(sent),
        committed=draw(AMOUNTS),
        prefixes=(draw(st.integers(0, 3)), draw(st.integers(0, 3))),
        begun=draw(st.booleans()),
        budget=draw(st.integers(0, 250)),
    )


def solved(given):
    count = len(given.gain)
    wishes = Wishes(
        weight=np.ones(count),
        tokens=np.ones(count, np.int64),
        pin=np.full(count, FREE, np.int8),
        tiers=("small", "large"),
        share=None,
    )
    route = SimpleNamespace(
        tier=SimpleNamespace(name="large", prefix_nanousd=given.prefixes[0]), limit=None
    )
    return solve(
        [Prediction(given.gain, given.large)],
        wishes,
        _Ledger(given.committed, given.sent, given.begun),
        [route],
        given.budget,
        DraftsToCome(given.drafts, given.prefixes[1], "fingerprint"),
    )


def capacity_of(given):
    due = (0 if given.begun else given.prefixes[0]) + given.prefixes[1]
    return given.budget - given.committed - due - int(given.drafts.sum())


def best_of(given):
    """Try every choice."""
    net, capacity = np.maximum(given.large - given.drafts, 0), max(0, capacity_of(given))
    found = 0.0
    for chosen in product([False, True], repeat=len(net)):
        mask = np.array(chosen)
        if not (mask & given.sent).any() and net[mask].sum() <= capacity:
            found = max(found, float(given.gain[mask].sum()))
    return found


@given(problems())
@settings(max_examples=300, deadline=None)
def test_the_plan_is_the_best_that_fits_beside_all_drafts(given):
    plan = solved(given)
    chosen = plan.chosen
    assert float(given.gain[chosen].sum()) == pytest.approx(plan.facts["value"])
    assert plan.facts["value"] == pytest.approx(best_of(given))
    assert not (chosen & given.sent).any()


@given(problems())
@settings(max_examples=300, deadline=None)
def test_what_is_planned_and_what_is_left_to_draft_keep_to_the_budget(given):
    plan = solved(given)
    facts = plan.facts
    assert facts["cost_nanousd"] == int(given.large[plan.chosen].sum())
    assert facts["drafts_nanousd"] == int(given.drafts[~plan.chosen].sum())
    # A retranslation that costs less than its draft leaves money that the plan does not count on.
    spare = np.maximum(given.drafts - given.large, 0)[plan.chosen].sum()
    whole = facts["cost_nanousd"] + facts["drafts_nanousd"]
    if capacity_of(given) >= 0:
        assert whole + spare <= given.budget - given.committed
    else:  # what is retranslated for nothing more costs no more than what was to be drafted
        assert whole <= int(given.drafts.sum())
