"""Put comparisons into words, rows of text and plain values.

Comparisons of one corpus under several budgets go in; rows of a table, lines and a dictionary for
JSON come out. What always holds: nothing is computed here that the comparisons do not say, and
what is not defined is '-' in text and None in JSON. Nothing is printed or written to a file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from routelmt_cli.evaluation.comparison import Comparison, Row
from routelmt_cli.evaluation.figures import FIGURE_NAMES

BUDGET_TITLES = {
    "calls": "calls",
    "dollars_by_length": "dollars, by length",
    "dollars_by_segment": "dollars, by segment",
}
"""How the usual budgets are called in text."""

_DIGITS = 6


def title(budget: str) -> str:
    """Name a budget in text.

    Parameters
    ----------
    budget
        Its name.
    """
    return BUDGET_TITLES.get(budget, budget)


def figure_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """Render every figure of every ordering under one budget.

    Parameters
    ----------
    comparison
        Of one budget.

    Returns
    -------
    list of tuple
        A header, then one row an ordering.
    """
    at = f"@{comparison.share:.0%}"
    header = ("order", "Spearman", f"HitRate{at}", f"MeanDelta{at}", f"lift{at}")
    rows: list[tuple[str, ...]] = [(*header, f"recovered{at}", f"severe{at}", "nAUC")]
    for row in comparison.rows:
        figures = row.figures
        rows.append(
            (
                row.name,
                _number(figures.spearman, "+.3f"),
                _number(figures.hit_rate, ".1%"),
                _number(figures.mean_delta, "+.2f"),
                _number(figures.lift_share, ".1%"),
                _number(figures.recovered_share, ".3f"),
                _number(figures.severe_rate, ".1%"),
                _number(figures.area, ".3f"),
            )
        )
    return rows


def budget_rows(comparisons: Sequence[Comparison]) -> list[tuple[str, ...]]:
    """Render the area of every ordering under each budget.

    Parameters
    ----------
    comparisons
        Of the same orderings, at least one.

    Returns
    -------
    list of tuple
        A header, then one row an ordering.
    """
    rows = [("nAUC by budget", *(title(one.budget) for one in comparisons))]
    for number, row in enumerate(comparisons[0].rows):
        areas = (one.rows[number].figures.area for one in comparisons)
        rows.append((row.name, *(_number(area, ".3f") for area in areas)))
    return rows


def interval_line(comparison: Comparison) -> str:
    """Give the 95% intervals of the router's figures in one line.

    Parameters
    ----------
    comparison
        Of one budget.
    """
    at = f"@{comparison.share:.0%}"
    named = (
        ("nAUC", "area", ".3f"),
        (f"recovered{at}", "recovered_share", ".3f"),
        (f"HitRate{at}", "hit_rate", ".1%"),
        (f"MeanDelta{at}", "mean_delta", "+.2f"),
        (f"severe{at}", "severe_rate", ".1%"),
    )
    parts = []
    for label, name, form in named:
        low, high = comparison.intervals[name]
        parts.append(f"{label} {_number(low, form)} to {_number(high, form)}")
    return f"router, {title(comparison.budget)}: {', '.join(parts)} (95%)"


def verdict(comparison: Comparison) -> str:
    """Say in a sentence whether spending by the router is worth while.

    Parameters
    ----------
    comparison
        Of one budget.
    """
    router = next(row for row in comparison.rows if row.kind == "router")
    lead = comparison.lead
    if _nothing_to_gain(comparison.rows):
        return "the models hardly differ here: no order of spending is better than another"
    if router.figures.area <= 0:
        return "no better than random order here: do not spend by this router"
    if lead.difference <= 0:
        return f"no better than the rule '{lead.rule}' here"
    ahead = (
        f"ahead of '{lead.rule}' by {lead.difference:.3f} nAUC "
        f"(95% {lead.low:+.3f} to {lead.high:+.3f}, p = {lead.p_value:.3f})"
    )
    if lead.low <= 0:
        return f"ahead of every rule, but not surely: {ahead}"
    return f"beats every rule: {ahead}"


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Give a comparison as plain JSON values.

    Parameters
    ----------
    comparison
        Of one budget.

    Returns
    -------
    dict
        ``orderings`` by name, each with its kind, its figures by `FIGURE_NAMES` and its curve;
        ``mean_gain`` at either end; ``intervals`` of the router; ``lead``; ``verdict``.
    """
    lead = comparison.lead
    return {
        "mean_gain": {"all_small": 0.0, "all_large": _plain(comparison.mean_gain)},
        "orderings": {
            row.name: {
                "kind": row.kind,
                **{name: _plain(getattr(row.figures, name)) for name in FIGURE_NAMES},
                "curve": [_plain(value) for value in row.curve.tolist()],
            }
            for row in comparison.rows
        },
        "intervals": {
            name: [_plain(value) for value in bounds]
            for name, bounds in comparison.intervals.items()
        },
        "lead": {
            "rule": lead.rule,
            "difference": _plain(lead.difference),
            "interval": [_plain(lead.low), _plain(lead.high)],
            "p_value": _plain(lead.p_value),
        },
        "verdict": verdict(comparison),
    }


def _nothing_to_gain(rows: Sequence[Row]) -> bool:
    """Say whether not even an oracle does better than random order."""
    oracles = [row.figures.area for row in rows if row.kind == "oracle"]
    return bool(oracles) and max(oracles) <= 0


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), _DIGITS)


def _number(value: float, form: str) -> str:
    if math.isnan(value):
        return "-"
    text = format(value, form)
    # A rounded nothing has no sign of its own.
    return text.replace("-", "", 1) if not any(c in "123456789" for c in text) else text
