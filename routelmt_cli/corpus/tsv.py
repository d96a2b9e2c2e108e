r"""TSV as machine translation corpora are: raw, without quoting.

A row is a line, a field is what stands between TABs; there is nothing to escape. Always: every
byte of an input row is kept, new fields follow after it, before its terminator (CRLF stays CRLF).
Every row has as many columns as the first line. Line breaks and TABs inside an added value become
one space, and a missing value an empty field. It is not CSV and does not guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from routelmt_cli.corpus.added import AddedColumn, Cell, number_text
from routelmt_cli.corpus.columns import column_index, count_columns, refuse_duplicates
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.lines import LineBatch, LineFile, one_line, split_terminator
from routelmt_cli.corpus.numbers import read_numbers
from routelmt_cli.corpus.row_writer import RowWriter
from routelmt_cli.corpus.segments import BATCH_ROWS, SourceBatch
from routelmt_cli.errors import UsageError

_TAB = b"\t"


class TsvCorpus:
    """A ``Corpus`` of tab-separated columns.

    Parameters
    ----------
    path
        The file.
    layout
        The source column, and whether the first line names the columns.
    display_name
        The file's name in errors.

    Raises
    ------
    UsageError
        The file cannot be read or is empty, or its first line does not fit the layout.
    """

    def __init__(self, path: Path, layout: Layout, display_name: str) -> None:
        self.display_name = display_name
        self.layout = layout
        self._file = LineFile(path, display_name, layout.on_invalid)
        first_line = self._file.first_line()
        names = split_terminator(first_line)[0].decode("utf-8").split("\t")
        self._width = len(names)
        self._header = first_line if layout.has_header else None
        self.column_names: tuple[str, ...] = tuple(names) if layout.has_header else ()
        source_column = layout.source_column
        assert source_column is not None  # Layout resolves it for every format but plain text
        # Before duplicates: a first line that is no header is then told to be one.
        self._source_index = self._index_of(
            source_column,
            hint="--source-column NAME, or --no-header if the first line is a segment",
        )
        refuse_duplicates(display_name, self.column_names)

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[SourceBatch]:
        """Read the segments; see ``Corpus.batches``."""
        skip_lines = 0 if self._header is None else 1
        for batch in self._file.batches(rows, skip_lines=skip_lines):
            yield SourceBatch(
                batch.first_number - 1 - skip_lines,
                self._fields(batch, self._source_index),
                batch.kept,
            )

    def texts(self, column: str | int, rows: int = BATCH_ROWS) -> Iterator[pa.Array]:
        """Read another column; see ``Corpus.texts``."""
        index = self._index_of(column)
        skip_lines = 0 if self._header is None else 1
        return (
            self._fields(batch, index) for batch in self._file.batches(rows, skip_lines=skip_lines)
        )

    def numbers(
        self, column: str | int, rows: int = BATCH_ROWS
    ) -> Iterator[npt.NDArray[np.float64]]:
        """Read a column of numbers; see ``Corpus.numbers``."""
        index = self._index_of(column)
        skip_lines = 0 if self._header is None else 1
        return (
            read_numbers(
                self._fields(batch, index).to_pylist(),
                self.display_name,
                "line",
                batch.first_number,
                column,
            )
            for batch in self._file.batches(rows, skip_lines=skip_lines)
        )

    def open_writer(self, sink: BinaryIO, added: Sequence[AddedColumn]) -> TsvWriter:
        """Make the writer; see ``Corpus.open_writer``."""
        return TsvWriter(sink, added, self._header)

    def remarks(self) -> list[str]:
        """Say what was done with invalid rows; see ``Corpus.remarks``."""
        return self._file.remarks()

    def _index_of(self, column: str | int, *, hint: str | None = None) -> int:
        return column_index(
            self.display_name, column, self.column_names, self._width, first="line", hint=hint
        )

    def _fields(self, batch: LineBatch, index: int) -> pa.StringArray:
        tabs = self._width - 1
        lines = batch.lines
        for offset, line in enumerate(lines):
            if line.count(_TAB) != tabs:
                raise self._wrong_width(batch.first_number + offset, line)
        if index == tabs:  # only the last field has the terminator after it
            fields = [split_terminator(line)[0].rsplit(_TAB, 1)[-1] for line in lines]
        else:
            fields = [line.split(_TAB, index + 1)[index] for line in lines]
        for skipped in batch.skipped:
            fields[skipped] = b""
        return pa.array(fields, type=pa.string())

    def _wrong_width(self, number: int, line: bytes) -> UsageError:
        expected = "the first line" if self._header is None else "the header"
        content = split_terminator(line)[0]
        found = f"has {count_columns(content.count(_TAB) + 1)}" if content else "is empty"
        return UsageError(
            f"{self.display_name} line {number} {found}, "
            f"{expected} has {count_columns(self._width)}",
            hint="a TSV has no quoting: a TAB always separates, a line break always ends a row",
        )


class TsvWriter(RowWriter):
    """A ``Writer`` of the input rows with fields appended.

    Parameters
    ----------
    sink
        Where the output goes.
    added
        The columns to add.
    header
        The input's raw header line; None where it has none.

    Raises
    ------
    ValueError
        The name of an added column cannot stand in a header.
    """

    def __init__(self, sink: BinaryIO, added: Sequence[AddedColumn], header: bytes | None) -> None:
        super().__init__(sink, added)
        self._header = header
        for column in self.added:
            if one_line(column.name) != column.name:
                raise ValueError(f"column name {column.name!r} cannot stand in a TSV header")

    def prologue(self) -> bytes:
        """Give the header with the new names; see ``RowWriter.prologue``."""
        if self._header is None:
            return b""
        return _append(self._header, [column.name for column in self.added])

    def encode(self, batch: SourceBatch, cells: list[list[Cell]]) -> list[bytes]:
        """Give the rows with the new fields; see ``RowWriter.encode``."""
        fields = [[_field(cell) for cell in column] for column in cells]
        return [_append(line, new) for line, *new in zip(batch.rows, *fields, strict=True)]


def _append(line: bytes, fields: Sequence[str]) -> bytes:
    content, terminator = split_terminator(line)
    return _TAB.join([content, *(field.encode() for field in fields)]) + terminator


def _field(cell: Cell) -> str:
    if cell is None:
        return ""
    return one_line(cell) if isinstance(cell, str) else number_text(cell)
