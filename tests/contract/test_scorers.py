"""What every scorer promises, on every model (see ``translators.protocol.Scorer``)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from routelmt_cli.translators.protocol import Request, ScoreRequest

PAIRS = [
    ("El perro duerme.", "The dog sleeps."),
    ("¿Qué hora es?", "What time is it?"),
    ("Llueve mucho hoy.", "Banana chair of of nine."),
    ("Buenos días.\nHasta luego.", "Good morning.\nSee you later."),
    ("Uno\tdos tres", "One two three"),
]
BLANK = [("Tengo hambre.", ""), ("Tengo\nhambre.", " \n "), ("", "")]
# Kernels that sum in another order move a quantized model's log-probabilities a little.
NOISE = 0.15


@pytest.fixture(scope="module")
def scorer(subject):
    if subject.is_remote:
        pytest.skip("a server scores no drafts")
    with subject.model.open_scorer(with_states=True) as opened:
        yield opened


def score(scorer, pairs):
    requests = (ScoreRequest(item, *pair) for item, pair in enumerate(pairs))
    outcomes = [outcome for commit in scorer.score(requests) for outcome in commit]
    return sorted(outcomes, key=lambda outcome: outcome.item)


@pytest.fixture(scope="module")
def scored(scorer):
    return score(scorer, [*PAIRS, *BLANK])


def columns_of(outcome):
    return (outcome.token_logprobs, outcome.token_entropies, outcome.token_margins)


def test_every_request_gets_exactly_one_outcome_with_its_draft(scored):
    pairs = [*PAIRS, *BLANK]
    assert [outcome.item for outcome in scored] == list(range(len(pairs)))
    assert [outcome.text for outcome in scored] == [draft for _, draft in pairs]
    assert all(outcome.failure is None and not outcome.truncated for outcome in scored)


def test_every_token_of_a_draft_and_its_end_are_scored(scored):
    for outcome, (_, draft) in zip(scored, PAIRS, strict=False):
        logprobs, entropies, margins = columns_of(outcome)
        for column in columns_of(outcome):
            assert column.dtype == np.float32
            assert column.shape == (outcome.output_tokens,)
            assert np.isfinite(column).all()
        assert outcome.output_tokens > len(draft.split())
        assert (logprobs <= 0).all()
        assert (entropies >= 0).all()
        assert (margins >= 0).all()


def test_blank_drafts_have_empty_arrays(scored):
    for outcome in scored[len(PAIRS) :]:
        assert outcome.output_tokens == 0
        for column in columns_of(outcome):
            assert (column.shape, column.dtype) == ((0,), np.float32)


def test_every_score_has_a_state_where_asked(scored, subject):
    assert len({outcome.state.shape for outcome in scored}) == 1
    assert all(outcome.state.dtype == np.float32 for outcome in scored)
    with subject.model.open_scorer() as plain:
        (outcome,) = score(plain, PAIRS[:1])
    assert outcome.state is None
    assert np.abs(outcome.token_logprobs - scored[0].token_logprobs).mean() < NOISE


def test_scores_do_not_depend_on_order_or_company(scorer, scored):
    backwards = score(scorer, PAIRS[::-1])[::-1]
    alone = [score(scorer, [pair])[0] for pair in PAIRS[:2]]
    for others in (backwards, alone):
        for outcome, other in zip(scored, others, strict=False):
            for column, same in zip(columns_of(outcome), columns_of(other), strict=True):
                assert np.abs(column - same).mean() < 2 * NOISE
            assert np.corrcoef(outcome.state, other.state)[0, 1] > 0.99


def test_special_tokens_in_a_draft_are_text(scorer, subject):
    names = {"smollm2-135m": "<|im_end|>", "gemma3-270m": "<end_of_turn>"}
    plain, special = score(
        scorer, [("Hola.", "Hi."), ("Hola.", f"Hi. {names.get(subject.name, '<eos>')}")]
    )
    if subject.name != "stand-in":
        assert special.output_tokens >= plain.output_tokens + 3


def test_a_text_that_is_too_long_is_no_error(scorer, subject):
    card = subject.model.card
    with subject.model.open_counter() as counter:
        short = counter.prefix_tokens + 80
    decoding = replace(card.decoding, context_tokens=short, cap_extra=8)
    model = replace(subject.model, card=replace(card, decoding=decoding))
    pairs = [("uno dos. " * 30, "one two. " * 30), ("uno", "one " * 120), *PAIRS[:2], *BLANK]
    with model.open_counter() as counter:
        read = counter.count_scored(*zip(*pairs, strict=True))
    with model.open_scorer() as plain:
        outcomes = score(plain, pairs)
    for outcome in outcomes:
        assert outcome.failure is None
        assert len(outcome.token_logprobs) == outcome.output_tokens
    assert [outcome.prompt_tokens + outcome.output_tokens for outcome in outcomes] == read.tolist()
    # What is cut with its source is scored whole; the stand-in has no context that is too short.
    assert not outcomes[0].truncated
    assert outcomes[0].output_tokens > 60
    assert outcomes[1].truncated == (subject.name != "stand-in")


def test_scoring_the_models_own_draft_finds_what_writing_it_did(subject, scorer):
    source = PAIRS[0][0]
    with subject.model.open_translator(
        with_logprobs=True, with_states=True, deterministic=True
    ) as translator:
        ((draft,),) = translator.translate([Request(0, source)])
    (scored,) = score(scorer, [(source, draft.text)])
    assert not draft.truncated
    assert scored.output_tokens == draft.output_tokens
    for column, same in zip(columns_of(scored), columns_of(draft), strict=True):
        assert np.abs(column - same).max() < NOISE
    np.testing.assert_allclose(scored.state, draft.state, rtol=0.05, atol=0.5)


def test_a_worse_draft_is_less_probable(scored, subject):
    if subject.name != "stand-in":
        assert scored[0].token_logprobs.mean() > scored[2].token_logprobs.mean() + 1
