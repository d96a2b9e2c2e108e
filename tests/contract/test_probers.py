"""What every prober promises, on every model that runs here (see ``translators.probing``)."""

from __future__ import annotations

import numpy as np
import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.probing import ProbingModel
from routelmt_cli.translators.protocol import Request

SOURCES = [
    "El perro duerme.",
    "¿Qué hora es?",
    "Llueve mucho hoy.",
    "Buenos días.\nHasta luego.",
    "Uno\tdos tres",
    "Hay %d archivos en <b>casa</b>.",
    "uno dos tres. " * 160,
]
BLANK = ["", " \n "]


@pytest.fixture(scope="module")
def model(subject):
    if subject.is_remote:
        with pytest.raises(UsageError, match="shows no hidden states"):
            ProbingModel.of(subject.model)
        pytest.skip("a server shows no hidden states")
    return subject.model


@pytest.fixture(scope="module", params=[False, True], ids=["batched", "deterministic"])
def deterministic(request):
    return request.param


@pytest.fixture(scope="module")
def commits(subject, model, deterministic):
    with open_model(subject, ProbingModel.of(model), deterministic=deterministic) as prober:
        return commits_of(prober, [*SOURCES, *BLANK])


def open_model(subject, model, *, deterministic=False):
    return subject.engine.open(
        model, with_logprobs=True, with_states=True, deterministic=deterministic, demand=None
    )


def commits_of(translator, sources):
    requests = (Request(item, source) for item, source in enumerate(sources))
    return list(translator.translate(requests))


def in_order(commits):
    found = [outcome for commit in commits for outcome in commit]
    return sorted(found, key=lambda outcome: outcome.item)


def test_every_request_gets_exactly_one_outcome_without_text(commits):
    outcomes = in_order(commits)
    assert [outcome.item for outcome in outcomes] == list(range(len(SOURCES) + len(BLANK)))
    for outcome in outcomes:
        assert (outcome.text, outcome.output_tokens, outcome.failure) == ("", 0, None)
        assert not outcome.truncated and not outcome.unmetered and outcome.token_logprobs is None


def test_counts_are_exact_and_no_output_is_reserved(commits, model):
    with ProbingModel.of(model).open_counter() as counter:
        counts = counter.count([*SOURCES, *BLANK])
    used = [outcome.prompt_tokens for outcome in in_order(commits)]
    assert used == counts.prompt_tokens.tolist() == counts.prompt_bound.tolist()
    assert not counts.cap_tokens.any()
    assert counts.retry is None


def test_a_probe_is_the_state_that_its_draft_begins_in(commits, subject, model, deterministic):
    if not subject.drafts or deterministic:
        pytest.skip("looked at once, of models that draft")
    # A draft whose markers got lost is sent again in stretches, whose states are others.
    places = [place for place, source in enumerate(SOURCES) if "%d" not in source]
    with open_model(subject, model) as translator:
        drafts = in_order(commits_of(translator, [SOURCES[place] for place in places]))
    probes = in_order(commits)
    for draft, place in zip(drafts, places, strict=True):
        probe = probes[place].state
        assert probe.dtype == np.float32
        assert 2 * len(probe) == len(draft.state)
        assert np.corrcoef(probe, draft.state[: len(probe)])[0, 1] > 0.99


def test_the_same_probes_again_are_the_same_bytes(commits, subject, model, deterministic):
    if not deterministic:
        pytest.skip("only this mode promises it")
    with open_model(subject, ProbingModel.of(model), deterministic=True) as prober:
        again = in_order(commits_of(prober, [*SOURCES, *BLANK]))
    for one, other in zip(in_order(commits), again, strict=True):
        if one.state is None:
            assert other.state is None
        else:
            assert one.state.tobytes() == other.state.tobytes()
