"""TSV: raw bytes kept, columns appended, bad rows named."""

import io
from decimal import Decimal

import numpy as np
import pytest

from routelmt_cli.corpus.format import Format
from routelmt_cli.corpus.writer import AddedColumn, ColumnType, open_writer
from routelmt_cli.errors import UsageError

TSV = Format.TSV


def test_columns_are_appended_and_bytes_kept(open_bytes, sources_of, written):
    corpus = open_bytes(b'id\tsource\tnote\n1\t"a\t \n2\tb\r\0\t\xe2\x80\xa8\n', TSV)
    assert corpus.column_names == ("id", "source", "note")
    assert sources_of(corpus) == ['"a', "b\r\0"]
    columns = {
        AddedColumn("translation"): lambda n: ["x\ty\r\n\tz", None][n],
        AddedColumn("predicted_gain", ColumnType.FLOAT): lambda n: [1.23456, float("nan")][n],
        AddedColumn("cost_usd", ColumnType.DECIMAL): lambda n: [Decimal("1E-9"), "0.5"][n],
        AddedColumn("tokens", ColumnType.INTEGER): lambda n: [7, None][n],
    }
    assert written(corpus, columns) == (
        b"id\tsource\tnote\ttranslation\tpredicted_gain\tcost_usd\ttokens\n"
        b'1\t"a\t \tx y z\t1.2346\t0.000000001\t7\n'
        b"2\tb\r\0\t\xe2\x80\xa8\t\t\t0.5\t\n"
    )


def test_crlf_is_kept_per_row(open_bytes, sources_of, translated):
    corpus = open_bytes(b"id\tsource\r\n1\ta\r\n2\tb\n3\tc\r\r\n4\td\r", TSV)
    assert sources_of(corpus) == ["a", "b", "c\r", "d\r"]
    assert translated(corpus) == (
        b"id\tsource\ttranslation\r\n1\ta\tt0\r\n2\tb\tt1\n3\tc\r\tt2\r\n4\td\r\tt3\n"
    )


def test_last_line_without_terminator_is_a_row(open_bytes, sources_of, translated):
    corpus = open_bytes(b"source\na\nb", TSV)
    assert sources_of(corpus) == ["a", "b"]
    assert translated(corpus) == b"source\ttranslation\na\tt0\nb\tt1\n"


@pytest.mark.parametrize("data", [b"source", b"source\n", b"\xef\xbb\xbfsource\n"])
def test_header_alone_is_a_corpus_of_no_rows(open_bytes, sources_of, translated, data):
    corpus = open_bytes(data, TSV)
    assert list(corpus.batches()) == []
    assert translated(corpus) == b"source\ttranslation\n"


def test_byte_order_mark_is_dropped(open_bytes, sources_of, translated):
    corpus = open_bytes(b"\xef\xbb\xbfsource\n\xef\xbb\xbfa\n", TSV)
    assert sources_of(corpus) == ["\ufeffa"]
    assert translated(corpus) == b"source\ttranslation\n\xef\xbb\xbfa\tt0\n"


def test_right_to_left_and_long_lines(open_bytes, sources_of, translated):
    texts = ["שלום \u200fעולם\u202e", "مرحبا", "字" * 100_000]
    data = "source\tid\n" + "".join(f"{text}\t{n}\n" for n, text in enumerate(texts))
    corpus = open_bytes(data.encode(), TSV)
    assert sources_of(corpus) == texts
    lines = translated(corpus, lambda n: texts[n]).decode().split("\n")
    assert lines[1:-1] == [f"{text}\t{n}\t{text}" for n, text in enumerate(texts)]


def test_empty_line_of_a_single_column_is_an_empty_segment(open_bytes, sources_of, translated):
    corpus = open_bytes(b"source\n\na\n\r\n", TSV)
    assert sources_of(corpus) == ["", "a", ""]
    assert translated(corpus) == b"source\ttranslation\n\tt0\na\tt1\n\tt2\r\n"


def test_without_header(open_bytes, sources_of, translated):
    data = b"a\tb\nc\td\n"
    assert sources_of(open_bytes(data, TSV, None, False)) == ["a", "c"]
    corpus = open_bytes(data, TSV, "2", False)
    assert corpus.column_names == ()
    assert sources_of(corpus) == ["b", "d"]
    assert translated(corpus) == b"a\tb\tt0\nc\td\tt1\n"
    assert [each.to_pylist() for each in corpus.texts(1)] == [["a", "c"]]
    with pytest.raises(UsageError, match="FILE has no column 3; its first line has 2 columns"):
        open_bytes(data, TSV, 3, False)
    with pytest.raises(UsageError, match="FILE has no column 9"):
        corpus.texts("9")


