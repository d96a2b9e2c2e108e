"""What a stream cannot do, refused before anything is read."""

from __future__ import annotations

from routelmt_cli.corpus.format import Format, detect_format
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.errors import UsageError
from routelmt_cli.run.options import CorpusOptions, RouteBy, TranslateOptions


def refuse_unsuited(options: TranslateOptions) -> int:
    """Refuse what needs the whole corpus; return the budget.

    Raises
    ------
    UsageError
        Naming the option.
    """
    unsuited = {
        "an input file": options.corpus.path is not None,
        "--output": options.output is not None,
        "--share": options.share is not None,
        "--budget auto": options.auto_budget,
        "--max-hours": options.max_hours is not None,
        "--pin": options.pin is not None,
        "--weight column": options.weight not in ("length", "segment"),
        "--glossary": options.glossary is not None,
        "--context": options.context > 0,
        "--memory": bool(options.memory),
        "--deterministic": options.pair.deterministic,
        "more than two tiers": len(options.pair.cards) > 2,
        "--route probe": options.route_by is RouteBy.PROBE,
        "--engine ray": options.engine.name != "local",
    }
    for name, is_given in unsuited.items():
        if is_given:
            raise UsageError(
                f"--stream does not go with {name}",
                hint="a stream is read from standard input, written to standard output as it "
                "comes, and decided on as it comes",
            )
    if options.budget_nanousd is None:
        raise UsageError("--stream needs a --budget", hint="add one, such as --budget 5")
    return options.budget_nanousd


def stream_layout(corpus: CorpusOptions) -> Layout:
    """Return how a stream is read.

    Raises
    ------
    UsageError
        Its format does not come line by line.
    """
    kind = detect_format(None, corpus.format)
    if kind not in (Format.TEXT, Format.TSV, Format.JSONL):
        raise UsageError(
            f"--stream reads no {kind.value}", hint="text, TSV and JSONL come line by line"
        )
    return Layout(kind, corpus.source_column, corpus.has_header, corpus.on_invalid)
