"""``kill -9`` at any moment, then the same command: nothing lost, nothing paid twice, same bytes.

Real processes are killed at random moments and whenever their run folder shows a given state; a
slowed stand-in translates, so that there are moments between two commits.
"""

from __future__ import annotations

import csv
import json
import random
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from routelmt_cli.run import output
from routelmt_cli.run.journal import Journal

BUDGET = "0.003"
BUDGET_NANOUSD = 3_000_000
SECONDS_PER_REQUEST = 0.004
TOGETHER = 2
SIGKILLED = -9


class Run:
    """One output and the command that makes it, as processes."""

    def __init__(self, shell, cards, router, corpus, *, deterministic, budget=BUDGET):
        shell.folder.mkdir(exist_ok=True)
        self.shell = shell
        self.output = shell.folder / "out.tsv"
        self.folder = shell.folder / "out.tsv.routelmt"
        self.journal = self.folder / "journal.sqlite"
        self.arguments = [
            *("translate", corpus, "-o", self.output, "--budget", budget),
            *("--small", cards[0], "--large", cards[1]),
            # How slow a stand-in is counts as part of what it is.
            *("--router", router, "--force-router", "--quiet"),
            *(["--deterministic"] if deterministic else []),
        ]

    def finish(self):
        """Run the command to its end."""
        result = self.shell.process(*self.arguments)
        assert (result.code, result.stdout, result.stderr) == (0, b"", "")

    def kill_when(self, due):
        """Start the command, kill it at the moment that is due; say whether that was in time."""
        with self.shell.start(*self.arguments) as process:
            while process.poll() is None and not due():
                time.sleep(0.0005)
            process.kill()
            _, errors = process.communicate()
        assert process.returncode in (0, SIGKILLED), errors
        return process.returncode == SIGKILLED

    def rows(self):
        """What the journal holds, read by nothing of routelmt's."""
        return self.query("SELECT * FROM hypotheses ORDER BY tier, item")

    def query(self, sql):
        try:
            with sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True) as db:
                return db.execute(sql).fetchall()
        except sqlite3.OperationalError:
            return []  # not made yet

    def spend(self):
        return sum(self.query("SELECT sum(spend_nanousd) FROM totals")[0])

    def check_ledger(self, budget_nanousd=BUDGET_NANOUSD):
        if not self.query("SELECT 1 FROM totals"):
            return
        with Journal(self.journal) as journal:
            journal.audit()
        ((spend, outstanding),) = self.query(
            "SELECT sum(spend_nanousd), sum(outstanding_nanousd) FROM totals"
        )
        assert spend + outstanding <= budget_nanousd
        ((bought, rows, distinct),) = self.query(
            "SELECT coalesce(sum(spend_nanousd), 0), count(*), count(DISTINCT tier || item) "
            "FROM hypotheses"
        )
        ((charged,),) = self.query("SELECT coalesce(sum(spend_nanousd), 0) FROM charges")
        assert bought + charged == spend
        assert rows == distinct
        assert not self.query(
            "SELECT * FROM hypotheses LEFT JOIN reservations USING (tier, item) "
            "WHERE worst_nanousd IS NULL OR spend_nanousd > worst_nanousd"
        )

    def state(self):
        """What a run comes to, to be compared with another's."""
        return self.output.read_bytes(), self.spend(), self.rows()


@dataclass(frozen=True)
class Bench:
    """What all runs of a mode are made of, and what an undisturbed one came to."""

    make: object
    expected: tuple
    seconds: float
    begun_after: float


