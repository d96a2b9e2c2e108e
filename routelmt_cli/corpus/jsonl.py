"""JSONL: a JSON object a line.

Always: every byte of an input object is kept (numbers keep their form, ``NaN`` stays as it is),
new keys are spliced in before its closing brace, and a missing value is ``null``. A blank line is
an error, since it is no segment and could not be kept as a row. It reads one key at the top level
and looks into no nested object.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from routelmt_cli.corpus.added import AddedColumn, Cell, number_text
from routelmt_cli.corpus.columns import missing_column, refuse_duplicates, refuse_taken
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.lines import LineBatch, LineFile, split_terminator
from routelmt_cli.corpus.numbers import read_numbers
from routelmt_cli.corpus.row_writer import RowWriter
from routelmt_cli.corpus.segments import BATCH_ROWS, SourceBatch
from routelmt_cli.errors import UsageError

# Objects become tuples of pairs, which shows repeated keys and cannot be mistaken for an array.
# Integers become floats, since int() refuses the very long ones and no number is ever used.
_DECODER = json.JSONDecoder(object_pairs_hook=tuple, parse_int=float)


@dataclass(frozen=True)
class JsonlRows:
    """The rows of a batch, for the writer.

    Attributes
    ----------
    lines
        The lines.
    kept
        The bytes that the output keeps of them: their own, unless the row was repaired.
    first_number
        The first one's line number.
    keys
        Every key that stands in at least one of the objects.
    """

    lines: list[bytes]
    kept: list[bytes]
    first_number: int
    keys: frozenset[str]


class JsonlCorpus:
    """A ``Corpus`` of JSON objects.

    Parameters
    ----------
    path
        The file.
    layout
        The key of the source text.
    display_name
        The file's name in errors.
    reserved
        Keys that the run is to add: no object may have them.

    Raises
    ------
    UsageError
        The file cannot be read or is empty, or its first line is not such an object.
    """

    def __init__(
        self, path: Path, layout: Layout, display_name: str, reserved: Sequence[str] = ()
    ) -> None:
        self.display_name = display_name
        self.layout = layout
        self._reserved = tuple(reserved)
        self._source_key = str(layout.source_column)
        self._file = LineFile(path, display_name, layout.on_invalid)
        first = self._parse(1, self._file.first_line())
        self.column_names: tuple[str, ...] = tuple(first)
        self._text(1, first, self._source_key)

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[SourceBatch]:
        """Read the segments; see ``Corpus.batches``."""
        for batch in self._file.batches(rows):
            keys: set[str] = set()
            sources = self._texts(batch, self._source_key, keys)
            found = JsonlRows(batch.lines, batch.kept, batch.first_number, frozenset(keys))
            self.refuse_keys(found, self._reserved)
            yield SourceBatch(batch.first_number - 1, sources, found)

    def texts(self, column: str | int, rows: int = BATCH_ROWS) -> Iterator[pa.Array]:
        """Read another key; see ``Corpus.texts``."""
        return (self._texts(batch, str(column), set()) for batch in self._file.batches(rows))

    def numbers(
        self, column: str | int, rows: int = BATCH_ROWS
    ) -> Iterator[npt.NDArray[np.float64]]:
        """Read a key of numbers; see ``Corpus.numbers``."""
        return (self._numbers(batch, str(column)) for batch in self._file.batches(rows))

    def open_writer(self, sink: BinaryIO, added: Sequence[AddedColumn]) -> JsonlWriter:
        """Make the writer; see ``Corpus.open_writer``."""
        return JsonlWriter(sink, added, self)

    def remarks(self) -> list[str]:
        """Say what was done with invalid rows; see ``Corpus.remarks``."""
        return self._file.remarks()

    def refuse_keys(self, rows: JsonlRows, names: Sequence[str]) -> None:
        """Refuse rows that already have a key which is to be added.

        Parameters
        ----------
        rows
            The rows of a batch.
        names
            The keys to be added.

        Raises
        ------
        UsageError
            One of the objects has one of them.
        """
        if rows.keys.isdisjoint(names):
            return
        for number, line in enumerate(rows.lines, rows.first_number):
            refuse_taken(f"{self.display_name} line {number}", self._parse(number, line), names)

    def _texts(self, batch: LineBatch, key: str, keys: set[str]) -> pa.StringArray:
        texts = []
        for number, line in enumerate(batch.lines, batch.first_number):
            values = self._parse(number, line)
            keys.update(values)
            skipped = number - batch.first_number in batch.skipped
            texts.append("" if skipped else self._text(number, values, key))
        return pa.array(texts, type=pa.string())

    def _numbers(self, batch: LineBatch, key: str) -> npt.NDArray[np.float64]:
        cells = []
        for number, line in enumerate(batch.lines, batch.first_number):
            values = self._parse(number, line)
            self._require(number, values, key)
            cells.append(values[key])
        return read_numbers(cells, self.display_name, "line", batch.first_number, key)

    def _parse(self, number: int, line: bytes) -> dict[str, Any]:
        where = f"{self.display_name} line {number}"
        if not line.strip():
            raise UsageError(f"{where} is blank", hint="JSONL has one object on every line")
        try:
            pairs = _DECODER.decode(line.decode("utf-8"))
        except json.JSONDecodeError as error:
            raise UsageError(
                f"{where} is not valid JSON: {error.msg} at character {error.pos + 1}"
            ) from None
        except RecursionError:
            raise UsageError(f"{where} is nested too deeply") from None
        if not isinstance(pairs, tuple):
            raise UsageError(f"{where} is JSON but not an object")
        values = dict(pairs)
        if len(values) < len(pairs):
            refuse_duplicates(where, (key for key, _ in pairs))
        return values

    def _require(self, number: int, values: dict[str, Any], key: str) -> None:
        if key not in values:
            hint = "--source-column NAME" if key == self._source_key else None
            where = f"{self.display_name} line {number}"
            raise missing_column(where, key, tuple(values), hint=hint)

    def _text(self, number: int, values: dict[str, Any], key: str) -> str:
        self._require(number, values, key)
        where = f"{self.display_name} line {number}"
        text = values[key]
        if text is None:
            return ""
        if not isinstance(text, str):
            raise UsageError(f"{where} has a value that is not a string in {key!r}")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise UsageError(
                f"{where} has half a surrogate pair in {key!r}, which is no character"
            ) from None
        return text


class JsonlWriter(RowWriter):
    """A ``Writer`` of the input objects with keys added.

    Parameters
    ----------
    sink
        Where the output goes.
    added
        The columns to add, as keys.
    corpus
        The corpus whose rows are written.
    """

    def __init__(self, sink: BinaryIO, added: Sequence[AddedColumn], corpus: JsonlCorpus) -> None:
        super().__init__(sink, added)
        self._corpus = corpus
        self._names = [column.name for column in self.added]
        self._keys = [f", {_string(name)}: " for name in self._names]

    def encode(self, batch: SourceBatch, cells: list[list[Cell]]) -> list[bytes]:
        """Give the objects with the new keys; see ``RowWriter.encode``."""
        rows: JsonlRows = batch.rows
        self._corpus.refuse_keys(rows, self._names)
        members = [
            [key + _literal(cell) for cell in column]
            for key, column in zip(self._keys, cells, strict=True)
        ]
        return [_splice(line, "".join(new)) for line, *new in zip(rows.kept, *members, strict=True)]


def _splice(line: bytes, members: str) -> bytes:
    content, terminator = split_terminator(line)
    brace = content.rindex(b"}")  # the object's own: only white space can follow it
    return content[:brace] + members.encode() + content[brace:] + terminator


def _literal(cell: Cell) -> str:
    if cell is None:
        return "null"
    if isinstance(cell, str):
        return _string(cell)
    # JSON has no infinity.
    return number_text(cell) if math.isfinite(cell) else "null"


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
