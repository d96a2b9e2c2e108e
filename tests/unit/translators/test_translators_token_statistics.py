"""Statistics of tokens against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routelmt_cli.translators.hidden_state import StateAverage, mean_state
from routelmt_cli.translators.token_statistics import TokenStatistics, token_statistics


@st.composite
def steps(draw):
    """Logits as models have them: any level, some forbidden, the best perhaps twice."""
    rows, vocabulary = draw(st.integers(1, 5)), draw(st.integers(2, 40))
    luck = np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = draw(st.sampled_from([0.0, 0.01, 1.0, 8.0, 60.0]))
    logits = luck.normal(draw(st.sampled_from([0.0, -40.0, 500.0])), scale, (rows, vocabulary))
    if draw(st.booleans()):
        logits[luck.random((rows, vocabulary)) < 0.5] = -np.inf
        logits[:, luck.integers(vocabulary)] = 1.0
    if draw(st.booleans()):
        logits[:, 0] = logits[:, -1] = logits.max(axis=1)
    return logits.astype(np.float32), luck.integers(vocabulary, size=rows)


def naive(logits, token):
    exact = logits.astype(np.float64) - logits.max()
    probabilities = np.exp(exact) / np.exp(exact).sum()
    possible = probabilities[probabilities > 0]
    with np.errstate(divide="ignore"):
        logprob = np.log(probabilities[token])
    second, best = np.sort(exact)[-2:]
    return logprob, -(possible * np.log(possible)).sum(), best - second


@given(step=steps())
@settings(max_examples=200, deadline=None)
def test_statistics_follow_their_definitions(step):
    logits, tokens = step
    rows = [naive(row, token) for row, token in zip(logits, tokens, strict=True)]
    expected = np.array(rows)
    expected[:, 2] = np.minimum(expected[:, 2], 1e4)
    highest = logits.argmax(axis=1)
    best, found = token_statistics(logits, np.full(logits.shape[1], np.nan, np.float32), tokens)
    np.testing.assert_array_equal(best, highest)
    possible = np.isfinite(expected[:, 0])
    assert (found.logprobs[~possible] <= -1e4).all()
    assert np.isfinite(found.logprobs).all()
    expected[~possible, 0] = found.logprobs[~possible]
    columns = (found.logprobs, found.entropies, found.margins)
    for column, values in zip(columns, expected.T, strict=True):
        assert column.dtype == np.float32
        np.testing.assert_allclose(column, values, rtol=1e-5, atol=1e-4)
    assert (found.entropies >= 0).all()
    assert (found.entropies <= np.log(logits.shape[1]) + 1e-4).all()
    assert (found.margins >= 0).all()
    assert (logits.max(axis=1) == 0).all()  # shifted, and the best one is back in its place


def test_the_best_tokens_are_asked_about_by_default():
    logits = np.random.default_rng(0).normal(size=(4, 50)).astype(np.float32)
    work = np.empty(50, np.float32)
    best, found = token_statistics(logits.copy(), work)
    _, asked = token_statistics(logits.copy(), work, best)
    np.testing.assert_array_equal(found.logprobs, asked.logprobs)


def test_no_array_of_the_vocabularys_size_is_made():
    import tracemalloc

    logits = np.random.default_rng(0).normal(size=(4, 50_000)).astype(np.float32)
    work = np.empty(logits.shape[1], np.float32)
    token_statistics(logits, work)
    tracemalloc.start()
    token_statistics(logits, work)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50_000


def test_statistics_are_gathered_and_joined_in_order():
    one = TokenStatistics.of_rows([(-1.0, 2.0, 3.0), (-4.0, 5.0, 6.0)])
    both = TokenStatistics.concatenate([one, TokenStatistics.of_rows([]), one.take(np.array([1]))])
    np.testing.assert_array_equal(both.logprobs, [-1, -4, -4])
    np.testing.assert_array_equal(both.entropies, [2, 5, 5])
    np.testing.assert_array_equal(both.margins, [3, 6, 6])
    nothing = TokenStatistics.concatenate([])
    assert (nothing.margins.shape, nothing.margins.dtype) == ((0,), np.float32)


@pytest.mark.parametrize("cuts", [[], [1], [2, 3], [1, 2, 3, 4]])
def test_a_state_is_the_prompts_and_the_mean_of_the_others(cuts):
    states = np.arange(10, dtype=np.float32).reshape(5, 2)
    average = StateAverage()
    for part in np.split(states, cuts):
        average.add(part)
    states[:] = -1  # what was added was a view of memory that is written again
    np.testing.assert_array_equal(average.result(), [0, 1, 5, 6])


def test_without_tokens_of_its_own_a_state_is_the_prompts():
    average = StateAverage()
    with pytest.raises(ValueError, match="no hidden state"):
        average.result()
    average.add(np.array([[3, 4]], np.float32))
    np.testing.assert_array_equal(average.result(), [3, 4, 3, 4])


def test_the_mean_of_no_states_is_none():
    assert mean_state([]) is None
    mean = mean_state([np.array([1, 2], np.float32), np.array([3, 6], np.float32)])
    assert mean.dtype == np.float32
    np.testing.assert_array_equal(mean, [2, 4])
