"""Rows in are rows out, in order, the user's columns bit by bit: every format, whole commands.

The parquet tables have columns of every Arrow type that pyarrow can put into a parquet file; what
is compared is what it reads from the input and from the output.
"""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routelmt_cli.corpus.format import Format
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.reader import open_corpus
from routelmt_cli.corpus.writer import AddedColumn, open_writer

few = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
many = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SOURCES = st.lists(
    st.none() | TEXT | st.sampled_from(["", " ", "the captain", "a\tb\nc", "\x1b[2J", "=1+1"]),
    min_size=1,
    max_size=12,
)

# -- Arrow types and values of them; temporal ones as the whole numbers that they are ------------

DAY = 86_400
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def whole(low, high):
    return st.integers(low, high)


LEAVES = {
    pa.null(): st.none(),
    pa.bool_(): st.booleans(),
    **{getattr(pa, f"int{b}")(): whole(-(2 ** (b - 1)), 2 ** (b - 1) - 1) for b in (8, 16, 32, 64)},
    **{getattr(pa, f"uint{b}")(): whole(0, 2**b - 1) for b in (8, 16, 32, 64)},
    pa.float16(): st.floats(width=16, allow_nan=False).map(np.float16),
    pa.float32(): st.floats(width=32, allow_nan=False),
    pa.float64(): st.floats(allow_nan=False),
    pa.date32(): whole(-(10**5), 10**6),
    pa.date64(): whole(-(10**5), 10**6).map(lambda day: day * DAY * 1000),
    pa.time32("s"): whole(0, DAY - 1),
    pa.time32("ms"): whole(0, DAY * 10**3 - 1),
    pa.time64("us"): whole(0, DAY * 10**6 - 1),
    pa.time64("ns"): whole(0, DAY * 10**9 - 1),
    **{pa.timestamp(unit): whole(-(2**40), 2**40) for unit in UNITS},
    **{pa.timestamp(unit, tz="Europe/Berlin"): whole(-(2**40), 2**40) for unit in UNITS},
    **{pa.duration(unit): whole(-(2**62), 2**62) for unit in UNITS},
    pa.binary(): st.binary(max_size=5),
    pa.large_binary(): st.binary(max_size=5),
    pa.binary(3): st.binary(min_size=3, max_size=3),
    pa.string(): TEXT,
    pa.large_string(): TEXT,
    pa.decimal128(5, 2): whole(-99_999, 99_999).map(lambda n: Decimal(n).scaleb(-2)),
    pa.decimal128(38, 9): whole(-(10**27), 10**27).map(lambda n: Decimal(n).scaleb(-9)),
    pa.decimal256(60, 10): whole(-(10**27), 10**27).map(lambda n: Decimal(n).scaleb(-10)),
}
for name in ("string_view", "binary_view"):
    if hasattr(pa, name):
        LEAVES[getattr(pa, name)()] = TEXT if name == "string_view" else st.binary(max_size=5)
if hasattr(pa, "uuid"):
    LEAVES[pa.uuid()] = st.binary(min_size=16, max_size=16)
WITHOUT_DICTIONARY = [pa.null(), *(t for t in LEAVES if "view" in str(t) or "uuid" in str(t))]


def or_none(values):
    return st.none() | values


def nested(kind, values):
    """Give the nested types of a type with values of theirs."""
    values = or_none(values)
    yield pa.list_(kind), st.lists(values, max_size=3)
    yield pa.large_list(kind), st.lists(values, max_size=3)
    yield pa.list_(kind, 2), st.lists(values, min_size=2, max_size=2)
    yield pa.map_(pa.string(), kind), st.lists(st.tuples(TEXT, values), max_size=2)
    yield pa.struct({"x": kind, "y": pa.int8()}), st.fixed_dictionaries({"x": values})
    yield pa.list_(pa.struct({"x": kind})), st.lists(or_none(st.fixed_dictionaries({"x": values})))


def made(kind, values):
    """Make an array; of a dictionary type from plain values."""
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode()
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, pa.array(values, kind.storage_type))
    return pa.array(values, kind)


def all_types():
    types = dict(LEAVES)
    types |= {
        pa.dictionary(pa.int32(), kind): values
        for kind, values in LEAVES.items()
        if kind not in WITHOUT_DICTIONARY
    }
    for kind, values in LEAVES.items():
        if not isinstance(kind, pa.BaseExtensionType):
            types |= dict(nested(kind, values))
    kept = {}
    for kind, values in types.items():
        if "struct" in str(kind) and "view" in str(kind):
            continue  # pyarrow writes it or not, as the rows have it; such columns are refused
        try:  # pyarrow cannot write every type into a parquet file, nor read all that it wrote
            pq.read_table(io.BytesIO(as_bytes(pa.table({"x": made(kind, [None, None])}), 1)))
        except (pa.ArrowException, OSError):
            continue
        kept[kind] = values
    return kept


