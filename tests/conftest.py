"""What the tests of whole commands share: a router for stand-in models, and a shell."""

from __future__ import annotations

import importlib.util
import io
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from made_up import write_tsv
from probing_pair import make_probing_pair
from stand_in_pair import little_training, make_stand_ins
from tier_ladder import make_ladder

import routelmt_cli
from routelmt_cli.cli import main as command

TIMEOUT_SECONDS = 60
_HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)


# A shell without job control starts what is in the background with Ctrl-C ignored, which all that
# the tests start would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(name="little_training")
def _little_training():
    """Let a ``calibrate`` in this process train as little as it can."""
    with little_training():
        yield


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory):
    """Give a pair of stand-in models and their router."""
    return make_stand_ins(tmp_path_factory.mktemp("stand-ins"))


@pytest.fixture(scope="session")
def probing(tmp_path_factory):
    """Give a pair of stand-in models, their router of drafts and their router of probes."""
    return make_probing_pair(tmp_path_factory.mktemp("probing"))


@pytest.fixture(scope="session")
def ladder(tmp_path_factory):
    """Give three stand-in models and their routers."""
    return make_ladder(tmp_path_factory.mktemp("ladder"))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """Give a Ray cluster that takes four workers at a time."""
    if importlib.util.find_spec("ray") is None:  # to import it would settle how it signs in
        pytest.skip("Ray is not installed: pip install '.[ray]'")
    from ray_cluster_process import run_cluster

    with run_cluster(4, tmp_path_factory.mktemp("cluster-cache")) as running:
        yield running


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def text(self):
        """Stdout as text."""
        return self.stdout.decode("utf-8")

    @property
    def error_lines(self):
        """The lines of stderr, without the blanks at their ends."""
        return [line.rstrip() for line in self.stderr.splitlines()]


class Shell:
    """Runs ``routelmt`` in a folder of its own, with nothing of the tester's environment.

    ``run`` calls the command in this process, which is fast; ``process`` and ``start`` make a
    process of it, for pipes, signals and whatever must not touch this one.
    """

    def __init__(self, folder, cache):
        self.folder, self.cache = folder, cache
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "ROUTELMT_CACHE": str(cache),
            "COLUMNS": "100",
            "NO_COLOR": "1",
            "TERM": "dumb",
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(Path(routelmt_cli.__file__).parents[1]),
        }

    def run(self, *arguments, stdin=b""):
        """Run a command in this process."""
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for name in list(os.environ):
                if name not in self.environment and name.startswith(("ROUTELMT", "FORCE", "CLI")):
                    patch.delenv(name)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["routelmt", *map(str, arguments)])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            patch.setattr(sys, "unraisablehook", sys.unraisablehook)
            before = {number: signal.getsignal(number) for number in _HANDLED}
            try:
                with pytest.raises(SystemExit) as ended:
                    command.run()
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)
        texts = []
        for stream in (out, err):
            stream.flush()
            texts.append(stream.buffer.getvalue())
        return Result(int(ended.value.code or 0), texts[0], texts[1].decode("utf-8"))

    def start(self, *arguments, **options):
        """Start a command as a process with pipes."""
        return subprocess.Popen(
            [sys.executable, "-m", "routelmt_cli", *map(str, arguments)],
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=self.environment,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **options},
        )

    def process(self, *arguments, stdin=None):
        """Run a command as a process."""
        with self.start(*arguments, stdin=subprocess.PIPE) as process:
            try:
                out, err = process.communicate(stdin or b"", TIMEOUT_SECONDS)
            finally:
                process.kill()
        return Result(process.returncode, out, err.decode("utf-8"))


@pytest.fixture
def shell(tmp_path, tmp_path_factory):
    """Give a shell in an empty folder with an empty cache."""
    return Shell(tmp_path, tmp_path_factory.mktemp("cache"))


@pytest.fixture
def corpus(tmp_path):
    """Write the small corpus as ``in.tsv`` into the shell's folder."""
    return write_tsv(tmp_path / "in.tsv")
