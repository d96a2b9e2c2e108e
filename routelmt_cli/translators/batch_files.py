"""The files of a server's batches: requests out, replies in, one JSON object a line.

In: bodies of requests, the content of files. Out: lines with names, replies by name. A request is
named after its wave and its body, so that whoever reads a file of requests knows which they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from routelmt_cli.translators.endpoint_answer import answer_of
from routelmt_cli.translators.endpoint_connection import Lost, Rejected, Reply

_OK = 200
_SHOWN_CHARACTERS = 200


def request_name(wave: str, body: Mapping[str, Any]) -> str:
    """Name a request of a wave."""
    text = json.dumps([wave, body], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def request_line(name: str, place: str, body: Mapping[str, Any]) -> bytes:
    """Write one request, which is for a place below the server's URL."""
    data = {"custom_id": name, "method": "POST", "url": f"/v1/{place}", "body": body}
    return json.dumps(data).encode() + b"\n"


def read_names(content: bytes) -> list[str]:
    """Read the names in a file of requests; what is none is left out."""
    return [name for name, _ in _lines(content)]


def read_replies(content: bytes) -> dict[str, Reply]:
    """Read a file of answers or of errors: what became of each request, by its name."""
    return {name: _reply(data) for name, data in _lines(content)}


def _lines(content: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    for line in content.splitlines():
        try:
            data = json.loads(line)
        except (ValueError, RecursionError):
            continue  # its request has no reply then, and is lost
        if isinstance(data, dict) and isinstance(data.get("custom_id"), str):
            yield data["custom_id"], data


def _reply(data: dict[str, Any]) -> Reply:
    response = data.get("response")
    if isinstance(response, dict) and response.get("status_code") == _OK:
        try:
            return answer_of(response.get("body"))
        except ValueError as error:
            return Lost(f"its answer cannot be read: {error}")
    # Neither an error of the batch nor one of the request has used anything.
    return Rejected(f"the server's batch has no answer: {_reason(data, response)}")


def _reason(data: dict[str, Any], response: object) -> str:
    body = response.get("body") if isinstance(response, dict) else None
    error = data.get("error") or (body.get("error") if isinstance(body, dict) else None)
    if isinstance(error, dict):
        error = error.get("message") or error.get("code")
    shown = " ".join(str(error or "it does not say why").split())[:_SHOWN_CHARACTERS]
    return "".join(one if one.isprintable() else "?" for one in shown)
