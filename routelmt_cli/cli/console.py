"""What the user sees: answers on stdout; progress, notes and the closing table on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console as RichConsole
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from routelmt_cli.budget.money import format_usd
from routelmt_cli.cli.printable import printable
from routelmt_cli.run.streams import discard

if TYPE_CHECKING:
    from routelmt_cli.run.calibration import CalibrationResult
    from routelmt_cli.run.dry_run import Estimate
    from routelmt_cli.run.report import Report
    from routelmt_cli.run.stream_report import StreamReport


class _Stderr(RichConsole):
    """Rich's console for commentary, without which a run goes on."""

    def on_broken_pipe(self) -> None:
        discard(sys.stderr)


class _Rate(ProgressColumn):
    """Segments per second of the stage."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f} segments/s" if task.speed else "")


class Console:
    """A watcher of a run, and who answers for it; a context manager.

    Parameters
    ----------
    quiet
        Show nothing but errors.
    verbosity
        1 shows stages where there is no terminal too, 2 adds llama.cpp's own log.
    """

    def __init__(self, *, quiet: bool, verbosity: int) -> None:
        self._out = _Stderr(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
        self._answer = RichConsole(highlight=False, soft_wrap=True)
        self._verbosity = verbosity
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            _Rate(),
            TextColumn("{task.fields[spend]} spent"),
            TimeRemainingColumn(),
            console=self._out,
            disable=quiet or not self._out.is_terminal,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Console:
        from routelmt_cli.translators.llama_log import show_llama_log

        show_llama_log(shown=self._verbosity >= 2)
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def stage(self, name: str, segments: int, spend_nanousd: int) -> None:
        """Begin a stage."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(name, total=segments, spend=format_usd(spend_nanousd))
        if self._verbosity:
            self.note(f"{name} {segments} segments" if segments else name)

    def advance(self, segments: int, spend_nanousd: int) -> None:
        """Move the stage's bar on."""
        if self._task is not None:
            self._bar.update(self._task, advance=segments, spend=format_usd(spend_nanousd))
            task = self._bar.tasks[0]
            # More fits than the plan expected where spend stays below predicted cost.
            if task.total is not None and task.completed > task.total:
                self._bar.update(self._task, total=task.completed)

    def note(self, text: str) -> None:
        """Say one line."""
        self._out.print(Text(printable(text)))

    def show_report(self, report: Report, *, is_answer: bool = False) -> None:
        """Print the closing table of a run: commentary, unless it was asked for."""
        out = self._answer if is_answer else self._out

        def say(text: str) -> None:
            out.print(Text(printable(text)))

        kept = sum(report.kept_drafts.values())
        table = plain_table(("tier", "segments", "spend"), numeric=(1, 2))
        if report.probed:
            spend = report.spend_by_tier_nanousd.get("probe", 0)
            _add_row(table, f"probes ({report.probed:,})", "", format_usd(spend))
        for tier, model in report.models.items():
            _add_row(
                table,
                tier if tier == model["name"] else f"{tier} ({model['name']})",
                f"{report.segments_by_tier[tier]:,}",
                format_usd(report.spend_by_tier_nanousd[tier]),
            )
        if report.blank_segments:
            _add_row(table, "none (empty)", f"{report.blank_segments:,}", format_usd(0))
        if report.remembered:
            _add_row(table, "memory", f"{report.remembered:,}", format_usd(0))
        if report.left:
            _add_row(table, "none (left as the source)", f"{report.left:,}", format_usd(0))
        _add_row(table, "all", f"{report.segments:,}", format_usd(report.spend_nanousd))
        out.print(table)
        fictional = " (illustrative prices)" if report.prices_are_illustrative else ""
        if report.budget_is_given:
            say(
                f"budget {format_usd(report.budget_nanousd)}{fictional}, "
                f"unspent {format_usd(report.budget_nanousd - report.spend_nanousd)}"
            )
        else:
            say(f"no budget{fictional}")
        if report.share is not None:
            say(
                f"retranslated {report.retranslated_share or 0:.1%} of the source tokens, "
                f"at most {report.share:.1%} allowed"
            )
        if report.pinned:
            say(f"pinned: {_counts(report.pinned)}")
        say(
            f"predicted gain {report.predicted_gain:+.2f} {report.metric.split('|')[0]} over all "
            f"drafts; knapsack within {report.knapsack_gap:.2%} of the optimum"
        )
        if report.expected_severe_share is not None and report.severe_gain is not None:
            say(
                f"severe regressions ({report.severe_gain:g} points or worse) expected among the "
                f"retranslations: {report.expected_severe_share:.1%}"
            )
        if report.guard is not None:
            whose = f" on {list(report.models)[-1]}" if len(report.models) > 2 else ""
            say(
                f"guard{whose}: severe regressions in at most {report.guard['alpha']:.0%} of the "
                f"retranslations expected, with {report.guard['confidence']:.0%} confidence"
            )
        if kept:
            say(f"retranslations not used: {kept:,} ({_counts(report.kept_drafts)})")
        if report.faults:
            total = sum(report.faults.values())
            say(f"translations that look wrong: {total:,} ({_counts(report.faults)})")
        if report.near_matches:
            say(f"retranslated with a near match of the memory: {report.near_matches:,}")
        if report.terms:
            say(
                f"glossary: {report.terms['terms']:,} terms in {report.terms['segments']:,} "
                f"segments, {report.terms['missing']:,} missing in their translations"
            )
        if report.protected:
            left = f"; {report.left:,} left as the source, since no model kept them"
            say(
                "segments with placeholders, tags or the like, checked: "
                f"{report.protected:,}{left if report.left else ''}"
            )
        if report.unmetered:
            say(_unmetered(report))
        if report.failed:
            say(
                f"failed segments, which keep what they had: {report.failed:,} (run it again to "
                "try them within the budget)"
            )

    def show_stream(self, report: StreamReport) -> None:
        """Print the closing lines of a stream."""
        spend = report.spend_by_tier_nanousd or {}
        self.note(
            f"{report.segments:,} segments, {report.retranslated:,} retranslated, "
            f"{report.repeated:,} had come before"
        )
        tiers = ", ".join(f"{tier} {format_usd(amount)}" for tier, amount in spend.items())
        self.note(
            f"budget {format_usd(report.budget_nanousd)} for {report.span}, "
            f"spent {format_usd(report.spend_nanousd)} ({tiers})"
        )
        if report.kept_drafts:
            self.note(f"retranslations not used: {_counts(report.kept_drafts)}")
        if report.unmetered:
            self.note(_unmetered(report))
        if report.left:
            self.note(f"left as the source, since no model kept what is protected: {report.left:,}")
        if report.failed:
            self.note(f"failed segments: {report.failed:,}")

    def show_estimate(self, estimate: Estimate, *, as_json: bool = False) -> None:
        """Print what a dry run found."""
        if as_json:
            typer.echo(json.dumps(estimate.as_json(), allow_nan=False))
            return
        table = plain_table(("", ""), numeric=(1,), show_header=False)
        for row in estimate.rows():
            _add_row(table, *row)
        self._answer.print(table)
        for line in estimate.remarks():
            self.note(line)

    def show_calibration(
        self, result: CalibrationResult, path: Path, *, as_json: bool = False
    ) -> None:
        """Print the out-of-fold report of a calibration."""
        from routelmt_cli.gain.report import report_lines, report_rows

        done = f"spent {format_usd(result.spend_nanousd)}; wrote {path}"
        if as_json:
            typer.echo(json.dumps(result.as_json(path), allow_nan=False))
            self.note(done)
            return
        tables = dict(result.calibrations)
        if result.probing is not None:
            tables = {"by drafts": next(iter(tables.values())), "by probes": result.probing}
        for number, (tier, one) in enumerate(tables.items()):
            if number:
                self._answer.print()
            if len(tables) > 1:
                self._answer.print(Text(printable(f"{tier}:")))
            header, *rows = report_rows(one.report)
            table = plain_table(header, numeric=range(1, len(header)))
            for row in rows:
                _add_row(table, *row)
            self._answer.print(table)
            for line in report_lines(one.report):
                self._answer.print(Text(printable(line)))
        self.note(done)


def plain_table(
    header: Sequence[str], numeric: Sequence[int], *, show_header: bool = True
) -> Table:
    """Make a table without lines; ``numeric`` columns are aligned at their right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=show_header)
    for index, name in enumerate(header):
        table.add_column(name, justify="right" if index in numeric else "left", no_wrap=True)
    return table


def _unmetered(report: Report | StreamReport) -> str:
    return (
        "charged in full, since the server did not say what they used: "
        f"{report.unmetered:,} requests, {format_usd(report.unmetered_nanousd)}"
    )


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _add_row(table: Table, *cells: str) -> None:
    # As Text, since Rich would read a model called "[red]" as its markup.
    table.add_row(*(Text(printable(cell)) for cell in cells))
