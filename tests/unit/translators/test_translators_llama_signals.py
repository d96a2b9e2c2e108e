"""Signals that arrive while llama.cpp works: Ctrl-C ends it, others change nothing."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time

import numpy as np
import pytest
from demo_pair import NEEDS_DEMO_MODELS

from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.llama_library import LlamaContext, LlamaModel
from routelmt_cli.translators.llama_settings import LlamaSettings
from routelmt_cli.translators.weights import find_weights

pytestmark = NEEDS_DEMO_MODELS

LONG, SHORT = 4096, 192


@pytest.fixture(scope="module")
def weights():
    return find_weights(find_card("gemma3-270m")).path


@pytest.fixture(scope="module")
def context(weights):
    model = LlamaModel(weights, use_extra_buffers=False)
    settings = LlamaSettings(sequences=1, threads=2, batch_tokens=LONG)
    context = LlamaContext(model, settings, cells=LONG, outputs=1)
    yield context
    context.close()
    model.close()


def evaluate(context, tokens):
    context.clear()
    context.token[:tokens] = np.arange(tokens) % 1000 + 1000
    context.position[:tokens] = np.arange(tokens)
    context.wants_logits[:tokens] = 0
    context.wants_logits[tokens - 1] = 1
    return context.decode(tokens).copy()


class _Sent:
    """A signal to this process after a while."""

    def __init__(self, number, seconds):
        self.at = None
        self._number, self._timer = number, threading.Timer(seconds, self._send)

    def _send(self):
        self.at = time.monotonic()
        os.kill(os.getpid(), self._number)

    def __enter__(self):
        self._timer.start()
        return self

    def __exit__(self, *_):
        self._timer.join()


def test_ctrl_c_ends_a_long_evaluation_at_once(context):
    with _Sent(signal.SIGINT, 0.3) as sent, pytest.raises(KeyboardInterrupt):
        evaluate(context, LONG)
    assert time.monotonic() - sent.at < 1
    assert np.isfinite(evaluate(context, SHORT)).all()


def test_ctrl_c_ends_the_loading_of_a_model(weights):
    with _Sent(signal.SIGINT, 0.1) as sent, pytest.raises(KeyboardInterrupt):
        while True:  # loading takes less time than a timer needs to be exact
            LlamaModel(weights, use_extra_buffers=False).close()
    assert time.monotonic() - sent.at < 1


def test_a_signal_that_ends_nothing_changes_nothing(context):
    undisturbed = evaluate(context, SHORT)
    heard = []
    before = signal.signal(signal.SIGUSR1, lambda *_: heard.append(time.monotonic()))
    try:
        with _Sent(signal.SIGUSR1, 0.02):
            disturbed = evaluate(context, SHORT)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert heard
    np.testing.assert_array_equal(disturbed, undisturbed)


def test_other_threads_and_other_watchers_are_left_alone(context):
    results = []
    thread = threading.Thread(target=lambda: results.append(evaluate(context, SHORT)))
    thread.start()
    thread.join()
    with socket.socket() as somebody:
        somebody.setblocking(False)
        before = signal.set_wakeup_fd(somebody.fileno())
        try:
            results.append(evaluate(context, SHORT))
        finally:
            assert signal.set_wakeup_fd(before) == somebody.fileno()
    np.testing.assert_array_equal(*results)
