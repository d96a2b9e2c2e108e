"""Options that several commands share, declared once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from routelmt_cli.corpus.invalid import OnInvalid
from routelmt_cli.corpus.units import Units
from routelmt_cli.errors import UsageError
from routelmt_cli.run.options import CorpusOptions, PairOptions, RouteBy

Languages: TypeAlias = tuple[str | None, str | None]
"""Source and target language as they were typed; None where they were not."""


def card_names() -> list[str]:
    """Return what a shell may complete where a card is wanted."""
    from routelmt_cli.translators.catalogue import card_names as names

    return names()


Input = Annotated[
    str,
    typer.Argument(
        metavar="IN", help="TSV, CSV, JSONL, parquet, text, PO, XLIFF, TMX, SRT, VTT; - is stdin."
    ),
]
Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="IN",
        help="TSV, CSV, JSONL, parquet, PO, XLIFF, TMX; - is stdin. Several only with "
        "--draft-column.",
    ),
]
From = Annotated[
    str | None, typer.Option("--from", metavar="CODE", help="Source language, such as es.")
]
To = Annotated[
    str | None, typer.Option("--to", metavar="CODE", help="Target language, such as en.")
]
Small = Annotated[
    str,
    typer.Option(
        metavar="CARD",
        help="Model that drafts: a card's name or its path.",
        autocompletion=card_names,
    ),
]
Large = Annotated[
    str, typer.Option(metavar="CARD", help="Model that retranslates.", autocompletion=card_names)
]
Tiers = Annotated[
    list[str] | None,
    typer.Option(
        "--tier",
        metavar="CARD",
        help="Any number of models, cheapest first, instead of --small and --large: the first "
        "drafts, the others retranslate. Repeatable.",
        autocompletion=card_names,
        show_default=False,
    ),
]
Card = Annotated[
    str,
    typer.Argument(metavar="CARD", help="A card's name, or its path.", autocompletion=card_names),
]
RouterBundle = Annotated[
    Path | None,
    typer.Option(
        "--router", metavar="BUNDLE", help="Router bundle; the pair's shipped one by default."
    ),
]
ForceRouter = Annotated[
    bool, typer.Option("--force-router", help="Use a router made for other models.")
]
Weight = Annotated[
    str,
    typer.Option(
        "--weight",
        metavar="RULE",
        help="Segments count by their length in tokens, all alike (segment), or by numbers of "
        "your own (column:NAME).",
    ),
]
Pin = Annotated[
    str | None,
    typer.Option(
        "--pin",
        metavar="column:NAME",
        help="Column that sends segments to a model whatever the router says: small, large or "
        "empty.",
    ),
]
MaxHours = Annotated[
    float | None,
    typer.Option(
        "--max-hours",
        metavar="HOURS",
        help="Stop after so long; run it again and it continues.",
        show_default="no limit",
    ),
]
RouteOption = Annotated[
    RouteBy,
    typer.Option(
        "--route",
        help="What routing looks at: drafts of everything, or probes of the sources before any "
        "is drafted.",
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="ENGINE",
        help="Where the models run: local (this process), or ray (workers of a cluster).",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="ADDR",
        help="Ray cluster: auto, HOST:PORT or ray://HOST:PORT.",
        show_default="a cluster of this machine",
    ),
]
Guard = Annotated[
    float | None,
    typer.Option(
        "--guard",
        metavar="SHARE",
        help="Most severe regressions that may be expected among the retranslations: 0.05.",
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="tsv, csv, jsonl, parquet, text, po, xliff, tmx, srt, vtt: where the ending is "
        "silent.",
    ),
]
SourceColumn = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Column of the sources; a number with --no-header."),
]
ReferenceColumn = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Column of the references.", show_default="reference"),
]
DraftColumn = Annotated[
    str | None, typer.Option(metavar="NAME", help="Column of drafts that were made elsewhere.")
]
RetranslationColumn = Annotated[
    str | None, typer.Option(metavar="NAME", help="Column of the large model's translations.")
]
DraftScore = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Column of the drafts' scores, instead of a metric."),
]
RetranslationScore = Annotated[
    str | None, typer.Option(metavar="NAME", help="Column of the retranslations' scores.")
]
DocumentColumn = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Column that names each row's document."),
]
LanguageColumn = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Column of language pairs (de-en), or of --from (de)."),
]
MetricSpec = Annotated[
    str | None,
    typer.Option(
        "--metric",
        metavar="METRIC",
        help="chrf (chrF++), bleu, ter (100 - TER), comet:CHECKPOINT, cometkiwi:CHECKPOINT.",
        show_default="chrf",
    ),
]
NoHeader = Annotated[bool, typer.Option("--no-header", help="The TSV or CSV has no header line.")]
UnitsOption = Annotated[
    Units,
    typer.Option(
        "--units", help="Units of PO, XLIFF or TMX to translate: untranslated, fuzzy too, or all."
    ),
]
Invalid = Annotated[
    OnInvalid,
    typer.Option("--on-invalid", help="What to do with rows that are not valid UTF-8."),
]
Memory = Annotated[
    list[Path] | None,
    typer.Option(
        "--memory",
        metavar="FILE|RUN",
        help="TMX, PO, XLIFF, a table, or a finished run's folder: exact matches are free. "
        "Repeatable.",
        show_default=False,
    ),
]
Glossary = Annotated[
    Path | None,
    typer.Option(
        "--glossary",
        metavar="TERMS",
        help="TSV or CSV of source term, target term and, where capitals matter, match.",
        show_default=False,
    ),
]
Context = Annotated[
    int,
    typer.Option(
        "--context", metavar="N", min=0, max=20, help="Tell the large model N segments before."
    ),
]
ContextDocuments = Annotated[
    str | None,
    typer.Option(
        "--document-column",
        metavar="NAME",
        help="Column of documents that context stays within.",
        show_default="blank rows part them",
    ),
]
Near = Annotated[
    float,
    typer.Option(
        "--near",
        metavar="SIMILARITY",
        help="Tell the large model of the memory's most similar source from here on; 0 for never.",
    ),
]
NoProtect = Annotated[
    bool,
    typer.Option("--no-protect", help="Do not protect placeholders, tags, URLs and Markdown."),
]
Deterministic = Annotated[
    bool,
    typer.Option(
        "--deterministic", help="Decode static groups: the same bytes after any interruption."
    ),
]
Restart = Annotated[
    bool, typer.Option("--restart", help="Forget what an earlier run bought, and pay again.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
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


def parse_budget(text: str) -> tuple[int, bool]:
    """Read a budget: an amount, or ``auto:`` and the most that may be spent.

    Returns
    -------
    tuple
        Nanodollars, and whether the budget is to be found below them.

    Raises
    ------
    UsageError
        It is no amount.
    """
    from routelmt_cli.budget.money import parse_usd

    auto, colon, most = text.partition(":")
    if auto.strip().lower() != "auto":
        return parse_usd(text), False
    if not colon or not most.strip():
        raise UsageError(
            "--budget auto needs the most that may be spent", hint="write --budget auto:5"
        )
    return parse_usd(most, "--budget auto:"), True


def parse_share(text: str, option: str) -> float:
    """Read a share such as ``30%`` or ``0.3``.

    Raises
    ------
    UsageError
        It is no number.
    """
    stripped = text.strip()
    try:
        value = float(stripped.removesuffix("%"))
    except ValueError:
        raise UsageError(
            f"{option} {text!r} is no share", hint="write a share such as 30% or 0.3"
        ) from None
    return value / 100 if stripped.endswith("%") else value


def input_path(name: str) -> Path | None:
    """Return the path of an input, None for standard input."""
    return None if name == "-" else Path(name)


def corpus_options(
    name: str,
    format_name: str | None,
    source_column: str | None,
    *,
    no_header: bool,
    on_invalid: OnInvalid = OnInvalid.ERROR,
    units: Units = Units.NEW,
    languages: Languages = (None, None),
) -> CorpusOptions:
    """Gather what says how a corpus is read."""
    return CorpusOptions(
        input_path(name), format_name, source_column, not no_header, on_invalid, units, *languages
    )


def corpora_options(
    names: Sequence[str],
    format_name: str | None,
    source_column: str | None,
    no_header: bool,
    on_invalid: OnInvalid = OnInvalid.ERROR,
    languages: Sequence[Languages] | None = None,
) -> list[CorpusOptions]:
    """Gather what says how several corpora are read, all in the same way.

    The languages, where they are given, are those of each.

    Raises
    ------
    UsageError
        A corpus is named twice.
    """
    for number, name in enumerate(names):
        if name in names[:number]:
            raise UsageError(f"{name} is named twice", hint="name every corpus once")
    return [
        corpus_options(
            name,
            format_name,
            source_column,
            no_header=no_header,
            on_invalid=on_invalid,
            languages=own,
        )
        for name, own in zip(names, languages or [(None, None)] * len(names), strict=True)
    ]


def one_for_each(values: Sequence[str] | None, option: str, corpora: int) -> list[str | None]:
    """Spread a repeatable option over the corpora: none, one for all, or one for each.

    Raises
    ------
    UsageError
        There is another number of values.
    """
    given: list[str | None] = [*values] if values else [None]
    if len(given) == 1:
        return given * corpora
    if len(given) != corpora:
        raise UsageError(
            f"{option} is given {len(given)} times for {corpora} corpora",
            hint=f"give {option} once, or once for each corpus in their order",
        )
    return given


def pair_options(
    source: str | None,
    target: str | None,
    small: str,
    large: str,
    tiers: Sequence[str] | None = None,
    *,
    deterministic: bool,
    protects: bool = True,
) -> PairOptions:
    """Gather what says which models and languages.

    Raises
    ------
    UsageError
        Tiers are named in both ways, or there are too few or too many.
    """
    typed = [name for name in ("small", "large") if tiers and _is_typed(name)]
    if typed and _is_typed("tier"):
        raise UsageError(
            f"--{typed[0]} and --tier are both given",
            hint="name all models with --tier, cheapest first: the first drafts",
        )
    # What is typed goes before what a file or a variable says.
    named = () if typed else tuple(tiers or ())
    return PairOptions(source, target, small, large, deterministic, protects, named)


def _is_typed(name: str) -> bool:
    """Say whether an option stands on the command line."""
    return any(word.partition("=")[0] == f"--{name}" for word in sys.argv)
