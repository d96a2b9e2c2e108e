"""Draw docs/images/routing.svg from the README's table of routing figures.

python docs/_make/figures.py
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1]
WIDTH, ROW, LEFT, RIGHT = 640, 34, 130, 80
SHOWN = {
    "random": "#9aa0a6",
    "longest first": "#9aa0a6",
    "**router**": "#3f51b5",
    "oracle": "#c5cae9",
}


def figures() -> dict[str, float]:
    """Read the row of the shipped es-en router."""
    table = (DOCS.parent / "README.md").read_text("utf-8").split("## Measured", 1)[1]
    header, row = (
        [cell.strip() for cell in re.search(pattern, table, re.MULTILINE)[0].strip("|").split("|")]
        for pattern in (r"^\| \| all small.*$", r"^\| es-en, shipped.*$")
    )
    cells = dict(zip(header, row, strict=True))
    return {name: float(cells[name].strip("*")) for name in SHOWN}


def bars(values: dict[str, float]) -> str:
    """Draw one bar a value, from the lowest but a little."""
    low, high = min(values.values()) - 2, max(values.values())
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {ROW * len(values) + 30}" '
        'font-family="sans-serif" font-size="14" role="img">'
    ]
    for place, (name, value) in enumerate(values.items()):
        y = place * ROW + 6
        size = (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)
        parts.append(
            f'<text x="{LEFT - 10}" y="{y + 16}" text-anchor="end" fill="#777">'
            f"{escape(name.strip('*'))}</text>"
            f'<rect x="{LEFT}" y="{y}" width="{size:.1f}" height="22" fill="{SHOWN[name]}"/>'
            f'<text x="{LEFT + size + 8:.1f}" y="{y + 16}" fill="#777">{value:.2f}</text>'
        )
    parts.append(
        f'<text x="{LEFT}" y="{ROW * len(values) + 24}" fill="#777" font-size="12">corpus chrF++, '
        f"es-en, equal spend; bars begin at {low:.1f}</text></svg>\n"
    )
    return "\n".join(parts)


if __name__ == "__main__":
    (DOCS / "images" / "routing.svg").write_text(bars(figures()), "utf-8")
