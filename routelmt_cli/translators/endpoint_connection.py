"""One request to a server, and what its reply means: for the text, for the money, for trying again.

The body of a request goes in, a ``Reply`` comes out. Always: whatever may have been charged without
an answer is ``Lost``; a refusal that charged nothing is ``Busy`` or ``Rejected``; what no other
request will fare better with is raised. No redirect is followed, and the key is in no message.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from routelmt_cli.errors import MidRunError, UsageError
from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.endpoint_answer import Answer, read_answer
from routelmt_cli.translators.endpoint_prompter import endpoint_of

if TYPE_CHECKING:
    import httpx

_MOST_BYTES = 8 << 20
_SHOWN_CHARACTERS = 300
_SHOWN_MODELS = 10
_CONNECT_SECONDS = 20.0
_POOL_CONNECTIONS = 16
_KEY_STATUS = (401, 403)
_PLACE_STATUS = (404, 405)
_GONE_STATUS = (404, 410)
# A gateway that gave up waiting, while the model behind it may have answered.
_LOST_STATUS = frozenset([408, 499, 502, 504, *range(520, 525), 598, 599])
_BUSY_STATUS = frozenset([425, 429, 500, 503, 529])
_NO_MONEY = frozenset(["insufficient_quota", "billing_hard_limit_reached", "billing_not_active"])


@dataclass(frozen=True, slots=True)
class Busy:
    """The server refuses for the moment; nothing is charged.

    Attributes
    ----------
    reason
        In words.
    wait_seconds
        How long it asks to be left alone; None where it does not say.
    is_free
        Whether it surely did nothing; a server that broke may have begun what it was asked for,
        though it charges no answer that it did not give.
    """

    reason: str
    wait_seconds: float | None = None
    is_free: bool = True


@dataclass(frozen=True, slots=True)
class Rejected:
    """The server will not take this request, nor would it later; nothing is charged."""

    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The request went out and its answer did not come back; the server may have charged it."""

    reason: str


Reply: TypeAlias = "Answer | Busy | Rejected | Lost"


