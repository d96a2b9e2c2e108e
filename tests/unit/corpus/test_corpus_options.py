"""Format, layout and output name: what is decided before a file is opened."""

from pathlib import Path

import pytest

from routelmt_cli.corpus.format import Format, detect_format
from routelmt_cli.corpus.invalid import OnInvalid
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.naming import default_output
from routelmt_cli.errors import UsageError


@pytest.mark.parametrize(
    ("name", "declared", "expected"),
    [
        ("a.tsv", None, Format.TSV),
        ("a.parquet", None, Format.PARQUET),
        ("a.jsonl", None, Format.JSONL),
        ("a.ndjson", None, Format.JSONL),
        ("a.txt", None, Format.TEXT),
        ("folder.tsv/a.TXT", None, Format.TEXT),
        (None, None, Format.TEXT),
        ("-", None, Format.TEXT),
        (None, "tsv", Format.TSV),
        ("a.txt", "jsonl", Format.JSONL),
        ("a.csv", "text", Format.TEXT),
        ("a.CSV", None, Format.CSV),
        ("a.tsv.gz", None, Format.TSV),
        ("a.jsonl.ZST", None, Format.JSONL),
        ("a.gz", "csv", Format.CSV),
    ],
)
def test_detects_format(name, declared, expected):
    assert detect_format(name, declared) is expected


@pytest.mark.parametrize(
    ("name", "declared", "message"),
    [
        ("a.tsv.bz2", None, "cannot tell the format of a.tsv.bz2: its ending '.bz2' is unknown"),
        ("corpus", None, "cannot tell the format of corpus: it has no ending"),
        ("corpus.gz", None, "cannot tell the format of corpus: it has no ending"),
        ("a.tsv", "xls", "unknown format 'xls'"),
    ],
)
def test_unknown_format_hints_at_the_option(name, declared, message):
    with pytest.raises(UsageError) as caught:
        detect_format(name, declared)
    assert caught.value.message == message
    assert caught.value.hint == "--format tsv|csv|parquet|jsonl|text|po|xliff|tmx|srt|vtt"


@pytest.mark.parametrize(("name", "declared"), [("a.parquet.gz", None), ("a.zst", "parquet")])
def test_parquet_is_compressed_within(name, declared):
    with pytest.raises(UsageError, match="parquet is compressed within") as caught:
        detect_format(name, declared)
    assert "unpack it first" in caught.value.hint


@pytest.mark.parametrize(
    ("layout", "source_column"),
    [
        (Layout(Format.TSV), "source"),
        (Layout(Format.TSV, "de"), "de"),
        (Layout(Format.TSV, "2"), "2"),
        (Layout(Format.TSV, None, has_header=False), 1),
        (Layout(Format.TSV, "3", has_header=False), 3),
        (Layout(Format.TSV, 3, has_header=False), 3),
        (Layout(Format.JSONL), "source"),
        (Layout(Format.PARQUET, "text"), "text"),
        (Layout(Format.TEXT), None),
        (Layout(Format.TEXT, None, has_header=False), None),
    ],
)
def test_layout_resolves_the_source_column(layout, source_column):
    assert layout.source_column == source_column


@pytest.mark.parametrize("column", ["source", "0", "-1", "1.5", "", " 2", "1_0", "²", 0])
def test_headerless_column_must_be_a_number_from_one(column):
    with pytest.raises(UsageError, match="with --no-header a column is a number from 1, not") as e:
        Layout(Format.TSV, column, has_header=False)
    assert "--source-column 2" in e.value.hint


def test_layout_refuses_options_of_other_formats():
    with pytest.raises(UsageError, match="plain text has no columns, so no source column 'de'"):
        Layout(Format.TEXT, "de")
    with pytest.raises(UsageError, match="--no-header is for TSV and CSV; jsonl names its columns"):
        Layout(Format.JSONL, None, has_header=False)
    with pytest.raises(UsageError, match="--on-invalid is for files of lines, not for parquet"):
        Layout(Format.PARQUET, on_invalid=OnInvalid.SKIP)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.tsv", "a.de.tsv"),
        ("x/a.b.jsonl", "x/a.b.de.jsonl"),
        ("corpus", "corpus.de"),
        (".hidden", ".hidden.de"),
        ("x/a.b.tsv.gz", "x/a.b.de.tsv.gz"),
        ("a.jsonl.zst", "a.de.jsonl.zst"),
        ("corpus.gz", "corpus.de.gz"),
        ("a.de.txt", "a.de.de.txt"),
    ],
)
def test_default_output_stands_beside_the_input(path, expected):
    assert default_output(Path(path), "de") == Path(expected)


@pytest.mark.parametrize("to", ["", "../de", "d\0e"])
def test_default_output_refuses_what_is_no_part_of_a_name(to):
    with pytest.raises(UsageError, match="cannot name an output file"):
        default_output(Path("a.tsv"), to)
