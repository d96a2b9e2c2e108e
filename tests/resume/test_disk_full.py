"""A disk that is full, at whichever write: one line and exit code 4, and the run goes on later."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from pathlib import Path

import pytest
from crash_trials import PLACES, Trials
from faulty_disk import DISK_FULL, Fault
from made_up import SOURCES, write_tsv

from routelmt_cli.run.journal import Journal

FEW = SOURCES[:9]


@pytest.fixture
def few(tmp_path):
    """Write a small corpus: nine rows, one of them blank."""
    return write_tsv(tmp_path / "few.tsv", FEW)


@contextmanager
def no_file_larger_than(size):
    """Let every write beyond a size fail, in this process."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def test_full_at_every_so_many_writes(faults, make_run, few):
    bench = Trials(lambda name: make_run(name, corpus=few), FEW)
    total = sum(bench.writes.values())
    assert total > 100
    places = [(place, at) for place, count in bench.writes.items() for at in range(count)]
    run = None
    for number, (place, at) in enumerate(places[::13]):
        # Some faults meet a new run, others the run that the last one left.
        if number % 2 == 0:
            run = make_run(f"full-{number}", corpus=few)
        bench.meet(run, Fault(place, at, DISK_FULL))
        if number % 2:
            run.finish()
            run.check_end(bench.expected, FEW)
    assert bench.causes["disk full"] > total // 26
    assert set(PLACES) == set(bench.writes)


def test_a_limit_on_file_sizes(shell, stand_ins, corpus):
    command = ["translate", "in.tsv", *stand_ins.options(), "--budget", "0.003", "--quiet"]
    assert shell.run(*command, "-o", "whole.tsv").code == 0
    expected = (shell.folder / "whole.tsv").read_bytes()
    refused = set()
    for size in (0, 1, 30, 600, 2_000, 5_000, 9_000, 20_000, 33_000, 50_000, 70_000, -1):
        with no_file_larger_than(size):
            result = shell.run(*command, "-o", "out.tsv")
        if result.code:
            assert (result.code, len(result.error_lines)) == (4, 2), result.stderr
            refused.add(result.error_lines[0].split(":")[1])
        assert result.code == 0 or not (shell.folder / "out.tsv").exists()
    assert result.code == 0
    assert len(refused) >= 3  # the folder, the sources, the journal, ...
    assert (shell.folder / "out.tsv").read_bytes() == expected
    spent = []
    for name in ("whole", "out"):
        with Journal(shell.folder / f"{name}.tsv.routelmt" / "journal.sqlite") as journal:
            journal.audit()
            spent.append((journal.spend_nanousd(), journal.count("small"), journal.count("large")))
    assert spent[0] == spent[1]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_standard_output_that_is_full(shell, stand_ins, corpus, tmp_path):
    command = ["translate", "in.tsv", *stand_ins.options(), "--budget", "0.003", "-o", "-", "-q"]
    with Path("/dev/full").open("wb") as full, shell.start(*command, stdout=full) as process:
        errors = process.stderr.read().decode().splitlines()
    assert process.returncode == 4
    assert errors[0] == "error: standard output: cannot be written: No space left on device"
    assert len(errors) == 2
    assert shell.run(*command).code == 0
