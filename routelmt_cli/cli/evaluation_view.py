"""What the user sees of an evaluation: its tables and verdicts on stdout."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console as RichConsole
from rich.table import Table
from rich.text import Text

from routelmt_cli.cli.printable import printable
from routelmt_cli.evaluation.report import budget_rows, figure_rows, interval_line
from routelmt_cli.run.evaluation_outputs import Evaluation

_NEVER_CUT = 500
"""Columns: a figure that a narrow terminal wraps is still there, one that is cut is not."""


def show_evaluation(evaluation: Evaluation) -> None:
    """Print the figures for calls, the areas for every budget, and the verdicts."""
    out = RichConsole(highlight=False, soft_wrap=True, width=_NEVER_CUT)
    comparisons = evaluation.comparisons
    _print_table(out, figure_rows(comparisons[0]))
    out.print()
    if len(comparisons) > 1:
        _print_table(out, budget_rows(comparisons))
        out.print()
    for line in (interval_line(comparisons[0]), *evaluation.lines()):
        out.print(Text(printable(line)))


def _print_table(out: RichConsole, rows: Sequence[Sequence[str]]) -> None:
    header, *body = rows
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, name in enumerate(header):
        table.add_column(Text(name), justify="right" if number else "left", no_wrap=True)
    for cells in body:
        table.add_row(*(Text(printable(cell)) for cell in cells))
    out.print(table)
