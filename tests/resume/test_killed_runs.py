"""Killed at any moment, or out of disk, then the same command: nothing lost, nothing paid twice.

Real processes are killed at chosen and at random writes, and at random moments; a sample of
``make bench-safety``.
"""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest
from crash_trials import STAGES, Trials
from faulty_disk import DISK_FULL, Fault
from killed_run import DONE, KilledRun
from made_up import write_card

from routelmt_cli.errors import ExitCode
from routelmt_cli.run import output

BUDGET = 3_000_000
MODES = pytest.mark.parametrize("mode", [(), ("--deterministic",)], ids=["batched", "groups"])


@pytest.fixture
def trials(faults, make_run, sources):
    """Make the trials of a mode."""

    def make(*options):
        return Trials(lambda name: make_run(name, *options), sources)

    return make


@MODES
def test_killed_at_random_writes(trials, mode):
    bench, luck = trials(*mode), random.Random(11)
    for number in range(8):
        bench.try_once(f"trial-{number}", luck)
    assert sum(bench.causes.values()) >= 10
    assert len(bench.causes) >= 3


@MODES
def test_one_run_killed_in_every_stage(trials, make_run, sources, mode):
    bench = trials(*mode)
    run = make_run("staged", *mode)
    journal = bench.writes["journal.sqlite"]
    for place, after in (
        ("sources.arrow", 1),
        ("journal.sqlite", 3),
        ("journal.sqlite", journal // 4),
        ("journal.sqlite", journal // 4),
        ("plan.parquet.writing", 1),
        ("journal.sqlite", 60),
        ("journal.sqlite", 90),
        ("out.tsv.writing", 1),
        ("out.tsv.writing", bench.writes["out.tsv.writing"] - 1),  # the rename
        ("report.json.writing", 0),
    ):
        assert bench.meet(run, Fault(place, after, signal.SIGKILL)) == -signal.SIGKILL
    assert set(bench.stages) == set(STAGES)
    run.finish()
    run.check_end(bench.expected, sources)


@MODES
def test_a_run_of_three_tiers_killed_at_random_writes(
    faults, launcher, ladder, tmp_path, sources, mode
):
    command = ["translate", ladder.corpus, *ladder.options(), *mode]
    bench = Trials(lambda name: KilledRun(launcher, tmp_path / name, command, BUDGET), sources)
    luck = random.Random(5)
    for number in range(4):
        bench.try_once(f"trial-{number}", luck)
    assert sum(bench.causes.values()) >= 4


@MODES
def test_a_run_by_probes_killed_at_random_writes(
    faults, launcher, probing, tmp_path, sources, mode
):
    command = ["translate", probing.corpus, *probing.options(), "--route", "probe", *mode]
    bench = Trials(lambda name: KilledRun(launcher, tmp_path / name, command, BUDGET), sources)
    luck = random.Random(3)
    for number in range(5):
        bench.try_once(f"trial-{number}", luck)
    assert sum(bench.causes.values()) >= 5


def test_a_kill_after_the_last_rename_costs_nothing(trials, make_run, sources):
    bench, run = trials(), make_run("renamed")
    bench.meet(run, Fault("report.json.writing", 0, signal.SIGKILL))
    assert bench.stages == {"reporting": 1}
    assert run.state() == bench.expected
    run.finish()
    run.check_end(bench.expected, sources)


def test_a_budget_that_was_found_stays_the_same_after_kills(faults, make_run, sources):
    bench = Trials(lambda name: make_run(name, budget=20_000_000, auto=True), sources)
    assert 3_000_000 < bench.expected[1] < 5_000_000  # the knee, far below the limit
    luck = random.Random(7)
    bench.try_once("trial", luck)
    run = make_run("staged", budget=20_000_000, auto=True)
    for place, after in (
        ("plan.parquet.writing", 0),  # found, and nothing retranslated yet
        ("journal.sqlite", 40),
        ("report.html.writing", 0),
    ):
        bench.meet(run, Fault(place, after, signal.SIGKILL))
    run.finish()
    run.check_end(bench.expected, sources)


def test_a_larger_budget_continues_the_run_and_survives_kills(trials, make_run, sources):
    bench = trials()
    whole = make_run("whole")
    whole.finish()
    expected = make_run("whole", budget=6_000_000)
    expected.finish()
    run = make_run("raised")
    run.finish()
    first = run.state()
    run = make_run("raised", budget=6_000_000)
    for place, after in (
        ("plan.parquet.writing", 1),
        ("journal.sqlite", 40),
        ("out.tsv.writing", 2),
    ):
        assert bench.meet(run, Fault(place, after, signal.SIGKILL)) == -signal.SIGKILL
    assert run.output.read_bytes() == first[0]
    run.finish()
    run.check_end(expected.state(), sources)
    assert first[1] < run.spend() <= 6_000_000
    assert set(first[2]) < set(run.rows())


@pytest.mark.parametrize("after", range(0, 24, 3))
def test_a_restart_that_is_cut_off_knows_its_output_again(faults, make_run, after):
    """Once, the old journal was gone before the new one knew which output is the run's."""
    run = make_run("again")
    run.finish()
    expected = run.state()
    run = make_run("again", "--restart")
    assert run.meet(Fault("journal.sqlite", after, signal.SIGKILL)) == -signal.SIGKILL
    run.finish()
    assert run.state() == expected


@pytest.mark.parametrize("after", range(0, 8, 2))
def test_a_full_disk_in_a_restart_forgets_nothing(faults, make_run, after):
    run = make_run("full")
    run.finish()
    expected = run.state()
    restarted = make_run("full", "--restart")
    code = restarted.meet(Fault("journal.sqlite.new", after, DISK_FULL))
    restarted.check_process(code, DISK_FULL)
    assert code != DONE
    assert run.state() == expected


def test_killed_while_what_failed_is_tried_again(faults, make_run, stand_ins, tmp_path):
    """Whenever it is finished it tries again, fails again, and is charged within the budget."""
    card = write_card(tmp_path / "fails.toml", "large", fail_on="engine")
    run = make_run("failing", "--large", card, "--force-router", budget=10_000_000)
    assert run.end(run.start()) == ExitCode.PARTIAL
    failed = "SELECT count(*) FROM hypotheses WHERE failure IS NOT NULL"
    ((before,),), spent = run.query(failed), run.spend()
    assert before
    for after in (1, 3, 5, 9, 14, 20):
        assert run.meet(Fault("journal.sqlite-wal", after, signal.SIGKILL)) == -signal.SIGKILL
        run.check_ledger()
        assert spent <= run.spend()
        spent = run.spend()
        assert run.end(run.start()) == ExitCode.PARTIAL
    assert run.query(failed) == [(before,)]
    assert run.query("SELECT sum(outstanding_nanousd) FROM totals") == [(0,)]


class PowerCut(BaseException):
    """The process is gone: nothing may catch it."""


@pytest.mark.parametrize("cut_at", ["record", "rename"])
def test_the_output_of_an_earlier_budget_is_known_again(
    stand_ins, shell, corpus, monkeypatch, cut_at
):
    """A larger budget writes over the run's own output, even cut off beside the rename."""
    command = ["translate", corpus, "-o", "out.tsv", *stand_ins.options(), "--quiet", "--budget"]
    assert shell.run(*command, "0.002").code == 0
    first = (shell.folder / "out.tsv").read_bytes()

    def cut(*_):
        raise PowerCut

    with monkeypatch.context() as patch, pytest.raises(PowerCut):
        if cut_at == "record":
            patch.setattr(output.Journal, "set_meta", cut)
        else:
            real = Path.replace
            patch.setattr(
                Path, "replace", lambda self, to: cut() if self.suffix == ".writing"
                and to == Path("out.tsv") else real(self, to)
            )  # fmt: skip
        shell.run(*command, "0.006")
    assert (shell.folder / "out.tsv").read_bytes() == first
    result = shell.run(*command, "0.006")
    assert (result.code, result.stderr) == (0, "")
    assert (shell.folder / "out.tsv").read_bytes() != first
    assert shell.run(*command, "0.006").code == 0
