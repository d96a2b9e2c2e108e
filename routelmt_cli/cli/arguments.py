"""Options that several commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from routelmt_cli.run.options import CorpusOptions, PairOptions

Input = Annotated[
    str, typer.Argument(metavar="IN", help="TSV, parquet, JSONL or plain text; - is stdin.")
]
From = Annotated[
    str | None, typer.Option("--from", metavar="CODE", help="Source language, such as es.")
]
To = Annotated[
    str | None, typer.Option("--to", metavar="CODE", help="Target language, such as en.")
]
Small = Annotated[
    str, typer.Option(metavar="CARD", help="Model that drafts: a shipped card's name or a path.")
]
Large = Annotated[str, typer.Option(metavar="CARD", help="Model that retranslates.")]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="tsv, parquet, jsonl or text, where the ending is silent.",
    ),
]
SourceColumn = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Column of the sources; a number with --no-header."),
]
NoHeader = Annotated[bool, typer.Option("--no-header", help="The TSV has no header line.")]
Deterministic = Annotated[
    bool,
    typer.Option(
        "--deterministic", help="Decode static groups: the same bytes after any interruption."
    ),
]
Restart = Annotated[
    bool, typer.Option("--restart", help="Forget what an earlier run bought, and pay again.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only errors on stderr.")]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        show_default=False,
        help="Say more; -vv adds llama.cpp's log.",
    ),
]


def input_path(name: str) -> Path | None:
    """Return the path of an input, None for standard input."""
    return None if name == "-" else Path(name)


def corpus_options(
    name: str, format_name: str | None, source_column: str | None, *, no_header: bool
) -> CorpusOptions:
    """Gather what says how a corpus is read."""
    return CorpusOptions(input_path(name), format_name, source_column, not no_header)


def pair_options(
    source: str | None, target: str | None, small: str, large: str, *, deterministic: bool
) -> PairOptions:
    """Gather what says which models and languages."""
    return PairOptions(source, target, small, large, deterministic)
