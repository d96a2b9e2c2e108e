"""Columns of numbers, from every format."""

from __future__ import annotations

import decimal
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from routelmt_cli.corpus.format import Format
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.errors import UsageError


def numbers(corpus, column, rows=8192):
    return np.concatenate(list(corpus.numbers(column, rows)))


def parquet_bytes(**columns):
    sink = io.BytesIO()
    pq.write_table(pa.table({"source": ["a", "b", "c"], **columns}), sink)
    return sink.getvalue()


def test_tsv(open_bytes):
    data = b"source\tx\na\t12.5\nb\t -3e-2 \r\nc\t\nd\tinf\n"
    found = numbers(open_bytes(data, Format.TSV), "x", rows=2)
    np.testing.assert_array_equal(found, [12.5, -0.03, np.nan, np.inf])
    headless = open_bytes(b"a\t1\nb\t2\n", Format.TSV, has_header=False)
    assert numbers(headless, 2).tolist() == [1, 2]


@pytest.mark.parametrize("cell", ["1,5", "1_000", "good", "12 %"])
def test_what_is_no_number_is_refused_with_its_line(open_bytes, cell):
    corpus = open_bytes(f"source\tx\na\t1\nb\t{cell}\n".encode(), Format.TSV)
    with pytest.raises(UsageError) as caught:
        numbers(corpus, "x")
    assert caught.value.message == f"FILE line 3 has no number in column 'x' but {cell!r}"
    assert "12.5" in caught.value.hint


def test_jsonl(open_bytes):
    values = ("1", "-2.5", '"3"', "null", "NaN")
    lines = [f'{{"source": "a", "x": {value}}}' for value in values]
    corpus = open_bytes("\n".join(lines).encode(), Format.JSONL)
    np.testing.assert_array_equal(numbers(corpus, "x"), [1, -2.5, 3, np.nan, np.nan])
    with pytest.raises(UsageError, match="FILE line 1 has no column 'y'"):
        numbers(corpus, "y")


@pytest.mark.parametrize("value", ["true", "[1]", '{"a": 1}'])
def test_jsonl_values_of_other_kinds(open_bytes, value):
    corpus = open_bytes(b'{"source": "a", "x": %s}' % value.encode(), Format.JSONL)
    with pytest.raises(UsageError, match="FILE line 1 has no number in column 'x'"):
        numbers(corpus, "x")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, None, 3], [1, np.nan, 3]),
        ([1.5, float("nan"), -np.inf], [1.5, np.nan, -np.inf]),
        (["1.5", "", "3"], [1.5, np.nan, 3]),
        ([decimal.Decimal("1.25"), None, decimal.Decimal("3.00")], [1.25, np.nan, 3]),
        (np.array([1, 2, 3], np.float32), [1, 2, 3]),
    ],
)
def test_parquet(open_bytes, values, expected):
    corpus = open_bytes(parquet_bytes(x=values), Format.PARQUET)
    found = numbers(corpus, "x", rows=2)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)


def test_parquet_columns_that_hold_no_numbers(open_bytes):
    corpus = open_bytes(parquet_bytes(x=[True, False, True], y=["1", "b", ""]), Format.PARQUET)
    with pytest.raises(UsageError, match="FILE column 'x' is bool, not a number"):
        numbers(corpus, "x")
    with pytest.raises(UsageError, match="FILE row 2 has no number in column 'y' but 'b'"):
        numbers(corpus, "y")
    with pytest.raises(UsageError, match="FILE has no column 'z'"):
        numbers(corpus, "z")


def test_plain_text_has_none(open_bytes):
    with pytest.raises(UsageError, match="plain text and has no column 'x'"):
        numbers(open_bytes(b"a\n", Format.TEXT), "x")


@pytest.mark.parametrize(
    ("layout", "place"),
    [
        (Layout(Format.TSV), "line 8"),
        (Layout(Format.TSV, has_header=False), "line 7"),
        (Layout(Format.JSONL), "line 7"),
        (Layout(Format.TEXT), "line 7"),
        (Layout(Format.PARQUET), "row 7"),
    ],
)
def test_the_place_of_a_segment(layout, place):
    assert layout.place(7) == place
