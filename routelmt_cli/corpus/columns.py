"""Check the names of a corpus's columns and word the errors about them.

In go column names, out comes nothing or a ``UsageError`` of one printable line, however long or
odd the first line of a file is. It reads no rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

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
