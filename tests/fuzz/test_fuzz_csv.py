"""Any bytes as CSV, and rows that are no UTF-8 in any format: refused, or every row comes back."""

from __future__ import annotations

import csv
import io

import pytest
from fuzz_cases import cases, edited, edits, refusal
from hypothesis import example, given
from hypothesis import strategies as st

from routelmt_cli.corpus.format import Format
from routelmt_cli.corpus.invalid import OnInvalid
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.reader import open_corpus
from routelmt_cli.corpus.writer import AddedColumn, open_writer

ADDED = ['x\ty\n"z"', "small"]
SNIPPETS = st.sampled_from(
    [
        *[b",", b'"', b'""', b'"a"', b'"a\nb"', b"\n", b"\r\n", b"\r", b"\t", b"\xef\xbb\xbf"],
        *[b"\xff", b"source", b"source,id\n", b"a,b\n", b" ", b"'", b"\\", b";"],
    ]
)
CONTENT = st.lists(SNIPPETS | st.binary(max_size=4), max_size=14).map(b"".join)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "in.any"


def through(path, layout):
    """Read a file and write it again; return the number of its rows, and the output."""
    corpus = open_corpus(path, layout)
    sink, rows = io.BytesIO(), 0
    with open_writer(sink, corpus, [AddedColumn("translation"), AddedColumn("tier")]) as writer:
        for batch in corpus.batches(3):
            count = len(batch.sources)
            assert batch.first_row == rows
            rows += count
            writer.write(batch, {"translation": [ADDED[0]] * count, "tier": [ADDED[1]] * count})
    return rows, sink.getvalue()


def parsed(content):
    return list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))


def check(path, content, has_header):
    path.write_bytes(content)
    result = []
    layout = Layout(Format.CSV, has_header=has_header)
    if refusal(lambda: result.extend(through(path, layout))):
        return
    rows, output = result
    before = [row or [""] for row in parsed(content.removeprefix(b"\xef\xbb\xbf"))]
    after = parsed(output)
    assert len(before) == len(after) == rows + has_header
    added = [["translation", "tier"]] * has_header + [ADDED] * rows
    assert after == [[*row, *new] for row, new in zip(before, added, strict=True)]


@cases(400)
@given(content=CONTENT, header=st.booleans())
@example(content=b"\r\r\n", header=False)
@example(content=b'"a"\r\r\nb\r\n', header=False)
def test_any_bytes(path, content, header):
    check(path, (b"source,id\n" if header else b"") + content, header)


GOOD = b"id,source,x\n" + b"".join(b'%d,"a\n%d",\xc3\xbc\r\n' % (n, n) for n in range(9))


@cases(200)
@given(changes=edits())
def test_a_damaged_file(path, changes):
    check(path, edited(GOOD, changes), has_header=True)


@pytest.mark.parametrize("format", [Format.TSV, Format.CSV, Format.JSONL, Format.TEXT])
@pytest.mark.parametrize("choice", [OnInvalid.REPLACE, OnInvalid.SKIP])
@cases(60)
@given(texts=st.lists(st.binary(max_size=8), min_size=1, max_size=8))
def test_rows_that_are_no_text(path, format, choice, texts):
    """With the signs left out that would end a row or a field of the format."""
    unsafe = b'\n\r\t,"\\' + bytes(range(32))
    texts = [bytes(byte for byte in text if byte not in unsafe) for text in texts]
    rows = [b'{"source": "%s"}' % text if format is Format.JSONL else text for text in texts]
    first = [b"source"] if format in (Format.TSV, Format.CSV) else []
    path.write_bytes(b"\n".join([*first, *rows, b""]))
    layout = Layout(format, on_invalid=choice)
    corpus = open_corpus(path, layout)
    sources = [text for batch in corpus.batches() for text in batch.sources.to_pylist()]
    bad = [text != text.decode("utf-8", "replace").encode() for text in texts]
    skip = choice is OnInvalid.SKIP
    at_start = not first and format is Format.TEXT  # where a mark may stand
    for at, (source, text, is_bad) in enumerate(zip(sources, texts, bad, strict=True)):
        if at_start and at == 0:
            continue
        assert source == ("" if is_bad and skip else text.decode("utf-8", "replace"))
    count, output = through(path, layout)
    assert count == len(texts)
    if format is not Format.TEXT:
        assert all(text in output for text in texts) or not skip
        assert skip or output.decode()
