"""How many requests may be under way: a function of the replies."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from routelmt_cli.translators.adaptive_limit import AdaptiveLimit


def after(limit, replies):
    for is_answer in replies:
        limit.answered() if is_answer else limit.refused()
    return limit.current


@given(st.integers(1, 100), st.lists(st.booleans(), max_size=300))
def test_it_stays_between_one_and_the_most(most, replies):
    limit = AdaptiveLimit(most)
    for is_answer in replies:
        after(limit, [is_answer])
        assert 1 <= limit.current <= most


def test_it_doubles_each_round_until_the_first_refusal():
    limit = AdaptiveLimit(64)
    rounds = [limit.current]
    while rounds[-1] < 64:
        rounds.append(after(limit, [True] * rounds[-1]))
    assert rounds == [8, 16, 32, 64]


def test_after_a_refusal_it_grows_by_one_a_round():
    limit = AdaptiveLimit(64)
    assert after(limit, [True] * 24) == 32
    assert after(limit, [False]) == 16
    assert after(limit, [True] * 17) == 17


def test_the_refusals_of_one_round_are_one_refusal():
    limit = AdaptiveLimit(64)
    assert after(limit, [True] * 56) == 64
    assert after(limit, [False] * 64) == 32
    assert after(limit, [False]) == 16


def test_refusals_alone_leave_one():
    assert after(AdaptiveLimit(64), [False] * 500) == 1
