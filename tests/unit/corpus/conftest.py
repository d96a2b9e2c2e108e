"""Fixtures of the corpus tests: files from bytes, and whole round trips in memory."""

from __future__ import annotations

import io

import pytest

from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.reader import open_corpus
from routelmt_cli.corpus.writer import AddedColumn, open_writer


@pytest.fixture(scope="session")
def corpus_file(tmp_path_factory):
    """Write bytes to a file; session-wide, so that hypothesis may call it many times."""
    folder = tmp_path_factory.mktemp("corpus")

    def write(data, name="in.tsv"):
        path = folder / name
        path.write_bytes(data)
        return path

    return write


@pytest.fixture(scope="session")
def open_bytes(corpus_file):
    """Open bytes as a corpus that errors call FILE."""

    def open_(data, format, source_column=None, has_header=True, **options):
        layout = Layout(format, source_column, has_header)
        return open_corpus(corpus_file(data, "in.any"), layout, display_name="FILE", **options)

    return open_


@pytest.fixture(scope="session")
def sources_of():
    """Collect all sources of a corpus."""

    def collect(corpus, rows=8192):
        return [text for batch in corpus.batches(rows) for text in batch.sources.to_pylist()]

    return collect


@pytest.fixture(scope="session")
def written():
    """Write a corpus with columns made by functions of the segment number."""

    def write(corpus, columns, rows=8192):
        sink = io.BytesIO()
        with open_writer(sink, corpus, list(columns)) as writer:
            for batch in corpus.batches(rows):
                numbers = range(batch.first_row, batch.first_row + len(batch.sources))
                writer.write(
                    batch,
                    {added.name: [value(n) for n in numbers] for added, value in columns.items()},
                )
        assert not sink.closed
        return sink.getvalue()

    return write


@pytest.fixture(scope="session")
def translated(written):
    """Write a corpus with the one column that every format takes."""

    def write(corpus, translation=lambda n: f"t{n}", rows=8192):
        return written(corpus, {AddedColumn("translation"): translation}, rows)

    return write
