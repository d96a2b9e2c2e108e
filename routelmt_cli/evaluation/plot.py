"""Draw budget-quality curves: one panel a budget, as SVG text or, through matplotlib, as PNG.

Comparisons go in, a picture comes out. What always holds: the SVG refers to nothing outside
itself, names in it are escaped, and lines differ in dashes as well as in colours that people who
are colour-blind can tell apart (Okabe and Ito, "Color universal design", 2008). Nothing is
computed here but places on paper.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from itertools import count
from typing import Any

from routelmt_cli.errors import UsageError
from routelmt_cli.evaluation.comparison import CURVE_SHARES, Comparison, Row
from routelmt_cli.evaluation.report import title

_PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#8C6D00")
_DASHES = ((), (6, 3), (2, 2), (8, 3, 2, 3))
_ROUTER, _ORACLE = "#D55E00", "#000000"

_PANEL_WIDTH, _PANEL_HEIGHT = 320, 260
_LEFT, _TOP, _GAP, _BOTTOM = 62, 34, 62, 52
_LEGEND_WIDTH, _LINE_HEIGHT = 262, 18
_TICKS = 5


@dataclass(frozen=True)
class _Style:
    """How one ordering is drawn in every panel."""

    colour: str
    width: float
    dash: tuple[int, ...]


def svg(comparisons: Sequence[Comparison]) -> str:
    """Draw the curves of every budget beside one another, with one legend.

    Parameters
    ----------
    comparisons
        Of the same orderings, at least one.

    Returns
    -------
    str
        An ``<svg>`` element, which is a whole SVG file too.
    """
    styles = _styles(comparisons[0].rows)
    panels = len(comparisons)
    height = _TOP + max(_PANEL_HEIGHT, _LINE_HEIGHT * len(styles)) + _BOTTOM
    width = _LEFT + panels * _PANEL_WIDTH + (panels - 1) * _GAP + 24 + _LEGEND_WIDTH
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" font-family="sans-serif" font-size="11">',
        "<title>Mean gain by share of the budget</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, comparison in enumerate(comparisons):
        left = _LEFT + number * (_PANEL_WIDTH + _GAP)
        parts += _panel(comparison, styles, left, first=number == 0)
    parts += _legend(styles, width - _LEGEND_WIDTH)
    return "\n".join([*parts, "</svg>", ""])


def png(comparisons: Sequence[Comparison]) -> bytes:
    """Draw the same picture with matplotlib.

    Parameters
    ----------
    comparisons
        Of the same orderings, at least one.

    Returns
    -------
    bytes
        A PNG file.

    Raises
    ------
    UsageError
        Where matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    styles = _styles(comparisons[0].rows)
    figure = Figure(figsize=(4.2 * len(comparisons) + 3.2, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(comparisons), squeeze=False)[0]
    lines: list[Any] = []
    for axis, comparison in zip(axes, comparisons, strict=True):
        lines = []
        for row in comparison.rows:
            style = styles[row.name]
            dash = (0, style.dash) if style.dash else "solid"
            lines += axis.plot(
                100 * CURVE_SHARES, row.curve, color=style.colour, lw=style.width, linestyle=dash
            )
        axis.axvline(100 * comparison.share, color="#999999", lw=0.8, linestyle=":")
        axis.set_title(f"budget: {title(comparison.budget)}")
        axis.set_xlabel("% of the cost of retranslating everything")
    axes[0].set_ylabel("mean gain over all segments")
    # Names may hold a dollar sign, which matplotlib would read as mathematics.
    names = [name.replace("$", r"\$") for name in styles]
    figure.legend(lines, names, loc="outside right upper", frameon=False)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return buffer.getvalue()


def require_matplotlib() -> None:
    """Check that matplotlib is there, before anything is computed for it.

    Raises
    ------
    UsageError
        With the command that installs it.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "a PNG needs matplotlib, which is not installed",
            hint="pip install 'routelmt[plot]', or name a .svg file, which needs nothing",
        ) from error


def _styles(rows: Sequence[Row]) -> dict[str, _Style]:
    """Give every ordering its line: the router stands out, oracles are black, no two are alike."""
    number, oracle = count(), count(1)
    styles = {}
    for row in rows:
        if row.kind == "router":
            styles[row.name] = _Style(_ROUTER, 2.6, ())
        elif row.kind == "oracle":
            styles[row.name] = _Style(_ORACLE, 1.2, _DASHES[next(oracle) % len(_DASHES)])
        elif row.name == "random":
            styles[row.name] = _Style("#777777", 1.4, ())
        else:
            place = next(number)
            dash = _DASHES[place // len(_PALETTE) % len(_DASHES)]
            styles[row.name] = _Style(_PALETTE[place % len(_PALETTE)], 1.4, dash)
    return styles


def _panel(
    comparison: Comparison, styles: dict[str, _Style], left: int, *, first: bool
) -> list[str]:
    """Draw axes and curves of one budget."""
    ticks = _ticks(comparison)
    low, high = ticks[0], ticks[-1]
    bottom, right = _TOP + _PANEL_HEIGHT, left + _PANEL_WIDTH

    def across(share: float) -> float:
        return left + _PANEL_WIDTH * share

    def down(gain: float) -> float:
        return bottom - _PANEL_HEIGHT * (gain - low) / (high - low)

    middle = left + _PANEL_WIDTH / 2
    parts = [
        f'<text x="{middle:.0f}" y="{_TOP - 14}" text-anchor="middle" font-weight="bold">'
        f"budget: {escape(title(comparison.budget))}</text>",
        f'<text x="{middle:.0f}" y="{bottom + 36}" text-anchor="middle">'
        "% of the cost of retranslating everything</text>",
    ]
    decimals = max(0, -math.floor(math.log10(ticks[1] - ticks[0])))
    for gain in ticks:
        y = down(gain)
        parts.append(_line(left, y, right, y, "#e4e4e4"))
        parts.append(
            f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{gain:.{decimals}f}</text>'
        )
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = across(share)
        parts.append(_line(x, bottom, x, bottom + 4, "#444444"))
        parts.append(f'<text x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{share:.0%}</text>')
    marked = across(comparison.share)
    parts += [
        _line(marked, _TOP, marked, bottom, "#999999", ' stroke-dasharray="1 3"'),
        _line(left, down(0.0), right, down(0.0), "#444444"),
        _line(left, _TOP, left, bottom, "#444444"),
    ]
    if first:
        y = _TOP + _PANEL_HEIGHT / 2
        parts.append(
            f'<text x="16" y="{y:.0f}" text-anchor="middle" transform="rotate(-90 16 {y:.0f})">'
            "mean gain over all segments</text>"
        )
    # The router last, so that it lies on top.
    for row in sorted(comparison.rows, key=lambda row: row.kind == "router"):
        points = " ".join(
            f"{across(share):.1f},{down(gain):.1f}"
            for share, gain in zip(CURVE_SHARES.tolist(), row.curve.tolist(), strict=True)
        )
        parts.append(f'<polyline points="{points}" fill="none" {_stroke(styles[row.name])}/>')
    return parts


def _legend(styles: dict[str, _Style], left: int) -> list[str]:
    parts = []
    for number, (name, style) in enumerate(styles.items()):
        y = _TOP + 8 + number * _LINE_HEIGHT
        parts.append(f'<path d="M{left} {y}h30" fill="none" {_stroke(style)}/>')
        parts.append(f'<text x="{left + 38}" y="{y + 4}">{escape(name)}</text>')
    return parts


def _stroke(style: _Style) -> str:
    dash = f' stroke-dasharray="{" ".join(map(str, style.dash))}"' if style.dash else ""
    return f'stroke="{style.colour}" stroke-width="{style.width}"{dash}'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, extra: str = "") -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="{colour}" stroke-width="1"{extra}/>'
    )


def _ticks(comparison: Comparison) -> list[float]:
    """Choose round gains that span every curve and zero."""
    values = [float(value) for row in comparison.rows for value in row.curve]
    return round_ticks(min(0.0, *values), max(0.0, *values))


def round_ticks(low: float, high: float) -> list[float]:
    """Choose about five round numbers that span a range.

    Parameters
    ----------
    low, high
        The range, finite and rising.

    Returns
    -------
    list of float
        At least two; the first is not above ``low``, the last not below ``high``.
    """
    raw = (high - low) / _TICKS or 1.0 / _TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first = math.floor(low / step + 1e-9)
    last = max(first + 1, math.ceil(high / step - 1e-9))
    return [number * step for number in range(first, last + 1)]
