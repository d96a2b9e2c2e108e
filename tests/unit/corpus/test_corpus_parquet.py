"""Parquet: columns, types and metadata kept, row groups streamed, bad files named."""

import io
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from routelmt_cli.corpus import parquet
from routelmt_cli.corpus.format import Format
from routelmt_cli.corpus.writer import AddedColumn, ColumnType, open_writer
from routelmt_cli.errors import MidRunError, UsageError

PARQUET = Format.PARQUET


def as_bytes(table, **options):
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def mixed_table(rows):
    schema = pa.schema(
        [
            pa.field("source", pa.string(), metadata={"lang": "de"}),
            pa.field("id", pa.int32(), nullable=False),
            pa.field("kind", pa.dictionary(pa.int32(), pa.string())),
            pa.field("when", pa.timestamp("ns", tz="UTC")),
            pa.field("nested", pa.struct([("a", pa.list_(pa.float32()))])),
        ],
        metadata={"made by": "a test"},
    )
    columns = [
        pa.array([None if n % 5 == 4 else f"s{n}\u2028\0" for n in range(rows)]),
        pa.array(range(rows), pa.int32()),
        pa.array([f"k{n % 3}" for n in range(rows)]).dictionary_encode(),
        pa.array(range(rows), pa.timestamp("ns", tz="UTC")),
        pa.array([{"a": [n, None]} for n in range(rows)], schema.field("nested").type),
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def test_input_columns_types_and_metadata_are_kept(open_bytes, sources_of, written):
    table = mixed_table(100)
    corpus = open_bytes(as_bytes(table, row_group_size=30, compression="gzip"), PARQUET)
    assert corpus.column_names == ("source", "id", "kind", "when", "nested")
    assert sources_of(corpus) == [text or "" for text in table["source"].to_pylist()]
    columns = {
        AddedColumn("translation"): lambda n: None if n == 3 else f"t{n}\t\n",
        AddedColumn("gain", ColumnType.FLOAT): lambda n: float("nan") if n == 3 else n / 3,
        AddedColumn("cost", ColumnType.DECIMAL): lambda n: Decimal(n).scaleb(-9),
        AddedColumn("tokens", ColumnType.INTEGER): lambda n: n,
    }
    output = pq.ParquetFile(io.BytesIO(written(corpus, columns, rows=7)))
    result = output.read()
    assert result.select(table.schema.names).equals(table)
    assert result.schema.metadata == table.schema.metadata
    assert result.schema.field("source").metadata[b"lang"] == b"de"
    assert result.schema.types[-4:] == [
        pa.string(),
        pa.float64(),
        pa.decimal128(38, 9),
        pa.int64(),
    ]
    assert result["translation"].to_pylist()[2:5] == ["t2\t\n", None, "t4\t\n"]
    assert result["gain"].to_pylist()[2:5] == [2 / 3, None, 4 / 3]
    assert result["cost"].to_pylist()[99] == Decimal("0.000000099")
    assert output.metadata.num_row_groups == 1
    assert output.metadata.row_group(0).column(0).compression == "GZIP"


def test_row_groups_are_written_as_they_fill(open_bytes, translated, monkeypatch):
    monkeypatch.setattr(parquet, "ROW_GROUP_BYTES", 1000)
    table = mixed_table(500)
    corpus = open_bytes(as_bytes(table), PARQUET)
    output = pq.ParquetFile(io.BytesIO(translated(corpus, rows=16)))
    assert output.metadata.num_row_groups > 5
    assert output.read(table.schema.names).equals(table)


def text_types():
    types = [
        pa.string(),
        pa.large_string(),
        pa.dictionary(pa.int32(), pa.string()),
        pa.dictionary(pa.int8(), pa.large_string()),
    ]
    return [*types, pa.string_view()] if hasattr(pa, "string_view") else types


@pytest.mark.parametrize("kind", text_types(), ids=str)
def test_text_types(open_bytes, sources_of, translated, kind):
    if pa.types.is_dictionary(kind):
        array = pa.array(["a", None, "ü", "a"], kind.value_type).dictionary_encode().cast(kind)
    else:
        array = pa.array(["a", None, "ü", "a"]).cast(kind)
    table = pa.table({"source": array})
    corpus = open_bytes(as_bytes(table), PARQUET)
    assert sources_of(corpus) == ["a", "", "ü", "a"]
    assert [batch.sources.type for batch in corpus.batches()] == [pa.string()]
    result = pq.read_table(io.BytesIO(translated(corpus)))
    assert result.schema.field("source").type == corpus.schema.field("source").type
    assert result["source"].to_pylist() == ["a", None, "ü", "a"]


def test_texts_come_in_the_same_batches_as_sources(open_bytes):
    references = [None if n % 7 else f"r{n}" for n in range(3000)]
    table = pa.table({"source": [f"s{n}" for n in range(3000)], "reference": references})
    corpus = open_bytes(as_bytes(table, row_group_size=1300), PARQUET)
    batches = list(corpus.batches(500))
    assert [len(batch.sources) for batch in batches] == [500, 500, 300, 500, 500, 300, 400]
    assert [batch.first_row for batch in batches] == [0, 500, 1000, 1300, 1800, 2300, 2600]
    texts = list(corpus.texts("reference", 500))
    assert [len(each) for each in texts] == [len(batch.sources) for batch in batches]
    assert [text for each in texts for text in each.to_pylist()] == [r or "" for r in references]


def test_long_rows_make_small_batches(open_bytes, sources_of):
    texts = [chr(97 + n % 26) * 100_000 + str(n) for n in range(50)]
    corpus = open_bytes(as_bytes(pa.table({"source": texts})), PARQUET)
    assert max(len(batch.sources) for batch in corpus.batches()) <= 11
    assert sources_of(corpus) == texts


def test_no_rows(open_bytes, translated):
    corpus = open_bytes(as_bytes(pa.table({"source": pa.array([], pa.string())})), PARQUET)
    assert list(corpus.batches()) == []
    result = pq.read_table(io.BytesIO(translated(corpus)))
    assert result.schema.names == ["source", "translation"]
    assert result.num_rows == 0


def duplicate_columns():
    return pa.Table.from_arrays([pa.array(["a"])] * 3, names=["source", "x", "x"])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"source\na\n", "FILE is not a parquet file that can be read: "),
        (as_bytes(pa.table({"source": ["a"]}))[:-20], "FILE is not a parquet file that can be "),
        (b"PAR1" + b"\0" * 50 + b"PAR1", "FILE is not a parquet file that can be read: "),
        (as_bytes(pa.table({"a": ["a"]})), "FILE has no column 'source'; it has 'a'"),
        (as_bytes(pa.table({"source": [1]})), "FILE column 'source' is int64, not text"),
        (as_bytes(pa.table({"source": [b"a"]})), "FILE column 'source' is binary, not text"),
        (as_bytes(duplicate_columns()), "FILE has more than one column 'x'"),
    ],
)
def test_bad_files(open_bytes, data, message):
    with pytest.raises(UsageError) as caught:
        open_bytes(data, PARQUET)
    assert caught.value.message.startswith(message)
    assert "\n" not in caught.value.message


