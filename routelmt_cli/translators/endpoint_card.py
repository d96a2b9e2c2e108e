"""The [endpoint] section of a model card: a server that speaks OpenAI's protocol, and its limits.

A section goes in, a validated ``EndpointCard`` comes out. Always: a key is named by its variable of
the environment and never written down; it is sent over TLS or to this machine itself; nothing that
a card adds to a request can make it cost more than it was counted for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import urlsplit

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.card_file import Table

CapName = Literal["max_tokens", "max_completion_tokens"]
_CAP_NAMES = ("max_tokens", "max_completion_tokens")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_TEMPLATE_TOKENS = {"completion": 8, "chat": 128}
_DEEPEST = 8
# What routelmt says itself, and what multiplies the tokens of an answer or changes its form.
_OWN = frozenset(
    ["model", "messages", "prompt", "stop", "stream", "stream_options", "logprobs", "top_logprobs"]
)
_DEARER = frozenset(["n", "best_of", "echo", "suffix", "tools", "functions", "use_beam_search"])


@dataclass(frozen=True)
class BatchCard:
    """How a server's batches are used: files of requests, answered within a day for less money.

    Attributes
    ----------
    most_requests
        The most requests in one file.
    at_once
        How many files may be waited for together.
    poll_seconds
        How often to ask whether one is done.
    window
        The time within which the server promises to be done, in its own words.
    """

    most_requests: int
    at_once: int
    poll_seconds: float
    window: str


@dataclass(frozen=True)
class EndpointCard:
    """A server, what it is asked for, and how far it is trusted.

    Attributes
    ----------
    url
        The base that ``/chat/completions`` or ``/completions`` is added to, without a slash.
    model
        What the server calls the model.
    key_variable
        The environment variable that holds the key; None for servers that want none.
    timeout_seconds
        How long an answer may take; one that takes longer is lost.
    tries
        How often a request is sent that the server refuses for the moment.
    bytes_per_token
        How many bytes of text are about a token, for what a request is expected to cost. What it
        costs at most is counted in bytes, of which no tokenizer makes more tokens than there are.
    template_tokens
        The most tokens that the server puts around the texts of a request.
    top_logprobs
        How many alternatives of each token to ask for, with their log-probabilities; 0 for none.
    cap_name
        What the server calls the most tokens of an answer.
    body
        What is added to every request.
    batch
        How batches are used; None where every request is sent by itself.
    """

    url: str
    model: str
    key_variable: str | None
    timeout_seconds: float
    tries: int
    bytes_per_token: float
    template_tokens: int
    top_logprobs: int
    cap_name: CapName
    body: Mapping[str, Any]
    batch: BatchCard | None = None

    @property
    def host(self) -> str:
        """The server's name and port, as its URL has them."""
        return urlsplit(self.url).netloc

    @property
    def is_here(self) -> bool:
        """Whether the server is on this machine."""
        return _is_here(urlsplit(self.url).hostname or "")

    def identity(self) -> dict[str, Any]:
        """Return what the hypotheses, and the lengths that a router learns, depend on."""
        return {
            "url": self.url,
            "model": self.model,
            "body": self.body,
            "cap_name": self.cap_name,
            "bytes_per_token": self.bytes_per_token,
            "top_logprobs": self.top_logprobs,
        }

    def key(self, card_path: object) -> str | None:
        """Return the key, None for a server that wants none.

        Raises
        ------
        UsageError
            Where its variable is not set, or holds what no header can.
        """
        if self.key_variable is None:
            return None
        key = os.environ.get(self.key_variable, "").strip()
        if not key:
            raise UsageError(
                f"{card_path}: the key of {self.host} should be in the environment variable "
                f"{self.key_variable}, which is not set",
                hint=f"export {self.key_variable}=...",
            )
        if not (key.isascii() and key.isprintable()):
            raise UsageError(f"{self.key_variable} holds characters that are in no key")
        return key


def read_endpoint(table: Table, kind: str) -> EndpointCard:
    """Read and validate the section.

    Parameters
    ----------
    table
        The section.
    kind
        Of the card's prompt, ``completion`` or ``chat``.

    Raises
    ------
    UsageError
        Naming what is wrong.
    """
    key_variable = table.get("key_variable", str, None)
    if key_variable is not None and not _VARIABLE.fullmatch(key_variable):
        raise UsageError(f"{table.where}: 'key_variable' must be the name of a variable")
    cap_name = table.get("cap_name", str, _CAP_NAMES[0])
    if cap_name not in _CAP_NAMES:
        raise UsageError(f"{table.where}: 'cap_name' must be one of {', '.join(_CAP_NAMES)}")
    return EndpointCard(
        url=_url(table, needs_tls=key_variable is not None),
        model=table.get("model", str),
        key_variable=key_variable,
        timeout_seconds=float(table.number("timeout_seconds", 120, 0.01, 86_400)),
        tries=table.whole("tries", 8, 1, 100),
        bytes_per_token=float(table.number("bytes_per_token", 3.0, 0.5, 20)),
        template_tokens=table.whole("template_tokens", _TEMPLATE_TOKENS[kind], 0, 100_000),
        top_logprobs=table.whole("top_logprobs", 0, 0, 20),
        cap_name=cap_name,
        body=_body(table.table("body", optional=True)),
        batch=_batch(table.table("batch")) if "batch" in table.data else None,
    )


def _batch(table: Table) -> BatchCard:
    return BatchCard(
        most_requests=table.whole("most_requests", 10_000, 1, 1_000_000),
        at_once=table.whole("at_once", 8, 1, 1000),
        poll_seconds=float(table.number("poll_seconds", 30, 0.01, 86_400)),
        window=table.get("window", str, "24h"),
    )


def _url(table: Table, *, needs_tls: bool) -> str:
    url = str(table.get("url", str)).rstrip("/")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise UsageError(f"{table.where}: 'url' must read https://HOST/v1 or the like")
    if parts.username is not None or not url.isprintable() or " " in url:
        raise UsageError(f"{table.where}: 'url' must hold no user, password or blanks")
    if needs_tls and parts.scheme == "http" and not _is_here(host):
        raise UsageError(f"{table.where}: a key is only sent over https, or to this machine")
    return url


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _body(table: Table) -> Mapping[str, Any]:
    for key, value in table.data.items():
        if key in _OWN or key in _CAP_NAMES:
            raise UsageError(f"{table.where}: '{key}' is routelmt's own to give")
        if key in _DEARER:
            raise UsageError(
                f"{table.where}: '{key}' would make answers dearer than they are counted"
            )
        if not _is_json(value):
            raise UsageError(f"{table.where}: '{key}' is nothing that JSON knows")
    return table.data


def _is_json(value: object, depth: int = 0) -> bool:
    if depth > _DEEPEST:
        return False
    if isinstance(value, dict):
        return all(_is_json(one, depth + 1) for one in value.values())
    if isinstance(value, list):
        return all(_is_json(one, depth + 1) for one in value)
    if isinstance(value, float):
        return value == value and abs(value) != float("inf")
    return isinstance(value, (str, int))
