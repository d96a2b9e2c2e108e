"""The picture of a curve: plain characters, whatever the values and the terminal."""

from __future__ import annotations

import pytest

from routelmt_cli.cli.area_plot import HEIGHT, WIDTH, area_plot


def draw(values, **options):
    return area_plot(values, mark=0.5, ends=("$0.00", "$1.00"), **options)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", "no such encoding"])
def test_every_terminal_can_show_it(encoding):
    lines = draw([0.0, 1.0, 3.0], encoding=encoding)
    text = "\n".join(lines)
    text.encode(encoding if encoding != "no such encoding" else "ascii")
    assert len(lines) == HEIGHT + 3
    assert lines[0].startswith("+3.00") and "knee" in text
    assert lines[-1].split() == ["$0.00", "$1.00"]


def test_a_rising_curve_rises():
    lines = draw([float(value) for value in range(101)])[:HEIGHT]
    left = lines[0].index("│") + 1
    heights = [sum(line[left:].ljust(WIDTH)[x] != " " for line in lines) for x in range(WIDTH)]
    assert heights == sorted(heights)
    assert heights[0] == 0 and heights[-1] == HEIGHT


@pytest.mark.parametrize("values", [[0.0], [0.0, 0.0], [5.0]])
def test_curves_without_a_rise(values):
    assert len(draw(values)) == HEIGHT + 3
