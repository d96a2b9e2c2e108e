"""Read a glossary: source term, target term, and whether capitals matter.

A file of columns goes in, a ``Glossary`` comes out. Always: a row that is no term is refused with
its place, before anything is spent.
"""

from __future__ import annotations

from pathlib import Path

from routelmt_cli.corpus.format import Format, detect_format
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.reader import open_corpus
from routelmt_cli.corpus.segments import Corpus
from routelmt_cli.errors import UsageError
from routelmt_cli.protection.glossary import Glossary, Term

_RULES = {"": False, "ignore": False, "match": True}
_HEADER = ("source", "target")
_MOST_TERMS = 100_000
_LONGEST = 500


def read_glossary(path: Path) -> Glossary:
    """Read a TSV or CSV of two or three columns, with a header or without.

    Parameters
    ----------
    path
        Its rows are source term, target term and, optionally, ``match`` where capitals matter;
        a first row ``source``, ``target`` is a header.

    Raises
    ------
    UsageError
        The file cannot be read, or a row is no term.
    """
    corpus_format = detect_format(path.name, None)
    if corpus_format not in (Format.TSV, Format.CSV):
        raise UsageError(
            f"{path}: a glossary is a TSV or CSV, not {corpus_format.value}",
            hint="give source term, target term and, where capitals matter, match",
        )
    corpus = open_corpus(path, Layout(corpus_format, has_header=False), display_name=str(path))
    sources, targets = (_column(corpus, number) for number in (1, 2))
    try:
        rules = _column(corpus, 3)
    except UsageError:
        rules = [""] * len(sources)
    terms: dict[str, Term] = {}
    for row, (source, target, rule) in enumerate(zip(sources, targets, rules, strict=True), 1):
        if row == 1 and (source.lower(), target.lower()) == _HEADER:
            continue
        if not source and not target:
            continue
        place = f"{path} line {row}"
        if not source or not target or max(len(source), len(target)) > _LONGEST:
            raise UsageError(
                f"{place} is no term",
                hint=f"a source term and a target term, of at most {_LONGEST} characters each",
            )
        if rule.lower() not in _RULES:
            raise UsageError(
                f"{place} has the case rule {rule[:40]!r}", hint="match, ignore or nothing"
            )
        terms[source] = Term(source, target, _RULES[rule.lower()])
    if not 0 < len(terms) <= _MOST_TERMS:
        raise UsageError(
            f"{path}: {len(terms):,} terms",
            hint=f"a glossary has at least one and at most {_MOST_TERMS:,}",
        )
    return Glossary(tuple(terms.values()))


def _column(corpus: Corpus, number: int) -> list[str]:
    return [text.strip() for part in corpus.texts(number) for text in part.to_pylist()]
