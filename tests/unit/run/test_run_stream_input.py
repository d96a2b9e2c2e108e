"""Lines of a stream, however they are cut into blocks."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routelmt_cli.errors import UsageError
from routelmt_cli.run import stream_input
from routelmt_cli.run.stream_input import StreamInput


def piped(blocks):
    """Write blocks into a pipe; return its reading end."""
    read, write = os.pipe()

    def feed():
        with suppress(BrokenPipeError):
            for block in blocks:
                os.write(write, block)
        os.close(write)

    threading.Thread(target=feed, daemon=True).start()
    return os.fdopen(read, "rb")


def all_of(lines, most=7):
    found = []
    while chunk := lines.chunk(most):
        assert len(chunk) <= most
        found += chunk
    return found


@given(st.lists(st.binary(max_size=12), max_size=12))
@settings(max_examples=60, deadline=None)
def test_lines_are_those_of_the_whole(blocks):
    whole = b"".join(blocks)
    with piped(blocks) as stream:
        found = all_of(StreamInput(stream))
    expected = whole.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    assert found == [line + b"\n" for line in expected]


def test_a_line_is_there_when_its_end_has_come():
    read, write = os.pipe()
    with os.fdopen(read, "rb") as stream:
        lines = StreamInput(stream)
        os.write(write, b"one\ntw")
        assert lines.chunk(10) == [b"one\n"]
        os.write(write, b"o\nthree\n")
        time.sleep(0.2)
        assert lines.chunk(1) == [b"two\n"]
        assert lines.chunk(10) == [b"three\n"]
        os.close(write)
        assert lines.chunk(10) == lines.chunk(10) == []


def test_a_pipe_that_does_not_wait_is_waited_for():
    read, write = os.pipe()
    os.set_blocking(read, False)
    with os.fdopen(read, "rb") as stream:
        lines = StreamInput(stream)
        os.write(write, b"one\n")
        assert lines.chunk(10) == [b"one\n"]
        time.sleep(0.1)
        os.write(write, b"two\n")
        assert lines.chunk(10) == [b"two\n"]
        os.close(write)
        assert lines.chunk(10) == []


def test_a_line_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(stream_input, "MOST_LINE_BYTES", 1 << 20)
    with piped([b"good\n", b"x" * 60_000, b"x" * 60_000, *[b"x" * 60_000] * 20]) as stream:
        lines = StreamInput(stream)
        assert lines.chunk(1) == [b"good\n"]
        with pytest.raises(UsageError, match="more than 1 MB"):
            lines.chunk(1)
