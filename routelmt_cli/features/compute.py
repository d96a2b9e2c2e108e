"""The feature matrix of a table of drafts.

A :class:`DraftTable` goes in, a float32 matrix in the order of ``FEATURE_NAMES`` comes out, NaN
where a value is missing. What always holds: rows keep their order, a row's values depend on that
row and the background alone (so neither on the batch nor on the number of threads), and memory
beside the result is bounded however large the table is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features import word_table
from routelmt_cli.features.background import NAMES as BACKGROUND_NAMES
from routelmt_cli.features.background import Background, background_features, fit_background
from routelmt_cli.features.characters import Texts
from routelmt_cli.features.decoding import decoding_features
from routelmt_cli.features.draft import draft_features, match_words
from routelmt_cli.features.patterns import find_items
from routelmt_cli.features.rows import bounds_of
from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.features.source import source_features
from routelmt_cli.features.word_table import WordTable, word_features
from routelmt_cli.features.word_training import learn_words
from routelmt_cli.features.words import Words

Columns = Mapping[str, NDArray[np.float64]]

_Item = TypeVar("_Item")

# So few that the arrays of a chunk stay in a processor's own cache, and are taken from memory
# that the process already has: larger ones made a quarter of the time page faults.
_CHUNK_ROWS = 512
_CHUNK_CHARACTERS = 400_000


@dataclass(frozen=True)
class DraftTable:
    """Drafted segments as columns of n rows.

    Parameters
    ----------
    sources, drafts
        Texts, one a segment.
    source_tokens, draft_tokens
        Integers, shape (n,): the small model's tokens; 0 where unknown.
    token_logprobs
        One float32 array a draft: natural log-probabilities of the chosen tokens. None for
        hypotheses made elsewhere.
    truncated
        bool, shape (n,): decoding ended at the cap.
    token_entropies
        One float32 array a draft: entropy in nats of the distribution of each token. None where
        it was not kept.
    token_margins
        One float32 array a draft: logit of the best token less that of the second best. None
        where it was not kept.
    states
        float32, shape (n, width), width above 0: the small model's hidden states. None where
        they were not kept. No feature is made of them here.

    Raises
    ------
    ValueError
        The columns differ in length, or the states are no matrix.
    """

    sources: Sequence[str]
    drafts: Sequence[str]
    source_tokens: NDArray[np.int64]
    draft_tokens: NDArray[np.int64]
    token_logprobs: Sequence[NDArray[np.float32]] | None
    truncated: NDArray[np.bool_]
    token_entropies: Sequence[NDArray[np.float32]] | None = None
    token_margins: Sequence[NDArray[np.float32]] | None = None
    states: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        lengths = {
            len(column)
            for column in (
                self.sources,
                self.drafts,
                self.source_tokens,
                self.draft_tokens,
                self.token_logprobs,
                self.truncated,
                self.token_entropies,
                self.token_margins,
                self.states,
            )
            if column is not None
        }
        if len(lengths) != 1:
            raise ValueError("the columns of a draft table must have one length")
        if self.states is not None and (self.states.ndim != 2 or not self.states.shape[1]):
            raise ValueError("the states of a draft table must be a matrix of some width")

    def __len__(self) -> int:
        return len(self.sources)

    def rows(self, start: int, stop: int) -> DraftTable:
        """Take a run of rows.

        Parameters
        ----------
        start, stop
            As in a slice.
        """

        def cut(column: Sequence[_Item] | None) -> Sequence[_Item] | None:
            return None if column is None else column[start:stop]

        return DraftTable(
            self.sources[start:stop],
            self.drafts[start:stop],
            self.source_tokens[start:stop],
            self.draft_tokens[start:stop],
            cut(self.token_logprobs),
            self.truncated[start:stop],
            cut(self.token_entropies),
            cut(self.token_margins),
            None if self.states is None else self.states[start:stop],
        )

    def take(self, rows: NDArray[np.int64]) -> DraftTable:
        """Take some rows.

        Parameters
        ----------
        rows
            Row numbers.
        """

        def pick(column: Sequence[_Item] | None) -> list[_Item] | None:
            return None if column is None else [column[row] for row in rows.tolist()]

        return DraftTable(
            [self.sources[row] for row in rows.tolist()],
            [self.drafts[row] for row in rows.tolist()],
            self.source_tokens[rows],
            self.draft_tokens[rows],
            pick(self.token_logprobs),
            self.truncated[rows],
            pick(self.token_entropies),
            pick(self.token_margins),
            None if self.states is None else self.states[rows],
        )


def compute_features(table: DraftTable, background: Background | None) -> NDArray[np.float32]:
    """Compute the feature matrix of a table.

    Parameters
    ----------
    table
        Drafted segments, n rows.
    background
        What the rows are measured against; None gives NaN in those features.

    Returns
    -------
    numpy.ndarray
        float32, shape (n, len(FEATURE_NAMES)).
    """
    return _in_chunks(table, FEATURE_NAMES, partial(_chunk_features, background))


def crossfit_features(
    table: DraftTable, folds: int = 5, *, targets: Sequence[str] | None = None
) -> tuple[NDArray[np.float32], Background]:
    """Fit a background on a table and compute features that no row's own words have entered.

    A word table knows the pairs that it was learnt from, so a row's coverage would be better in
    training than on any later row. Here the rows of each contiguous block are scored with a table
    learnt from the other blocks. SentencePiece models hardly learn single texts and are shared.

    Parameters
    ----------
    table
        Drafted segments in document order, n rows.
    folds
        Blocks, at least 2.
    targets
        As for :func:`routelmt_cli.features.background.fit_background`.

    Returns
    -------
    tuple
        The matrix of :func:`compute_features`, and the background fitted on every row, which is
        for later rows.

    Raises
    ------
    ValueError
        There are fewer than two folds.
    """
    if folds < 2:
        raise ValueError(f"{folds} folds leave nothing to learn from")
    background = fit_background(table.sources, table.drafts, targets)
    matrix = compute_features(table, replace(background, words=None))
    columns = [FEATURE_NAMES.index(name) for name in word_table.NAMES]
    translations = table.drafts if targets is None else targets
    for fold in range(folds):
        start, stop = (edge * len(table) // folds for edge in (fold, fold + 1))
        words = learn_words(*_without(start, stop, table.sources, translations))
        block = _in_chunks(table.rows(start, stop), word_table.NAMES, partial(_chunk_words, words))
        matrix[start:stop, columns] = block
    return matrix, background


def compute_background_features(table: DraftTable, background: Background) -> NDArray[np.float32]:
    """Compute those features alone that need a background.

    Parameters
    ----------
    table
        Drafted segments, n rows.
    background
        What the rows are measured against.

    Returns
    -------
    numpy.ndarray
        float32, shape (n, len(background.NAMES)).
    """
    return _in_chunks(table, BACKGROUND_NAMES, partial(_chunk_background, background))


def _in_chunks(
    table: DraftTable, names: Sequence[str], columns_of: Callable[[DraftTable], Columns]
) -> NDArray[np.float32]:
    """Fill a matrix chunk by chunk, in as many threads as there are processors to use."""
    matrix = np.empty((len(table), len(names)), dtype=np.float32)

    def fill(chunk: tuple[int, int]) -> None:
        columns = columns_of(table.rows(*chunk))
        for position, name in enumerate(names):
            matrix[slice(*chunk), position] = columns[name]

    chunks = list(_chunks(table))
    workers = min(len(os.sched_getaffinity(0)), len(chunks))
    if workers <= 1:
        for chunk in chunks:
            fill(chunk)
        return matrix
    pool = ThreadPoolExecutor(workers)
    try:
        for _ in pool.map(fill, chunks):
            pass
    finally:
        # An interrupt must not wait for the rest of a large table.
        pool.shutdown(cancel_futures=True)
    return matrix


def _without(start: int, stop: int, *columns: Sequence[str]) -> Iterator[list[str]]:
    """Leave a run of rows out of columns."""
    for column in columns:
        yield [*column[:start], *column[stop:]]


def _chunks(table: DraftTable) -> Iterator[tuple[int, int]]:
    """Cut a table so that a chunk has a bounded number of rows and, but for one row, characters."""
    source_lengths, draft_lengths = (
        np.fromiter(map(len, texts), dtype=np.int64, count=len(table))
        for texts in (table.sources, table.drafts)
    )
    total = bounds_of(source_lengths + draft_lengths)
    start = 0
    while start < len(table):
        stop = int(np.searchsorted(total, total[start] + _CHUNK_CHARACTERS, side="right")) - 1
        stop = min(max(stop, start + 1), start + _CHUNK_ROWS, len(table))
        yield start, stop
        start = stop


def _words(table: DraftTable) -> tuple[Words, Words]:
    return Words.of(Texts.of(table.sources)), Words.of(Texts.of(table.drafts))


def _chunk_words(words: WordTable | None, table: DraftTable) -> Columns:
    return word_features(words, *_words(table))


def _chunk_background(background: Background, table: DraftTable) -> Columns:
    return background_features(background, table.sources, table.drafts, *_words(table))


def _chunk_features(background: Background | None, table: DraftTable) -> Columns:
    sources, drafts = Texts.of(table.sources), Texts.of(table.drafts)
    source_words, draft_words = Words.of(sources), Words.of(drafts)
    source_tokens = np.asarray(table.source_tokens, dtype=np.int64)
    items, vocabulary = find_items(sources), match_words(source_words, draft_words)
    return {
        **source_features(sources, source_words, source_tokens, items, vocabulary),
        **background_features(
            Background(None, None, None) if background is None else background,
            table.sources,
            table.drafts,
            source_words,
            draft_words,
        ),
        **draft_features(
            sources,
            drafts,
            source_words,
            draft_words,
            source_tokens,
            np.asarray(table.draft_tokens, dtype=np.int64),
            np.asarray(table.truncated, dtype=np.bool_),
            items,
            vocabulary,
        ),
        **decoding_features(
            table.token_logprobs, source_tokens, table.token_entropies, table.token_margins
        ),
    }
