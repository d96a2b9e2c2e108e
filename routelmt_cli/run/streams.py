"""Standard streams whose reader goes away, or that nobody opened."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TextIO

_STREAMS = 3


def fill_closed() -> None:
    """Open what is closed of the standard streams on nothing.

    Otherwise the next file that is opened, a user's output perhaps, gets the stream's number, and
    with it whatever a library prints there. ``sys.stdin`` and ``sys.stdout`` stay None, so that who
    needs them can say so.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) < _STREAMS:
        pass  # a new file takes the lowest number that is free
    os.close(number)
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115


def flush_stdout() -> None:
    """Write out what standard output holds back, if there is one."""
    if sys.stdout is not None:
        sys.stdout.flush()


def discard(stream: TextIO) -> None:
    """Let go of a stream whose reader has closed its end, so that nothing raises there again."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