def as_bytes(table, row_group_size):
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=row_group_size)
    return sink.getvalue()


TYPES = all_types()


@st.composite
def tables(draw, columns):
    """Draw a table with a source column and some others, as the bytes of a parquet file."""
    sources = draw(SOURCES)
    kinds = draw(st.lists(st.sampled_from(list(TYPES)), max_size=columns))
    arrays = {"source": pa.array(sources, pa.string())}
    for number, kind in enumerate(kinds):
        values = st.lists(or_none(TYPES[kind]), min_size=len(sources), max_size=len(sources))
        arrays[f"c{number}"] = made(kind, draw(values))
    return as_bytes(pa.table(arrays), draw(st.integers(1, len(sources))))


def assert_columns_kept(before, after, added):
    """Compare two parquet files: rows, order, types, metadata and values."""
    old, new = pq.read_table(io.BytesIO(before)), pq.read_table(io.BytesIO(after))
    assert new.column_names == [*old.column_names, *added]
    new = new.drop_columns(added)
    assert new.schema.equals(old.schema, check_metadata=True)
    assert new.num_rows == old.num_rows
    for name in old.column_names:
        # Row groups and so the dictionaries of chunks may differ.
        assert plain(new[name]) == plain(old[name]), name


def plain(column):
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def test_the_types_are_many():
    assert len(TYPES) > 120
    assert {str(kind).split("<")[0].split("(")[0] for kind in TYPES} >= {
        *("list", "large_list", "map", "struct", "dictionary", "decimal128"),
        *("string", "timestamp[ns]", "halffloat", "null", "duration[ns]", "date64[ms]"),
    }


@many
@given(data=tables(columns=8), rows=st.integers(1, 5))
def test_parquet_columns_of_every_type(tmp_path_factory, data, rows):
    path = tmp_path_factory.getbasetemp() / "rows.parquet"
    path.write_bytes(data)
    corpus, sink = open_corpus(path, Layout(Format.PARQUET)), io.BytesIO()
    with open_writer(sink, corpus, [AddedColumn("translation")]) as writer:
        for batch in corpus.batches(rows):
            writer.write(batch, {"translation": batch.sources.to_pylist()})
    assert_columns_kept(data, sink.getvalue(), ["translation"])
    output = pq.read_table(io.BytesIO(sink.getvalue()))
    assert [text or "" for text in output["source"].to_pylist()] == [
        text or "" for text in output["translation"].to_pylist()
    ]


FLOATS = {pa.float16(): "2", pa.float32(): "4", pa.float64(): "8"}


@pytest.mark.parametrize(("kind", "size"), FLOATS.items(), ids=map(str, FLOATS))
def test_floats_are_kept_to_the_bit(tmp_path, kind, size):
    """Of NaN all kinds, of zero both signs."""
    width, bits = 8 * int(size), f"u{size}"
    patterns = [0, 1 << (width - 1), *(((1 << width) - 1) - n for n in range(64))]
    values = np.array(patterns, bits).view(f"f{size}")
    table = pa.table({"source": ["a"] * len(values), "x": pa.array(values, kind)})
    path, sink = tmp_path / "in.parquet", io.BytesIO()
    pq.write_table(table, path)
    corpus = open_corpus(path, Layout(Format.PARQUET))
    with open_writer(sink, corpus, []) as writer:
        for batch in corpus.batches():
            writer.write(batch, {})
    found = pq.read_table(io.BytesIO(sink.getvalue()))["x"].to_numpy()
    assert np.isnan(values).sum() > 60
    np.testing.assert_array_equal(found.view(bits), values.view(bits))


# -- whole commands ------------------------------------------------------------------------------


@pytest.fixture
def translated(shell, stand_ins):
    """Translate a file of some bytes; return the output's bytes."""

    def run(name, data):
        stem, _, ending = name.partition(".")
        (shell.folder / name).write_bytes(data)
        command = ["translate", name, *stand_ins.options(), "--budget", "1", "--overwrite"]
        result = shell.run(*command, "--restart")
        assert (result.code, result.stdout) == (0, b""), result.stderr
        return (shell.folder / f"{stem}.de.{ending}").read_bytes()

    return run


