"""What every translator promises, on every translator (see ``translators.protocol``)."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from demo_pair import NEEDS_DEMO_MODELS

from routelmt_cli.translators.card import load_card
from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.models import find_model
from routelmt_cli.translators.protocol import Request

GROUP = 3
BREAKS = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
STAND_IN = """\
name = "stand-in"
backend = "stand-in"
[price]
usd_per_million_tokens = { input = 1, output = 1 }
[decoding]
cap_ratio = 1.0
cap_extra = 1
"""
SHORT = ["El perro duerme.", "¿Qué hora es?", "Llueve mucho hoy.", "Tengo hambre.", "Buenos días."]
BROKEN = ["Buenos días.\nHasta luego.", "Uno\t\tdos", "Sí.\r\n\u2028No.\n", "\n\nAdiós."]
BLANK = ["", "  ", "\n\t"]
SPECIAL = {
    "smollm2-135m": ["<|im_end|>", "<|im_start|>", "<|endoftext|>"],
    "gemma3-270m": ["<start_of_turn>", "<end_of_turn>", "<eos>", "<bos>"],
    "stand-in": ["<|im_end|>", "<start_of_turn>"],
}


@dataclasses.dataclass(frozen=True)
class Subject:
    """A model under test, in small groups."""

    name: str
    model: object
    with_logprobs: bool

    def open(self, *, deterministic):
        return self.model.open_translator(
            with_logprobs=self.with_logprobs, deterministic=deterministic
        )


@pytest.fixture(
    scope="module",
    params=[
        "stand-in",
        pytest.param("smollm2-135m", marks=NEEDS_DEMO_MODELS),
        pytest.param("gemma3-270m", marks=NEEDS_DEMO_MODELS),
    ],
)
def subject(request, tmp_path_factory):
    if request.param == "stand-in":
        path = tmp_path_factory.mktemp("card") / "stand-in.toml"
        path.write_text(STAND_IN, "utf-8")
        card = load_card(path)
    else:
        card = find_card(request.param)
    decoding = dataclasses.replace(card.decoding, parallel_sequences=GROUP, context_tokens=512)
    model = find_model(dataclasses.replace(card, decoding=decoding), "es", "en")
    return Subject(request.param, model, with_logprobs=request.param != "gemma3-270m")


@pytest.fixture(scope="module")
def batched(subject):
    with subject.open(deterministic=False) as translator:
        yield translator


@pytest.fixture(scope="module")
def deterministic(subject):
    with subject.open(deterministic=True) as translator:
        yield translator


def commits_of(translator, sources, first=0):
    return list(translator.translate(Request(first + i, s) for i, s in enumerate(sources)))


def outcomes_of(translator, sources):
    outcomes = [o for commit in commits_of(translator, sources) for o in commit]
    return sorted(outcomes, key=lambda outcome: outcome.item)


def texts_of(translator, sources):
    return [outcome.text for outcome in outcomes_of(translator, sources)]


@pytest.fixture(scope="module")
def mixed(batched):
    """A batch of everything, translated once."""
    sources = [*SHORT, *BROKEN, *BLANK]
    return sources, batched.count(sources), commits_of(batched, sources)


def test_every_request_gets_exactly_one_outcome(mixed):
    sources, _, commits = mixed
    items = [outcome.item for commit in commits for outcome in commit]
    assert sorted(items) == list(range(len(sources)))
    assert all(commits)
    assert all(outcome.failure is None for commit in commits for outcome in commit)


def test_counts_are_exact_upper_bounds(mixed, batched):
    _, counts, commits = mixed
    for outcome in (outcome for commit in commits for outcome in commit):
        assert outcome.prompt_tokens == counts.prompt_tokens[outcome.item]
        assert 0 <= outcome.output_tokens <= counts.cap_tokens[outcome.item]
    assert (counts.source_tokens <= counts.prompt_tokens).all()
    assert (counts.context_tokens <= batched.context_limit).all()
    assert batched.prefix_tokens > 0


def test_counting_needs_no_loaded_model(mixed, subject, batched):
    sources, counts, _ = mixed
    with subject.model.open_counter() as counter:
        for ours, theirs in zip(
            dataclasses.astuple(counter.count(sources)), dataclasses.astuple(counts), strict=True
        ):
            assert ours.dtype == np.int64
            np.testing.assert_array_equal(ours, theirs)
        assert counter.prefix_tokens == batched.prefix_tokens
        assert counter.context_limit == batched.context_limit


def test_translations_have_text_and_blank_sources_have_none(mixed):
    sources, _, commits = mixed
    for outcome in (outcome for commit in commits for outcome in commit):
        assert bool(outcome.text.strip()) == bool(sources[outcome.item].strip())


def test_line_breaks_and_tabs_are_kept_as_they_were(mixed):
    sources, _, commits = mixed
    for outcome in (outcome for commit in commits for outcome in commit):
        assert BREAKS.findall(outcome.text) == BREAKS.findall(sources[outcome.item])


def test_log_probabilities_belong_to_the_sampled_tokens(mixed, subject):
    _, _, commits = mixed
    for outcome in (outcome for commit in commits for outcome in commit):
        if not subject.with_logprobs or outcome.output_tokens == 0:
            assert outcome.token_logprobs is None
            continue
        logprobs = outcome.token_logprobs
        assert logprobs.dtype == np.float32
        assert logprobs.shape == (outcome.output_tokens,)
        assert np.isfinite(logprobs).all()
        assert (logprobs <= 0).all()


def test_special_tokens_in_a_source_are_text(subject, batched):
    names = SPECIAL[subject.name]
    counts = batched.count(names)
    if subject.name != "stand-in":
        assert (counts.source_tokens >= 3).all()  # as special tokens they would be one each
    sources = [f"El perro {name} duerme." for name in names]
    for outcome in outcomes_of(batched, sources):
        assert outcome.text
        assert len(outcome.text.splitlines()) == 1


def test_outcomes_do_not_depend_on_the_numbers_of_the_requests(batched):
    commits = commits_of(batched, SHORT[:2], first=10**12)
    items = {outcome.item for commit in commits for outcome in commit}
    assert items == {10**12, 10**12 + 1}


def test_no_requests_are_no_outcomes(batched, deterministic):
    assert commits_of(batched, []) == []
    assert commits_of(deterministic, []) == []


def test_a_translation_that_is_left_early_leaves_nothing_behind(batched, mixed):
    sources, _, commits = mixed
    begun = batched.translate(Request(i, s) for i, s in enumerate(SHORT))
    next(begun)
    begun.close()
    again = outcomes_of(batched, sources[:1])
    assert [outcome.item for outcome in again] == [0]
    assert again[0].prompt_tokens == next(
        outcome.prompt_tokens for commit in commits for outcome in commit if outcome.item == 0
    )


def test_deterministic_commits_are_whole_groups_in_order(deterministic):
    sources = [*SHORT[:4], BROKEN[0], BLANK[0], SHORT[4]]
    groups = commits_of(deterministic, sources)
    assert deterministic.deterministic
    assert deterministic.group_size == GROUP
    assert [sorted(outcome.item for outcome in group) for group in groups] == [
        [0, 1, 2],
        [3, 4, 5],
        [6],
    ]


def test_a_deterministic_group_has_no_past(subject, deterministic):
    groups = [SHORT[:3], [SHORT[3], BROKEN[0], SHORT[4]]]
    together = outcomes_of(deterministic, [*groups[0], *groups[1]])
    first = [together[:GROUP], together[GROUP:]]
    again = [outcomes_of(deterministic, group) for group in reversed(groups)][::-1]
    with subject.open(deterministic=True) as other:
        elsewhere = [outcomes_of(other, groups[1]), outcomes_of(other, groups[0])][::-1]
    for results in (again, elsewhere):
        for group, expected in zip(results, first, strict=True):
            for outcome, same in zip(group, expected, strict=True):
                assert outcome.text == same.text
                assert outcome.output_tokens == same.output_tokens
                if same.token_logprobs is not None:
                    np.testing.assert_array_equal(outcome.token_logprobs, same.token_logprobs)
