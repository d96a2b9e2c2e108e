"""A server on the loopback that speaks as much of the hub's protocol as a download needs.

It serves files at OWNER/NAME/resolve/REVISION/FILE with the hub's headers, sends bodies from
another port as the hub does from its storage, takes ranges, and can fail in the ways that the hub
does: unknown names, gates, other checksums, connections that are cut off or stand still.
"""

from __future__ import annotations

import hashlib
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REPO, FILE = "owner/tiny-GGUF", "deep/tiny.gguf"
TOKEN = "hf_not_a_real_token"
STORAGE = "/storage/"


@dataclass
class Hub:
    """What the server holds and does, and what it was asked.

    Attributes
    ----------
    content
        Of the one file of the one repository at the one revision ``main``.
    announced
        The SHA-256 that it announces; None for an entity tag that is none.
    gate
        None, or the status with which it refuses whoever does not show the token.
    error_code
        What it says of a refusal in X-Error-Code, where it says anything.
    cuts
        After so many bytes the next bodies are cut off, in turn.
    stands_still
        Set where a body is to stop after half of it until ``go_on`` is set.
    asked
        Method, place, range and token of every request.
    """

    content: bytes
    announced: str | None = ""
    gate: int | None = None
    error_code: str | None = None
    broken: int | None = None
    cuts: list[int] = field(default_factory=list)
    stands_still: bool = False
    half_is_sent: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, str, str | None, str | None]] = field(default_factory=list)
    url: str = ""
    storage: str = ""

    def __post_init__(self):
        if self.announced == "":
            self.announced = hashlib.sha256(self.content).hexdigest()

    @property
    def ranges(self):
        """Which ranges bodies were asked for, None for whole ones."""
        return [given for method, place, given, _ in self.asked if place.startswith(STORAGE)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self):
        return self.server.hub

    def log_message(self, *_):
        """Say nothing."""

    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        self._answer()

    def _answer(self):
        hub = self.hub
        token = self.headers.get("Authorization")
        hub.asked.append((self.command, self.path, self.headers.get("Range"), token))
        if self.path.startswith(STORAGE):
            self._body()
            return
        refusal = self._refusal(token)
        if refusal is not None:
            status, code = refusal
            self._empty(status, {"X-Error-Code": code} if code else {})
            return
        announced = hub.announced or "0123456789abcdef"
        self._empty(
            302,
            {
                "X-Repo-Commit": "c" * 40,
                "X-Linked-Etag": f'"{announced}"',
                "X-Linked-Size": str(len(hub.content)),
                "Location": f"{hub.storage}{STORAGE}file",
            },
        )

    def _refusal(self, token):
        hub = self.hub
        repo, _, rest = self.path.lstrip("/").partition("/resolve/")
        if hub.broken:
            return hub.broken, None
        if hub.gate and token != f"Bearer {TOKEN}":
            return hub.gate, hub.error_code
        if repo != REPO:
            return 404, "RepoNotFound"
        revision, _, name = rest.partition("/")
        if revision != "main":
            return 404, "RevisionNotFound"
        return None if name == FILE else (404, "EntryNotFound")

    def _empty(self, status, headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def _body(self):
        hub, start = self.hub, 0
        total = len(hub.content)
        if given := self.headers.get("Range"):
            start = int(given.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if given else 200)
        if given:
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        self.send_header("Content-Length", str(total - start))
        self.end_headers()
        body = hub.content[start:]
        if hub.cuts:
            self.wfile.write(body[: hub.cuts.pop(0)])
            self.close_connection = True
            return
        if hub.stands_still:
            hub.stands_still = False
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            hub.half_is_sent.set()
            hub.go_on.wait()
            self.close_connection = True
            return
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub):
        self.hub = hub
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, *_):
        """A client that goes away is no news."""


@contextmanager
def serve(hub):
    """Serve a hub, its storage at another port, while the block runs."""
    servers = [_Server(hub), _Server(hub)]
    hub.url, hub.storage = (f"http://127.0.0.1:{one.server_address[1]}" for one in servers)
    for one in servers:
        threading.Thread(target=one.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield hub
    finally:
        hub.go_on.set()
        for one in servers:
            one.shutdown()
            one.server_close()
