"""Draw docs/images: the README's own figures as bars and points, without any library.

    python docs/_make/figures.py

The README goes in, SVG files come out. No figure is written down here: all are read from the
README, and ``tests/docs/test_docs.py`` fails where a picture shows others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1]
WIDTH, ROW, LEFT, RIGHT = 640, 30, 190, 70
GREY, OURS, TRUTH = "#9aa0a6", "#3f51b5", "#8c9eff"
END = 'text-anchor="end"'
STYLE = 'font-family="sans-serif" font-size="14" fill="#777" role="img">'
# What a row is called in the README, and how it is called in a picture.
WMT = {
    "WMT23, NLLB to GPT-4, 4 language pairs": "WMT23",
    "the same, drafts read by Gemma 3 270M (`--score-with`)": "WMT23, drafts read",
    "WMT22, 12 system pairs": "WMT22",
}
SEVERE = re.compile(
    r"(?P<random>[\d.]+)% in random order, (?P<router>[\d.]+)% by the router, "
    r"(?P<guard>[\d.]+)% with `--guard 0.1`"
)


def cells(line: str) -> list[str]:
    """Split a row of a table, without the marks of bold type."""
    return [cell.strip().strip("*") for cell in line.strip().strip("|").split("|")]


def table(text: str, first: str) -> dict[str, dict[str, str]]:
    """Read the table whose header begins with these cells: row to column to cell."""
    header, _, *rows = text[text.index(first) :].split("\n\n", 1)[0].splitlines()
    columns = cells(header)
    return {cells(row)[0]: dict(zip(columns, cells(row), strict=True)) for row in rows}


def colour(name: str) -> str:
    """Tell routers from rules, and from what only the truth could do."""
    if name.startswith(("oracle", "true")):
        return TRUTH
    return OURS if "router" in name else GREY


def draw(groups: Mapping[str, Mapping[str, str]], low: float, high: float, note: str) -> str:
    """Draw one row a value; points where the axis does not begin at zero, bars where it does.

    Parameters
    ----------
    groups
        Heading ('' for none) to name to figure, as the README writes it.
    low, high
        The ends of the axis.
    note
        What the figures are.
    """
    parts, y = [], 6
    for heading, values in groups.items():
        if heading:
            place = f'x="{LEFT - 10}" y="{y + 16}" {END} font-weight="bold"'
            parts.append(f"<text {place}>{escape(heading)}</text>")
            y += ROW - 4
        for name, figure in values.items():
            size = (float(figure) - low) / (high - low) * (WIDTH - LEFT - RIGHT)
            fill = colour(name)
            mark = f'<rect x="{LEFT}" y="{y + 2}" width="{size:.1f}" height="18" fill="{fill}"/>'
            if low:
                line = f'x1="{LEFT}" x2="{LEFT + size:.1f}" y1="{y + 11}" y2="{y + 11}"'
                mark = f'<line {line} stroke="#777" stroke-dasharray="1 4"/>'
                mark += f'<circle cx="{LEFT + size:.1f}" cy="{y + 11}" r="7" fill="{fill}"/>'
            shown = f'<text x="{LEFT + size + 12:.1f}" y="{y + 16}">{figure}</text>'
            parts.append(f'<text x="{LEFT - 10}" y="{y + 16}" {END}>{escape(name)}</text>')
            parts.append(mark + shown)
            y += ROW
    parts.append(f'<text x="{LEFT}" y="{y + 14}" font-size="12">{escape(note)}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 26}" '
    return "\n".join([head + STYLE, *parts, "</svg>\n"])


def chosen(row: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Take some columns of a row."""
    return {name: row[name] for name in names}


def pictures() -> dict[str, str]:
    """Draw every picture: its file's name to its SVG."""
    measured = (DOCS.parent / "README.md").read_text("utf-8").split("## Measured", 1)[1]
    routing = table(measured, "| | all small | random")
    shipped = next(row for name, row in routing.items() if name.startswith("es-en, shipped"))
    wmt = table(measured, "| | best rule |")
    severe = SEVERE.search(measured)
    if severe is None:
        raise ValueError("README.md: no sentence with the severe regressions of the guard")
    return {
        "routing.svg": draw(
            {"": chosen(shipped, ["random", "longest first", "router", "oracle"])},
            36,
            41,
            "corpus chrF++, es-en, equal spend; the axis goes from 36 to 41",
        ),
        "recovered.svg": draw(
            {
                short: chosen(wmt[name], ["best rule", "router", "true draft quality"])
                for name, short in WMT.items()
            },
            0,
            0.6,
            "recovered share at 30% of calls: 0 is random, 1 the oracle",
        ),
        "guard.svg": draw(
            {
                "": {
                    "random": severe["random"],
                    "router": severe["router"],
                    "router, --guard 0.1": severe["guard"],
                }
            },
            0,
            10,
            "% of routed segments that lose 10 chrF++ points or more, WMT22",
        ),
    }


if __name__ == "__main__":
    for name, drawn in pictures().items():
        (DOCS / "images" / name).write_text(drawn, "utf-8")