def test_damaged_page_is_an_error_of_the_file(open_bytes, sources_of):
    data = bytearray(as_bytes(pa.table({"source": [f"{n} x" for n in range(5000)]})))
    data[4:2000] = b"\xff" * 1996
    with pytest.raises(UsageError, match="FILE is not a parquet file that can be read: "):
        sources_of(open_bytes(bytes(data), PARQUET))


def test_invalid_utf8_names_the_row(open_bytes, sources_of):
    binary = pa.array([b"a", None, "ü".encode(), b"\xff"])
    invalid = pa.Array.from_buffers(pa.string(), len(binary), binary.buffers())
    corpus = open_bytes(as_bytes(pa.table({"source": invalid, "r": invalid})), PARQUET)
    with pytest.raises(UsageError) as caught:
        sources_of(corpus, rows=3)
    assert caught.value.message == "FILE row 4 is not valid UTF-8 in column 'source'"
    with pytest.raises(UsageError, match="FILE row 4 is not valid UTF-8 in column 'r'"):
        list(corpus.texts("r"))


def spark_table(*years):
    when = pa.array([datetime(year, 12, 31, 1, 2, 3, 456789) for year in years])
    nested = pa.array([{"at": [each]} for each in when.to_pylist()])
    return pa.table({"source": ["a"] * len(years), "when": when, "nested": nested})


