"""The scheduler and the scorer on a model that is exact in every batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from toy_llama import BYTES, END, WIDTH, ToyContext, ToyModel, logits_after, state_after, toy_card

from routelmt_cli.translators import llama_scoring, llama_session
from routelmt_cli.translators.llama_cpp import LlamaTranslator
from routelmt_cli.translators.llama_prompter import share_room
from routelmt_cli.translators.llama_scoring import LlamaScorer
from routelmt_cli.translators.protocol import Request, ScoreRequest

PAIR = {"source_language": "es", "target_language": "en"}
SOURCES = ["uno", "dos tres", "cuatro\ncinco", "un texto algo mas largo", "x", "\tseis\n\nsiete "]
PREFIX = "uno:one;"


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setattr(llama_session, "LlamaModel", lambda *_, **__: ToyModel())
    monkeypatch.setattr(llama_session, "LlamaContext", ToyContext)
    monkeypatch.setattr(llama_scoring, "_OUTPUT_ROWS", 5)


def translate(sources, *, with_states=False, with_logprobs=True):
    options = {"with_states": with_states, "with_logprobs": with_logprobs, "deterministic": False}
    with LlamaTranslator(toy_card(), Path("toy"), **PAIR, **options) as translator:
        commits = translator.translate(Request(i, s) for i, s in enumerate(sources))
        return sorted((o for commit in commits for o in commit), key=lambda outcome: outcome.item)


def score(pairs, *, with_states=False, **card):
    with LlamaScorer(toy_card(**card), Path("toy"), **PAIR, with_states=with_states) as scorer:
        requests = (ScoreRequest(i, source, draft) for i, (source, draft) in enumerate(pairs))
        return [outcome for commit in scorer.score(requests) for outcome in commit]


def tokens_of(text):
    return [BYTES + byte for byte in text.encode("utf-8")]


def expected(source, draft, *, end=True):
    """Statistics and state of a draft, token by token from their definitions."""
    prompt = tokens_of(PREFIX + source + ":")
    rows, states, tokens = [], [state_after(prompt)], tokens_of(draft)
    for token in [*tokens, None][: len(tokens) + end]:
        logits = logits_after(prompt).astype(np.float64)
        if token is None:
            token = max((END, 1, BYTES + 10), key=lambda one: logits[one])
        finite = logits[np.isfinite(logits)]
        probabilities = np.exp(finite) / np.exp(finite).sum()
        second, best = np.sort(finite)[-2:]
        rows.append(
            (
                logits[token] - np.log(np.exp(finite).sum()),
                -(probabilities * np.log(probabilities)).sum(),
                best - second,
            )
        )
        prompt = [*prompt, token]
        states.append(state_after(prompt))
    own = states[1 : len(tokens) + 1]
    return np.array(rows), np.concatenate([states[0], np.mean(own, axis=0)])


def statistics_of(outcome):
    columns = (outcome.token_logprobs, outcome.token_entropies, outcome.token_margins)
    assert all(column.dtype == np.float32 for column in columns)
    return np.stack(columns, axis=1)


def test_drafting_keeps_the_statistics_of_every_token(toy):
    (outcome,) = translate(["uno dos"])
    rows, _ = expected("uno dos", outcome.text, end=not outcome.truncated)
    np.testing.assert_allclose(statistics_of(outcome), rows, atol=2e-5)
    assert outcome.state is None


def test_states_change_nothing_else(toy):
    plain, kept = translate(SOURCES), translate(SOURCES, with_states=True)
    for one, other in zip(plain, kept, strict=True):
        assert one.text == other.text
        np.testing.assert_array_equal(statistics_of(one), statistics_of(other))
        assert other.state.shape == (2 * WIDTH,)
        assert other.state.dtype == np.float32
    without = translate(SOURCES, with_states=True, with_logprobs=False)
    for one, other in zip(kept, without, strict=True):
        assert other.token_logprobs is None
        np.testing.assert_array_equal(one.state, other.state)


def test_states_of_a_draft_are_its_prompts_and_its_tokens_mean(toy):
    (outcome,) = translate(["uno dos"], with_states=True)
    # The last token of a text that the cap ended is never evaluated.
    _, state = expected("uno dos", outcome.text[:-1] if outcome.truncated else outcome.text)
    np.testing.assert_allclose(outcome.state, state, atol=1e-5)


def test_states_need_no_output_but_those_of_the_sampled_tokens(toy, monkeypatch):
    contexts = []

    class Counted(ToyContext):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            self.decodes = 0
            contexts.append(self)

        def decode(self, tokens, **options):
            self.decodes += 1
            return super().decode(tokens, **options)

    monkeypatch.setattr(llama_session, "LlamaContext", Counted)
    source = "un texto mucho mas largo que un lote"
    (outcome,) = translate([source], with_states=True)
    (context,) = contexts
    prompts = context.decodes - outcome.output_tokens  # batches of the prompt: one output each
    assert prompts == -(-len(source) // context.batch_tokens)
    assert context.outputs == outcome.output_tokens + prompts


def test_the_state_of_a_text_in_parts_is_their_mean(toy):
    whole, *parts = translate(["uno\ndos\ntres", "uno", "dos", "tres"], with_states=True)
    np.testing.assert_allclose(whole.state, np.mean([p.state for p in parts], axis=0), atol=1e-6)
    np.testing.assert_array_equal(
        statistics_of(whole), np.concatenate([statistics_of(part) for part in parts])
    )


def test_scoring_follows_the_definitions(toy):
    pairs = [("uno dos", "onetwo"), ("x", "adraftthatislongerthananybatchofthistoy")]
    for pair, outcome in zip(pairs, score(pairs, with_states=True), strict=True):
        rows, state = expected(*pair)
        np.testing.assert_allclose(statistics_of(outcome), rows, atol=2e-5)
        np.testing.assert_allclose(outcome.state, state, atol=1e-5)
        assert outcome.text == pair[1]
        assert outcome.output_tokens == len(rows)
        assert outcome.prompt_tokens == len(pair[0]) + 1
        assert not outcome.truncated


def test_scoring_a_models_own_drafts_finds_what_writing_them_did(toy):
    drafts = translate(SOURCES, with_states=True)
    scores = score([(s, d.text) for s, d in zip(SOURCES, drafts, strict=True)], with_states=True)
    ended = 0
    for draft, scored in zip(drafts, scores, strict=True):
        if not draft.truncated:
            np.testing.assert_array_equal(statistics_of(draft), statistics_of(scored))
            np.testing.assert_allclose(draft.state, scored.state, atol=1e-6)
            ended += 1
    assert ended >= 3


def test_scores_do_not_depend_on_order_or_company(toy):
    pairs = [(source, "one two\nthree"[: 3 + i]) for i, source in enumerate(SOURCES)]
    together, backwards = score(pairs), score(pairs[::-1])[::-1]
    alone = [score([pair])[0] for pair in pairs]
    for outcomes in zip(together, backwards, alone, strict=True):
        first, *others = map(statistics_of, outcomes)
        for other in others:
            np.testing.assert_array_equal(first, other)


def test_lines_are_scored_one_by_one_where_both_have_as_many(toy):
    whole, one, two = score([("uno\n dos", "one\n\ntwo"), ("uno", "one"), ("dos", "two")])
    both = np.concatenate([statistics_of(one), statistics_of(two)])
    np.testing.assert_array_equal(statistics_of(whole), both)
    broken, joined = score([("uno\ndos", "one two"), ("uno dos", "one two")])
    np.testing.assert_array_equal(statistics_of(broken), statistics_of(joined))


@pytest.mark.parametrize("with_states", [False, True])
def test_blank_drafts_have_empty_arrays(toy, with_states):
    pairs = [("uno", ""), ("uno\ndos", " \n"), ("", ""), ("uno", "one"), ("", "one")]
    outcomes = score(pairs, with_states=with_states)
    for outcome in outcomes[:3]:
        assert statistics_of(outcome).shape == (0, 3)
        assert (outcome.output_tokens, outcome.truncated) == (0, False)
    assert [len(outcome.token_logprobs) for outcome in outcomes[3:]] == [4, 4]
    for outcome in outcomes:
        assert (outcome.state is not None) == with_states
    if with_states:
        prompt = state_after(tokens_of(PREFIX + "uno:"))
        np.testing.assert_array_equal(outcomes[0].state, np.concatenate([prompt, prompt]))


def test_what_does_not_fit_the_context_is_left_out(toy):
    fits = len(PREFIX) + len("uno:")
    long = "a draft of more tokens than the context holds and then a good many more of them"
    (cut,) = score([("uno", long)], context_tokens=64)
    assert cut.truncated
    assert cut.text == long
    assert cut.output_tokens == 64 - fits  # and no end, since the draft does not end there
    np.testing.assert_array_equal(
        statistics_of(cut), statistics_of(score([("uno", long)])[0])[: 64 - fits]
    )


@pytest.mark.parametrize(
    ("source", "draft", "kept"),
    [(3, 4, (3, 4)), (3, 40, (3, 7)), (40, 3, (7, 3)), (40, 40, (5, 5)), (5, 0, (5, 0))],
)
def test_a_draft_is_shortened_before_its_source(source, draft, kept):
    assert share_room(source, draft, 10) == kept
