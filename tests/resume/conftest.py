"""Runs as processes that can be killed at any write."""

from __future__ import annotations

import pytest
from faulty_disk import Launcher
from killed_run import KilledRun

BUDGET = 3_000_000


@pytest.fixture(scope="session")
def launcher(tmp_path_factory):
    """Give what starts runs as processes."""
    return Launcher(tmp_path_factory.mktemp("launcher"))


@pytest.fixture(scope="session")
def faults(launcher):
    """Skip where no fault can be injected."""
    if not launcher.has_faults:
        pytest.skip("there is no C compiler")


@pytest.fixture(scope="module")
def sources(stand_ins):
    """Give the sources of the corpus."""
    lines = stand_ins.corpus.read_text("utf-8").split("\n")[1:-1]
    return [line.split("\t")[1] for line in lines]


@pytest.fixture
def make_run(launcher, stand_ins, tmp_path):
    """Make a run of the pair of stand-ins in a folder of its own."""

    def make(name, *options, budget=BUDGET, corpus=stand_ins.corpus, auto=False):
        command = ["translate", corpus, *stand_ins.options(), *options]
        return KilledRun(launcher, tmp_path / name, command, budget, auto=auto)

    return make
