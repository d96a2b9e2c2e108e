"""What the user sees of a budget plan: a table, a picture made of characters, a recommendation."""

from __future__ import annotations

import sys

from rich.console import Console as RichConsole
from rich.table import Table
from rich.text import Text

from routelmt_cli.budget.money import format_about_usd, format_usd
from routelmt_cli.cli.area_plot import area_plot
from routelmt_cli.cli.console import plain_table
from routelmt_cli.cli.printable import printable
from routelmt_cli.run.budget_curve import Offer
from routelmt_cli.run.budget_plan import BudgetPlan
from routelmt_cli.run.options import RouteBy
from routelmt_cli.run.route_comparison import RouteComparison

_NEVER_CUT = 500
_OF_WHAT = ", the interval is for text like the calibration's"


def show_plan(plan: BudgetPlan) -> None:
    """Print the plan on stdout."""
    out = RichConsole(highlight=False, soft_wrap=True, width=_NEVER_CUT)
    header = ("budget", "spend", "segments", "text", "gain", "95% interval", "per point", "")
    table = plain_table(header, numeric=range(7))
    marks = _marks(plan)
    for offer in sorted({*plan.offers, *marks}, key=lambda offer: offer.budget_nanousd):
        table.add_row(*(Text(printable(cell)) for cell in (*_cells(offer), marks.get(offer, ""))))
    out.print(table)
    out.print()
    lowest, highest = plan.points[0], plan.points[-1]
    width = highest.budget_nanousd - lowest.budget_nanousd
    place = (plan.knee.budget_nanousd - lowest.budget_nanousd) / width if width else 0.0
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    picture = area_plot(
        [offer.gain for offer in plan.points],
        mark=min(1.0, place),
        ends=(format_usd(lowest.budget_nanousd), format_usd(highest.budget_nanousd)),
        encoding=encoding,
    )
    for line in picture:
        out.print(Text(line))
    out.print()
    for line in _lines(plan):
        out.print(Text(printable(line)))
    if plan.routes is not None:
        out.print()
        out.print(_routes_table(plan.routes))
        for line in _route_lines(plan.routes):
            out.print(Text(printable(line)))


def _routes_table(routes: RouteComparison) -> Table:
    table = plain_table(("budget", "by drafts", "by probes", ""), numeric=range(3))
    for row in routes.rows:
        table.add_row(
            format_usd(row.budget_nanousd),
            _gain(row.by_drafts),
            _gain(row.by_probes),
            "knee" if row == routes.at_knee else "",
        )
    return table


def _route_lines(routes: RouteComparison) -> list[str]:
    name = routes.recommended.value
    knee = routes.at_knee
    lines = [
        "gain of a run from the start that routes by drafts (--route draft), or by probes before "
        "anything is drafted (--route probe)",
        f"recommended for text like this: --route {name}, {_gain(knee.by_drafts)} by drafts and "
        f"{_gain(knee.by_probes)} by probes at {format_usd(knee.budget_nanousd)}",
    ]
    if routes.all_drafted and routes.recommended is RouteBy.PROBE:
        lines.append("here all drafts are bought already, and translate goes on with them")
    return lines


def _gain(points: float | None) -> str:
    return "too little" if points is None else f"{points:+.2f}"


def _marks(plan: BudgetPlan) -> dict[Offer, str]:
    """Name the offers that stand out."""
    marks = {plan.knee: "knee"}
    if plan.target is not None:
        marks[plan.target] = "target, knee" if plan.target == plan.knee else "target"
    return marks


def _cells(offer: Offer) -> tuple[str, ...]:
    interval = (
        "unknown"
        if offer.low is None or offer.high is None
        else f"{offer.low:+.2f} to {offer.high:+.2f}"
    )
    return (
        format_usd(offer.budget_nanousd),
        format_usd(offer.cost_nanousd),
        f"{offer.segments:,}",
        f"{offer.share:.1%}",
        f"{offer.gain:+.2f}",
        interval,
        "none" if offer.usd_per_point is None else format_about_usd(offer.usd_per_point),
    )


def _lines(plan: BudgetPlan) -> list[str]:
    knee = plan.knee
    metric = plan.metric.split("|")[0]
    beyond = (
        "nothing else is predicted to gain"
        if knee.usd_per_point is None
        else "beyond it a point costs more than on average"
    )
    lines = [
        f"{plan.segments:,} segments; gain in points of {metric} over all drafts; spend and gain "
        f"are predicted{_OF_WHAT if plan.has_intervals else ''}",
        f"recommended: --budget {format_usd(knee.budget_nanousd)[1:]} retranslates "
        f"{knee.share:.1%} of the text for {knee.gain:+.2f} points; {beyond}",
    ]
    if plan.target is not None:
        lines.append(
            f"target: --budget {format_usd(plan.target.budget_nanousd)[1:]} retranslates "
            f"{plan.target.share:.1%} of the text for {plan.target.gain:+.2f} points"
        )
    return lines
