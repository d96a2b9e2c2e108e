"""What every translator promises, on every translator (see ``translators.protocol``)."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from routelmt_cli.translators.notes import NO_NOTES, Notes
from routelmt_cli.translators.protocol import Request

GROUP = 8
MADE_UP = ("stand-in", "stub")  # for which a word is a token, and probabilities are a hash
BREAKS = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
SHORT = ["El perro duerme.", "¿Qué hora es?", "Llueve mucho hoy.", "Tengo hambre.", "Buenos días."]
BROKEN = ["Buenos días.\nHasta luego.", "Uno\t\tdos", "Sí.\r\n\u2028No.\n", "\n\nAdiós."]
BLANK = ["", "  ", "\n\t"]
SPECIAL = {
    "smollm2-135m": ["<|im_end|>", "<|im_start|>", "<|endoftext|>"],
    "gemma3-270m": ["<start_of_turn>", "<end_of_turn>", "<eos>", "<bos>"],
    "stand-in": ["<|im_end|>", "<start_of_turn>"],
    "stub": ["<|im_end|>", "<start_of_turn>"],
}
SPECIAL["served smollm2-135m"] = SPECIAL["smollm2-135m"]


@pytest.fixture(scope="module")
def batched(subject):
    with subject.open(deterministic=False) as translator:
        yield translator


@pytest.fixture(scope="module")
def deterministic(subject):
    if subject.is_remote:
        pytest.skip("a server promises nothing of the kind")
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
        assert_counted(outcome, counts)
        assert 0 <= outcome.output_tokens <= counts.cap_tokens[outcome.item]
        assert not outcome.unmetered
    assert (counts.source_tokens <= counts.prompt_tokens).all()
    assert (counts.prompt_tokens <= counts.prompt_bound).all()
    assert (counts.context_tokens <= batched.context_limit).all()
    assert (batched.prefix_tokens > 0) == (counts.most_prompt_tokens is None)


def assert_counted(outcome, counts):
    """What is counted here is charged exactly; what a server counts is bounded."""
    if counts.most_prompt_tokens is None:
        assert outcome.prompt_tokens == counts.prompt_tokens[outcome.item]
    else:
        bound = counts.most_prompt_tokens[outcome.item]
        assert (0 < outcome.prompt_tokens <= bound) if bound else outcome.prompt_tokens == 0


def test_counting_needs_no_loaded_model(mixed, subject, batched):
    sources, counts, _ = mixed
    with subject.model.open_counter() as counter:
        again = counter.count(sources)
        assert again.retry is None and counts.retry is None  # nothing in them is protected
        for field in ("source_tokens", "prompt_tokens", "cap_tokens", "context_tokens"):
            ours = getattr(again, field)
            assert ours.dtype == np.int64
            np.testing.assert_array_equal(ours, getattr(counts, field))
        np.testing.assert_array_equal(again.prompt_bound, counts.prompt_bound)
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


def test_statistics_belong_to_the_sampled_tokens(mixed, subject):
    sources, _, commits = mixed
    for outcome in (outcome for commit in commits for outcome in commit):
        columns = (outcome.token_logprobs, outcome.token_entropies, outcome.token_margins)
        if not subject.drafts:
            assert columns == (None, None, None)
            continue
        if not outcome.output_tokens:
            assert not sources[outcome.item].strip()
            assert columns == (None, None, None)
            continue
        for column in columns:
            assert column.dtype == np.float32
            if not subject.is_remote:  # some servers tell nothing of the token that ends a text
                assert column.shape == (outcome.output_tokens,)
            assert column.shape == columns[0].shape != (0,)
            assert np.isfinite(column).all()
        logprobs, entropies, margins = columns
        assert (logprobs <= 0).all()
        assert (entropies >= 0).all()
        assert (margins >= 0).all()
        # The second best token has exp(-margin) of the best one's probability.
        if subject.name not in MADE_UP:
            assert (np.exp(logprobs) * (1 + np.exp(-margins)) <= 1 + 1e-5).all()


def test_states_have_one_width_and_differ(mixed, subject):
    sources, _, commits = mixed
    outcomes = [outcome for commit in commits for outcome in commit]
    if not subject.drafts or subject.is_remote:
        assert all(outcome.state is None for outcome in outcomes)
        return
    states = [outcome.state for outcome in outcomes if sources[outcome.item].strip()]
    assert len({state.shape for state in states}) == 1
    assert states[0].shape[0] % 2 == 0
    assert all(state.dtype == np.float32 and np.isfinite(state).all() for state in states)
    assert len({state.tobytes() for state in states}) == len(states)


def test_special_tokens_in_a_source_are_text(subject, batched):
    names = SPECIAL[subject.name]
    counts = batched.count(names)
    if subject.name not in MADE_UP:
        assert (counts.source_tokens >= 3).all()  # as special tokens they would be one each
    sources = [f"El perro {name} duerme." for name in names]
    for outcome in outcomes_of(batched, sources):
        assert outcome.text
        assert len(outcome.text.splitlines()) == 1


def test_a_source_longer_than_the_context_is_translated_in_parts(subject, batched):
    card = subject.model.card
    # Short caps: most of the context is for the sources, and little is to be decoded.
    short = batched.prefix_tokens + int(batched.count(["a"]).prompt_tokens[0]) + 60
    decoding = dataclasses.replace(
        card.decoding, context_tokens=short, cap_ratio=0.1, cap_extra=2, parallel_sequences=GROUP
    )
    model = dataclasses.replace(subject.model, card=dataclasses.replace(card, decoding=decoding))
    sources = ["Llueve mucho hoy.  " * 16, "palabra" * 50, "你好，" * 40]
    with model.open_counter() as counter:
        counts = counter.count(sources)
    assert (counts.context_tokens <= short).all()
    if subject.name not in MADE_UP:  # for which a word is a token
        assert (counts.prompt_tokens > 60).all()
    with model.open_translator(with_logprobs=False, deterministic=False) as translator:
        for outcome in outcomes_of(translator, sources):
            assert_counted(outcome, counts)
            assert outcome.output_tokens <= counts.cap_tokens[outcome.item]
            assert outcome.text.strip()


def test_notes_are_counted_as_they_are_sent(subject):
    model = dataclasses.replace(subject.model, with_notes=True)
    if subject.name != "stand-in" and not model.card.prompt.notes:
        pytest.skip("this card has no place for notes")
    terms = Notes(terms=(("perro", "hound"), ("casa", "mansion")))
    many = Notes(terms=tuple((f"palabra {n}", f"word {n}") for n in range(200)))
    sources = ["El perro duerme en la casa.", "Llueve.", "El perro duerme.", "Nieva\nmucho."]
    notes = [terms, NO_NOTES, many, terms]
    with model.open_counter() as counter:
        counts, prefix = counter.count(sources, notes), counter.prefix_tokens
    with model.open_translator(with_logprobs=False, deterministic=False) as translator:
        assert translator.prefix_tokens == prefix
        requests = list(map(Request, range(len(sources)), sources, notes))
        outcomes = {one.item: one for commit in translator.translate(requests) for one in commit}
        if subject.name != "stand-in":  # which has room for any notes
            assert (counts.context_tokens <= translator.context_limit).all()
    for item in range(len(sources)):
        assert_counted(outcomes[item], counts)
        assert outcomes[item].text.strip()
    assert counts.prompt_tokens[0] >= counts.source_tokens[0] + 4
    if subject.name == "stand-in":
        assert "hound" in outcomes[0].text


def test_outcomes_do_not_depend_on_the_numbers_of_the_requests(batched):
    commits = commits_of(batched, SHORT[:2], first=10**12)
    items = {outcome.item for commit in commits for outcome in commit}
    assert items == {10**12, 10**12 + 1}


@pytest.mark.parametrize("mode", ["batched", "deterministic"])
def test_no_requests_are_no_outcomes(mode, subject, request):
    assert commits_of(request.getfixturevalue(mode), []) == []


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


def test_a_translation_that_outlives_its_translator_does_no_harm(subject):
    with subject.open(deterministic=False) as translator:
        begun = translator.translate(Request(i, s) for i, s in enumerate(SHORT))
        next(begun)
    begun.close()


def test_deterministic_commits_are_whole_groups_in_order(subject, deterministic):
    sources = [*SHORT[:4], BROKEN[0], BLANK[0], SHORT[4]]
    groups = commits_of(deterministic, sources)
    assert deterministic.deterministic
    assert deterministic.group_size == subject.group
    assert [sorted(outcome.item for outcome in group) for group in groups] == [
        [0, 1, 2],
        [3, 4, 5],
        [6],
    ]


def test_a_deterministic_group_has_no_past(subject, deterministic):
    groups = [SHORT[:3], [SHORT[3], BROKEN[0], SHORT[4]]]
    together = outcomes_of(deterministic, [*groups[0], *groups[1]])
    first = [together[: subject.group], together[subject.group :]]
    again = [outcomes_of(deterministic, group) for group in reversed(groups)][::-1]
    with subject.open(deterministic=True) as other:
        elsewhere = [outcomes_of(other, groups[1]), outcomes_of(other, groups[0])][::-1]
    for results in (again, elsewhere):
        for group, expected in zip(results, first, strict=True):
            for outcome, same in zip(group, expected, strict=True):
                assert outcome.text == same.text
                assert outcome.output_tokens == same.output_tokens
                for field in ("token_logprobs", "token_entropies", "token_margins", "state"):
                    if getattr(same, field) is not None:
                        np.testing.assert_array_equal(
                            getattr(outcome, field), getattr(same, field), err_msg=field
                        )
