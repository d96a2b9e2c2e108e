"""Any bytes as a TSV, JSONL or text corpus: refused in one line, or every row comes back."""

from __future__ import annotations

import io
import json
from itertools import pairwise

import pytest
from fuzz_cases import cases, edited, edits, refusal
from hypothesis import given
from hypothesis import strategies as st

from routelmt_cli.corpus.format import Format
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.reader import open_corpus
from routelmt_cli.corpus.writer import AddedColumn, open_writer

SNIPPETS = st.sampled_from(
    [
        *[b"\n", b"\r\n", b"\r", b"\t", b"\0", b"\xef\xbb\xbf", b"\xff", b"\xc3", b"\x1b[2J"],
        *[
            "ü".encode(),
            "\u2028".encode(),
            "\x85".encode(),
            "\ud800".encode("utf-8", "surrogatepass"),
        ],
        *[b"source", b"translation", b"tier", b"source\tid\n", b'"source"', b'"tier"', b"null"],
        *[b'{"source": "a"}', b'{"source": null}', b'{"source": 1e999}', b"[" * 40, b"NaN"],
        *[b'{"source": "', b'"}', b"}", b"{", b":", b",", b"\\ud800", b"\\u0000", b"9" * 30],
    ]
)
CONTENT = st.lists(SNIPPETS | st.binary(max_size=6), max_size=14).map(b"".join)
FORMATS = [Format.TSV, Format.JSONL, Format.TEXT]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "in.any"


def through(path, format, has_header):
    """Read a file and write it again; return the numbers of its rows, and the output."""
    corpus = open_corpus(path, Layout(format, has_header=has_header), reserved=["tier"])
    sink, numbers = io.BytesIO(), []
    with open_writer(sink, corpus, [AddedColumn("translation"), AddedColumn("tier")]) as writer:
        for batch in corpus.batches(5):
            rows = len(batch.sources)
            assert all(isinstance(text, str) for text in batch.sources.to_pylist())
            numbers += range(batch.first_row, batch.first_row + rows)
            writer.write(batch, {"translation": ["x\ty\nz"] * rows, "tier": ["small"] * rows})
    return numbers, sink.getvalue()


def lines_of(content):
    """Take bytes apart into lines and their terminators."""
    return [
        (line[:-2], b"\r\n")
        if line.endswith(b"\r\n")
        else (line.rstrip(b"\n"), line[-1:] * line.endswith(b"\n"))
        for line in io.BytesIO(content)
    ]


def check(path, content, format, has_header):
    path.write_bytes(content)
    result = []
    if refusal(lambda: result.extend(through(path, format, has_header))):
        return
    numbers, output = result
    lines, written = lines_of(content.removeprefix(b"\xef\xbb\xbf")), lines_of(output)
    headers = 1 if format is Format.TSV and has_header else 0
    assert numbers == list(range(len(lines) - headers))
    assert len(written) == len(lines)
    for (old, old_end), (new, new_end) in zip(lines, written, strict=True):
        assert new_end == (old_end or b"\n")
        if format is Format.TSV:
            assert new.startswith(old + b"\t")
        elif format is Format.JSONL:
            assert new.startswith(old.rstrip().removesuffix(b"}"))
            assert json.loads(new)["translation"] == "x\ty\nz"
        else:
            assert new == b"x y z"


@pytest.mark.parametrize("format", FORMATS)
@cases(400)
@given(content=CONTENT, header=st.booleans())
def test_any_bytes(path, format, content, header):
    first = b"source\tid\n" if header and format is Format.TSV else b""
    check(path, first + content, format, bool(first) or format is not Format.TSV)


GOOD = {
    Format.TSV: b"id\tsource\tx\n" + b"".join(b"%d\ta %d\t\xc3\xbc\r\n" % (n, n) for n in range(9)),
    Format.JSONL: b"".join(b'{"n": %d.50, "source": "a\\n%d"}\n' % (n, n) for n in range(9)),
    Format.TEXT: "ein Wort\n\nüber\u2028Zeilen\r\n".encode() * 4,
}


@pytest.mark.parametrize("format", FORMATS)
@cases(200)
@given(changes=edits())
def test_a_damaged_file(path, format, changes):
    check(path, edited(GOOD[format], changes), format, has_header=True)


LONG = 10 << 20


@pytest.mark.parametrize(
    ("format", "content"),
    [
        (Format.TEXT, b"x" * LONG + b"\nshort\n"),
        (Format.TEXT, b"\0" * LONG + b"\nshort\n"),
        (Format.TSV, b"source\tx\na\t" + b"y " * (LONG // 2) + b"\nb\tshort\n"),
        (Format.JSONL, b'{"source": "' + b"\\u00e9" * (LONG // 6) + b'"}\n{"source": "short"}\n'),
        (Format.JSONL, b'{"source": "a", "x": [' + b"1," * (LONG // 2) + b"1]}\n"),
    ],
    ids=["words", "NULs", "another column", "escapes", "another key"],
)
def test_ten_megabytes_in_one_line(path, format, content):
    check(path, content, format, has_header=True)


@pytest.mark.parametrize(
    ("format", "content"),
    [
        (Format.TSV, b"\t" * (1 << 20)),
        (Format.TSV, b"x" * (1 << 20)),
        (Format.JSONL, b"[" * (1 << 20)),
        (Format.JSONL, b'{"a":' * (1 << 18)),
        (Format.JSONL, b"9" * (1 << 20)),
        (Format.JSONL, b'{"source": "a", ' + b'"k": 1, ' * (1 << 16) + b'"l": 1}'),
    ],
    ids=["tabs", "a name", "brackets", "braces", "a number", "a key again and again"],
)
def test_a_first_line_that_is_all_wrong_is_refused_in_a_short_line(path, format, content):
    path.write_bytes(content)
    assert refusal(lambda: through(path, format, True))


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_very_many_empty_lines(path, end):
    count = 300_000
    path.write_bytes(end * count)
    corpus = open_corpus(path, Layout(Format.TEXT))
    firsts, rows = [], 0
    for batch in corpus.batches():
        firsts.append(batch.first_row)
        rows += len(batch.sources)
    assert rows == count
    assert all(a < b for a, b in pairwise(firsts))