class EndpointConnection:
    """Connections to one server, for coroutines of one event loop.

    Parameters
    ----------
    card
        A card with an endpoint.
    connections
        The most at once.

    Raises
    ------
    UsageError
        Where the key is missing, or httpx is not installed.
    """

    def __init__(self, card: ModelCard, connections: int) -> None:
        try:
            import httpx
        except ImportError as error:
            raise UsageError(
                "endpoints need httpx, which is not installed",
                hint="pip install 'routelmt[endpoint]'",
            ) from error
        endpoint = endpoint_of(card)
        self._card, self._endpoint = card, endpoint
        self._key = endpoint.key(card.card_path)
        self.place = "chat/completions" if card.prompt.kind == "chat" else "completions"
        # Answers are small, and one that expands to gigabytes cannot come.
        headers = {"Accept-Encoding": "identity", "Accept": "application/json"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        self._httpx = httpx
        self._longest_seconds = endpoint.timeout_seconds + _CONNECT_SECONDS
        limits = httpx.Limits(
            max_connections=_POOL_CONNECTIONS, max_keepalive_connections=_POOL_CONNECTIONS
        )
        tls = httpx.create_ssl_context()
        # httpx looks at every connection of a pool whenever a request begins or ends, so that one
        # pool of 256 spends its time on that (benchmarks/endpoint.py).
        try:
            self._pools = [
                httpx.AsyncClient(
                    headers=headers,
                    timeout=httpx.Timeout(endpoint.timeout_seconds, connect=_CONNECT_SECONDS),
                    limits=limits,
                    verify=tls,
                    # A proxy would be sent the key as it is, and has no way to this machine.
                    trust_env=not endpoint.is_here,
                )
                for _ in range(math.ceil(connections / _POOL_CONNECTIONS))
            ]
        except (ImportError, ValueError) as error:
            raise UsageError(
                f"the proxy of the environment cannot be used: {error}",
                hint="correct HTTPS_PROXY or ALL_PROXY, or unset them",
            ) from error
        self._under_way = [0] * len(self._pools)

    async def close(self) -> None:
        """Close all connections."""
        for pool in self._pools:
            await pool.aclose()

    async def ask(self, body: Mapping[str, Any]) -> Reply:
        """Send one request.

        Raises
        ------
        MidRunError
            Where the key, the address, the model or the account is refused.
        """
        reply = await self.exchange("POST", self.place, json=body)
        return _answer(reply) if isinstance(reply, bytes) else reply

    async def exchange(
        self,
        method: str,
        place: str,
        *,
        most_bytes: int = _MOST_BYTES,
        may_be_gone: bool = False,
        **content: Any,
    ) -> bytes | Busy | Rejected | Lost:
        """Send one request of any kind; return the body of an answer that is one.

        Parameters
        ----------
        method, place
            Of HTTP, and below the card's URL.
        most_bytes
            A longer body is lost.
        may_be_gone
            Whether what is asked for may have been there once: then it is rejected, and otherwise
            the address is wrong.
        content
            What httpx sends with it: ``json``, ``files``, ``params``.

        Raises
        ------
        MidRunError
            Where the key, the address, the model or the account is refused.
        """
        try:
            # As a whole, too: a server may send a byte from time to time for ever.
            return await asyncio.wait_for(
                self._exchange(method, place, most_bytes, may_be_gone, content),
                self._longest_seconds,
            )
        except (TimeoutError, asyncio.TimeoutError):
            return Lost(f"{self._endpoint.host} did not answer in {self._longest_seconds:g} s")

    async def model_names(self) -> list[str]:
        """Ask the server which models it has; free of charge.

        Raises
        ------
        MidRunError
            Where it does not say.
        """
        reply = await self.exchange("GET", "models")
        if not isinstance(reply, bytes):
            raise self.trouble(reply.reason, "start the server, or correct 'url' in the card")
        try:
            return [str(one["id"]) for one in json.loads(reply)["data"]]
        except (ValueError, RecursionError, TypeError, KeyError) as error:
            raise self.trouble(f"{self._endpoint.url}/models gives no list of models") from error

    async def _exchange(
        self, method: str, place: str, most_bytes: int, may_be_gone: bool, content: dict[str, Any]
    ) -> bytes | Busy | Rejected | Lost:
        httpx, url = self._httpx, f"{self._endpoint.url}/{place}"
        pool = min(range(len(self._pools)), key=self._under_way.__getitem__)
        self._under_way[pool] += 1
        try:
            async with self._pools[pool].stream(method, url, **content) as response:
                status, body = response.status_code, await _content(response, most_bytes)
                if body is None:
                    return Lost("its answer is too long")
                if httpx.codes.is_success(status):
                    return body
                if may_be_gone and status in _GONE_STATUS:
                    return Rejected(f"{self._endpoint.host} has no {place} any more")
                return self._refusal(status, response.headers, body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return Busy(f"no connection to {self._endpoint.host}: {_name(error)}")
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL) as error:
            raise self.trouble(f"{url} cannot be asked: {error}") from error
        except httpx.HTTPError as error:
            return Lost(f"its answer was lost: {_name(error)}")
        finally:
            self._under_way[pool] -= 1

    def _refusal(
        self, status: int, headers: Mapping[str, str], content: bytes
    ) -> Busy | Rejected | Lost:
        said, code = _message(content)
        reason = f"{self._endpoint.host} answers {status}" + (
            f": {self._shown(said)}" if said else ""
        )
        if status in _KEY_STATUS:
            variable = self._endpoint.key_variable
            hint = (
                f"see that {variable} holds a key that may use this model"
                if variable
                else "name the variable of a key in the card: key_variable"
            )
            raise self.trouble(reason, hint)
        if status in _PLACE_STATUS or status < 400:
            raise self.trouble(reason, "correct 'url' and 'model' in the card")
        if status == 402 or code in _NO_MONEY:
            raise self.trouble(reason, "the account has no money left; fill it and run this again")
        if status in _LOST_STATUS:
            return Lost(reason)
        if status in _BUSY_STATUS or status >= 500:
            return Busy(reason, wait_seconds(headers), is_free=status < 500)
        return Rejected(reason)

    def trouble(self, reason: str, hint: str | None = None) -> MidRunError:
        """Return the error that ends a run, naming the card."""
        return MidRunError(f"{self._card.card_path}: {reason}", hint=hint)

    def _shown(self, text: str) -> str:
        # Servers like to quote the key that they refuse.
        hidden = text.replace(self._key, "***") if self._key else text
        line = " ".join(hidden.split())
        short = line if len(line) <= _SHOWN_CHARACTERS else line[:_SHOWN_CHARACTERS] + "..."
        return "".join(one if one.isprintable() else "?" for one in short)


def check_endpoint(card: ModelCard) -> None:
    """See that a card's server is there, takes the key and has the model; free of charge.

    Raises
    ------
    UsageError
        Where the key is missing, or the server has no model of this name.
    MidRunError
        Where the server refuses, or is not there.
    """

    async def names() -> list[str]:
        connection = EndpointConnection(card, 1)
        try:
            return await connection.model_names()
        finally:
            await connection.close()

    endpoint, found = endpoint_of(card), asyncio.run(names())
    if endpoint.model not in found:
        shown = ", ".join(found[:_SHOWN_MODELS]) + (", ..." if len(found) > _SHOWN_MODELS else "")
        raise UsageError(
            f"{card.card_path}: {endpoint.host} has no model '{endpoint.model}'",
            hint=f"it has {shown}" if shown else "it names none",
        )


def wait_seconds(headers: Mapping[str, str]) -> float | None:
    """Return how long a server asks to be left alone, in seconds; None where it does not say.

    ``retry-after-ms`` in milliseconds; ``Retry-After`` in seconds or as a date (RFC 9110, 10.2.3).
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if value.replace(".", "", 1).isdecimal() and value.isascii():
            return float(value) / unit
        if value and name == "retry-after":
            try:
                return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
            except (TypeError, ValueError, OverflowError):
                return None
    return None


async def _content(response: httpx.Response, most_bytes: int) -> bytes | None:
    """Read a body, None where it is longer than that."""
    parts, size = [], 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > most_bytes:
            return None
        parts.append(part)
    return b"".join(parts)


def _answer(content: bytes) -> Reply:
    try:
        return read_answer(content)
    except ValueError as error:
        return Lost(f"its answer cannot be read: {error}")


def _message(content: bytes) -> tuple[str, str]:
    """Return what a refusal says in words, and by a code."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return content[: 4 * _SHOWN_CHARACTERS].decode("utf-8", "replace"), ""
    error = data.get("error", data) if isinstance(data, dict) else data
    if not isinstance(error, dict):
        return str(error), ""
    return str(error.get("message") or error.get("detail") or ""), str(error.get("code") or "")


def _name(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()
