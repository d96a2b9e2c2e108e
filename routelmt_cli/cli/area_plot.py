"""A curve as an area of block characters, for a terminal or a text file.

Values at even steps go in, lines of text come out. What always holds: the lines have no colour and
no control character, and are plain ASCII where the encoding knows no blocks.
"""

from __future__ import annotations

from collections.abc import Sequence

WIDTH, HEIGHT = 64, 10
_BLOCKS = " ▁▂▃▄▅▆▇█"
_ASCII = " ......##"
_MARKS = {True: ("│", "└", "─", "▲"), False: ("|", "+", "-", "^")}


def area_plot(
    values: Sequence[float], *, mark: float, ends: tuple[str, str], encoding: str = "utf-8"
) -> list[str]:
    """Draw values that are zero or more.

    Parameters
    ----------
    values
        At least one.
    mark
        Where an arrow stands under the axis, from 0 to 1.
    ends
        What stands at the left and right end of the axis.
    encoding
        Of the terminal.

    Returns
    -------
    list of str
        ``HEIGHT`` lines of curve, then axis, arrow and ends.
    """
    fancy = _can_encode(encoding)
    blocks = _BLOCKS if fancy else _ASCII
    side, corner, dash, arrow = _MARKS[fancy]
    top = max(*values, 0.0) if len(values) > 1 else max(values[0], 0.0)
    last = len(values) - 1
    columns = [values[round(last * place / (WIDTH - 1))] for place in range(WIDTH)]
    heights = [round(max(value, 0.0) / top * HEIGHT * 8) if top else 0 for value in columns]
    labels = {0: f"+{top:.2f}", HEIGHT - 1: "+0.00"}
    margin = max(map(len, labels.values()))
    lines = []
    for row in range(HEIGHT):
        below = (HEIGHT - 1 - row) * 8
        cells = "".join(blocks[min(8, max(0, height - below))] for height in heights)
        lines.append(f"{labels.get(row, ''):>{margin}} {side}{cells}".rstrip())
    lines.append(f"{'':>{margin}} {corner}{dash * WIDTH}")
    lines.append(f"{'':>{margin}}  {' ' * round(mark * (WIDTH - 1))}{arrow} knee")
    lines.append(f"{'':>{margin}}  {ends[0]}{ends[1]:>{max(1, WIDTH - len(ends[0]))}}")
    return lines


def _can_encode(encoding: str) -> bool:
    try:
        (_BLOCKS + "".join(_MARKS[True])).encode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True
