"""Signals that end a command: each becomes an exception, and none gets lost.

SIGINT raises ``KeyboardInterrupt``, SIGTERM ``Terminated``. Where Python runs a destructor, an
exception is printed and forgotten, and the command would go on as if nobody had asked it to stop:
there it is raised again a moment later. What destructors of work that was cut off complain about
is not shown.
"""

from __future__ import annotations

import signal
import sys
from typing import Any

_MOMENT_SECONDS = 0.001


class Terminated(BaseException):
    """SIGTERM arrived."""


def listen() -> None:
    """Let signals end the command with an exception."""
    for number, handler in ((signal.SIGINT, _interrupt), (signal.SIGTERM, _terminate)):
        if signal.getsignal(number) is not signal.SIG_IGN:  # a shell's background job, nohup
            signal.signal(number, handler)


def ignore() -> None:
    """Let nothing come between the last thing that is done and the exit code that says so."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)


def _interrupt(*_: object) -> None:
    sys.unraisablehook = _raise_again
    raise KeyboardInterrupt


def _terminate(*_: object) -> None:
    sys.unraisablehook = _raise_again
    raise Terminated


def _raise_again(lost: Any) -> None:
    for exception, handler in ((KeyboardInterrupt, _interrupt), (Terminated, _terminate)):
        if issubclass(lost.exc_type, exception):
            signal.signal(signal.SIGALRM, handler)
            signal.setitimer(signal.ITIMER_REAL, _MOMENT_SECONDS)
