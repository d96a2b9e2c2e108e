"""Open a corpus of any format.

In go a path and a layout, out comes a ``Corpus``: batches of source segments, as often as one
likes. What can be found out without reading all rows is checked here; a bad row is an error of the
batch that it stands in. It writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from routelmt_cli.corpus.columns import refuse_taken
from routelmt_cli.corpus.csv_rows import CsvCorpus
from routelmt_cli.corpus.document import DocumentCorpus, Parser
from routelmt_cli.corpus.format import Format
from routelmt_cli.corpus.jsonl import JsonlCorpus
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.parquet import ParquetCorpus
from routelmt_cli.corpus.po import parse_po
from routelmt_cli.corpus.segments import BATCH_ROWS, Corpus, SourceBatch
from routelmt_cli.corpus.subtitles import parse_subtitles
from routelmt_cli.corpus.text import TextCorpus
from routelmt_cli.corpus.tmx import parse_tmx
from routelmt_cli.corpus.tsv import TsvCorpus
from routelmt_cli.corpus.xliff import parse_xliff

_PARSERS: dict[Format, Parser] = {
    Format.PO: parse_po,
    Format.XLIFF: parse_xliff,
    Format.TMX: parse_tmx,
    Format.SRT: parse_subtitles,
    Format.VTT: parse_subtitles,
}

__all__ = ["BATCH_ROWS", "Corpus", "SourceBatch", "open_corpus"]


def open_corpus(
    path: Path,
    layout: Layout,
    *,
    display_name: str | None = None,
    reserved: Sequence[str] = (),
) -> Corpus:
    """Open a corpus.

    Parameters
    ----------
    path
        A regular file; standard input must have been spooled to one.
    layout
        Its format and source column.
    display_name
        Its name in errors, ``-`` for standard input; the path where it is None.
    reserved
        The names of the columns that a writer is to add later. A corpus that has one of them is
        refused here (JSONL: in the batch of the row that has it), before anything is paid for.

    Returns
    -------
    Corpus
        The corpus; no file is held open.

    Raises
    ------
    UsageError
        The file cannot be read, is empty, or does not fit the layout.
    """
    name = str(path) if display_name is None else display_name
    if layout.format is Format.JSONL:
        corpus: Corpus = JsonlCorpus(path, layout, name, reserved)
    elif layout.format is Format.PARQUET:
        corpus = ParquetCorpus(path, layout, name)
    elif layout.format in _PARSERS:
        corpus = DocumentCorpus(path, layout, name, _PARSERS[layout.format])
    elif layout.format is Format.CSV:
        corpus = CsvCorpus(path, layout, name)
    elif layout.format is Format.TSV:
        corpus = TsvCorpus(path, layout, name)
    else:
        corpus = TextCorpus(path, layout, name)
    refuse_taken(name, corpus.column_names, reserved)
    return corpus
