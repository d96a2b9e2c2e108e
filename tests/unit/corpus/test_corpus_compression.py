"""Compressed files: what is read and written, and how little a bomb gets done."""

from __future__ import annotations

import gzip
import io
import tracemalloc

import pyarrow as pa
import pytest

from routelmt_cli.corpus import compression
from routelmt_cli.corpus.compression import Compression, compressed, compression_of, split_ending
from routelmt_cli.corpus.inputs import open_input
from routelmt_cli.errors import UsageError


def packed(data, kind):
    sink = io.BytesIO()
    with compressed(sink, kind) as out:
        out.write(data)
    assert not sink.closed
    return sink.getvalue()


def read(path):
    with open_input(path, "FILE") as file:
        return file.readlines()


@pytest.mark.parametrize(
    ("name", "plain", "ending", "kind"),
    [
        ("a.tsv", "a.tsv", "", Compression.NONE),
        ("x.y/a.tsv.gz", "x.y/a.tsv", ".gz", Compression.GZIP),
        ("A.GZ", "A", ".GZ", Compression.GZIP),
        ("a.jsonl.zst", "a.jsonl", ".zst", Compression.ZSTD),
        (".gz", ".gz", "", Compression.NONE),
    ],
)
def test_the_last_ending_tells(name, plain, ending, kind):
    assert split_ending(name) == (plain, ending)
    assert compression_of(name) is kind


@pytest.mark.parametrize("ending", [".gz", ".zst", ""])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_what_is_written_is_read(tmp_path, ending, mark):
    path = tmp_path / f"a.tsv{ending}"
    data = b"".join(b"line %d\r\n" % n for n in range(1000)) + b"end"
    path.write_bytes(packed(mark + data, compression_of(path.name)))
    assert b"".join(read(path)) == data
    assert path.read_bytes() == packed(mark + data, compression_of(path.name))


def test_several_parts_are_one_file(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"a\n") + gzip.compress(b"") + gzip.compress(b"b\n"))
    assert read(path) == [b"a\n", b"b\n"]


@pytest.mark.parametrize("kind", [Compression.GZIP, Compression.ZSTD])
def test_what_is_compressed_may_be_empty(tmp_path, kind):
    path = tmp_path / ("a.gz" if kind is Compression.GZIP else "a.zst")
    path.write_bytes(packed(b"", kind))
    with pytest.raises(UsageError, match="FILE is empty: no segments"):
        open_input(path, "FILE")


@pytest.mark.parametrize(
    ("piece", "bound", "message"),
    [
        (b"x" * 65536, "MOST_LINE_BYTES", "expands to a line of more than 0 MiB"),
        ((b"x" * 4095 + b"\n") * 16, "FREE_BYTES", "expands far more than text does"),
        (b"\n" * 65536, "FREE_LINES", "expands far more than text does"),
    ],
)
@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_a_bomb_is_refused_in_little_memory(tmp_path, monkeypatch, piece, bound, message, ending):
    """Bounds are lowered, so that a small bomb is one; the memory is that of a few blocks."""
    monkeypatch.setattr(compression, bound, 1 << 16)
    path = tmp_path / f"bomb{ending}"
    with path.open("wb") as sink, compressed(sink, compression_of(path.name)) as out:
        for _ in range((64 << 20) // len(piece)):
            out.write(piece)
    assert path.stat().st_size < (64 << 20) // 250
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    with pytest.raises(UsageError, match=message) as caught, open_input(path, "FILE") as file:
        for _ in iter(lambda: file.readlines(1 << 20), []):
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "unpack it first" in caught.value.hint
    assert peak < 24 << 20
    assert pa.total_allocated_bytes() - before < 24 << 20


def test_ordinary_text_is_far_from_the_bounds(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"the captain carries history\n" * 2_000_000))
    with open_input(path, "FILE") as file:
        assert sum(len(block) for block in iter(lambda: file.readlines(1 << 20), [])) == 2_000_000
