"""Find out in a child process whether llama.cpp can run a model on this machine without crashing.

llama.cpp picks its fastest kernels from what the processor reports. Some virtual machines report
AMX tiles that fault when used, and a damaged model file aborts the C library (a flipped bit that
makes two words of the vocabulary equal is enough); either would take a run down. So each pair of
(weights, library, processor) is tried once: its vocabulary before tokens are counted; all of it
before it decodes, first with repacked weights ("extra buffers"), then without. What went well is
kept in the user's cache. It is no sandbox: a file that takes llama.cpp over has the user's rights.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from routelmt_cli.errors import UsageError
from routelmt_cli.translators import llama_log
from routelmt_cli.translators.cache import recall, remember
from routelmt_cli.translators.machine import machine_facts

_FACTS = "selfcheck.json"
_VOCABULARY, _REPACKED, _PLAIN = "vocabulary", "repacked", "plain"
_TOKENS = 48  # enough for every matrix kernel that serves prompts
_TIMEOUT_SECONDS = 900
_CHILD = """
import sys
weights, trial, shown, sys.path[:] = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
from pathlib import Path
from routelmt_cli.translators.llama_log import show_llama_log
from routelmt_cli.translators.llama_selfcheck import check
show_llama_log(shown=shown == "1")
check(Path(weights), trial)
"""


def refuse_broken_vocabulary(weights: Path, sha256: str) -> None:
    """Load the vocabulary of a model in a child process, unless it is known to load.

    Parameters
    ----------
    weights
        The GGUF file.
    sha256
        Its checksum, part of the key under which a good answer is kept.

    Raises
    ------
    UsageError
        Where it does not load.
    """
    about = [sha256, machine_facts(), _VOCABULARY]
    if recall(_FACTS, about) is True:
        return
    if not _survives(weights, _VOCABULARY):
        raise UsageError(
            f"{weights}: llama.cpp cannot load this model",
            hint="is it a complete GGUF file of an architecture that llama.cpp knows? "
            "run again with -vv to see what llama.cpp says",
        )
    remember(_FACTS, about, True)


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
        if _survives(weights, _REPACKED if extra_buffers else _PLAIN):
            remember(_FACTS, about, extra_buffers)
            return extra_buffers
    raise UsageError(
        f"{weights}: llama.cpp cannot run this model on this machine",
        hint="check the file with 'routelmt models check'; run with -vv to see llama.cpp's log",
    )


def _survives(weights: Path, trial: str) -> bool:
    shown = llama_log.is_shown()
    # The child imports what this process would, however this one came by its path.
    command = [sys.executable, "-c", _CHILD, os.fspath(weights), trial, str(int(shown)), *sys.path]
    try:
        child = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None if shown else subprocess.DEVNULL,
            # No debugger is to look at a child that aborts.
            env={**os.environ, "GGML_NO_BACKTRACE": "1"},
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    if child.returncode in (-2, -15):  # the user's Ctrl-C reached the child as well
        raise KeyboardInterrupt
    return child.returncode == 0


def check(weights: Path, trial: str) -> None:
    """Load what a trial is about and use it; what the child process runs."""
    from routelmt_cli.translators.llama_library import LlamaContext, LlamaModel
    from routelmt_cli.translators.llama_settings import LlamaSettings

    if trial == _VOCABULARY:
        model = LlamaModel(weights, vocabulary_only=True)
        model.use_vocabulary()
    else:
        model = LlamaModel(weights, use_extra_buffers=trial == _REPACKED)
        settings = LlamaSettings(sequences=1, threads=2)
        context = LlamaContext(model, settings, cells=_TOKENS + 8, outputs=1)
        token = next(iter(model.tokenize("a", parse_special=False)))
        context.evaluate(0, [token] * _TOKENS)
        context.close()
    model.close()
