"""Translation memories: what is known already is neither drafted nor sent to the large model.

Files with sources and translations, or folders of finished runs, go in; a text a source comes out.
Always: a match is exact; of several translations of one source the last one counts, in the order
in which files and rows are given; nothing that is read is changed. Which segments are answered is
`segments.scan`'s affair.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from routelmt_cli.corpus.added import NO_TIER, TIER, TRANSLATION
from routelmt_cli.corpus.format import Format, detect_format
from routelmt_cli.corpus.layout import DEFAULT_SOURCE_COLUMN, Layout
from routelmt_cli.corpus.reader import open_corpus
from routelmt_cli.corpus.segments import Corpus
from routelmt_cli.corpus.units import Units
from routelmt_cli.errors import UsageError
from routelmt_cli.run.choice import Choice
from routelmt_cli.run.folder import RunFiles
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.pair import Pair
from routelmt_cli.run.segments import ItemSources
from routelmt_cli.run.tiers import LARGE, SMALL
from routelmt_cli.run.whole_file import write_whole

_TARGET_COLUMNS = (TRANSLATION, "reference", "target")
_MOST_CHOICE_BYTES = 1 << 34
_TIERS = "tiers"
_LEFT = -1
_OLD_LARGE, _OLD_LEFT = 1, 3
_Pairs = Iterator[tuple[str, str]]


@dataclass(frozen=True)
class Memory:
    """Known translations.

    Attributes
    ----------
    texts
        Translation by source, neither of them blank.
    fingerprint
        Of all that is in it; '' for a memory that knows nothing.
    remarks
        What is to be said of it, a line each.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    remarks: Sequence[str] = ()


def read_memory(paths: Sequence[Path], pair: Pair) -> Memory:
    """Read memories, later ones over earlier ones.

    Parameters
    ----------
    paths
        TMX, PO, XLIFF, or a table with the columns ``source`` and ``translation``, ``reference``
        or ``target``; or the folder of a finished run.
    pair
        Whose languages they must be of, as far as they say.

    Raises
    ------
    UsageError
        One cannot be read, has no such columns, or is of other languages.
    """
    texts: dict[str, str] = {}
    remarks = []
    for path in paths:
        changed = 0
        pairs = _of_run(path, pair) if path.is_dir() else _of_file(path, pair)
        for source, translation in pairs:
            if source.strip() and translation.strip():
                changed += texts.get(source, translation) != translation
                texts[source] = translation
        if changed:
            remarks.append(
                f"{path}: {changed:,} sources have several translations; the last one counts"
            )
    digest = hashlib.sha256()
    for item in sorted(texts.items()):
        digest.update("\0".join(item).encode("utf-8", "surrogatepass") + b"\1")
    return Memory(texts, digest.hexdigest() if paths else "", remarks)


def save_choice(choice: Choice, journal: Journal, path: Path) -> None:
    """Keep which tier each item got, for runs that take this one as their memory."""
    journal.set_meta({_TIERS: list(choice.tiers)})
    buffer = io.BytesIO()
    final = np.where(choice.left, _LEFT, choice.tier).astype(np.int8)
    np.save(buffer, final, allow_pickle=False)
    with write_whole(path) as file:
        file.write(buffer.getvalue())


def _of_file(path: Path, pair: Pair) -> _Pairs:
    corpus_format = detect_format(path.name, None)
    is_table = not corpus_format.is_document and corpus_format is not Format.TEXT
    if not corpus_format.has_units and not is_table:
        raise UsageError(
            f"{path}: {corpus_format.value} does not hold sources with their translations",
            hint="give TMX, PO, XLIFF, a table with source and translation, or a run folder",
        )
    layout = Layout(
        corpus_format,
        units=Units.ALL if corpus_format.has_units else Units.NEW,
        source_language=pair.source_language,
        target_language=pair.target_language,
    )
    corpus = open_corpus(path, layout, display_name=str(path))
    names = corpus.column_names
    target = next((name for name in _TARGET_COLUMNS if name in names), None)
    if target is None:
        raise UsageError(
            f"{path} has no column of translations",
            hint=f"name it {', '.join(_TARGET_COLUMNS[:-1])} or {_TARGET_COLUMNS[-1]}",
        )
    tier = TIER if target == TRANSLATION and TIER in names else None
    columns = [_column(corpus, name) for name in (DEFAULT_SOURCE_COLUMN, target, tier or target)]
    for source, translation, its_tier in zip(*columns, strict=True):
        if tier is None or its_tier != NO_TIER:  # which no model translated
            yield source, translation


def _column(corpus: Corpus, name: str) -> Iterator[str]:
    return (text for texts in corpus.texts(name) for text in texts.to_pylist())


def _of_run(path: Path, pair: Pair) -> _Pairs:
    run = RunFiles(path)
    known = run.describe()
    if known is None:
        raise UsageError(f"{path}: is no run folder", hint="name a folder that ends with .routelmt")
    _refuse_languages(path, known, pair)
    try:
        sources = ItemSources(run.sources)
        if run.choice.exists():
            final = _read_choice(run.choice, len(sources))
            with Journal(run.journal, read_only=True) as journal:
                tiers = list(journal.meta(_TIERS))
        else:
            final, tiers = _read_old_choice(run.old_choice, len(sources)), [SMALL, LARGE]
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"{path}: this run is not finished, or is of an older routelmt",
            hint="run its command again, then this one",
        ) from error
    with Journal(run.journal, read_only=True) as journal:
        for first, texts in sources.batches():
            items = np.arange(first, first + len(texts))
            found: dict[int, str] = {}
            for number, tier in enumerate(tiers):
                found |= journal.texts(tier, items[final[items] == number].tolist())
            for item, source in zip(items.tolist(), texts, strict=True):
                yield source, found.get(item, "")


def _read_choice(path: Path, items: int) -> npt.NDArray[np.int8]:
    if path.stat().st_size > _MOST_CHOICE_BYTES:
        raise ValueError("too large")
    final: npt.NDArray[np.int8] = np.load(path, allow_pickle=False)
    if final.dtype != np.int8 or final.shape != (items,):
        raise ValueError("not of this run")
    return final


def _read_old_choice(path: Path, items: int) -> npt.NDArray[np.int8]:
    """Read what a run of an older routelmt kept: codes of two models' hypotheses."""
    code = _read_choice(path, items)
    return np.where(code == _OLD_LEFT, _LEFT, code == _OLD_LARGE).astype(np.int8)


def _refuse_languages(path: Path, known: Mapping[str, object], pair: Pair) -> None:
    begun = known.get("identity")
    said = begun if isinstance(begun, dict) else {}
    own = (pair.source_language, pair.target_language)
    its = (said.get("source language (--from)"), said.get("target language (--to)"))
    if its != own:
        raise UsageError(
            f"{path}: a run from {its[0]} to {its[1]} is no memory for {own[0]} to {own[1]}",
            hint="give a memory of these languages",
        )
