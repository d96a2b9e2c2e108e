"""Plain text: one segment a line in, one translation a line out.

Always: as many lines out as in, each with the terminator of its input line (LF where it had
none). Line breaks and tabs inside a translation become one space. Added columns other than the
translation have no place in plain text and are left out; the line of a skipped row is empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from routelmt_cli.corpus.added import TRANSLATION, AddedColumn, Cell
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.lines import LineFile, one_line, split_terminator
from routelmt_cli.corpus.row_writer import RowWriter
from routelmt_cli.corpus.segments import BATCH_ROWS, SourceBatch
from routelmt_cli.errors import UsageError


class TextCorpus:
    """A ``Corpus`` of plain text.

    Parameters
    ----------
    path
        The file.
    layout
        Says only that it is plain text.
    display_name
        The file's name in errors.

    Raises
    ------
    UsageError
        The file cannot be read, is empty, or not UTF-8 in its first line.
    """

    def __init__(self, path: Path, layout: Layout, display_name: str) -> None:
        self.display_name = display_name
        self.layout = layout
        self.column_names: tuple[str, ...] = ()
        self._file = LineFile(path, display_name, layout.on_invalid)
        self._file.first_line()

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[SourceBatch]:
        """Read the segments; see ``Corpus.batches``."""
        for batch in self._file.batches(rows):
            sources = [split_terminator(line)[0] for line in batch.lines]
            for skipped in batch.skipped:
                sources[skipped] = b""
            yield SourceBatch(
                batch.first_number - 1, pa.array(sources, type=pa.string()), batch.lines
            )

    def texts(self, column: str | int, rows: int = BATCH_ROWS) -> Iterator[pa.Array]:
        """Refuse: plain text has no other columns."""
        raise self._no_column(column)

    def numbers(
        self, column: str | int, rows: int = BATCH_ROWS
    ) -> Iterator[npt.NDArray[np.float64]]:
        """Refuse: plain text has no other columns."""
        raise self._no_column(column)

    def open_writer(self, sink: BinaryIO, added: Sequence[AddedColumn]) -> TextWriter:
        """Make the writer; see ``Corpus.open_writer``."""
        return TextWriter(sink, added)

    def remarks(self) -> list[str]:
        """Say what was done with invalid lines; see ``Corpus.remarks``."""
        return self._file.remarks()

    def _no_column(self, column: str | int) -> UsageError:
        return UsageError(
            f"{self.display_name} is plain text and has no column {column!r}",
            hint="--format tsv for a file of columns",
        )


class TextWriter(RowWriter):
    """A ``Writer`` of the translations alone.

    Parameters
    ----------
    sink
        Where the output goes.
    added
        The columns to add, ``translation`` among them.

    Raises
    ------
    ValueError
        There is no column ``translation``.
    """

    def __init__(self, sink: BinaryIO, added: Sequence[AddedColumn]) -> None:
        super().__init__(sink, added)
        self._translation = [column.name for column in self.added].index(TRANSLATION)

    def encode(self, batch: SourceBatch, cells: list[list[Cell]]) -> list[bytes]:
        """Give the translations, one a line; see ``RowWriter.encode``."""
        return [
            one_line(str(text or "")).encode() + split_terminator(line)[1]
            for line, text in zip(batch.rows, cells[self._translation], strict=True)
        ]
