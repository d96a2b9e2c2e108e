"""``--on-invalid``: rows that are not UTF-8 are refused, repaired, or left as they are."""

from __future__ import annotations

import csv
import io
import json

import pytest

BAD = b"caf\xe9 of \xff\xfe morning"
REPAIRED = "caf\ufffd of \ufffd\ufffd morning"

FILES = {
    "in.tsv": b"id\tsource\n1\tthe captain\n2\t%s\r\n3\tquiet\n" % BAD,
    "in.csv": b'id,source\n1,"the\ncaptain"\n2,%s\r\n3,quiet\n' % BAD,
    "in.jsonl": b'{"source": "the captain"}\n{"source": "%s"}\n{"source": "quiet"}\n' % BAD,
    "in.txt": b"the captain\n%s\nquiet\n" % BAD,
}
LINE = {"in.tsv": 3, "in.csv": 4, "in.jsonl": 2, "in.txt": 2}


@pytest.fixture(params=FILES)
def name(shell, request):
    (shell.folder / request.param).write_bytes(FILES[request.param])
    return request.param


@pytest.fixture
def translate(shell, stand_ins):
    def run(name, *arguments):
        command = ["translate", name, *stand_ins.options(), "--budget", "1", *arguments]
        result = shell.run(*command)
        assert result.code == 0, result.stderr
        stem, ending = name.split(".")
        return result, (shell.folder / f"{stem}.de.{ending}").read_bytes()

    return run


def rows_of(name, output):
    """Give (source, translation, tier) of every row; a lone line of text is a translation."""
    text = output.decode("utf-8", "surrogateescape")
    if name == "in.txt":
        return [(None, line, None) for line in text.splitlines()]
    if name == "in.jsonl":
        rows = map(json.loads, text.splitlines())
    else:
        dialect = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if name == "in.tsv" else {}
        rows = csv.DictReader(io.StringIO(text, newline=""), **dialect)
    return [(row["source"], row["translation"], row["tier"]) for row in rows]


def test_an_error_by_default(translate_fails, name):
    error, hint = translate_fails(name)
    assert error == f"error: {name} line {LINE[name]} is not valid UTF-8"
    assert "iconv" in hint and "--on-invalid" in hint


def test_replace_repairs_the_row(translate, name):
    result, output = translate(name, "--on-invalid", "replace")
    row = rows_of(name, output)[1]
    assert row[0] in (REPAIRED, None)
    # A stand-in reverses some words.
    assert [sorted(word) for word in row[1].split()] == [sorted(w) for w in REPAIRED.split()]
    assert row[2] in ("small", "large", None)
    assert (
        f"{name}: 1 line is not valid UTF-8 (line {LINE[name]}): the invalid bytes were replaced "
        "by U+FFFD" in result.error_lines
    )


def test_skip_keeps_the_bytes_and_translates_nothing(translate, name):
    result, output = translate(name, "--on-invalid", "skip")
    rows = rows_of(name, output)
    assert len(rows) == 3
    assert rows[1][1:] in (("", "none"), ("", None))
    assert rows[0][1] and rows[2][1]
    assert (BAD in output) == (name != "in.txt")
    assert (
        f"{name}: 1 line is not valid UTF-8 (line {LINE[name]}): it is not translated and kept as "
        "it is" in result.error_lines
    )


def test_a_run_is_continued_as_it_was_begun(translate, translate_fails, name):
    translate(name, "--on-invalid", "replace")
    error, _ = translate_fails(name, "--on-invalid", "skip", "--quiet")
    assert "begun with another input layout" in error


def test_many_lines_are_counted_and_some_named(shell, translate):
    (shell.folder / "in.txt").write_bytes(b"quiet\n" + b"\xff\n" * 1200)
    result, output = translate("in.txt", "--on-invalid", "skip")
    assert output.count(b"\n") == 1201
    assert (
        "in.txt: 1,200 lines are not valid UTF-8 (lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 1,190 "
        "more): they are not translated and kept as they are" in result.error_lines
    )


def test_parquet_has_no_lines(translate_fails, shell):
    (shell.folder / "in.parquet").write_bytes(b"x")
    error, _ = translate_fails("in.parquet", "--on-invalid", "skip")
    assert error == "error: --on-invalid is for files of lines, not for parquet"
