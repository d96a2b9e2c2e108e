"""Read a column of numbers, such as scores, whatever the format holds them in.

In go cells as a format's reader finds them (texts, JSON numbers, arrow arrays), out come float64
arrays, NaN where a cell is empty. Infinite numbers and NaN pass: whether a row's number is needed
at all is the caller's to say. It guesses nothing: a decimal comma or a unit is an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from routelmt_cli.errors import UsageError

HINT = "write numbers as 12.5 or -3e-2, or leave the cell empty"
_SHOWN = 40


def read_numbers(
    cells: Iterable[Any], display_name: str, place: str, first_number: int, column: str | int
) -> npt.NDArray[np.float64]:
    """Read cells as numbers.

    Parameters
    ----------
    cells
        Texts, numbers or None, in the order of the file.
    display_name
        The file's name in errors.
    place
        What a row is called there: ``line`` or ``row``.
    first_number
        The number of the first cell's row, as errors count.
    column
        The column's name.

    Returns
    -------
    numpy.ndarray of float64, (number of cells,)
        NaN where a cell is None or blank.

    Raises
    ------
    UsageError
        A cell is not a number.
    """
    values = []
    for number, cell in enumerate(cells, first_number):
        value = _number(cell)
        if value is None:
            raise UsageError(
                f"{display_name} {place} {number} has no number in column {column!r} but "
                f"{str(cell)[:_SHOWN]!r}",
                hint=HINT,
            )
        values.append(value)
    return np.array(values, dtype=np.float64)


def holds_numbers(kind: pa.DataType) -> bool:
    """Tell whether an arrow type is a number that float64 can stand for.

    Parameters
    ----------
    kind
        The type of a column; booleans are no numbers.
    """
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _number(cell: Any) -> float | None:
    """Return NaN for an empty cell, None for one that is no number."""
    if cell is None:
        return float("nan")
    if isinstance(cell, bool):
        return None
    if isinstance(cell, str):
        text = cell.strip()
        # Python alone would take 1_000 for a number.
        if "_" in text:
            return None
        cell = text or "nan"
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None
