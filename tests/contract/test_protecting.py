"""Protected spans on their way through a translator that spoils some markers and keeps others."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routelmt_cli.protection.check import is_intact, protected
from routelmt_cli.translators.card import load_card
from routelmt_cli.translators.models import find_model
from routelmt_cli.translators.protecting import between_spans
from routelmt_cli.translators.protocol import Request

CARD = """\
name = "stand-in"
backend = "stand-in"
[price]
usd_per_million_tokens = {{ input = 1, output = 1 }}
[decoding]
parallel_sequences = 3
[stand_in]
skill = {skill}
"""
SOURCES = [
    "Der Hund %s schläft im <b>Garten</b> von {owner}.",
    "Ohne alles.",
    "%s",
    "{a}{b} zwei\n\ndrei %d vier",
    "",
    "Siehe https://example.org/%20a, bitte, %s und %s und %s und %s.",
    "Der Hund %s schläft im <b>Garten</b> von {owner}. Noch einmal.",
]


@pytest.fixture(scope="module", params=[0.0, 0.5, 1.0])
def model(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("card") / "card.toml"
    path.write_text(CARD.format(skill=request.param), "utf-8")
    return find_model(load_card(path), "de", "en", protects=True)


def translated(model, sources, *, deterministic=False):
    with model.open_translator(with_logprobs=True, deterministic=deterministic) as translator:
        counts = translator.count(sources)
        requests = [Request(item, source) for item, source in enumerate(sources)]
        commits = list(translator.translate(requests))
    return counts, commits


@pytest.mark.parametrize("deterministic", [False, True])
def test_every_span_comes_through_within_what_was_counted(model, deterministic):
    counts, commits = translated(model, SOURCES, deterministic=deterministic)
    outcomes = {one.item: one for commit in commits for one in commit}
    assert sorted(outcomes) == list(range(len(SOURCES)))
    for item, source in enumerate(SOURCES):
        one = outcomes[item]
        assert protected(source) <= protected(one.text)
        assert one.requests <= 1 + counts.retry.requests[item]
        most = counts.prompt_tokens[item] + counts.retry.prompt_tokens[item]
        assert counts.prompt_tokens[item] <= one.prompt_tokens <= most
        assert one.output_tokens <= counts.cap_tokens[item] + counts.retry.cap_tokens[item]
        assert is_intact(source, one.text)
    if deterministic:
        assert [len(commit) for commit in commits] == [3, 3, 1]


def test_what_spoils_every_marker_is_sent_again_and_what_spoils_none_is_not(model):
    counts, commits = translated(model, SOURCES)
    again = {one.item: one.requests - 1 for commit in commits for one in commit}
    skill = float(model.card.stand_in["skill"])
    if skill == 1:
        assert not any(again.values())
    if skill == 0:
        assert again == dict(enumerate(counts.retry.requests.tolist()))
        assert again[0] == 4 and again[1] == 0 and again[2] == 0


def test_counting_is_the_same_without_a_translator(model):
    counts, _ = translated(model, SOURCES)
    with model.open_counter() as counter:
        same = counter.count(SOURCES)
    for ours, theirs in zip(dataclasses.astuple(counts), dataclasses.astuple(same), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_failure_stays_a_failure(model):
    card = dataclasses.replace(model.card, stand_in={"skill": 0, "fail_on": "schläft"})
    _, commits = translated(dataclasses.replace(model, card=card), SOURCES[:2])
    outcomes = {one.item: one for commit in commits for one in commit}
    assert outcomes[0].failure is not None and outcomes[0].text == ""
    assert outcomes[1].failure is None


@given(st.lists(st.sampled_from(["%s", "<b>", "{x}", " ", "Haus", "a", ", ", "\n"])).map("".join))
def test_stretches_and_spans_joined_are_the_source(source):
    pieces = between_spans(source)
    assert pieces.join(pieces.texts) == source
    assert all(not protected(text) and text == text.strip() for text in pieces.texts)