@pytest.fixture(scope="module")
def make_run(stand_ins, tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    cards = []
    for card in (stand_ins.small, stand_ins.large):
        slow = folder / card.name
        text = card.read_text("utf-8")
        slow.write_text(f"{text}seconds_per_request = {SECONDS_PER_REQUEST}\n", "utf-8")
        cards.append(slow)

    def make(shell_type, name, **options):
        shell = shell_type(folder / name, folder / f"{name}-cache")
        return Run(shell, cards, stand_ins.router, stand_ins.corpus, **options)

    return make


@pytest.fixture(scope="module", params=[False, True], ids=["batched", "deterministic"])
def bench(request, make_run, shell_type):
    def make(name, **options):
        name = f"{name}-{request.param}"
        return make_run(shell_type, name, deterministic=request.param, **options)

    run = make("undisturbed")
    begun = time.perf_counter()
    moments = []

    def watch():
        if not moments and run.folder.exists():
            moments.append(time.perf_counter() - begun)
        return False

    assert not run.kill_when(watch)
    seconds = time.perf_counter() - begun
    run.check_ledger()
    return Bench(make, run.state(), seconds, moments[0])


@pytest.fixture(scope="module")
def shell_type(request):
    # The shared fixture gives one shell a test; many runs at once need one each.
    return request.config.pluginmanager.getplugin(
        str(Path(__file__).parents[1] / "conftest.py")
    ).Shell


def check_end(run, expected, sources):
    run.check_ledger()
    assert run.state() == expected
    with run.output.open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [row["source"] for row in table] == sources
    assert [row["id"] for row in table] == [str(number) for number in range(len(sources))]
    assert all(bool(row["translation"].strip()) == bool(row["source"].strip()) for row in table)
    assert run.query("SELECT sum(outstanding_nanousd) FROM totals") == [(0,)]
    names = {path.name for path in run.output.parent.iterdir()}
    assert names == {"out.tsv", "out.tsv.routelmt"}  # no temporary file is left


@pytest.fixture(scope="module")
def sources(stand_ins):
    lines = stand_ins.corpus.read_text("utf-8").split("\n")[1:-1]
    return [line.split("\t")[1] for line in lines]


def test_twenty_kills_at_random_moments(bench, sources):
    luck = random.Random(11)
    # Most of them after the imports, where something happens.
    moments = [luck.uniform(0, bench.begun_after) for _ in range(3)]
    moments += [luck.uniform(bench.begun_after, 0.98 * bench.seconds) for _ in range(17)]

    def trial(number):
        run = bench.make(f"random-{number}")
        due = time.perf_counter() + moments[number]
        killed = run.kill_when(lambda: time.perf_counter() >= due)
        run.check_ledger()
        before = run.rows()
        run.finish()
        assert set(before) <= set(run.rows())
        check_end(run, bench.expected, sources)
        return killed

    with ThreadPoolExecutor(TOGETHER) as pool:
        killed = list(pool.map(trial, range(len(moments))))
    assert sum(killed) >= len(moments) - 6  # the others were a little faster than the first


STATES = {
    "the folder is there": lambda run: run.folder.exists(),
    "drafts are reserved": lambda run: run.query("SELECT 1 FROM reservations"),
    "a draft is bought": lambda run: len(run.rows()) >= 1,
    "half the drafts are bought": lambda run: len(run.rows()) >= 55,
    "the plan is being written": lambda run: any(run.folder.glob("plan.parquet*")),
    "retranslations are reserved": lambda run: run.query(
        "SELECT 1 FROM reservations WHERE tier = 'large'"
    ),
    "some are retranslated": lambda run: run.query(
        "SELECT 1 FROM hypotheses WHERE tier = 'large' LIMIT 1 OFFSET 6"
    ),
    "the output is being written": lambda run: (run.output.parent / ".out.tsv.writing").exists(),
    "the output is recorded": lambda run: run.query("SELECT 1 FROM meta WHERE key = 'outputs'"),
    "the output is there": lambda run: run.output.exists(),
}


def test_one_run_killed_in_every_stage(bench, sources):
    run = bench.make("staged")
    kills = 0
    for due in STATES.values():
        before = run.rows()
        kills += run.kill_when(lambda due=due: due(run))
        run.check_ledger()
        assert set(before) <= set(run.rows())
    run.finish()
    check_end(run, bench.expected, sources)
    assert kills >= len(STATES) - 2  # the last states are over in a blink


def test_a_kill_after_the_last_rename_costs_nothing(bench, sources):
    run = bench.make("renamed")
    run.kill_when(run.output.exists)
    check_end(run, bench.expected, sources)
    run.finish()
    check_end(run, bench.expected, sources)
    assert json.loads((run.folder / "report.json").read_text())["spend_nanousd"] == run.spend()


def test_a_larger_budget_continues_the_run_and_survives_kills(bench, sources):
    run = bench.make("raised")
    run.finish()
    (drafts_and_some, first_spend, rows) = run.state()
    raised = bench.make("raised", budget="0.006")
    raised.kill_when(lambda: len(raised.rows()) >= len(rows) + 3)
    raised.check_ledger(6_000_000)
    raised.finish()
    raised.check_ledger(6_000_000)
    assert set(rows) < set(raised.rows())
    assert first_spend < raised.spend() <= 6_000_000
    assert raised.output.read_bytes() != drafts_and_some


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
