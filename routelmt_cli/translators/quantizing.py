"""Quantise the weights of a GGUF file anew with llama.cpp.

A file and a type go in, another file comes out, with the same vocabulary and prompt. Types that
need an importance matrix are not offered: llama.cpp refuses them, or makes poor models, without.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from routelmt_cli.errors import UsageError
from routelmt_cli.translators import llama_log

TYPES = (
    "Q2_K",
    "Q3_K_S",
    "Q3_K_M",
    "Q3_K_L",
    "Q4_0",
    "Q4_K_S",
    "Q4_K_M",
    "Q5_0",
    "Q5_K_S",
    "Q5_K_M",
    "Q6_K",
    "Q8_0",
    "F16",
)
"""llama.cpp's names, smallest first."""


def quantize_file(source: Path, target: Path, type_name: str) -> None:
    """Write a quantised copy.

    Parameters
    ----------
    source, target
        GGUF files; the target is replaced.
    type_name
        One of ``TYPES``.

    Raises
    ------
    UsageError
        Where llama.cpp cannot quantise the file.
    """
    import llama_cpp

    llama_log.install()
    options = llama_cpp.llama_model_quantize_default_params()
    options.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{type_name}")
    options.allow_requantize = True
    code = llama_cpp.llama_model_quantize(
        os.fsencode(source), os.fsencode(target), ctypes.byref(options)
    )
    if code:
        raise UsageError(
            f"{source}: llama.cpp cannot quantise this model to {type_name}",
            hint="run again with -vv to see what llama.cpp says",
        )
