"""What passes between a corpus and the rest of the program: batches out, columns in.

``Corpus`` is what every format's reader is, ``Writer`` what every format's writer is. Always: the
batches of a corpus are the same on every reading, and a writer that is given each of them once,
in order, writes each row once, in order. The formats' own modules do the work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from routelmt_cli.corpus.added import AddedColumn, Values
from routelmt_cli.corpus.layout import Layout

BATCH_ROWS = 8192


@dataclass(frozen=True)
class SourceBatch:
    """Some consecutive segments of a corpus.

    Attributes
    ----------
    first_row
        The first one's segment number, counted from 0.
    sources
        The source texts, ``pa.string()`` without nulls; an empty segment is ``""``.
    rows
        What the same format's writer needs to write these rows again. Not for anyone else.
    """

    first_row: int
    sources: pa.StringArray
    rows: Any


class Writer(Protocol):
    """Writes the rows of a corpus again, with columns added.

    A context manager: the sink holds the whole output once the block has ended without an error.
    The sink is the caller's to open, flush and close.
    """

    def __enter__(self) -> Writer:
        """Write what stands before the first row."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write what is still held back and what stands after the last row."""
        ...

    def write(self, batch: SourceBatch, columns: Mapping[str, Values]) -> None:
        """Write the rows of one batch, each once, in order.

        Parameters
        ----------
        batch
            The next batch of the corpus that the writer was opened for.
        columns
            A value for each row, for each of the added columns, by name. None and NaN are
            missing values.
        """
        ...


class Corpus(Protocol):
    """A file of segments that can be read any number of times.

    Attributes
    ----------
    display_name
        The file's name in errors; ``-`` for standard input.
    layout
        How it is read.
    column_names
        Its columns (JSONL: the keys of the first object); empty for plain text and a TSV without
        a header.
    """

    display_name: str
    layout: Layout
    column_names: tuple[str, ...]

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[SourceBatch]:
        """Read the source segments from the start of the file.

        Parameters
        ----------
        rows
            The most segments in a batch. A batch of long segments has fewer.

        Returns
        -------
        Iterator[SourceBatch]
            Batches in file order, none of them empty.
        """
        ...

    def texts(self, column: str | int, rows: int = BATCH_ROWS) -> Iterator[pa.Array]:
        """Read another text column from the start of the file.

        Parameters
        ----------
        column
            Its name, or its number from 1 in a TSV without a header.
        rows
            As for ``batches``.

        Returns
        -------
        Iterator[pa.Array]
            ``pa.string()`` arrays without nulls (a missing value is ``""``), of the same lengths
            as the batches of ``batches(rows)``.
        """
        ...

    def numbers(
        self, column: str | int, rows: int = BATCH_ROWS
    ) -> Iterator[npt.NDArray[np.float64]]:
        """Read a column of numbers from the start of the file, from text cells too.

        Parameters
        ----------
        column, rows
            As for ``texts``.

        Returns
        -------
        Iterator[numpy.ndarray]
            float64 arrays, NaN where a value is missing, of the same lengths as the batches of
            ``batches(rows)``.
        """
        ...

    def remarks(self) -> list[str]:
        """Say what the user should know once the sources were read to the end.

        Returns
        -------
        list[str]
            One line each, naming the file.
        """
        ...

    def open_writer(self, sink: BinaryIO, added: Sequence[AddedColumn]) -> Writer:
        """Make the writer of this corpus's format; ``writer.open_writer`` checks the names.

        Parameters
        ----------
        sink
            Where the output goes: a buffered binary file.
        added
            The columns to add, in order.

        Returns
        -------
        Writer
            A context manager that has not written anything yet.
        """
        ...
