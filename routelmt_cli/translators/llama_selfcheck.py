"""Find out in a child process whether llama.cpp can run a model on this machine without crashing.

llama.cpp picks its fastest kernels from what the processor reports. Some virtual machines report
AMX tiles that fault when used, and a damaged model file can crash the C library; either would take
a run down. So each pair of (weights, library, processor) is tried once: first with repacked
weights ("extra buffers"), then without. The answer is kept in the user's cache.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.cache import recall, remember
from routelmt_cli.translators.machine import machine_facts

_FACTS = "selfcheck.json"
_TOKENS = 48  # enough for every matrix kernel that serves prompts
_TIMEOUT_SECONDS = 900
_CHILD = """
import sys
weights, extra_buffers, sys.path[:] = sys.argv[1], sys.argv[2], sys.argv[3:]
from pathlib import Path
from routelmt_cli.translators.llama_selfcheck import check
check(Path(weights), extra_buffers=extra_buffers == "1")
"""


def extra_buffers_work(weights: Path, sha256: str) -> bool:
    """Say whether a model runs with repacked weights on this machine.

    Parameters
    ----------
    weights
        The GGUF file.
    sha256
        Its checksum, part of the key under which the answer is kept.

    Raises
    ------
    UsageError
        Where the model does not run either way.
    """
    about = [sha256, machine_facts()]
    known = recall(_FACTS, about)
    if isinstance(known, bool):
        return known
    for extra_buffers in (True, False):
        if _survives(weights, extra_buffers=extra_buffers):
            remember(_FACTS, about, extra_buffers)
            return extra_buffers
    raise UsageError(
        f"{weights}: llama.cpp cannot run this model on this machine",
        hint="check the file with 'routelmt models check'; run with -vv to see llama.cpp's log",
    )


def _survives(weights: Path, *, extra_buffers: bool) -> bool:
    # The child imports what this process would, however this one came by its path.
    command = [sys.executable, "-c", _CHILD, os.fspath(weights), str(int(extra_buffers)), *sys.path]
    try:
        child = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    if child.returncode in (-2, -15):  # the user's Ctrl-C reached the child as well
        raise KeyboardInterrupt
    return child.returncode == 0


def check(weights: Path, *, extra_buffers: bool) -> None:
    """Load the weights and evaluate a few tokens; what the child process runs."""
    from routelmt_cli.translators.llama_library import LlamaContext, LlamaModel
    from routelmt_cli.translators.llama_settings import LlamaSettings

    model = LlamaModel(weights, use_extra_buffers=extra_buffers)
    settings = LlamaSettings(sequences=1, threads=2)
    context = LlamaContext(model, settings, cells=_TOKENS + 8, outputs=1)
    token = next(iter(model.tokenize("a", parse_special=False)))
    context.evaluate(0, [token] * _TOKENS)
    context.close()
    model.close()
