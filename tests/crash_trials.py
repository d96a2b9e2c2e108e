"""Trials: a run is killed at random, started again until it is done, and compared with one that was
left alone. Nothing may be lost, paid twice, or different."""

from __future__ import annotations

import signal
import time
from collections import Counter

from faulty_disk import DISK_FULL, Fault

# Every file that a run writes. A place is picked first and a write there second, so that the short
# stages get as many faults as the long ones.
PLACES = (
    "/lock",
    "sources.arrow",
    "run.json.writing",
    "journal.sqlite",
    "plan.parquet.writing",
    "out.tsv.writing",
    "report.json.writing",
    "report.html.writing",
)
STAGES = ("reading", "drafting", "planning", "retranslating", "writing", "renaming", "reporting")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
CAUSES = {**{number: number.name for number in SIGNALS}, DISK_FULL: "disk full"}
MOST_FAULTS = 3
SHARE_OF_MOMENTS = 0.25


class Trials:
    """Trials of one kind of run.

    ``make_run`` makes a ``KilledRun`` in a folder of the given name; ``sources`` are those of its
    corpus. ``causes`` counts what ended processes, ``stages`` where in the run they were then.
    """

    def __init__(self, make_run, sources):
        self._make_run, self._sources = make_run, sources
        self.causes, self.stages = Counter(), Counter()
        run = make_run("undisturbed")
        record = run.output.parent.with_name("undisturbed.writes")
        begun = time.monotonic()
        run.finish(record)
        self.seconds = time.monotonic() - begun
        self.expected = run.state()
        run.check_end(self.expected, sources)
        lines = record.read_text("utf-8").splitlines()
        self.writes = {place: sum(place in line for line in lines) for place in PLACES}

    def random_fault(self, luck):
        """Pick a place, a write there, and what happens then."""
        place = luck.choice(PLACES)
        return Fault(place, luck.randrange(self.writes[place]), luck.choice(list(CAUSES)))

    def meet(self, run, fault):
        """Let a run meet a fault; return the exit code."""
        return self._look(run, fault.signal, lambda: run.meet(fault))

    def interrupt(self, run, luck):
        """Send a run a signal at a random moment; return the exit code."""
        number = luck.choice(SIGNALS)
        moment = luck.uniform(0, self.seconds)
        return self._look(run, number, lambda: run.signal_after(moment, number))

    def _look(self, run, cause, process):
        """Look at what a process left, and count what ended it where that was in time."""
        before = set(run.rows())
        code = process()
        run.check_process(code, cause)
        run.check_ledger()
        assert before <= set(run.rows())  # what was bought stays, as it was bought
        if code:
            self.causes[CAUSES[cause]] += 1
            self.stages[run.stage()] += 1
        return code

    def try_once(self, name, luck):
        """Run into a few random faults, then to the end."""
        run = self._make_run(name)
        for _ in range(luck.randint(1, MOST_FAULTS)):
            if luck.random() < SHARE_OF_MOMENTS:
                self.interrupt(run, luck)
            else:
                self.meet(run, self.random_fault(luck))
        run.finish()
        run.check_end(self.expected, self._sources)
        return run
