"""A GGUF model behind a real server: llama-cpp-python's own, in a process of its own.

It speaks OpenAI's protocol on the loopback, uses the chat template of the file, and answers one
request after the other.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from routelmt_cli.translators.endpoint_card import EndpointCard
from routelmt_cli.translators.weights import find_weights

# On some processors the library crashes with the rearranged weights (see ``llama_selfcheck``), and
# its server has no option for that.
_PLAIN = """\
from llama_cpp import llama_cpp
from llama_cpp.server.__main__ import main
make = llama_cpp.llama_model_default_params
def plain():
    params = make()
    params.use_extra_bufts = False
    return params
llama_cpp.llama_model_default_params = plain
main()
"""
_START_SECONDS = 120
_CONTEXT_TOKENS = 1024


@contextmanager
def serve_gguf(card, folder):
    """Serve the weights of a card while the block runs; gives the card of the server's model."""
    if importlib.util.find_spec("fastapi") is None:
        pytest.skip("the server is not installed: pip install 'llama-cpp-python[server]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/v1"
    command = [
        *(sys.executable, "-c", _PLAIN, "--model", str(find_weights(card).path)),
        *("--model_alias", card.name, "--host", "127.0.0.1", "--port", str(port)),
        *("--n_ctx", str(_CONTEXT_TOKENS), "--logits_all", "True"),
        *("--interrupt_requests", "False", "--verbose", "False"),
    ]
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        _wait_for(url, server, log)
        yield _served(card, url)
    finally:
        server.terminate()
        server.wait()


def _wait_for(url, server, log):
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/models"):
                return
        except urllib.error.URLError:
            time.sleep(0.2)
    pytest.fail(f"the server does not start: {log.read_text('utf-8', 'replace')[-2000:]}")


def _served(card, url):
    endpoint = EndpointCard(
        url=url,
        model=card.name,
        key_variable=None,
        timeout_seconds=300.0,
        tries=3,
        bytes_per_token=3.0,
        template_tokens=64,
        top_logprobs=3,
        cap_name="max_tokens",
        body={},
    )
    return dataclasses.replace(
        card, backend="openai", weights=None, endpoint=endpoint, charge_prefix="every request"
    )
