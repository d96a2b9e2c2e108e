"""The [endpoint] section of a card: what is read, and every way in which it can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.card import load_card
from routelmt_cli.translators.endpoint_prompter import EndpointPrompter

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"

CARD = """\
name = "big"
backend = "openai"
[endpoint]
url = "https://api.example.com/v1/"
model = "big-1"
key_variable = "EXAMPLE_KEY"
[endpoint.body]
reasoning_effort = "none"
[price]
usd_per_million_tokens = { input = 1, output = 4 }
[prompt]
kind = "chat"
template = "{source}"
"""
URL = '"https://api.example.com/v1/"'
# What is wrong: a text of CARD, what stands in its place, what the error says.
WRONG = {
    "no section": ("[endpoint", "[server", r"section \[endpoint\] is missing"),
    "another backend": ('"openai"', '"llama.cpp"', r"\[endpoint\] needs backend = \"openai\""),
    "no url": (f"url = {URL}", "", "'url' is missing"),
    "no model": ('model = "big-1"', "", "'model' is missing"),
    "another scheme": (URL, '"ftp://host/v1"', "'url' must read"),
    "no host": (URL, '"https:///v1"', "'url' must read"),
    "a port that is none": (URL, '"https://host:99999/v1"', "'url' must read"),
    "a query": (URL, '"https://host/v1?key=1"', "'url' must read"),
    "a password": (URL, '"https://me:secret@host/v1"', "no user, password"),
    "a blank": (URL, '"https://host/v 1"', "no user, password or blanks"),
    "a key over http": (URL, '"http://host/v1"', "only sent over https"),
    "a key in its place": ('"EXAMPLE_KEY"', '"sk-123-456"', "the name of a variable"),
    "no time": ("model =", "timeout_seconds = 0\nmodel =", "'timeout_seconds'"),
    "no tries": ("model =", "tries = 0\nmodel =", "'tries'"),
    "no bytes": ("model =", "bytes_per_token = 0\nmodel =", "'bytes_per_token'"),
    "another cap": ("model =", 'cap_name = "most"\nmodel =', "'cap_name' must be one of"),
    "a cap of its own": ("reasoning_effort", "max_tokens = 9\nx", "'max_tokens' is routelmt's own"),
    "a model of its own": ("reasoning_effort", "model", "'model' is routelmt's own to give"),
    "several answers": ("reasoning_effort", "n = 3\nx", "'n' would make answers dearer"),
    "no requests": ("[price]", "[endpoint.batch]\nmost_requests = 0\n[price]", "'most_requests'"),
    "no polling": ("[price]", "[endpoint.batch]\npoll_seconds = 0\n[price]", "'poll_seconds'"),
    "a date": ('"none"', "2026-01-01", "nothing that JSON knows"),
    "no number": ('"none"', "nan", "nothing that JSON knows"),
    "weights": ("[price]", '[weights]\npath = "x.gguf"\n[price]', r"\[weights\] needs"),
}


@pytest.fixture
def write(tmp_path):
    def write(*replacements):
        text = CARD
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "big.toml"
        path.write_text(text, "utf-8")
        return path

    return write


@pytest.mark.parametrize("name", ["openai", "own-server"])
def test_the_cards_to_copy_are_good(name):
    card = load_card(EXAMPLES / f"{name}.toml")
    assert card.endpoint.url.endswith("/v1")
    assert card.decoding.stop == ()
    prompter = EndpointPrompter(card, "de", "en")
    body = prompter.body("Guten Tag.", "", with_logprobs=True)
    assert body["messages"][-1]["content"].endswith("\n\nGuten Tag.")
    assert "German into English" in body["messages"][-1]["content"]


def test_a_section_is_read_with_its_defaults(write):
    endpoint = load_card(write()).endpoint
    assert (endpoint.url, endpoint.model) == ("https://api.example.com/v1", "big-1")
    assert endpoint.host == "api.example.com"
    assert (endpoint.timeout_seconds, endpoint.tries, endpoint.bytes_per_token) == (120, 8, 3)
    assert (endpoint.template_tokens, endpoint.top_logprobs) == (128, 0)
    assert endpoint.cap_name == "max_tokens"
    assert endpoint.body == {"reasoning_effort": "none"}


def test_batches_are_read_with_their_defaults(write):
    assert load_card(write()).endpoint.batch is None
    batch = load_card(write(("[price]", "[endpoint.batch]\n[price]"))).endpoint.batch
    assert (batch.most_requests, batch.at_once, batch.poll_seconds) == (10_000, 8, 30)
    assert batch.window == "24h"


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_section_is_an_error_that_names_it(write, fault):
    old, new, message = WRONG[fault]
    path = write((old, new))
    with pytest.raises(UsageError, match=message) as caught:
        load_card(path)
    assert str(path) in caught.value.message


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8000"])
def test_a_key_is_sent_to_this_machine_without_tls(write, host):
    assert load_card(write((URL, f'"http://{host}/v1"'))).endpoint.host == host


def test_no_key_is_needed_where_none_is_named(write):
    card = load_card(write(('key_variable = "EXAMPLE_KEY"', ""), (URL, '"http://node7:8000/v1"')))
    assert card.endpoint.key(card.card_path) is None


def test_a_key_comes_from_its_variable(write, monkeypatch):
    card = load_card(write())
    monkeypatch.setenv("EXAMPLE_KEY", " sk-1 \n")
    assert card.endpoint.key(card.card_path) == "sk-1"
    monkeypatch.setenv("EXAMPLE_KEY", "sk-ключ")
    with pytest.raises(UsageError, match="EXAMPLE_KEY holds characters"):
        card.endpoint.key(card.card_path)
    monkeypatch.setenv("EXAMPLE_KEY", "  ")
    with pytest.raises(UsageError, match="which is not set") as caught:
        card.endpoint.key(card.card_path)
    assert caught.value.hint == "export EXAMPLE_KEY=..."


def test_the_fingerprint_is_of_what_makes_the_hypotheses(write):
    def fingerprint(*replacements):
        return load_card(write(*replacements)).fingerprint("", "en", "de")

    assert fingerprint() == fingerprint(('"EXAMPLE_KEY"', '"OTHER_KEY"'))
    assert fingerprint() == fingerprint(("model =", "tries = 3\ntimeout_seconds = 5\nmodel ="))
    others = [
        fingerprint(('"big-1"', '"big-2"')),
        fingerprint(("api.example", "eu.example")),
        fingerprint(('"none"', '"low"')),
        fingerprint(("model =", 'cap_name = "max_completion_tokens"\nmodel =')),
    ]
    assert len({fingerprint(), *others}) == 5


def test_a_shared_prefix_is_paid_by_every_request(write):
    assert load_card(write()).charge_prefix == "every request"