def test_batches_and_texts_can_be_read_again_in_step(open_bytes):
    data = b"source\treference\n" + b"".join(b"%d\tr%d\n" % (n, n) for n in range(10))
    corpus = open_bytes(data, TSV)
    for _ in range(2):
        batches = list(corpus.batches(4))
        assert [batch.first_row for batch in batches] == [0, 4, 8]
        assert [len(batch.sources) for batch in batches] == [4, 4, 2]
        references = list(corpus.texts("reference", 4))
        assert [len(each) for each in references] == [4, 4, 2]
        assert references[2].to_pylist() == ["r8", "r9"]
    with pytest.raises(UsageError, match="FILE has no column 'x'; it has 'source', 'reference'"):
        corpus.texts("x")


def test_missing_source_column_lists_what_is_there(open_bytes):
    first_line = "\t".join(["ab\x1b[0m", "c" * 50, *"defghijk"]) + "\n"
    with pytest.raises(UsageError) as caught:
        open_bytes(first_line.encode(), TSV)
    assert caught.value.message == (
        "FILE has no column 'source'; it has 'ab\\x1b[0m', '" + "c" * 40 + "…', "
        "'d', 'e', 'f', 'g', 'h', 'i' and 2 more"
    )
    assert "--source-column NAME" in caught.value.hint
    assert "--no-header" in caught.value.hint


def test_duplicate_columns(open_bytes):
    with pytest.raises(UsageError) as caught:
        open_bytes(b"source\ta\tb\ta\tb\n", TSV)
    assert caught.value.message == "FILE has more than one column 'a', 'b'"


@pytest.mark.parametrize(
    ("row", "found"),
    [(b"1\n", "has 1 column"), (b"1\tx\ty\n", "has 3 columns"), (b"\r\n", "is empty")],
)
def test_rows_of_another_width(open_bytes, sources_of, row, found):
    for column in ("id", "source"):
        with pytest.raises(UsageError) as caught:
            sources_of(open_bytes(b"id\tsource\n0\tok\n" + row + b"2\tok\n", TSV, column))
        assert caught.value.message == f"FILE line 3 {found}, the header has 2 columns"
    with pytest.raises(UsageError) as caught:
        sources_of(open_bytes(b"0\tok\n" + row, TSV, None, False))
    assert caught.value.message == f"FILE line 2 {found}, the first line has 2 columns"


def test_wrong_row_far_into_the_file(open_bytes, sources_of):
    data = b"id\tsource\n" + b"1\tx\n" * 400_000 + b"bad\n"
    with pytest.raises(UsageError, match="FILE line 400002 has 1 column"):
        sources_of(open_bytes(data, TSV))


def test_taken_column_is_refused_by_reader_and_writer(open_bytes, translated):
    data = b"source\ttier\ttranslation\n"
    with pytest.raises(UsageError) as caught:
        open_bytes(data, TSV, reserved=["translation", "tier", "reason"])
    assert caught.value.message == (
        "FILE already has a column 'translation', 'tier', which is to be added"
    )
    assert "rename" in caught.value.hint
    with pytest.raises(UsageError, match="already has a column 'translation'"):
        translated(open_bytes(data, TSV))


def test_writer_takes_numpy_arrays(open_bytes, tmp_path):
    corpus = open_bytes(b"source\na\nb\n", TSV)
    added = [AddedColumn("gain", ColumnType.FLOAT), AddedColumn("n", ColumnType.INTEGER)]
    batch = next(iter(corpus.batches()))
    with (tmp_path / "out").open("wb") as sink, open_writer(sink, corpus, added) as writer:
        gains = np.array([-0.00001, np.inf], dtype=np.float32)
        writer.write(batch, {"gain": gains, "n": np.array([1.0, np.nan])})
    assert (tmp_path / "out").read_bytes() == b"source\tgain\tn\na\t0.0000\t1\nb\tinf\t\n"


def test_writer_refuses_what_its_caller_got_wrong(open_bytes):
    corpus = open_bytes(b"source\na\n", TSV)
    added = AddedColumn("translation")
    with open_writer(io.BytesIO(), corpus, [added]) as writer:
        batch = next(iter(corpus.batches()))
        with pytest.raises(ValueError, match="the writer adds"):
            writer.write(batch, {})
        with pytest.raises(ValueError, match="has 2 values for 1 rows"):
            writer.write(batch, {"translation": ["a", "b"]})
    with pytest.raises(ValueError, match="a column is added twice"):
        open_writer(io.BytesIO(), corpus, [added, added])
    with pytest.raises(ValueError, match="cannot stand in a TSV header"):
        open_writer(io.BytesIO(), corpus, [AddedColumn("a\tb")])


def test_lone_surrogates_become_replacement_characters(open_bytes, translated):
    corpus = open_bytes(b"source\na\n", TSV)
    assert translated(corpus, lambda n: "x\ud83d") == "source\ttranslation\na\tx\ufffd\n".encode()
