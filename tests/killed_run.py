"""A run that is killed and started again, and what must hold whenever it is looked at."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import time
from contextlib import suppress

from faulty_disk import DISK_FULL
from journal_db import journal_db

from routelmt_cli.errors import ExitCode
from routelmt_cli.run.journal import Journal

DONE = 0
TIMEOUT_SECONDS = 400  # of a real model on a busy machine


class KilledRun:
    """One output and the command that makes it, as processes.

    ``command`` is everything of a ``translate`` but the output; ``budget`` is in nanodollars,
    with ``auto`` the most that it may find.
    """

    def __init__(
        self, launcher, folder, command, budget, *, environment=None, name="out.tsv", auto=False
    ):
        folder.mkdir(exist_ok=True, parents=True)
        self.launcher, self.budget = launcher, budget
        self.output = folder / name
        self.folder = folder / f"{name}.routelmt"
        self.journal = self.folder / "journal.sqlite"
        self.errors = folder.with_name(f"{folder.name}.stderr")
        amount = f"{'auto:' if auto else ''}{budget / 1e9:.9f}"
        self.command = [*command, "--budget", amount, "-o", name, "--quiet"]
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "ROUTELMT_CACHE": str(folder.with_name(f"{folder.name}.cache")),
            "LANG": "C.UTF-8",
            **(environment or {}),
        }

    # -- processes ----------------------------------------------------------------------------

    def start(self, fault=None, record=None):
        """Start the command; see ``Launcher.start``."""
        self.errors.unlink(missing_ok=True)
        return self.launcher.start(
            self.command,
            folder=self.output.parent,
            environment=self.environment,
            errors=self.errors,
            fault=fault,
            record=record,
        )

    def end(self, process):
        """Wait for a process; return its exit code, the signal's negative number where killed."""
        process.join(TIMEOUT_SECONDS)
        code = process.exitcode
        if code is None:
            process.kill()
        assert code is not None, "the run does not end"
        return code

    def said(self):
        """Return the lines that the last process wrote on stderr."""
        return self.errors.read_text("utf-8").splitlines()

    def meet(self, fault):
        """Run the command into a fault; return the exit code."""
        return self.end(self.start(fault))

    def signal_after(self, seconds, number):
        """Send a signal so long after the process holds the run folder; return the exit code.

        Before that, nothing happens.
        """
        process, begun = self.start(), None
        while process.is_alive() and (begun is None or time.monotonic() - begun < seconds):
            if begun is None and self._holder() == str(process.pid):
                begun = time.monotonic()
            time.sleep(0.0005)
        if process.is_alive():
            with suppress(ProcessLookupError):  # it ended just now
                os.kill(process.pid, number)
        return self.end(process)

    def _holder(self):
        lock = self.folder / "lock"
        return lock.read_text("ascii").strip() if lock.exists() else None

    def finish(self, record=None):
        """Run the command to its end."""
        code = self.end(self.start(record=record))
        assert (code, self.said()) == (DONE, [])

    # -- what the run folder holds, read by nothing of routelmt's -----------------------------

    def query(self, sql):
        """Ask the journal; nothing where it is not made yet."""
        try:
            with journal_db(f"file:{self.journal}?mode=ro", uri=True) as db:
                return db.execute(sql).fetchall()
        except sqlite3.OperationalError:
            return []

    def rows(self):
        """Return what was bought."""
        return self.query("SELECT * FROM hypotheses ORDER BY tier, item")

    def spend(self):
        """Return what was spent, in nanodollars."""
        return sum(spend for (spend,) in self.query("SELECT spend_nanousd FROM totals"))

    def stage(self):
        """Name the stage in which the run folder and the output say that a first run is."""
        if (self.folder / "report.json").exists():
            return "done"
        if self.output.exists():
            return "reporting"
        if self.query("SELECT 1 FROM meta WHERE key = 'outputs' AND value <> '[]'"):
            return "renaming"
        if self.output.with_name(f".{self.output.name}.writing").exists():
            return "writing"
        if (self.folder / "plan.parquet").exists():
            return "retranslating"
        reserved = self.query("SELECT count(*) FROM reservations WHERE tier = 'small'")
        if not reserved or not reserved[0][0]:
            return "reading"
        drafted = len(self.query("SELECT item FROM hypotheses WHERE tier = 'small'"))
        return "drafting" if drafted < reserved[0][0] else "planning"

    def check_ledger(self):
        """Check that the ledger adds up and keeps to the budget."""
        if not self.query("SELECT 1 FROM totals"):
            return
        with Journal(self.journal) as journal:
            journal.audit()
        ((spend, outstanding),) = self.query(
            "SELECT sum(spend_nanousd), sum(outstanding_nanousd) FROM totals"
        )
        assert spend + outstanding <= self.budget
        ((bought, rows, distinct),) = self.query(
            "SELECT coalesce(sum(spend_nanousd), 0), count(*), count(DISTINCT tier || item) "
            "FROM hypotheses"
        )
        ((charged,),) = self.query("SELECT coalesce(sum(spend_nanousd), 0) FROM charges")
        assert bought + charged == spend, (bought, charged, spend)
        assert rows == distinct
        assert not self.query(
            "SELECT * FROM hypotheses LEFT JOIN reservations USING (tier, item) "
            "WHERE worst_nanousd IS NULL OR hypotheses.spend_nanousd > worst_nanousd"
        )

    def state(self):
        """What a run comes to, to be compared with another's."""
        return self.output.read_bytes(), self.spend(), self.rows()

    def check_process(self, code, number):
        """Check how a process ended that met a signal, or a full disk; or that it was too late."""
        lines = self.said()
        if code == DONE:
            assert lines == []
        elif number == signal.SIGKILL:
            assert (code, lines) == (-number, [])
        elif number == DISK_FULL:
            assert code == ExitCode.MID_RUN
            assert len(lines) == 2 and self.output.name in lines[0], lines
            assert [line.partition(":")[0] for line in lines] == ["error", "hint"]
        else:
            assert code == 128 + number
            assert len(lines) == 1 and lines[0].startswith("stopped; "), lines

    def check_end(self, expected, sources):
        """Check that a finished run is what an undisturbed one is, and left nothing behind."""
        self.check_ledger()
        assert self.state() == expected
        with self.output.open(encoding="utf-8", newline="") as file:
            table = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        assert [row["source"] for row in table] == sources
        assert all(bool(row["translation"].strip()) == bool(row["source"].strip()) for row in table)
        assert self.query("SELECT sum(outstanding_nanousd) FROM totals") == [(0,)]
        report = json.loads((self.folder / "report.json").read_text("utf-8"))
        assert report["spend_nanousd"] == self.spend()
        names = {path.name for path in self.output.parent.iterdir()}
        assert names == {self.output.name, self.folder.name}  # no temporary file is left
