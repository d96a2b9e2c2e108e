"""The pictures of a run's page, as SVG elements.

Numbers go in, SVG text comes out. What always holds: nothing of a corpus is in it, colours are the
style sheet's classes (so that both colour schemes apply), and what a colour says is said by shape,
dash or label too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from routelmt_cli.budget.money import NANODOLLARS_PER_USD, format_about_usd
from routelmt_cli.evaluation.plot import round_ticks
from routelmt_cli.run.budget_curve import Offer

_WIDTH, _HEIGHT = 720, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 40, 16, 44
_BINS = 32
_TAIL = 0.005
_CELLAR = 0.1


@dataclass(frozen=True)
class _Frame:
    """Maps values to places on paper."""

    left: float
    right: float
    low: float
    high: float

    def x(self, value: float) -> float:
        share = (value - self.left) / ((self.right - self.left) or 1.0)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    def at(self, x: float, y: float) -> str:
        return f"{self.x(x):.1f},{self.y(y):.1f}"


def curve_chart(offers: Sequence[Offer], knee: Offer, spend_nanousd: int, gain: float) -> str:
    """Draw what every budget buys, with the knee and this run.

    Parameters
    ----------
    offers
        By rising budget, at least one.
    knee
        Where the curve bends most.
    spend_nanousd, gain
        What this run spent, and the gain that is predicted for what it took.
    """
    highs = [offer.gain if offer.high is None else offer.high for offer in offers]
    lows = [offer.gain if offer.low is None else offer.low for offer in offers]
    highest = max(0.0, *highs, gain)
    lowest = min(0.0, *lows, gain)
    # An interval that only touches the ground is no reason to draw what lies below.
    ups = round_ticks(lowest if lowest < -_CELLAR * highest else 0.0, highest)
    lows = [max(low, ups[0]) for low in lows]
    usd = [offer.cost_nanousd / NANODOLLARS_PER_USD for offer in offers]
    own = spend_nanousd / NANODOLLARS_PER_USD
    acrosses = round_ticks(min(*usd, own), max(*usd, own))
    frame = _Frame(acrosses[0], acrosses[-1], ups[0], ups[-1])
    gains = [offer.gain for offer in offers]
    line = " ".join(map(frame.at, usd, gains))
    band = " ".join([*map(frame.at, usd, highs), *map(frame.at, usd[::-1], lows[::-1])])
    parts = [
        *_axes(frame, acrosses, ups, "predicted spend, drafts included", format_about_usd),
        f'<polygon class="band" points="{band}"/>',
        f'<polyline class="curve" points="{line}"/>',
        _mark(
            frame, knee.cost_nanousd / NANODOLLARS_PER_USD, knee.gain, "knee", "knee", above=True
        ),
        _mark(frame, own, gain, "own", "this run", above=False),
    ]
    return _svg("Predicted gain over all drafts, in points, by spend", parts)


def histogram(
    gain: npt.NDArray[np.float64], rows: npt.NDArray[np.int64], taken: npt.NDArray[np.bool_]
) -> str:
    """Draw how predicted gains are distributed, and which of them were bought.

    Parameters
    ----------
    gain
        float64 of shape (items,), predicted, in points.
    rows
        int64 of shape (items,): how many segments each item is.
    taken
        bool of shape (items,): which took their retranslation.
    """
    if not len(gain):
        return ""
    low, high = np.quantile(gain, (_TAIL, 1 - _TAIL)).tolist()
    acrosses = round_ticks(min(low, 0.0), max(high, low + 1.0))
    edges = np.linspace(acrosses[0], acrosses[-1], _BINS + 1)
    inside = np.clip(gain, edges[0], edges[-1])  # the tails are in the outermost bars
    every, bought = (
        np.histogram(inside, edges, weights=rows * mask)[0] for mask in (np.ones(len(rows)), taken)
    )
    ups = round_ticks(0.0, max(float(every.max()), 1.0))
    frame = _Frame(acrosses[0], acrosses[-1], ups[0], ups[-1])
    parts = _axes(frame, acrosses, ups, "predicted gain of a segment, in points", "{:g}".format)
    for number in range(_BINS):
        x, end = frame.x(float(edges[number])), frame.x(float(edges[number + 1]))
        for name, base, top in (
            ("taken", 0.0, float(bought[number])),
            ("kept", float(bought[number]), float(every[number])),
        ):
            if top > base:
                y = frame.y(top)
                parts.append(
                    f'<rect class="{name}" x="{x + 1:.1f}" y="{y:.1f}" '
                    f'width="{max(end - x - 2, 1):.1f}" height="{frame.y(base) - y:.1f}">'
                    f"<title>{edges[number]:.1f} to {edges[number + 1]:.1f} points: "
                    f"{top - base:,.0f} segments {_BARS[name]}</title></rect>"
                )
    return _svg("Segments by predicted gain", parts)


_BARS = {"taken": "retranslated", "kept": "with their draft"}


def _svg(title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"><title>{title}</title>'
        f"{''.join(parts)}</svg>"
    )


def _axes(
    frame: _Frame,
    acrosses: Sequence[float],
    ups: Sequence[float],
    name: str,
    label: Callable[[float], str],
) -> list[str]:
    bottom = _HEIGHT - _BOTTOM
    parts = []
    for value in ups:
        y = frame.y(value)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>'
        )
        parts.append(f'<text class="up" x="{_LEFT - 8}" y="{y + 4:.1f}">{value:,.6g}</text>')
    for value in acrosses:
        x = frame.x(value)
        parts.append(
            f'<line class="tick" x1="{x:.1f}" y1="{bottom}" x2="{x:.1f}" y2="{bottom + 4}"/>'
        )
        parts.append(f'<text class="across" x="{x:.1f}" y="{bottom + 17}">{label(value)}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<line class="tick" x1="{_LEFT}" y1="{bottom}" x2="{_WIDTH - _RIGHT}" y2="{bottom}"/>'
    )
    parts.append(f'<text class="across" x="{middle:.0f}" y="{_HEIGHT - 8}">{name}</text>')
    return parts


def _mark(frame: _Frame, x: float, y: float, kind: str, name: str, *, above: bool) -> str:
    left, top = frame.x(x), frame.y(y)
    shape = (
        f'<path class="{kind}" d="M{left:.1f} {top - 6:.1f}l6 6l-6 6l-6 -6z"/>'
        if above
        else f'<circle class="{kind}" cx="{left:.1f}" cy="{top:.1f}" r="6"/>'
    )
    # The knee's name stands above the curve, at its left.
    anchor, shift = ("end", -10) if above or left > _WIDTH - 120 else ("start", 10)
    down = -8 if above else 18
    return (
        f'{shape}<text class="label" text-anchor="{anchor}" x="{left + shift:.1f}" '
        f'y="{top + down:.1f}">{name}</text>'
    )
