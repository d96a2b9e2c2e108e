"""The columns that a run adds to a corpus, and their values in a form that any format can write.

In go columns as lists or arrays, out come plain Python values of the column's type, with every
kind of missing value as None and only characters that UTF-8 can hold. How a value looks in a file
is the formats' own business, but for numbers, which look the same in TSV and JSONL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, TypeAlias

import numpy as np

Cell: TypeAlias = str | int | float | Decimal | None
"""A value of an added column: None where it is missing, else what its ``ColumnType`` says."""

Values: TypeAlias = Sequence[Any] | np.ndarray[Any, Any]

TRANSLATION, TIER = "translation", "tier"
"""The added columns that formats without columns know: plain text consists of the first."""

NO_TIER = "none"
MEMORY = "memory"
"""The tiers of what no model translated: blank or left segments, and known ones."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class ColumnType(str, Enum):
    """What an added column holds."""

    TEXT = "text"
    """Strings: parquet string."""
    FLOAT = "float"
    """Numbers with 4 decimals in TSV and JSONL: parquet double."""
    INTEGER = "integer"
    """Whole numbers: parquet int64."""
    DECIMAL = "decimal"
    """Exact amounts of at most 9 decimals, as ``Decimal`` or ``str``: parquet decimal128(38, 9)."""


@dataclass(frozen=True)
class AddedColumn:
    """A column that a writer adds to every row.

    Attributes
    ----------
    name
        Its name in the header, the schema or the objects.
    type
        What it holds.
    """

    name: str
    type: ColumnType = ColumnType.TEXT


def take_cells(
    added: Sequence[AddedColumn], columns: Mapping[str, Values], rows: int
) -> list[list[Cell]]:
    """Bring the values of the added columns into a form that any format can write.

    Parameters
    ----------
    added
        The columns that the writer was opened with.
    columns
        One sequence or numpy array for each of them, by name; None and NaN are missing values.
    rows
        The number of rows of the batch.

    Returns
    -------
    list[list[Cell]]
        One list of ``rows`` cells a column, in the order of ``added``.

    Raises
    ------
    ValueError
        The columns are not those that the writer was opened with, or have another length.
    """
    names = [column.name for column in added]
    if set(columns) != set(names):
        raise ValueError(f"the writer adds {names}, got {sorted(columns)}")
    return [_cells(column, columns[column.name], rows) for column in added]


def _cells(column: AddedColumn, values: Values, rows: int) -> list[Cell]:
    # Arrays as a list: numpy scalars would not render as Python numbers do.
    plain: Iterable[Any] = values.tolist() if hasattr(values, "tolist") else values
    cells = [_cell(column.type, value) for value in plain]
    if len(cells) != rows:
        raise ValueError(f"column {column.name!r} has {len(cells)} values for {rows} rows")
    return cells


def _cell(kind: ColumnType, value: Any) -> Cell:
    if value is None or value != value:
        return None
    if kind is ColumnType.TEXT:
        text = str(value)
        # An endpoint that cuts an emoji in half answers with a lone surrogate.
        return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)
    if kind is ColumnType.FLOAT:
        return float(value)
    if kind is ColumnType.INTEGER:
        return int(value)
    return Decimal(str(value))


def number_text(value: int | float | Decimal) -> str:
    """Write a number as it stands in TSV and JSONL.

    Parameters
    ----------
    value
        A cell of a FLOAT, INTEGER or DECIMAL column.

    Returns
    -------
    str
        A float with 4 decimals and no negative zero; a decimal in full, never with an exponent.
    """
    if isinstance(value, float):
        text = f"{value:.4f}"
        return "0.0000" if text == "-0.0000" else text
    return format(value, "f") if isinstance(value, Decimal) else str(value)
