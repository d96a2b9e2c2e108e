"""Parquet: record batches in, the same ones with columns appended out.

Always: every input column, type and piece of schema metadata is kept, null sources stay null in
their own column (and are empty segments), and row groups are streamed: reading holds a block of
rows, writing holds one row group of output. The output's row groups are not the input's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from routelmt_cli.corpus.added import AddedColumn, ColumnType, Values, take_cells
from routelmt_cli.corpus.columns import missing_column, refuse_duplicates
from routelmt_cli.corpus.inputs import BLOCK_BYTES, open_input
from routelmt_cli.corpus.int96 import int96_unit
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.numbers import holds_numbers, read_numbers
from routelmt_cli.corpus.segments import BATCH_ROWS, SourceBatch
from routelmt_cli.errors import MidRunError, UsageError

ROW_GROUP_BYTES = 16 * BLOCK_BYTES
"""An output row group is written when it holds this much: smaller ones read slowly."""

_ARROW_TYPES = {
    ColumnType.TEXT: pa.string(),
    ColumnType.FLOAT: pa.float64(),
    ColumnType.INTEGER: pa.int64(),
    ColumnType.DECIMAL: pa.decimal128(38, 9),
}
_DEFAULT_COMPRESSION = "zstd"
# pyarrow's names of codecs that it reads, as its writer calls them.
_COMPRESSIONS = {
    "UNCOMPRESSED": "none",
    "SNAPPY": "snappy",
    "GZIP": "gzip",
    "BROTLI": "brotli",
    "LZ4": "lz4",
    "ZSTD": "zstd",
}


class ParquetCorpus:
    """A ``Corpus`` of record batches.

    Parameters
    ----------
    path
        The file.
    layout
        The source column.
    display_name
        The file's name in errors.

    Raises
    ------
    UsageError
        The file cannot be read, is no parquet, or the source column is not there or not text.
    """

    def __init__(self, path: Path, layout: Layout, display_name: str) -> None:
        self.display_name = display_name
        self.layout = layout
        self._path = path
        self._source_column = str(layout.source_column)
        self._int96_unit = "ns"
        with open_input(path, display_name), self._reading():
            with self._open() as file:
                self._int96_unit = int96_unit(file, path)
            with self._open() as file:
                self.schema: pa.Schema = file.schema_arrow
                self.compression = _input_compression(file)
        self.column_names: tuple[str, ...] = tuple(self.schema.names)
        refuse_duplicates(display_name, self.column_names)
        for field in self.schema:
            if _has_view_in_struct(field.type):
                # It would be found out when everything is paid.
                raise UsageError(
                    f"{display_name} column {field.name!r} is {field.type}, which pyarrow reads "
                    "but cannot always write",
                    hint="cast the texts in it to string",
                )
        self._check_text(self._source_column, hint="--source-column NAME")

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[SourceBatch]:
        """Read the segments; see ``Corpus.batches``."""
        for first_row, batch in self._record_batches(rows):
            yield SourceBatch(
                first_row, self._strings(batch, self._source_column, first_row), batch
            )

    def texts(self, column: str | int, rows: int = BATCH_ROWS) -> Iterator[pa.Array]:
        """Read another column; see ``Corpus.texts``."""
        name = str(column)
        self._check_text(name)
        return (
            self._strings(batch, name, first_row) for first_row, batch in self._record_batches(rows)
        )

    def numbers(
        self, column: str | int, rows: int = BATCH_ROWS
    ) -> Iterator[npt.NDArray[np.float64]]:
        """Read a column of numbers; see ``Corpus.numbers``."""
        name = str(column)
        self._require(name)
        kind = self.schema.field(name).type
        if not holds_numbers(kind) and not _is_text(kind):
            raise UsageError(f"{self.display_name} column {name!r} is {kind}, not a number")
        return (
            self._numbers(batch, name, first_row) for first_row, batch in self._record_batches(rows)
        )

    def open_writer(self, sink: BinaryIO, added: Sequence[AddedColumn]) -> ParquetWriter:
        """Make the writer; see ``Corpus.open_writer``."""
        return ParquetWriter(sink, added, self.schema, self.compression)

    def remarks(self) -> list[str]:
        """Say nothing; see ``Corpus.remarks``."""
        return []

    def _record_batches(self, rows: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        # Always all columns, though texts needs one: pyarrow may cut a batch where one column
        # grows too large for it, and sources and texts must be cut in the same places.
        with open_input(self._path, self.display_name), self._reading(), self._open() as file:
            first_row = 0
            for index in range(file.num_row_groups):
                size = _batch_rows(file.metadata.row_group(index), rows)
                for batch in file.iter_batches(size, row_groups=[index]):
                    self._check_damage(batch)
                    if batch.num_rows:
                        yield first_row, batch
                    first_row += batch.num_rows

    def _open(self) -> pq.ParquetFile:
        # With a buffer, a column chunk is read in steps instead of whole.
        return pq.ParquetFile(
            self._path,
            buffer_size=BLOCK_BYTES,
            pre_buffer=False,
            coerce_int96_timestamp_unit=self._int96_unit,
        )

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        # A damaged name is a UnicodeDecodeError, a damaged size a MemoryError.
        except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
            raise UsageError(
                f"{self.display_name} is not a parquet file that can be read: {_reason(error)}",
                hint="another format: --format tsv|csv|jsonl|text",
            ) from error

    def _check_damage(self, batch: pa.RecordBatch) -> None:
        """Refuse what pyarrow reads from a damaged file, and crashes at when it is used."""
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            if not _is_text(array.type) or pa.types.is_dictionary(array.type):
                try:
                    array.validate(full=True)
                except pa.ArrowInvalid as error:
                    raise UsageError(
                        f"{self.display_name} is damaged in column {name!r}: {_reason(error)}",
                        hint="write the file again",
                    ) from error

    def _require(self, column: str, *, hint: str | None = None) -> None:
        if column not in self.column_names:
            raise missing_column(self.display_name, column, self.column_names, hint=hint)

    def _check_text(self, column: str, *, hint: str | None = None) -> None:
        self._require(column, hint=hint)
        kind = self.schema.field(column).type
        if not _is_text(kind):
            raise UsageError(
                f"{self.display_name} column {column!r} is {kind}, not text", hint=hint
            )

    def _numbers(
        self, batch: pa.RecordBatch, column: str, first_row: int
    ) -> npt.NDArray[np.float64]:
        array = batch.column(batch.schema.get_field_index(column))
        if _is_text(array.type):
            cells = self._strings(batch, column, first_row).to_pylist()
            return read_numbers(cells, self.display_name, "row", first_row + 1, column)
        # Beyond 2**53 an integer loses its last digits: a score has no use for them.
        numbers = array.cast(pa.float64(), safe=False)
        return np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.float64)

    def _strings(self, batch: pa.RecordBatch, column: str, first_row: int) -> pa.StringArray:
        array = batch.column(batch.schema.get_field_index(column))
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        try:
            array.validate(full=True)
        except pa.ArrowInvalid:
            row = first_row + _first_invalid(array) + 1
            raise UsageError(
                f"{self.display_name} row {row} is not valid UTF-8 in column {column!r}",
                hint="write the column again as UTF-8 text",
            ) from None
        with self._reading():  # a batch of more than 2 GiB of text has no such array
            return pc.fill_null(array.cast(pa.string()), "")


class ParquetWriter:
    """A ``Writer`` of the input's record batches with columns appended.

    Parameters
    ----------
    sink
        Where the output goes; it need not be seekable.
    added
        The columns to add.
    schema
        The input's schema.
    compression
        The codec of the output, as pyarrow's writer calls it.
    """

    def __init__(
        self,
        sink: BinaryIO,
        added: Sequence[AddedColumn],
        schema: pa.Schema,
        compression: str,
    ) -> None:
        self.added = tuple(added)
        self._sink = sink
        self._compression = compression
        self._schema = schema
        for column in self.added:
            self._schema = self._schema.append(pa.field(column.name, _ARROW_TYPES[column.type]))
        self._pending: list[pa.RecordBatch] = []
        self._pending_bytes = 0

    def __enter__(self) -> ParquetWriter:
        self._writer = pq.ParquetWriter(self._sink, self._schema, compression=self._compression)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self._write_row_group()
            self._writer.close()
            return
        # Closed here, since pyarrow would do it whenever it collects the object; the output is
        # lost anyway and the error that lost it is the one to show.
        with contextlib.suppress(pa.ArrowException, OSError, ValueError):
            self._writer.close()

    def write(self, batch: SourceBatch, columns: Mapping[str, Values]) -> None:
        """Write the rows of one batch; see ``Writer.write``."""
        rows: pa.RecordBatch = batch.rows
        cells = take_cells(self.added, columns, rows.num_rows)
        arrays = [
            pa.array(values, type=_ARROW_TYPES[column.type])
            for column, values in zip(self.added, cells, strict=True)
        ]
        record = pa.RecordBatch.from_arrays([*rows.columns, *arrays], schema=self._schema)
        self._pending.append(record)
        self._pending_bytes += record.nbytes
        if self._pending_bytes >= ROW_GROUP_BYTES:
            self._write_row_group()

    def _write_row_group(self) -> None:
        if self._pending:
            table = pa.Table.from_batches(self._pending, schema=self._schema)
            try:
                self._writer.write_table(table, row_group_size=table.num_rows)
            except pa.ArrowException as error:
                raise MidRunError(
                    f"pyarrow cannot write the output: {_reason(error)}",
                    hint="what was bought is in the run folder; another pyarrow may write it",
                ) from error
        self._pending = []
        self._pending_bytes = 0


def _input_compression(file: pq.ParquetFile) -> str:
    if file.num_row_groups == 0 or file.metadata.num_columns == 0:
        return _DEFAULT_COMPRESSION
    # Read first: of a damaged column that fails with an error, where asking for its codec aborts.
    next(iter(file.iter_batches(1, row_groups=[0])), None)
    codec = file.metadata.row_group(0).column(0).compression
    return _COMPRESSIONS.get(codec, _DEFAULT_COMPRESSION)


def _reason(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__


def _batch_rows(group: pq.RowGroupMetaData, rows: int) -> int:
    """Take fewer rows at a time where rows are long, so that a batch is about one block."""
    mean_bytes: int = max(1, group.total_byte_size // max(1, group.num_rows))
    return max(1, min(rows, BLOCK_BYTES // mean_bytes))


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind)) or _is_view(
        kind, "string"
    )


def _is_view(kind: pa.DataType, of: str) -> bool:
    # Views came to pyarrow after the oldest version that is supported.
    test = getattr(pa.types, f"is_{of}_view", None)
    return test is not None and bool(test(kind))


def _has_view_in_struct(kind: pa.DataType) -> bool:
    if pa.types.is_map(kind):  # its entries are a struct without nulls, which is no trouble
        children = [kind.key_type, kind.item_type]
    else:
        children = [kind.field(number).type for number in range(kind.num_fields)]
    if pa.types.is_struct(kind) and any(
        _is_view(child, "string") or _is_view(child, "binary") for child in children
    ):
        return True
    return any(map(_has_view_in_struct, children))


def _first_invalid(array: pa.Array) -> int:
    values = array.cast(pa.large_binary()).to_pylist()
    return next(index for index, value in enumerate(values) if not _is_utf8(value or b""))


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