@pytest.mark.parametrize(("year", "unit"), [(2020, "ns"), (9999, "us"), (1, "us")])
def test_old_timestamps_are_read_in_a_unit_that_holds_them(open_bytes, translated, year, unit):
    """INT96, as Spark writes them: as nanoseconds the year 9999 would silently become 1816."""
    table = spark_table(2020, year)
    corpus = open_bytes(as_bytes(table, use_deprecated_int96_timestamps=True), PARQUET)
    assert corpus.schema.field("when").type == pa.timestamp(unit)
    output = pq.read_table(io.BytesIO(translated(corpus, rows=1)))
    exact = table.schema.field("when").type
    assert output["when"].cast(exact).equals(table["when"])
    assert output["nested"].cast(table["nested"].type).equals(table["nested"])


@pytest.mark.parametrize("reading", ["batches", "texts"])
@pytest.mark.parametrize("name", ["source", "words", "nested"])
def test_a_damaged_dictionary_is_refused_before_it_is_used(open_bytes, monkeypatch, name, reading):
    """pyarrow reads a number of an entry that is not there, and crashes where it writes it."""
    words = pa.DictionaryArray.from_arrays(pa.array([0, 7], pa.int32()), ["a"], safe=False)
    good = pa.array(["a", "b"])
    columns = {"source": good, "words": good, "nested": pa.StructArray.from_arrays([good], ["x"])}
    corpus = open_bytes(as_bytes(pa.table(columns)), PARQUET)
    columns[name] = words if name != "nested" else pa.StructArray.from_arrays([words], ["x"])
    batch = pa.record_batch(columns)
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *_, **__: iter([batch]))
    read = corpus.batches() if reading == "batches" else corpus.texts("source")
    with pytest.raises(UsageError, match=f"damaged in column '{name}': .* out of"):
        next(read)


@pytest.mark.skipif(not hasattr(pa, "string_view"), reason="this pyarrow has no views")
@pytest.mark.parametrize("wrap", [lambda kind: kind, pa.list_], ids=["struct", "list of structs"])
def test_what_pyarrow_cannot_always_write_is_refused_before_it_is_paid(open_bytes, wrap):
    kind = wrap(pa.struct({"x": pa.string_view()}))
    data = as_bytes(pa.table({"source": ["a"], "x": pa.array([None], kind)}))
    with pytest.raises(UsageError, match=r"FILE column 'x' is .*cannot always write"):
        open_bytes(data, PARQUET)


def test_what_pyarrow_cannot_write_is_no_traceback(open_bytes, translated, monkeypatch):
    def fail(*_, **__):
        raise pa.ArrowNotImplementedError("not\nthis")

    corpus = open_bytes(as_bytes(mixed_table(3)), PARQUET)
    monkeypatch.setattr(pq.ParquetWriter, "write_table", fail)
    with pytest.raises(MidRunError, match=r"pyarrow cannot write the output: not$"):
        translated(corpus)


def test_texts_must_be_there_and_text(open_bytes):
    corpus = open_bytes(as_bytes(mixed_table(1)), PARQUET)
    assert [each.to_pylist() for each in corpus.texts("kind")] == [["k0"]]
    with pytest.raises(UsageError, match="FILE column 'id' is int32, not text"):
        corpus.texts("id")
    with pytest.raises(UsageError, match="FILE has no column 'reference'; it has 'source', 'id'"):
        corpus.texts("reference")


def test_taken_column(open_bytes, translated):
    data = as_bytes(pa.table({"source": ["a"], "translation": ["b"]}))
    with pytest.raises(UsageError, match="FILE already has a column 'translation'"):
        open_bytes(data, PARQUET, reserved=["translation"])
    with pytest.raises(UsageError, match="FILE already has a column 'translation'"):
        translated(open_bytes(data, PARQUET))


class ClosedPipe(io.RawIOBase):
    """A sink whose reader is gone."""

    def writable(self):
        return True

    def write(self, data):
        raise BrokenPipeError


def test_closed_pipe_reaches_the_caller(open_bytes):
    corpus = open_bytes(as_bytes(mixed_table(10)), PARQUET)
    with pytest.raises(BrokenPipeError), open_writer(ClosedPipe(), corpus, []) as writer:
        for batch in corpus.batches():
            writer.write(batch, {})


def test_error_inside_the_block_is_the_one_that_is_raised(open_bytes):
    corpus = open_bytes(as_bytes(mixed_table(10)), PARQUET)
    with pytest.raises(KeyboardInterrupt), open_writer(io.BytesIO(), corpus, []):
        raise KeyboardInterrupt
