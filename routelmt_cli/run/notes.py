"""What the models are told of each segment: the terms in it, and the segments before it.

Options and segments go in, ``Notes`` of any items come out. Always: they follow from the corpus
and the glossary alone, so a continued run tells the same; identical segments, which are translated
once, have the context of the first of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from routelmt_cli.corpus.segments import Corpus
from routelmt_cli.errors import UsageError
from routelmt_cli.protection.glossary import Glossary
from routelmt_cli.run.labelled_input import read_labels
from routelmt_cli.run.memory import Memory
from routelmt_cli.run.near import NearMatches
from routelmt_cli.run.options import TranslateOptions
from routelmt_cli.run.pair import Pair
from routelmt_cli.run.progress import Progress
from routelmt_cli.run.segments import Segments
from routelmt_cli.translators.models import Model
from routelmt_cli.translators.notes import CONTEXT, NEAR, TERMS, Notes


@dataclass(frozen=True)
class NoteSource:
    """Makes the notes of one tier.

    Attributes
    ----------
    segments
        The run's.
    glossary
        Whose terms are told; None for none.
    context
        How many segments before are told.
    document
        int64 of shape (rows,): which document each row is of; of any shape without context.
    near
        Finds similar sources; None where none are told.
    """

    segments: Segments
    glossary: Glossary | None
    context: int
    document: npt.NDArray[np.int64]
    near: NearMatches | None = None

    def of(self, items: npt.NDArray[np.int64], sources: Sequence[str]) -> list[Notes]:
        """Return the notes of items, given their sources in the same order."""
        before = self._before(items) if self.context else [()] * len(sources)
        return [
            Notes(context, self._terms(source), self.similar(source))
            for source, context in zip(sources, before, strict=True)
        ]

    def similar(self, source: str) -> tuple[tuple[str, str], ...]:
        """Return what is similar to a source, with its translation; at most one."""
        found = None if self.near is None else self.near.find(source)
        return () if found is None else (found,)

    def _terms(self, source: str) -> tuple[tuple[str, str], ...]:
        found = () if self.glossary is None else self.glossary.find(source)
        return tuple((term.source, term.target) for term in found)

    def _before(self, items: npt.NDArray[np.int64]) -> list[tuple[str, ...]]:
        rows = self.segments.first_row[items]
        wanted = [self._items_before(row) for row in rows.tolist()]
        distinct = np.unique(np.array([item for group in wanted for item in group], np.int64))
        texts = dict(zip(distinct.tolist(), self.segments.sources.take(distinct), strict=True))
        return [tuple(texts[item] for item in group) for group in wanted]

    def _items_before(self, row: int) -> list[int]:
        first = max(0, row - self.context)
        near = np.flatnonzero(self.document[first:row] == self.document[row]) + first
        items = self.segments.item_of_row[near]
        found: list[int] = items[items >= 0].tolist()
        return found


def with_notes(
    pair: Pair,
    options: TranslateOptions,
    glossary: Glossary | None,
    memory: Memory,
    progress: Progress,
) -> Pair:
    """Prepare the models whose cards have a place for what they are to be told.

    Raises
    ------
    UsageError
        Context is asked for, and the card of a model that retranslates has no place for it.
    """
    for model in pair.retranslating.values():
        if options.context and not _takes(model, CONTEXT):
            raise UsageError(
                f"{model.card.card_path}: this model's prompt has no place for context",
                hint="add a section [prompt.context] to a copy of the card, or leave --context out",
            )
    if glossary is not None:
        without = [model.card.name for model in pair.models.values() if not _takes(model, TERMS)]
        if without:
            progress.note(
                f"no place for terms in the prompt of {', '.join(without)}: there the glossary is "
                "only checked"
            )
    models = {}
    for tier, model in pair.models.items():
        told = glossary is not None and _takes(model, TERMS)
        if tier != pair.drafting:
            told = told or bool(options.context) or tells_near(model, options, memory)
        models[tier] = replace(model, with_notes=told)
    return replace(pair, models=models)


def tells_near(model: Model, options: TranslateOptions, memory: Memory) -> bool:
    """Say whether a model that retranslates is told of similar sources."""
    return options.near > 0 and bool(memory.texts) and _takes(model, NEAR)


def note_sources(
    corpus: Corpus,
    segments: Segments,
    pair: Pair,
    options: TranslateOptions,
    glossary: Glossary | None,
    memory: Memory,
) -> dict[str, NoteSource | None]:
    """Return who makes the notes of each tier; None for no notes.

    Raises
    ------
    UsageError
        The column of documents is not there.
    """
    nowhere = np.zeros(0, np.int64)  # without context nobody asks
    document = _documents(corpus, segments, options) if options.context else nowhere
    is_told = any(tells_near(model, options, memory) for model in pair.retranslating.values())
    near = NearMatches(memory.texts, options.near) if is_told else None
    found: dict[str, NoteSource | None] = {}
    for tier, model in pair.models.items():
        terms = glossary if _takes(model, TERMS) else None
        if not model.with_notes:
            found[tier] = None
        elif tier == pair.drafting:
            found[tier] = NoteSource(segments, terms, 0, nowhere)
        else:
            own = near if tells_near(model, options, memory) else None
            found[tier] = NoteSource(segments, terms, options.context, document, own)
    return found


def _takes(model: Model, kind: str) -> bool:
    # A stand-in is told without a prompt.
    return model.card.backend == "stand-in" or kind in model.card.prompt.notes


def _documents(
    corpus: Corpus, segments: Segments, options: TranslateOptions
) -> npt.NDArray[np.int64]:
    """Give each row the number of its document: by a column, or else parted by blank rows."""
    if options.document_column is None:
        blank = np.equal(segments.item_of_row, -1)
        return np.cumsum(blank).astype(np.int64)
    labels = read_labels(corpus, options.document_column)
    _, numbers = np.unique(np.array(labels, dtype=object).astype(str), return_inverse=True)
    return numbers.reshape(-1).astype(np.int64)
