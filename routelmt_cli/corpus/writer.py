"""Write a corpus again, in its own format, with columns added.

In go a sink, the corpus and the columns to add, out comes a ``Writer`` that takes the corpus's
batches in order. It does not open, rename or close the sink: whose output it is knows better.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from routelmt_cli.corpus.added import AddedColumn, ColumnType, Values
from routelmt_cli.corpus.columns import refuse_taken
from routelmt_cli.corpus.segments import Corpus, Writer

__all__ = ["AddedColumn", "ColumnType", "Values", "Writer", "open_writer"]


def open_writer(sink: BinaryIO, corpus: Corpus, added: Sequence[AddedColumn]) -> Writer:
    """Open the writer of a corpus.

    Parameters
    ----------
    sink
        A buffered binary file; it is left open.
    corpus
        The corpus whose batches are to be written.
    added
        The columns to add, in order. Plain text takes ``translation`` alone from them.

    Returns
    -------
    Writer
        A context manager.

    Raises
    ------
    UsageError
        The corpus already has a column of that name (JSONL: also from ``write``).
    ValueError
        Two of the added columns have one name.
    """
    names = [column.name for column in added]
    if len(set(names)) < len(names):
        raise ValueError(f"a column is added twice: {names}")
    refuse_taken(corpus.display_name, corpus.column_names, names)
    return corpus.open_writer(sink, added)