def check_rows(sources, translations, tiers=None):
    """Check that each row has the translation of its own source."""
    words_of = [(source or "").split() for source in sources]
    if tiers is not None:
        assert [tier == "none" for tier in tiers] == [not words for words in words_of]
    for words, translation in zip(words_of, translations, strict=True):
        assert [sorted(word) for word in translation.split()] == [sorted(word) for word in words]


@few
@given(data=tables(columns=20))
def test_translate_keeps_parquet(translated, data):
    output = translated("in.parquet", data)
    assert_columns_kept(data, output, ["translation", "tier"])
    table = pq.read_table(io.BytesIO(output))
    check_rows(*(table[name].to_pylist() for name in ("source", "translation", "tier")))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=4,
)


@few
@given(sources=SOURCES, data=st.data())
def test_translate_keeps_jsonl(translated, sources, data):
    lines = [
        json.dumps({"x": data.draw(VALUES), "source": source, "y": data.draw(VALUES)})
        for source in sources
    ]
    output = translated("in.jsonl", "\n".join(lines).encode()).decode().split("\n")
    assert output.pop() == ""
    assert [new[: len(old) - 1] + "}" for new, old in zip(output, lines, strict=True)] == lines
    rows = [json.loads(line) for line in output]
    check_rows(*([row[name] for row in rows] for name in ("source", "translation", "tier")))


FIELD = st.one_of(TEXT, st.sampled_from(["", " ", "the captain", "=1+1", "\x1b[2J", "a\rb"])).map(
    lambda text: "".join(sign for sign in text if sign not in "\t\n").rstrip("\r")
)
END = st.sampled_from(["\n", "\r\n"])


@few
@given(rows=st.lists(st.tuples(FIELD, FIELD, FIELD, END), min_size=1, max_size=12))
def test_translate_keeps_tsv(translated, rows):
    lines = [f"{x}\t{source}\t{y}{end}" for x, source, y, end in rows]
    output = translated("in.tsv", "".join(["x\tsource\ty\n", *lines]).encode()).decode()
    header, *written = io.StringIO(output, newline="\n")
    assert header == "x\tsource\ty\ttranslation\ttier\n"
    fields = [line.split("\t") for line in written]
    ends = [end for *_, end in rows]
    assert [
        ("\t".join(row[:3]), row[4][-len(end) :]) for row, end in zip(fields, ends, strict=True)
    ] == [(line.removesuffix(end), end) for line, end in zip(lines, ends, strict=True)]
    check_rows(
        [source for _, source, *_ in rows],
        [row[3] for row in fields],
        [row[4].rstrip("\r\n") for row in fields],
    )


CSV_FIELD = st.one_of(FIELD, st.sampled_from(["a,b", 'say ""hi""', "two\nlines\tof it", '"']))


@few
@given(rows=st.lists(st.tuples(CSV_FIELD, CSV_FIELD, END), min_size=1, max_size=12))
def test_translate_keeps_csv(translated, rows):
    quoted = [
        ",".join('"' + text.replace("\0", "").replace('"', '""') + '"' for text in row[:2])
        for row in rows
    ]
    data = "".join(f"{row}{end}" for row, (*_, end) in zip(quoted, rows, strict=True))
    output = translated("in.csv", f"source,x\n{data}".encode()).decode()
    header, *written = csv.reader(io.StringIO(output, newline=""), strict=True)
    assert header == ["source", "x", "translation", "tier"]
    assert len(written) == len(rows)
    place = output.index("\n") + 1
    for raw, row, (*_, end) in zip(quoted, written, rows, strict=True):
        assert output.startswith(raw + ",", place)
        place = output.index(f",{row[3]}{end}", place + len(raw)) + len(f",{row[3]}{end}")
    assert place == len(output)
    sources, _, translations, tiers = zip(*written, strict=True)
    check_rows(sources, translations, tiers)


@few
@given(rows=st.lists(st.tuples(FIELD, END), min_size=1, max_size=12))
def test_translate_keeps_text(translated, rows):
    data = "".join(map("".join, rows)).removeprefix("\ufeff")
    output = translated("in.txt", data.encode()).decode()
    written = [line.removesuffix("\n") for line in io.StringIO(output, newline="\n")]
    assert [line.endswith("\r") for line in written] == [end == "\r\n" for _, end in rows]
    sources = [source.removeprefix("\ufeff" * (n == 0)) for n, (source, _) in enumerate(rows)]
    check_rows(sources, written)
