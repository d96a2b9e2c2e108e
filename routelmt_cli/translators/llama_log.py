"""Whether llama.cpp's own log is shown, decided before the library is loaded."""

from __future__ import annotations

import os
from typing import Any

_shown = False
_callbacks: list[Any] = []  # ctypes callbacks must outlive the library


def show_llama_log(*, shown: bool) -> None:
    """Choose whether llama.cpp's log goes to stderr; takes effect at the next model."""
    global _shown
    _shown = shown


def install() -> None:
    """Give llama.cpp the choice; called once the library is imported."""
    import llama_cpp

    def write(_level: int, text: bytes, _data: object) -> None:
        if _shown:
            os.write(2, text)

    if not _callbacks:
        _callbacks.append(llama_cpp.llama_log_callback(write))
        llama_cpp.llama_log_set(_callbacks[0], llama_cpp.ctypes.c_void_p(0))
