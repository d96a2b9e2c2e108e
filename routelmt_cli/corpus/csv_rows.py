r"""CSV after RFC 4180: fields between commas; quoted ones may hold commas, quotes and line breaks.

Always: every byte of an input row is kept, its quoting and its line end (LF or CRLF) among them;
new fields follow after it, quoted only where they must be, with their line breaks and tabs. Every
row has as many columns as the first one. A blank line is a row of a file with one column. Python's
csv module takes rows apart; a field is at most 64 MiB, so that a quote which is never closed does
not take the memory. It does not guess at other separators.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from routelmt_cli.corpus.added import AddedColumn, Cell, number_text
from routelmt_cli.corpus.columns import column_index, count_columns, refuse_duplicates
from routelmt_cli.corpus.inputs import BLOCK_BYTES
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.lines import LineFile
from routelmt_cli.corpus.numbers import read_numbers
from routelmt_cli.corpus.row_writer import RowWriter
from routelmt_cli.corpus.segments import BATCH_ROWS, SourceBatch
from routelmt_cli.errors import UsageError

_MOST_CHARACTERS = 64 << 20
_HINT = (
    "a field with a comma, a quote or a line break stands in quotes, and a quote in it is doubled; "
    "tab-separated text without quoting is --format tsv"
)
_STRAY_RETURN = "a carriage return stands outside of quotes"
_TO_QUOTE = frozenset(',"\r\n')


@dataclass
class CsvRows:
    """Some consecutive rows.

    Attributes
    ----------
    first_row
        The first one's number, from 0, without the header.
    fields
        What csv made of each.
    kept
        The bytes that the output keeps of each, with the terminator.
    skipped
        Positions of rows that are not to be translated.
    """

    first_row: int
    fields: list[list[str]] = field(default_factory=list)
    kept: list[bytes] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)


class CsvCorpus:
    """A ``Corpus`` of comma-separated columns.

    Parameters
    ----------
    path
        The file.
    layout
        The source column, and whether the first row names the columns.
    display_name
        The file's name in errors.

    Raises
    ------
    UsageError
        The file cannot be read or is empty, or its first row does not fit the layout.
    """

    def __init__(self, path: Path, layout: Layout, display_name: str) -> None:
        self.display_name = display_name
        self.layout = layout
        self._file = LineFile(path, display_name, layout.on_invalid)
        self._width: int | None = None  # the first row says what it is
        first = next(self._rows(1, header=False))
        names = first.fields[0]
        self._width = len(names)
        self._header = first.kept[0] if layout.has_header else None
        self.column_names: tuple[str, ...] = tuple(names) if layout.has_header else ()
        assert layout.source_column is not None  # Layout resolves it
        self._source_index = self._index_of(
            layout.source_column,
            hint="--source-column NAME, or --no-header if the first row is a segment",
        )
        refuse_duplicates(display_name, self.column_names)

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[SourceBatch]:
        """Read the segments; see ``Corpus.batches``."""
        for batch in self._batches(rows):
            yield SourceBatch(batch.first_row, self._texts(batch, self._source_index), batch.kept)

    def texts(self, column: str | int, rows: int = BATCH_ROWS) -> Iterator[pa.Array]:
        """Read another column; see ``Corpus.texts``."""
        index = self._index_of(column)
        return (self._texts(batch, index) for batch in self._batches(rows))

    def numbers(
        self, column: str | int, rows: int = BATCH_ROWS
    ) -> Iterator[npt.NDArray[np.float64]]:
        """Read a column of numbers; see ``Corpus.numbers``."""
        index = self._index_of(column)
        return (
            read_numbers(
                self._texts(batch, index).to_pylist(),
                self.display_name,
                "row",
                batch.first_row + 1,
                column,
            )
            for batch in self._batches(rows)
        )

    def remarks(self) -> list[str]:
        """Say what was done with invalid rows; see ``Corpus.remarks``."""
        return self._file.remarks()

    def open_writer(self, sink: BinaryIO, added: Sequence[AddedColumn]) -> CsvWriter:
        """Make the writer; see ``Corpus.open_writer``."""
        return CsvWriter(sink, added, self._header)

    def _index_of(self, column: str | int, *, hint: str | None = None) -> int:
        return column_index(
            self.display_name, column, self.column_names, self._width or 0, first="row", hint=hint
        )

    def _texts(self, batch: CsvRows, index: int) -> pa.StringArray:
        texts = [fields[index] for fields in batch.fields]
        for skipped in batch.skipped:
            texts[skipped] = ""
        return pa.array(texts, type=pa.string())

    def _batches(self, rows: int) -> Iterator[CsvRows]:
        return self._rows(rows, header=self.layout.has_header)

    def _rows(self, rows: int, *, header: bool) -> Iterator[CsvRows]:
        """Yield batches of rows; they end when they hold a block."""
        lines = _Lines(self._file)
        reader = csv.reader(lines, strict=True)
        batch, size = CsvRows(0), 0
        while (fields := self._next(reader, lines)) is not None:
            number, kept, is_skipped = lines.take()
            if header:
                header = False
                continue
            if kept.rstrip(b"\n").endswith(b"\r\r"):  # csv takes several for one
                raise self._invalid(number, _STRAY_RETURN)
            fields = fields or [""]  # csv's word for a blank line
            self._check_width(number, fields, kept)
            if is_skipped:
                batch.skipped.append(len(batch.fields))
            batch.fields.append(fields)
            batch.kept.append(kept)
            size += len(kept)
            if len(batch.fields) == rows or size >= BLOCK_BYTES:
                yield batch
                batch, size = CsvRows(batch.first_row + len(batch.fields)), 0
        if batch.fields:
            yield batch

    def _next(self, reader: Iterator[list[str]], lines: _Lines) -> list[str] | None:
        # A limit of the whole process; whoever else reads CSV here may have set another.
        csv.field_size_limit(_MOST_CHARACTERS)
        try:
            return next(reader, None)
        except csv.Error as error:
            raise self._invalid(lines.number, _reason(error)) from None

    def _invalid(self, number: int, reason: str) -> UsageError:
        return UsageError(
            f"{self.display_name} line {number} is not valid CSV: {reason}", hint=_HINT
        )

    def _check_width(self, number: int, fields: list[str], kept: bytes) -> None:
        width = self._width
        if width is None or len(fields) == width:
            return
        expected = "the header" if self.layout.has_header else "the first row"
        is_blank = not kept.strip(b"\r\n")
        found = "is empty" if is_blank else f"has {count_columns(len(fields))}"
        raise UsageError(
            f"{self.display_name} line {number} {found}, {expected} has {count_columns(width)}",
            hint="remove the line" if is_blank else _HINT,
        )


class _Lines:
    """The lines of a file for csv, which remembers those of the row that is being read.

    Attributes
    ----------
    number
        The line number of the row's first line.
    """

    def __init__(self, file: LineFile) -> None:
        self.number = 1
        self._lines = (
            (line, kept, at in batch.skipped)
            for batch in file.batches(BATCH_ROWS)
            for at, (line, kept) in enumerate(zip(batch.lines, batch.kept, strict=True))
        )
        self._kept: list[bytes] = []
        self._is_skipped = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line, kept, is_skipped = next(self._lines)
        self._kept.append(kept)
        self._is_skipped |= is_skipped
        return line.decode("utf-8")

    def take(self) -> tuple[int, bytes, bool]:
        """Give line number, bytes and whether to skip of the row that was read, and forget it."""
        row = self.number, b"".join(self._kept), self._is_skipped
        self.number += len(self._kept)
        self._kept = []
        self._is_skipped = False
        return row


class CsvWriter(RowWriter):
    """A ``Writer`` of the input rows with fields appended.

    Parameters
    ----------
    sink
        Where the output goes.
    added
        The columns to add.
    header
        The input's raw header; None where it has none.
    """

    def __init__(self, sink: BinaryIO, added: Sequence[AddedColumn], header: bytes | None) -> None:
        super().__init__(sink, added)
        self._header = header

    def prologue(self) -> bytes:
        """Give the header with the new names; see ``RowWriter.prologue``."""
        if self._header is None:
            return b""
        return _append(self._header, [_quoted(column.name) for column in self.added])

    def encode(self, batch: SourceBatch, cells: list[list[Cell]]) -> list[bytes]:
        """Give the rows with the new fields; see ``RowWriter.encode``."""
        fields = [[_field(cell) for cell in column] for column in cells]
        return [_append(row, new) for row, *new in zip(batch.rows, *fields, strict=True)]


def _append(row: bytes, fields: Sequence[str]) -> bytes:
    # A line break that belongs to a field has a quote after it.
    content = row.rstrip(b"\r\n")
    return b",".join([content, *(each.encode() for each in fields)]) + (
        row[len(content) :] or b"\n"
    )


def _field(cell: Cell) -> str:
    if cell is None:
        return ""
    return _quoted(cell) if isinstance(cell, str) else number_text(cell)


def _quoted(text: str) -> str:
    return text if _TO_QUOTE.isdisjoint(text) else '"' + text.replace('"', '""') + '"'


def _reason(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end" in text:
        return "a quote is never closed"
    if "field larger" in text:
        return f"a field is longer than {_MOST_CHARACTERS >> 20} MiB, or a quote is never closed"
    if "new-line" in text:
        return _STRAY_RETURN
    return text
