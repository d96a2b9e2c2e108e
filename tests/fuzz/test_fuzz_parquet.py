"""A damaged parquet file: refused in one line before anything is paid, or written again whole.

pyarrow aborts or crashes at some damage where it is not asked in the right order, so what these
tests break first is the test run itself.
"""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fuzz_cases import cases, edited, edits, refusal
from hypothesis import given
from hypothesis import strategies as st

from routelmt_cli.corpus.format import Format
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.reader import open_corpus
from routelmt_cli.corpus.writer import AddedColumn, open_writer


def table():
    rows = 40
    return pa.table(
        {
            "source": pa.array([None if n % 5 == 4 else f"s{n} ü" * (n % 3) for n in range(rows)]),
            "kind": pa.array([f"k{n % 3}" for n in range(rows)]).dictionary_encode(),
            "nested": pa.array([{"a": [n, None], "b": "x"} for n in range(rows)]),
            "map": pa.array([[("k", n)] for n in range(rows)], pa.map_(pa.string(), pa.int32())),
            "when": pa.array(range(rows), pa.timestamp("ns", tz="UTC")),
        }
    )


def as_bytes(**options):
    sink = io.BytesIO()
    pq.write_table(table(), sink, row_group_size=15, **options)
    return sink.getvalue()


FILES = [
    as_bytes(compression=compression, **options)
    for compression in ("none", "snappy", "zstd")
    for options in ({}, {"use_dictionary": False}, {"data_page_version": "2.0"})
]
OPTIONS = st.sampled_from(FILES)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "in.parquet"


def through(path):
    """Read a file and write it again; check that no row is lost."""
    corpus = open_corpus(path, Layout(Format.PARQUET), reserved=["translation"])
    sink, rows = io.BytesIO(), 0
    with open_writer(sink, corpus, [AddedColumn("translation")]) as writer:
        for batch in corpus.batches(7):
            assert batch.first_row == rows
            rows += len(batch.sources)
            writer.write(batch, {"translation": ["x"] * len(batch.sources)})
    output = pq.read_table(io.BytesIO(sink.getvalue()))
    assert output.num_rows == rows
    assert output.column_names == [*corpus.column_names, "translation"]


def test_the_files_are_good(path):
    for data in FILES:
        path.write_bytes(data)
        assert refusal(lambda: through(path)) is None


@cases(300)
@given(data=OPTIONS, changes=edits())
def test_damage_anywhere(path, data, changes):
    path.write_bytes(edited(data, changes))
    refusal(lambda: through(path))


@cases(500)
@given(data=OPTIONS, changes=edits())
def test_damage_of_the_footer(path, data, changes):
    """Where schema, row groups and sizes are described."""
    size = int.from_bytes(data[-8:-4], "little")
    pages, footer, end = data[: -8 - size], data[-8 - size : -8], data[-4:]
    footer = edited(footer, changes)
    path.write_bytes(pages + footer + len(footer).to_bytes(4, "little") + end)
    refusal(lambda: through(path))
