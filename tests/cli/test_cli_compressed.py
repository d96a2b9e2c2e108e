"""Compressed corpora through the whole command: gzip and zstd in and out, by their endings."""

from __future__ import annotations

import gzip
import io

import pyarrow as pa
import pyarrow.parquet
import pytest

TSV = b"id\tsource\n1\tthe captain\r\n2\tquiet\n3\t\n"


def unpacked(data, name):
    kind = {"gz": "gzip", "zst": "zstd"}.get(name.rpartition(".")[2])
    if kind is None:
        return data
    return pa.CompressedInputStream(io.BytesIO(data), kind).read()


def packed(data, name):
    sink = pa.BufferOutputStream()
    kind = {"gz": "gzip", "zst": "zstd"}.get(name.rpartition(".")[2])
    if kind is None:
        return data
    with pa.CompressedOutputStream(sink, kind) as out:
        out.write(data)
    return sink.getvalue().to_pybytes()


@pytest.fixture
def translate(shell, stand_ins):
    def run(*arguments, code=0):
        result = shell.run("translate", *arguments, *stand_ins.options(), "--budget", "1")
        assert result.code == code, result.stderr
        return result

    return run


@pytest.mark.parametrize("name", ["in.tsv.gz", "in.tsv.zst"])
def test_a_compressed_corpus_has_a_compressed_output(shell, translate, name):
    (shell.folder / "in.tsv").write_bytes(TSV)
    translate("in.tsv")
    (shell.folder / name).write_bytes(packed(TSV, name))
    result = translate(name)
    output = f"in.de.{name.partition('.')[2]}"
    assert f"writing to {output}" in result.error_lines
    plain = (shell.folder / "in.de.tsv").read_bytes()
    assert unpacked((shell.folder / output).read_bytes(), output) == plain
    again = translate(name)  # it knows its own output again
    assert again.code == 0


@pytest.mark.parametrize("name", ["in.tsv", "in.tsv.gz"])
@pytest.mark.parametrize("output", ["out.tsv", "out.tsv.gz", "out.tsv.zst"])
def test_the_output_is_compressed_by_its_own_ending(shell, translate, name, output):
    (shell.folder / name).write_bytes(packed(TSV, name))
    translate(name, "-o", output)
    text = unpacked((shell.folder / output).read_bytes(), output)
    assert text.startswith(b"id\tsource\ttranslation\ttier\n1\tthe captain\t")
    assert text.count(b"\n") == TSV.count(b"\n")


def test_standard_output_is_plain(shell, translate):
    (shell.folder / "in.txt.gz").write_bytes(gzip.compress(b"quiet\n"))
    assert translate("in.txt.gz", "-o", "-").stdout.count(b"\n") == 1


def test_a_bomb_is_refused_before_anything_is_paid(shell, translate_fails):
    path = shell.folder / "in.txt.gz"
    with gzip.open(path, "wb") as file:
        for _ in range(80):
            file.write(b"x" * (1 << 20))
    assert path.stat().st_size < 100_000
    error, hint = translate_fails("in.txt.gz")
    assert error == "error: in.txt.gz expands to a line of more than 64 MiB"
    assert hint == "hint: unpack it first, if it is what you mean to translate"
    assert sorted(each.name for each in shell.folder.iterdir()) == ["in.txt.gz"]


def test_parquet_is_not_compressed_twice(translate_fails, shell):
    pa.parquet.write_table(pa.table({"source": ["a"]}), shell.folder / "in.parquet")
    error, _ = translate_fails("in.parquet", "-o", "out.parquet.gz")
    assert error.startswith("error: out.parquet.gz: parquet is compressed within")
