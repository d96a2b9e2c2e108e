"""The translator of endpoints under every fault of a server: what is billed and tried again."""

from __future__ import annotations

import time

import pytest
from endpoint_server import BUSY, FOR_GOOD, KEY, LOST, Endpoint, serve

from routelmt_cli.errors import MidRunError, UsageError
from routelmt_cli.translators import endpoint_patience
from routelmt_cli.translators.card import load_card
from routelmt_cli.translators.endpoint import EndpointTranslator
from routelmt_cli.translators.endpoint_connection import check_endpoint, wait_seconds
from routelmt_cli.translators.models import find_model
from routelmt_cli.translators.protocol import Request

SOURCES = [f"word{number} and the lantern" for number in range(12)]


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server without faults, whose refusals are waited for in no time."""
    monkeypatch.setenv("STUB_API_KEY", KEY)
    monkeypatch.setattr(endpoint_patience, "_FIRST_WAIT_SECONDS", 0.005)
    with serve(Endpoint(), tmp_path) as running:
        yield running


@pytest.fixture
def translate(server, tmp_path):
    """Translate sources with a new translator; return the outcomes by item, and the error."""

    def run(sources=SOURCES, **values):
        card = load_card(server.card(tmp_path / "card.toml", **values))
        outcomes, error = {}, None
        with EndpointTranslator(card, "en", "de", with_logprobs=False) as translator:
            requests = (Request(item, source) for item, source in enumerate(sources))
            try:
                for commit in translator.translate(requests):
                    for outcome in commit:
                        assert outcome.item not in outcomes
                        outcomes[outcome.item] = outcome
            except MidRunError as stopped:
                error = stopped
        return outcomes, error

    return run


def told(outcomes):
    """Return the bill as the outcomes tell it, those that are charged in full left out."""
    return sorted((o.prompt_tokens, o.output_tokens) for o in outcomes.values() if not o.unmetered)


def test_without_a_fault_the_bill_is_what_the_outcomes_tell(server, translate):
    outcomes, error = translate()
    assert error is None and len(outcomes) == len(SOURCES)
    assert told(outcomes) == sorted(server.bill)
    assert all(body["temperature"] == 0 and body["seed"] == 7 for body in server.asked)
    assert all("stream" not in body for body in server.asked)


@pytest.mark.parametrize("fault", BUSY)
def test_what_is_refused_for_the_moment_is_sent_again_and_billed_once(server, translate, fault):
    server.faults = dict.fromkeys(range(0, 10, 2), fault)
    outcomes, error = translate()
    assert error is None
    assert all(one.failure is None for one in outcomes.values())
    assert told(outcomes) == sorted(server.bill)
    assert len(server.asked) == len(SOURCES) + 5


@pytest.mark.parametrize("fault", [*LOST, "dropped"])
def test_what_may_be_billed_without_an_answer_is_told_as_such(server, translate, fault):
    server.hang_seconds = 5
    server.faults = {2: fault, 5: fault}
    outcomes, error = translate(timeout=0.4 if fault == "hang" else 30, parallel=4)
    assert error is None
    lost = [one for one in outcomes.values() if one.unmetered]
    assert len(lost) == 2
    assert all(one.failure and one.text == "" for one in lost)
    assert len(server.asked) == len(SOURCES)  # whether to send it again is not the translator's
    assert len(told(outcomes)) == len(SOURCES) - 2
    assert len(server.bill) == len(SOURCES) - (2 if fault == "dropped" else 0)


def test_an_answer_that_does_not_say_what_it_used_is_kept(server, translate):
    server.faults = {3: "no usage"}
    outcomes, _ = translate()
    (one,) = [one for one in outcomes.values() if one.unmetered]
    assert one.text and one.failure is None


def test_any_success_is_an_answer(server, translate):
    server.faults = {0: "created", 3: "created"}
    outcomes, error = translate()
    assert error is None
    assert told(outcomes) == sorted(server.bill)


def test_no_proxy_stands_before_a_server_on_this_machine(server, translate, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    outcomes, error = translate()
    assert error is None and len(outcomes) == len(SOURCES)


def test_a_proxy_that_cannot_be_used_is_told(server, tmp_path, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks9://127.0.0.1:9")
    card = load_card(server.card(tmp_path / "card.toml", url="https://127.0.0.2.example"))
    with pytest.raises(UsageError, match="the proxy of the environment cannot be used"):
        EndpointTranslator(card, "en", "de", with_logprobs=False)


def test_answers_lost_in_many_calls_end_the_run(server, tmp_path):
    server.faults = lambda *_: "silence"
    card = load_card(server.card(tmp_path / "card.toml"))
    with (
        EndpointTranslator(card, "en", "de", with_logprobs=False) as translator,
        pytest.raises(MidRunError, match="so were those before it"),
    ):
        for call in range(200):
            list(translator.translate([Request(call, "word")]))
    assert len(server.bill) == 100


@pytest.mark.parametrize("at", [4, 9, 13])
def test_what_waits_for_a_second_try_is_told_when_the_server_goes_away(server, tmp_path, at):
    """Its markers got lost, so its outcome was held back; it is billed all the same."""
    server.faults = lambda number, _: "no money" if number >= at else "no markers"
    card = load_card(server.card(tmp_path / "card.toml", parallel=1))
    sources = [f"Press {{key{number}}} and open {{door{number}}} now." for number in range(6)]
    outcomes = []
    with (
        find_model(card, "en", "de", protects=True).open_translator(
            with_logprobs=False, deterministic=False
        ) as translator,
        pytest.raises(MidRunError, match="exceeded your quota"),
    ):
        for commit in translator.translate(map(Request, range(6), sources)):
            outcomes += commit
    assert sum(one.prompt_tokens for one in outcomes) == sum(prompt for prompt, _ in server.bill)
    assert sum(one.output_tokens for one in outcomes) == sum(out for _, out in server.bill)
    assert len({one.item for one in outcomes}) == len(outcomes)


@pytest.mark.parametrize("fault", FOR_GOOD)
def test_one_request_that_is_rejected_fails_alone(server, translate, fault):
    server.faults = {4: fault}
    outcomes, error = translate(parallel=1)
    assert error is None
    assert "I will not take this" in outcomes[4].failure
    assert not outcomes[4].unmetered and outcomes[4].prompt_tokens == 0
    assert sum(one.failure is None for one in outcomes.values()) == len(SOURCES) - 1


def test_rejections_from_the_start_end_the_run(server, translate):
    server.faults = lambda *_: "bad request"
    outcomes, error = translate(parallel=1)
    assert "so were all requests before it" in error.message
    assert len(server.asked) == 5 and not server.bill
    assert all(one.failure for one in outcomes.values())


@pytest.mark.parametrize(
    ("fault", "reason", "hint"),
    [
        ("no money", "You exceeded your quota", "fill it"),
        ("redirect", "answers 307", "correct 'url'"),
        ("patience", "asks to wait 86400 s", "continue"),
    ],
)
def test_what_no_request_fares_better_with_ends_the_run(server, translate, fault, reason, hint):
    server.faults = lambda number, _: fault if number >= 6 else None
    outcomes, error = translate()
    assert reason in error.message and hint in error.hint
    assert len(outcomes) >= 6
    assert told(outcomes) == sorted(server.bill)  # all that was billed is told before the error


def test_a_server_that_only_refuses_ends_the_run(server, translate):
    server.faults = lambda *_: "overloaded"
    outcomes, error = translate(tries=3)
    assert "tried 3 times" in error.message
    assert not outcomes and not server.bill


def test_answers_lost_in_a_row_end_the_run(server, translate):
    server.faults = lambda *_: "silence"
    sources = [f"{source} {number}" for number in range(10) for source in SOURCES]
    outcomes, error = translate(sources)
    assert "so were those before it" in error.message
    assert 20 <= len(outcomes) < 40
    assert len(outcomes) == len(server.bill)
    assert all(one.unmetered for one in outcomes.values())


def test_a_server_that_is_not_there_ends_the_run(server, tmp_path, monkeypatch):
    card = load_card(server.card(tmp_path / "card.toml", url="http://127.0.0.1:9", tries=2))
    with (
        EndpointTranslator(card, "en", "de", with_logprobs=False) as translator,
        pytest.raises(MidRunError, match=r"no connection to 127\.0\.0\.1:9"),
    ):
        list(translator.translate([Request(0, "word")]))


def test_a_wrong_key_ends_the_run_and_is_not_shown(server, translate, monkeypatch):
    monkeypatch.setenv("STUB_API_KEY", "sk-another-secret")
    outcomes, error = translate()
    assert not outcomes
    assert "answers 401: Incorrect API key: Bearer ***" in error.message
    assert "STUB_API_KEY" in error.hint
    assert "sk-another-secret" not in error.message + error.hint


def test_an_unknown_model_ends_the_run(server, translate):
    server.models = ("another",)
    _, error = translate()
    assert "The model stub-1 does not exist" in error.message and "'model'" in error.hint


def test_many_requests_are_under_way_together_and_no_more_than_allowed(server, translate):
    server.seconds = 0.2
    sources = [f"{source} {number}" for number in range(10) for source in SOURCES]
    outcomes, _ = translate(sources, parallel=32)
    assert len(outcomes) == len(sources)
    assert 24 <= server.most_at_once <= 32


def test_a_busy_server_is_asked_less(server, translate):
    server.seconds = 0.02
    limit = 4
    server.faults = lambda *_: "busy wait" if server.under_way > limit else None
    sources = [f"{source} {number}" for number in range(20) for source in SOURCES]
    outcomes, error = translate(sources, tries=50)
    assert error is None
    assert all(one.failure is None for one in outcomes.values())
    assert told(outcomes) == sorted(server.bill)
    refused = len(server.asked) - len(sources)
    assert refused < len(sources)


def test_it_waits_as_long_as_it_is_asked_to(server, translate):
    server.faults = {0: "busy wait"}
    start = time.monotonic()
    translate(SOURCES[:1])
    assert time.monotonic() - start >= 0.02


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "٣"}, None),
    ],
)
def test_how_long_a_server_asks_to_be_left_alone(headers, seconds):
    assert wait_seconds(headers) == seconds


def test_a_source_in_parts_is_one_outcome_with_the_bill_of_all(server, translate):
    outcomes, _ = translate(["one two\nthree four\n\nfive"])
    assert outcomes[0].requests == 3 == len(server.bill)
    assert outcomes[0].text.count("\n") == 3
    assert outcomes[0].prompt_tokens == sum(prompt for prompt, _ in server.bill)


@pytest.mark.parametrize("fault", ["no money", "silence"])
def test_what_the_first_parts_of_a_source_cost_is_told_though_a_later_one_fails(
    server, translate, fault
):
    server.faults = {1: fault}
    outcomes, error = translate(["one two\nthree four\nfive"])
    assert outcomes[0].failure is not None and outcomes[0].text == ""
    assert (error is None) == (fault == "silence")
    assert outcomes[0].unmetered == (fault == "silence")
    assert (outcomes[0].prompt_tokens, outcomes[0].output_tokens) == server.bill[0]


def test_probabilities_are_asked_for_and_read(server, tmp_path):
    for kind, template in (("chat", "{notes}{source}"), ("completion", "{notes};{source}{target}")):
        path = server.card(tmp_path / "card.toml", kind=kind, top_logprobs=2, template=template)
        with EndpointTranslator(load_card(path), "en", "de", with_logprobs=True) as translator:
            ((outcome,),) = translator.translate([Request(0, "one two three")])
        assert len(outcome.token_logprobs) == outcome.output_tokens
        assert (outcome.token_entropies > 0).all() and (outcome.token_margins > 0).all()


def test_notes_are_sent(server, tmp_path):
    from routelmt_cli.translators.notes import Notes

    card = load_card(server.card(tmp_path / "card.toml"))
    with EndpointTranslator(card, "en", "de", with_logprobs=False, with_notes=True) as translator:
        notes = Notes(terms=(("lantern", "Laterne"),))
        ((outcome,),) = translator.translate([Request(0, SOURCES[0], notes)])
    assert "lantern=Laterne;" in server.asked[0]["messages"][-1]["content"]
    counted = translator.count([SOURCES[0]], [notes])
    assert outcome.prompt_tokens <= counted.most_prompt_tokens[0]


def test_the_server_is_checked_without_paying(server, tmp_path, monkeypatch):
    card = load_card(server.card(tmp_path / "card.toml"))
    check_endpoint(card)
    server.models = ("another", "third")
    with pytest.raises(UsageError, match="has no model 'stub-1'") as refusal:
        check_endpoint(card)
    assert refusal.value.hint == "it has another, third"
    monkeypatch.setenv("STUB_API_KEY", "sk-another-secret")
    with pytest.raises(MidRunError, match="answers 401"):
        check_endpoint(card)
    monkeypatch.delenv("STUB_API_KEY")
    with pytest.raises(UsageError, match="STUB_API_KEY, which is not set"):
        check_endpoint(card)
    assert not server.bill


def test_a_translation_left_early_is_left(server, tmp_path):
    server.seconds = 0.2
    card = load_card(server.card(tmp_path / "card.toml"))
    start = time.monotonic()
    with EndpointTranslator(card, "en", "de", with_logprobs=False) as translator:
        sources = (Request(item, "word") for item in range(1000))
        next(translator.translate(sources))
    assert time.monotonic() - start < 5
    assert len(server.asked) < 100
