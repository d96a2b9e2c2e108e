"""What every format refuses alike, and how much memory lines take."""

import os
import tracemalloc
from pathlib import Path

import pytest

from routelmt_cli.corpus.format import Format
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.lines import LineFile, split_terminator
from routelmt_cli.corpus.reader import open_corpus
from routelmt_cli.errors import UsageError

FORMATS = list(Format)
LINE_FORMATS = [Format.TSV, Format.CSV, Format.JSONL, Format.TEXT]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf"])
def test_empty_file(open_bytes, format, data):
    with pytest.raises(UsageError) as caught:
        open_bytes(data, format)
    assert caught.value.message == "FILE is empty: no segments"


@pytest.mark.parametrize("format", FORMATS)
def test_missing_file_and_directory(tmp_path, format):
    with pytest.raises(UsageError, match=r"none does not exist$"):
        open_corpus(tmp_path / "none", Layout(format))
    with pytest.raises(UsageError, match=r"is a directory, not a file$"):
        open_corpus(tmp_path, Layout(format))
    with pytest.raises(UsageError, match=r"^cannot read .*: "):
        open_corpus(tmp_path / ("n" * 300), Layout(format))


@pytest.mark.parametrize("format", FORMATS)
def test_named_pipe_is_refused_without_waiting(tmp_path, format):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="is not a regular file") as caught:
        open_corpus(tmp_path / "pipe", Layout(format))
    assert "name the input -" in caught.value.hint


@pytest.mark.parametrize("format", FORMATS)
def test_unreadable_file(corpus_file, monkeypatch, format):
    path = corpus_file(b"source\n")

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UsageError) as caught:
        open_corpus(path, Layout(format), display_name="x.tsv")
    assert caught.value.message == "cannot read x.tsv: Permission denied"


@pytest.mark.parametrize("format", LINE_FORMATS)
def test_invalid_utf8_names_the_line_and_hints_at_iconv(open_bytes, sources_of, format):
    rows = {
        Format.TSV: [b"source\tother", b"a\tb", b"c\t\xe4"],
        Format.CSV: [b"source,other", b"a,b", b"c,\xe4"],
        Format.JSONL: [b'{"source": "a"}', b'{"source": "b"}', b'{"source": "c", "o": "\xe4"}'],
        Format.TEXT: ["Grün".encode(), b"b", b"\xed\xa0\x80"],
    }[format]
    with pytest.raises(UsageError) as caught:
        sources_of(open_bytes(b"\n".join(rows) + b"\n", format))
    assert caught.value.message == "FILE line 3 is not valid UTF-8"
    assert "iconv -f" in caught.value.hint


@pytest.mark.parametrize("format", LINE_FORMATS)
def test_utf16_fails_at_its_first_line(open_bytes, format):
    with pytest.raises(UsageError, match="FILE line 1 is not valid UTF-8"):
        open_bytes("source\n".encode("utf-16"), format)


def test_lines_end_at_line_feeds_only(corpus_file):
    data = "a\rb\u2028c\u0085d\x0be\x0cf\x00g\n\r\n\n\rx".encode()
    batches = list(LineFile(corpus_file(data), "FILE").batches(2))
    assert [batch.first_number for batch in batches] == [1, 3]
    lines = [line for batch in batches for line in batch.lines]
    assert b"".join(lines) == data
    assert [split_terminator(line)[1] for line in lines] == [b"\n", b"\r\n", b"\n", b"\n"]
    assert split_terminator(lines[-1])[0] == b"\rx"


def test_reading_holds_a_block_and_not_the_file(corpus_file, open_bytes):
    line = b"x" * 999 + b"\n"
    corpus = open_bytes(line * 24_000, Format.TEXT)
    tracemalloc.start()
    rows = sum(len(batch.sources) for batch in corpus.batches())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 24_000
    assert peak < 8 << 20  # of 24 MB


def test_long_lines_make_small_batches(open_bytes, translated):
    lines = [b"x" * 10_000_000, "é".encode() * 100_000, b"y"] + [b"z" * 300_000] * 6
    corpus = open_bytes(b"\n".join(lines), Format.TEXT)
    batches = list(corpus.batches())
    assert len(batches) > 2
    assert max(batch.sources.nbytes for batch in batches) <= 10_000_000 + (1 << 20)
    assert [len(text) for batch in batches for text in batch.sources.to_pylist()] == [
        10_000_000,
        100_000,
        1,
        *[300_000] * 6,
    ]
    assert translated(corpus).count(b"\n") == len(lines)
