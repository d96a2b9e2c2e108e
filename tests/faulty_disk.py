"""Runs as processes that are killed, or whose disk is full, at a chosen write.

A fork server has imported everything once, so that a run costs a tenth of a second. Into it
``faulty_disk.c`` is preloaded, where there is a C compiler to build it with.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from shutil import which

import routelmt_cli

HERE = Path(__file__).parent
DISK_FULL = 0
# What is missing is left out.
_PRELOADED = (
    "faulty_disk",
    "lightgbm",
    "sentencepiece",
    "typer._adapters",
    "routelmt_cli.cli.console",
    "routelmt_cli.cli.main",
    "routelmt_cli.run.pipeline",
)


@dataclass(frozen=True)
class Fault:
    """What happens at a write to a file whose path holds ``place``, ``after`` so many others.

    ``signal`` is a signal's number, or ``DISK_FULL``.
    """

    place: str
    after: int
    signal: int


def compiler():
    """Return the C compiler, or None."""
    return which("cc") or which("gcc") or which("clang")


@contextmanager
def _environment(**changes):
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class Launcher:
    """Starts runs in forks of a process that has imported everything; one a process.

    ``folder`` takes the compiled library.
    """

    def __init__(self, folder):
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([*_PRELOADED])
        paths = [str(HERE), str(Path(routelmt_cli.__file__).parents[1])]
        environment = {"PYTHONPATH": os.pathsep.join(paths)}
        self.has_faults = compiler() is not None
        if self.has_faults:
            library = folder / "faulty_disk.so"
            source = HERE / "faulty_disk.c"
            build = [compiler(), "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"]
            subprocess.run(build, check=True)
            environment["LD_PRELOAD"] = str(library)
        with _environment(**environment):
            forkserver.ensure_running()

    def start(self, arguments, *, folder, environment, errors, fault=None, record=None):
        """Start a command; a ``multiprocessing.Process`` comes back.

        What it prints on stderr is added to the file ``errors``; a file ``record`` takes the path
        of every write, sync, truncation, rename and removal, a line each.
        """
        given = ([*map(str, arguments)], folder, environment, errors, fault, record)
        process = self._context.Process(target=_run, args=given)
        process.start()
        return process


def _run(arguments, folder, environment, errors, fault, record):
    with errors.open("ab") as file:
        os.dup2(file.fileno(), 2)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["routelmt", *arguments]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background

    from routelmt_cli.cli import main

    if record is not None:
        ctypes.CDLL(None).faulty_disk_record(bytes(record))
    if fault is not None:
        after = ctypes.c_long(fault.after)
        ctypes.CDLL(None).faulty_disk_arm(fault.place.encode(), after, fault.signal)
    main.run()
