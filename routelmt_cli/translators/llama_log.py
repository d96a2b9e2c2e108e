"""Whether llama.cpp's own log is shown.

No Python function is ever llama.cpp's log callback: a Ctrl-C that arrives while one runs would be
dropped by ctypes. Silence is a function of the C library that does nothing to its caller; the log
is llama.cpp's own writer to stderr.
"""

from __future__ import annotations

import ctypes

_shown = False


def show_llama_log(*, shown: bool) -> None:
    """Choose whether llama.cpp's log goes to stderr; takes effect at the next model."""
    global _shown
    _shown = shown


def is_shown() -> bool:
    """Say what was chosen."""
    return _shown


def install() -> None:
    """Tell llama.cpp, in place of the Python callback that importing llama_cpp sets."""
    import llama_cpp

    # abs(int) takes the callback's first argument and ignores the others, as C callees may;
    # a null callback is llama.cpp's own writer.
    function = ctypes.c_void_p(0) if _shown else ctypes.CDLL(None).abs
    chosen = ctypes.cast(function, llama_cpp.llama_log_callback)
    llama_cpp.llama_log_set(chosen, ctypes.c_void_p(0))
