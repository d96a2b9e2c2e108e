"""A server on the loopback that speaks OpenAI's protocol, keeps its bill, and fails as it is told.

Behind it is a stand-in translator, so that answers have a quality that a router can learn. It bills
what a provider would: every answer that it made, whether or not it arrived. The faults are those of
real servers and of what lies between: refusals for the moment and for good, answers that are cut
off, that never come, that cannot be read or that do not say what they used.
"""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from batch_server import Batches, file_in

from routelmt_cli.translators.card import load_card
from routelmt_cli.translators.protocol import Request
from routelmt_cli.translators.stand_in import StandInTranslator

KEY = "sk-not-a-real-key"
MODEL = "stub-1"
AROUND = 11  # tokens that its template puts around a source
CARD = """\
name = "{name}"
backend = "openai"
[endpoint]
url = "{url}/v1"
model = "stub-1"
key_variable = "STUB_API_KEY"
timeout_seconds = {timeout}
tries = {tries}
top_logprobs = {top_logprobs}
[endpoint.body]
seed = 7
{batch}
[price]
usd_per_million_tokens = {{ input = {price[0]}, output = {price[1]} }}
[decoding]
stop = []
cap_ratio = 2.0
cap_extra = 8
context_tokens = 4096
parallel_sequences = {parallel}
[prompt]
kind = "{kind}"
template = "{template}"
[prompt.terms]
item = "{{source}}={{target}};"
"""
STAND_IN = """\
name = "behind"
backend = "stand-in"
[price]
usd_per_million_tokens = {{ input = 0, output = 0 }}
[decoding]
context_tokens = 100000
[stand_in]
skill = {skill}
seed = 2
"""
# What is billed though its answer does not arrive or does not say so; the rest is free or honest.
LOST = ("cut", "silence", "hang", "garbage", "no choice", "gateway")
BUSY = ("busy", "busy wait", "error", "overloaded", "overloaded date")
FOR_GOOD = ("bad request",)


