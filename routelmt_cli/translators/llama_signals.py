"""Let a signal, such as that of Ctrl-C, end a long call into llama.cpp.

Python runs its signal handlers between its own instructions, and one call of llama.cpp can take
many seconds. But Python's C handler writes a signal's number to its *wakeup descriptor* at once.
That is a file here which is mapped into memory, and llama.cpp's callbacks are functions of the C
library that look at this memory. No Python function is ever called back: an exception that a
handler raises inside of one would be lost.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_BYTES = 4096
_NO_DESCRIPTOR = -1


class SignalFlag:
    """A text in memory that a signal changes.

    Parameters
    ----------
    unchanged
        The text while there was no signal.

    Attributes
    ----------
    changed
        Whether a signal arrived in the last block that was watched.
    """

    def __init__(self, unchanged: bytes) -> None:
        self._unchanged = unchanged.ljust(_BYTES, b"\0")
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (as long as the process)
        self._file.write(self._unchanged)
        os.set_blocking(self._file.fileno(), False)  # as Python asks of a wakeup descriptor
        self._memory = mmap.mmap(self._file.fileno(), _BYTES)
        self.changed = False
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Let signals change the text while a block runs.

        Does nothing outside of the main thread, where no signal arrives, and where the wakeup
        descriptor belongs to somebody else.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._file.seek(0)
        before = signal.set_wakeup_fd(self._file.fileno(), warn_on_full_buffer=False)
        if before != _NO_DESCRIPTOR:
            signal.set_wakeup_fd(before)
        try:
            yield
        finally:
            if before == _NO_DESCRIPTOR:
                signal.set_wakeup_fd(_NO_DESCRIPTOR)
            self.changed = self._memory[:] != self._unchanged
            self._memory[:] = self._unchanged


@cache
def _flag(unchanged: bytes) -> SignalFlag:
    return SignalFlag(unchanged)


def decoding_flag() -> SignalFlag:
    """Return the flag that ``set_abort_callback`` lets a context look at."""
    return _flag(b"")


def loading_flag() -> SignalFlag:
    """Return the flag that ``set_progress_callback`` lets the loading of a model look at."""
    return _flag(b"1")


def set_abort_callback(context: Any) -> None:
    """Let a context end its evaluations when ``decoding_flag`` changes."""
    import llama_cpp

    # strlen is 0 for the empty text, and not 0 once a signal's number is written there.
    strlen = ctypes.cast(ctypes.CDLL(None).strlen, llama_cpp.llama_cpp.ggml_abort_callback)
    address = ctypes.c_void_p(decoding_flag().address)
    llama_cpp.llama_set_abort_callback(context, strlen, address)


def set_progress_callback(params: Any) -> None:
    """Let a model end its loading when ``loading_flag`` changes."""
    import llama_cpp

    # The callback's first argument is a float, which these processors pass apart from pointers.
    if platform.machine() in ("x86_64", "aarch64", "arm64"):
        # atoi is 1 for "1", and 0 where a signal's number stands in its place.
        atoi = ctypes.CDLL(None).atoi
        params.progress_callback = ctypes.cast(atoi, llama_cpp.llama_progress_callback)
        params.progress_callback_user_data = ctypes.c_void_p(loading_flag().address)
