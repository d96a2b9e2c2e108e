"""Check the names of a corpus's columns and word the errors about them.

In go column names, out comes nothing or a ``UsageError`` of one printable line, however long or
odd the first line of a file is. It reads no rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from routelmt_cli.corpus.layout import parse_column_number
from routelmt_cli.errors import UsageError

_NAMES_SHOWN = 8
_NAME_LENGTH_SHOWN = 40


def quote_names(names: Sequence[str]) -> str:
    """List column names for an error.

    Parameters
    ----------
    names
        Any number of names, of any length and with any characters.

    Returns
    -------
    str
        The first few, quoted and cut, without control characters.
    """
    shown = [
        repr(name if len(name) <= _NAME_LENGTH_SHOWN else name[:_NAME_LENGTH_SHOWN] + "…")
        for name in names[:_NAMES_SHOWN]
    ]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def missing_column(
    display_name: str, column: str, found: Sequence[str], *, hint: str | None = None
) -> UsageError:
    """Word the error of a column that is not there.

    Parameters
    ----------
    display_name
        The file's name, with the row where it is about one row.
    column
        The column that was asked for.
    found
        The columns that are there.
    hint
        What the user can do.

    Returns
    -------
    UsageError
        The error to raise.
    """
    return UsageError(
        f"{display_name} has no column {column!r}; it has {quote_names(found)}", hint=hint
    )


def column_index(
    display_name: str,
    column: str | int,
    names: Sequence[str],
    width: int,
    *,
    first: str,
    hint: str | None = None,
) -> int:
    """Find a column by its name or, in a file without names, by its number from 1.

    Parameters
    ----------
    display_name
        The file's name in errors.
    column
        The column that is asked for.
    names
        The header's names; empty for a file without a header.
    width
        How many columns there are.
    first
        What a file without a header begins with: a line, or a row.
    hint
        What the user can do where a name is not there.

    Returns
    -------
    int
        Its place, from 0.

    Raises
    ------
    UsageError
        There is no such column.
    """
    if names:
        if column not in names:
            raise missing_column(display_name, str(column), names, hint=hint)
        return names.index(str(column))
    number = parse_column_number(column)
    if number > width:
        raise UsageError(
            f"{display_name} has no column {number}; its first {first} has {count_columns(width)}"
        )
    return number - 1


def count_columns(number: int) -> str:
    """Write a number of columns."""
    return f"{number} column" + ("" if number == 1 else "s")


def refuse_duplicates(display_name: str, names: Iterable[str]) -> None:
    """Refuse columns that cannot be told apart.

    Parameters
    ----------
    display_name
        The file's name, with the row where it is about one row.
    names
        Its columns.

    Raises
    ------
    UsageError
        A name stands there twice.
    """
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise UsageError(f"{display_name} has more than one column {quote_names(repeated)}")


def refuse_taken(display_name: str, names: Collection[str], added: Iterable[str]) -> None:
    """Refuse a corpus that already has a column which the run is to add.

    Parameters
    ----------
    display_name
        The file's name, with the row where it is about one row.
    names
        Its columns.
    added
        The names of the columns to be added.

    Raises
    ------
    UsageError
        A name is taken.
    """
    taken = [name for name in added if name in names]
    if taken:
        raise UsageError(
            f"{display_name} already has a column {quote_names(taken)}, which is to be added",
            hint="rename or remove it in the input",
        )