@dataclass
class Endpoint:
    """What the server does, and what it was asked.

    Attributes
    ----------
    faults
        Fault by the number of a request to it, counted from 0; or called with that number and the
        source that it is about.
    hang_seconds
        How long a hanging answer takes, and how long any does besides.
    bill
        (input tokens, output tokens) of every answer that it made.
    asked
        Bodies of all requests; ``headers`` are theirs.
    most_at_once
        How many requests were under way together.
    """

    skill: float = 0.9
    faults: object = field(default_factory=dict)
    hang_seconds: float = 1.0
    seconds: float = 0.0
    usage: bool = True
    logprobs: bool = True
    models: tuple = (MODEL, "another")
    bill: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    headers: list = field(default_factory=list)
    most_at_once: int = 0
    under_way: int = 0
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)
    closing: threading.Event = field(default_factory=threading.Event)
    batches: Batches = field(default_factory=Batches)

    def fault(self, number, source):
        """Return what goes wrong with a request, None for nothing."""
        if callable(self.faults):
            return self.faults(number, source)
        return self.faults.get(number)

    def billed(self, price):
        """Return the bill in dollars at a price of a million tokens (input, output)."""
        return sum(i * price[0] + o * price[1] for i, o in self.bill) / 1e6

    def card(self, path, **values):
        """Write a model card of this server; ``values`` are of ``CARD``."""
        defaults = {
            "name": "stub", "url": self.url, "timeout": 30, "tries": 8, "top_logprobs": 0,
            "price": (1.0, 4.0), "parallel": 64, "kind": "chat", "template": "{notes}{source}",
            "batch": "",
        }  # fmt: skip
        path.write_text(CARD.format(**{**defaults, **values}), "utf-8")
        return path


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def endpoint(self):
        return self.server.endpoint

    def log_message(self, *_):
        """Say nothing."""

    def do_GET(self):
        endpoint = self.endpoint
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            self._refuse(401, f"Incorrect API key: {self.headers.get('Authorization')}")
        elif self.path == "/v1/models":
            self._send(200, {"data": [{"id": name} for name in endpoint.models]})
        elif self.path.startswith(("/v1/files", "/v1/batches")):
            self._batches("GET", b"")
        else:
            self._refuse(404, "no such place")

    def do_POST(self):
        endpoint = self.endpoint
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith(("/v1/files", "/v1/batches")):
            self._batches("POST", content)
            return
        body = json.loads(content)
        with endpoint.lock:
            number = len(endpoint.asked)
            endpoint.asked.append(body)
            endpoint.headers.append(dict(self.headers))
            endpoint.under_way += 1
            endpoint.most_at_once = max(endpoint.most_at_once, endpoint.under_way)
        try:
            self._answer(body, number)
        finally:
            with endpoint.lock:
                endpoint.under_way -= 1

    def _answer(self, body, number):
        endpoint = self.endpoint
        is_chat = self.path == "/v1/chat/completions"
        prompt = body["messages"][-1]["content"] if is_chat else body["prompt"]
        source = prompt.rpartition(";")[2]
        fault = endpoint.fault(number, source)
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            self._refuse(401, f"Incorrect API key: {self.headers.get('Authorization')}")
        elif body["model"] not in endpoint.models:
            self._refuse(404, f"The model {body['model']} does not exist")
        elif fault in ("busy", "busy wait"):
            self._refuse(429, "slow down", {"retry-after-ms": "20"} if fault != "busy" else {})
        elif fault in ("overloaded", "overloaded date"):
            date = "Wed, 21 Oct 2015 07:28:00 GMT"
            self._refuse(503, "too busy", {"Retry-After": date} if fault != "overloaded" else {})
        elif fault == "patience":
            self._refuse(429, "come back tomorrow", {"Retry-After": "86400"})
        elif fault == "error":
            self._refuse(500, "something went wrong")
        elif fault == "no money":
            self._refuse(429, "You exceeded your quota", code="insufficient_quota")
        elif fault == "bad request":
            self._refuse(400, "I will not take this")
        elif fault == "redirect":
            self._send(307, {}, {"Location": f"{endpoint.url}/v1/elsewhere"})
        elif fault == "dropped":  # which nobody but the server can tell from silence
            self.close_connection = True
        else:
            self._translate(body, source, fault, is_chat=is_chat)

    def _translate(self, body, source, fault, *, is_chat):
        endpoint = self.endpoint
        answer = self._made(body, source, fault, is_chat=is_chat)
        if endpoint.seconds:
            endpoint.closing.wait(endpoint.seconds)
        if fault == "hang":
            endpoint.closing.wait(endpoint.hang_seconds)
            self.close_connection = True
        elif fault == "silence":
            self.close_connection = True
        elif fault == "gateway":
            self._refuse(504, "the model takes too long")
        elif fault == "garbage":
            self._send_bytes(200, b"<html>Welcome</html>")
        elif fault == "cut":
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
        else:
            self._send(201 if fault == "created" else 200, answer)

    def _made(self, body, source, fault, *, is_chat):
        """Make an answer and bill it."""
        endpoint = self.endpoint
        terms = body["messages"][-1]["content"] if is_chat else body["prompt"]
        outcome = self._outcome(source)
        words = outcome.text.split()
        cap = body.get("max_tokens", body.get("max_completion_tokens"))
        kept, prompt = words[:cap], AROUND + len(terms.split())
        used = min(len(words) + 1, cap)
        if fault == "greedy":
            prompt += 10**6
        with endpoint.lock:
            endpoint.bill.append((prompt, used))
        text = " ".join(kept)
        if fault == "filter":
            text = ""
        if fault == "no markers":
            text = re.sub(r"ID\d+", "it", text)
        if fault == "lines":
            text = "\n".join(kept)
        choice = {"index": 0, "finish_reason": "length" if used > len(kept) else "stop"}
        choice["finish_reason"] = "stop" if used == len(words) + 1 else "length"
        if fault == "filter":
            choice["finish_reason"] = "content_filter"
        choice |= {"message": {"role": "assistant", "content": text}} if is_chat else {"text": text}
        if body.get("logprobs") and endpoint.logprobs:
            choice["logprobs"] = _logprobs(outcome, used, is_chat=is_chat)
        answer = {"object": "chat.completion", "choices": [choice]}
        if fault == "no choice":
            answer["choices"] = []
        if endpoint.usage and fault != "no usage":
            answer["usage"] = {
                "prompt_tokens": prompt, "completion_tokens": used, "total_tokens": prompt + used
            }  # fmt: skip
        return answer

    # -- batches --------------------------------------------------------------------------------

    def _batches(self, method, content):
        """Answer what is about files and batches."""
        batches, place = self.endpoint.batches, urlsplit(self.path)
        kind, _, rest = place.path.removeprefix("/v1/").partition("/")
        if kind == "files" and method == "POST":
            self._send(200, {"id": batches.upload(file_in(content))})
        elif kind == "files":
            found = batches.files.get(rest.removesuffix("/content"))
            if found is None:
                self._refuse(404, "no such file")
            else:
                self._send_bytes(200, found)
        elif method == "POST":
            fault = batches.fault()
            if fault == "refused":
                self._refuse(503, "not now")
                return
            identity = batches.begin(json.loads(content), fault)
            if fault == "lost":
                self.close_connection = True
            elif fault == "broken":
                self._refuse(500, "something went wrong")
            else:
                self._send(200, batches.state(identity))
        elif rest:
            self._send(200, batches.look(rest, self._work))
        else:
            self._send(200, batches.page(parse_qs(place.query)))

    def _work(self, line):
        """Do one request of a batch; return its reply, None for one that is left out."""
        body, endpoint = line["body"], self.endpoint
        is_chat = line["url"] == "/v1/chat/completions"
        with endpoint.lock:
            number = len(endpoint.asked)
            endpoint.asked.append(body)
        prompt = body["messages"][-1]["content"] if is_chat else body["prompt"]
        source = prompt.rpartition(";")[2]
        fault = endpoint.fault(number, source)
        if fault == "bad request":
            error = {"error": {"message": "I will not take this"}}
            return {"response": {"status_code": 400, "body": error}, "error": None}
        answer = self._made(body, source, fault, is_chat=is_chat)
        if fault == "left out":
            return None
        return {"response": {"status_code": 200, "body": answer}, "error": None}

    def _outcome(self, source):
        with self.server.translator_lock:
            ((outcome,),) = self.server.translator.translate([Request(0, source)])
        return outcome

    def _refuse(self, status, message, headers=None, code=None):
        self._send(status, {"error": {"message": message, "code": code}}, headers)

    def _send(self, status, data, headers=None):
        self._send_bytes(status, json.dumps(data).encode(), headers)

    def _send_bytes(self, status, content, headers=None):
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _logprobs(outcome, used, *, is_chat):
    own = [float(value) for value in outcome.token_logprobs[:used]]
    if is_chat:
        return {
            "content": [
                {"token": "x", "logprob": one, "top_logprobs": [{"logprob": one}, {"logprob": -9}]}
                for one in own
            ]
        }
    return {"token_logprobs": own, "top_logprobs": [{"x": one, "y": -9.0} for one in own]}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, endpoint, folder):
        self.endpoint = endpoint
        card = folder / "behind.toml"
        card.write_text(STAND_IN.format(skill=endpoint.skill), "utf-8")
        self.translator = StandInTranslator(load_card(card), "en", "de")
        self.translator_lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, *_):
        """A client that goes away is no news."""


@contextmanager
def serve(endpoint, folder):
    """Serve an endpoint while the block runs; ``folder`` is for the card of what is behind it."""
    server = _Server(endpoint, folder)
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield endpoint
    finally:
        endpoint.closing.set()
        server.shutdown()
        server.server_close()
