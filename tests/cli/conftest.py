"""Golden files, and what a run folder's ledger says."""

from __future__ import annotations

import json
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from journal_db import journal_db

from routelmt_cli.errors import MidRunError
from routelmt_cli.translators.stand_in import StandInTranslator

GOLDEN = Path(__file__).parent / "golden"
UPDATE = "ROUTELMT_UPDATE_GOLDEN"


@pytest.fixture
def golden():
    """Compare a text with the file of a name; with ROUTELMT_UPDATE_GOLDEN=1 write the file."""

    def compare(name, text):
        path = GOLDEN / f"{name}.txt"
        if os.environ.get(UPDATE) == "1":
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        assert text == path.read_text("utf-8"), f"{path.name} differs; {UPDATE}=1 rewrites it"

    return compare


@pytest.fixture
def mask_figures():
    """Replace every figure and the blanks before it.

    For texts whose figures come out of LightGBM's training, which another version of it may
    change: what remains says which lines there are, in which order and which words.
    """

    def mask(text):
        return re.sub(r" *[-+]?\$?\b\d[\d.,]*%?", " #", text)

    return mask


@dataclass(frozen=True)
class Ledger:
    """What the journal of a run folder holds.

    ``bought`` maps (tier, item) to (text, spend, failure).
    """

    bought: dict[tuple[str, int], tuple[str, int, str | None]]
    charges: dict[str, int]
    totals: dict[str, tuple[int, int]]

    @property
    def spend(self):
        """All spend in nanodollars, summed from the single purchases."""
        return sum(row[1] for row in self.bought.values()) + sum(self.charges.values())

    def count(self, tier):
        """Count the hypotheses of a tier."""
        return sum(1 for name, _ in self.bought if name == tier)


@pytest.fixture
def read_ledger():
    """Read a run folder's journal, and check that its totals are the sums of its rows."""

    def read(folder):
        with journal_db(f"file:{folder / 'journal.sqlite'}?mode=ro", uri=True) as db:
            rows = db.execute("SELECT tier, item, text, spend_nanousd, failure FROM hypotheses")
            bought = {(tier, item): tuple(rest) for tier, item, *rest in rows}
            charges = dict(db.execute("SELECT tier, sum(spend_nanousd) FROM charges GROUP BY tier"))
            totals = {
                tier: (spend, outstanding)
                for tier, spend, outstanding in db.execute(
                    "SELECT tier, spend_nanousd, outstanding_nanousd FROM totals"
                )
            }
        db.close()
        ledger = Ledger(bought, charges, totals)
        assert sum(spend for spend, _ in totals.values()) == ledger.spend
        return ledger

    return read


@pytest.fixture
def read_report():
    """Read a run folder's report.json."""

    def read(folder):
        return json.loads((folder / "report.json").read_text("utf-8"))

    return read


@pytest.fixture
def fails(shell):
    """Run a command that must fail in the documented form; return its error and its hint."""

    def run(*arguments, code=2, stdin=b""):
        result = shell.run(*arguments, stdin=stdin)
        assert (result.code, result.stdout) == (code, b""), result.stderr
        lines = [line for line in result.error_lines if not line.startswith("router forced")]
        assert "Traceback" not in result.stderr
        assert lines[0].startswith("error: ") and not lines[0].endswith(".")
        if len(lines) == 1:
            return lines[0], None
        assert len(lines) == 2 and lines[1].startswith("hint: ")
        return lines[0], lines[1]

    return run


@pytest.fixture
def translate_fails(fails, stand_ins):
    """Run a ``translate`` that must fail, with the pair of stand-ins."""

    def run(name, *arguments, budget="1", **options):
        command = ["translate", name, *stand_ins.options(), "--budget", budget, *arguments]
        return fails(*command, **options)

    return run


@pytest.fixture
def told(monkeypatch):
    """Remember what the stand-ins were told: the notes of every request, by source."""
    heard = {}
    real = StandInTranslator.translate

    def listening(translator, requests):
        def remembered():
            for request in requests:
                heard.setdefault(request.source, []).append(request.notes)
                yield request

        return real(translator, remembered())

    monkeypatch.setattr(StandInTranslator, "translate", listening)
    return heard


@pytest.fixture
def lights_out(monkeypatch):
    """Let stand-ins break after so many commits, while a block lasts."""
    honest = StandInTranslator.translate

    @contextmanager
    def after(commits):
        left = iter(range(commits))

        def translate(self, requests):
            for commit in honest(self, requests):
                if next(left, None) is None:
                    raise MidRunError("the lights went out")
                yield commit

        with monkeypatch.context() as patch:
            patch.setattr(StandInTranslator, "translate", translate)
            yield

    return after


@pytest.fixture
def check_cut_off_anywhere(shell, read_ledger, lights_out, monkeypatch):
    """Check that a ``translate`` to out.tsv ends as if undisturbed wherever it is cut off.

    It is called with what runs it with more options, and after every how many commits to try.
    """

    def check(translate, step):
        folder, commits = shell.folder / "out.tsv.routelmt", []
        honest = StandInTranslator.translate
        with monkeypatch.context() as patch:
            patch.setattr(
                StandInTranslator,
                "translate",
                lambda self, requests: (
                    commits.append(one) or one for one in honest(self, requests)
                ),
            )
            assert translate("--deterministic").code == 0
        whole, output = read_ledger(folder), (shell.folder / "out.tsv").read_bytes()
        for after in range(0, len(commits), step):
            with lights_out(after):
                assert translate("--deterministic", "--overwrite", "--restart").code == 4
            assert translate("--deterministic", "--overwrite").code == 0
            assert read_ledger(folder) == whole
            assert (shell.folder / "out.tsv").read_bytes() == output

    return check
