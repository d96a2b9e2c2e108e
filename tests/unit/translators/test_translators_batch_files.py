"""The files of a server's batches: names, lines, replies, whatever a server writes there."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from routelmt_cli.translators.batch_files import (
    read_names,
    read_replies,
    request_line,
    request_name,
)
from routelmt_cli.translators.endpoint_answer import Answer
from routelmt_cli.translators.endpoint_connection import Lost, Rejected

BODY = {"model": "m", "messages": [{"role": "user", "content": "Guten Tag.\n"}]}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2}
GOOD = {"choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}], "usage": USAGE}


def line(name, response, error=None):
    return json.dumps({"id": "x", "custom_id": name, "response": response, "error": error})


def test_a_name_is_of_the_wave_and_of_the_body():
    name = request_name("run-large-0", BODY)
    assert name == request_name("run-large-0", dict(reversed(BODY.items())))
    assert len({name, request_name("run-large-1", BODY), request_name("run-large-0", {})}) == 3
    assert len(name) == 40 and name.isalnum()


def test_names_come_back_from_the_file_of_requests():
    names = [request_name("w", {"n": n}) for n in range(5)]
    content = b"".join(request_line(name, "completions", BODY) for name in names)
    assert read_names(content) == names
    data = json.loads(content.splitlines()[0])
    assert (data["method"], data["url"], data["body"]) == ("POST", "/v1/completions", BODY)


def test_replies_are_answers_refusals_or_lost():
    content = "\n".join(
        [
            line("good", {"status_code": 200, "body": GOOD}),
            line("bad", {"status_code": 400, "body": {"error": {"message": "too\nlong"}}}),
            line("expired", None, {"code": "batch_expired"}),
            line("silent", {"status_code": 500}),
            line("empty", {"status_code": 200, "body": {}}),
            "{",
            "[]",
            '{"custom_id": 7}',
        ]
    )
    replies = read_replies(content.encode())
    assert isinstance(replies["good"], Answer) and replies["good"].text == "Hello."
    assert replies["bad"] == Rejected("the server's batch has no answer: too long")
    assert replies["expired"].reason.endswith("batch_expired")
    assert replies["silent"].reason.endswith("it does not say why")
    assert isinstance(replies["empty"], Lost)
    assert len(replies) == 5


@given(st.binary(max_size=200))
def test_any_bytes_are_a_file(content):
    assert read_names(content) == []
    assert read_replies(content) == {}
