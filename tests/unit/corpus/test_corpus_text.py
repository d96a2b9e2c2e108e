"""Plain text: as many lines out as in."""

import io

import pytest

from routelmt_cli.corpus.format import Format
from routelmt_cli.corpus.writer import AddedColumn, ColumnType, open_writer
from routelmt_cli.errors import UsageError


def test_one_translation_a_line_with_the_lines_own_terminator(open_bytes, sources_of, translated):
    corpus = open_bytes(b"\xef\xbb\xbfa\r\n\n b\t\xe2\x80\xa8\n\0\r", Format.TEXT)
    assert corpus.column_names == ()
    assert sources_of(corpus) == ["a", "", " b\t\u2028", "\0\r"]
    translations = ["x\r\ny", None, "\u2028", "z\tz"]
    assert translated(corpus, lambda n: translations[n]) == (b"x y\r\n\n\xe2\x80\xa8\nz z\n")


def test_a_line_feed_alone_is_one_empty_segment(open_bytes, sources_of, translated):
    corpus = open_bytes(b"\n", Format.TEXT)
    assert sources_of(corpus) == [""]
    assert translated(corpus) == b"t0\n"


def test_other_columns_are_left_out(open_bytes):
    corpus = open_bytes(b"a\nb\n", Format.TEXT, reserved=["translation", "gain"])
    added = [AddedColumn("gain", ColumnType.FLOAT), AddedColumn("translation")]
    sink = io.BytesIO()
    with open_writer(sink, corpus, added) as writer:
        for batch in corpus.batches():
            writer.write(batch, {"gain": [1.0, 2.0], "translation": ["x", "y"]})
    assert sink.getvalue() == b"x\ny\n"
    with pytest.raises(ValueError, match="'translation' is not in list"):
        open_writer(sink, corpus, added[:1])


def test_no_other_columns_to_read(open_bytes):
    with pytest.raises(UsageError, match="FILE is plain text and has no column 'reference'"):
        open_bytes(b"a\n", Format.TEXT).texts("reference")
