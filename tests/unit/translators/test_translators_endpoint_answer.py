"""What is read from the body of an answer, whatever a server puts there."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routelmt_cli.translators.endpoint_answer import read_answer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "message",
                    "content",
                    "usage",
                    "prompt_tokens",
                    "completion_tokens",
                    "logprobs",
                    "token_logprobs",
                    "top_logprobs",
                    "logprob",
                    "finish_reason",
                    "text",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


def chat(content="Hallo.", usage=(5, 2), logprobs=None, **choice):
    data = {"choices": [{"message": {"content": content}, "finish_reason": "stop", **choice}]}
    data["choices"][0]["logprobs"] = logprobs
    if usage is not None:
        data["usage"] = dict(zip(("prompt_tokens", "completion_tokens"), usage, strict=True))
    return data


def read(data):
    return read_answer(json.dumps(data).encode())


def test_a_chat_and_a_completion_are_read_alike():
    completion = {"choices": [{"text": " Hallo. ", "finish_reason": "stop"}]}
    completion["usage"] = {"prompt_tokens": 5, "completion_tokens": 2}
    assert read(completion) == read(chat())
    answer = read(chat())
    assert (answer.text, answer.prompt_tokens, answer.output_tokens) == ("Hallo.", 5, 2)
    assert answer.is_metered and not answer.truncated and answer.failure is None


def test_a_translation_is_one_line():
    assert read(chat("Eins \n\tzwei\u2028drei\n")).text == "Eins zwei drei"


def test_half_a_character_is_replaced():
    assert read(chat("half \ud83d")).text == "half ?"


def test_the_cap_is_told():
    assert read(chat(finish_reason="length")).truncated


@pytest.mark.parametrize(
    "choice",
    [{"finish_reason": "content_filter"}, {"message": {"content": None, "refusal": "I cannot."}}],
)
def test_a_refusal_is_a_failure_that_is_paid(choice):
    answer = read(chat(**choice))
    assert (answer.text, answer.failure) == ("", "the server's content filter refused it")
    assert answer.is_metered


def test_thoughts_that_only_the_total_counts_are_counted():
    data = chat()
    data["usage"]["total_tokens"] = 100
    assert read(data).output_tokens == 95


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        {"prompt_tokens": 3},
        {"prompt_tokens": -1, "completion_tokens": 2},
        {"prompt_tokens": True, "completion_tokens": 2},
        {"prompt_tokens": 1.5, "completion_tokens": 2},
        {"prompt_tokens": 1 << 60, "completion_tokens": 2},
    ],
)
def test_usage_that_makes_no_sense_is_none(usage):
    answer = read({**chat(usage=None), "usage": usage})
    assert (answer.prompt_tokens, answer.output_tokens) == (None, None)
    assert not answer.is_metered


def test_probabilities_are_those_of_the_tokens():
    tokens = [
        {"logprob": -0.5, "top_logprobs": [{"logprob": -0.5}, {"logprob": -1.5}]},
        {"logprob": -9999.0, "top_logprobs": [{"logprob": -0.25}]},
    ]
    statistics = read(chat(logprobs={"content": tokens})).statistics
    assert statistics.logprobs.tolist() == pytest.approx([-0.5, -9999.0])
    others = 1 - np.exp(-0.5) - np.exp(-1.5)
    entropy = np.exp(-0.5) * 0.5 + np.exp(-1.5) * 1.5 - others * np.log(others)
    assert statistics.entropies[0] == pytest.approx(entropy, abs=1e-4)
    assert statistics.margins[0] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "logprobs",
    [
        {},
        {"content": []},
        {"content": [{"logprob": "x"}]},
        {"content": [None]},
        [],
        {"content": [{"logprob": float("nan")}]},
        {"content": [{"logprob": -(10**400)}]},
    ],
)
def test_probabilities_that_make_no_sense_are_none(logprobs):
    assert read(chat(logprobs=logprobs)).statistics is None


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"[]", b"{}", b'{"choices": []}', b'{"choices": ["x"]}', b"[" * 9999],
)
def test_what_is_no_answer_is_refused(content):
    with pytest.raises(ValueError, match="it "):
        read_answer(content)


@given(JSON)
def test_whatever_comes_is_an_answer_or_a_value_error(data):
    try:
        answer = read(data)
    except ValueError:
        return
    assert "\n" not in answer.text
    assert answer.is_metered == (answer.output_tokens is not None)
