"""The feature matrix of a table of drafts.

A :class:`DraftTable` goes in, a float32 matrix in the order of ``FEATURE_NAMES`` comes out, NaN
where a value is missing. What always holds: rows keep their order, a row's values depend on that
row alone (so neither on the batch nor on the corpus), and memory beside the result is bounded
however large the table is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features.characters import Texts
from routelmt_cli.features.decoding import decoding_features
from routelmt_cli.features.draft import draft_features
from routelmt_cli.features.pieces import PieceModel, piece_features
from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.features.source import source_features
from routelmt_cli.features.words import Words

_CHUNK_ROWS = 4_096
_CHUNK_CHARACTERS = 2_000_000


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
    """

    sources: Sequence[str]
    drafts: Sequence[str]
    source_tokens: NDArray[np.int64]
    draft_tokens: NDArray[np.int64]
    token_logprobs: Sequence[NDArray[np.float32]] | None
    truncated: NDArray[np.bool_]

    def __post_init__(self) -> None:
        columns: list[Sequence[object] | NDArray[np.int64] | NDArray[np.bool_]] = [
            self.drafts,
            self.source_tokens,
            self.draft_tokens,
            self.truncated,
        ]
        if self.token_logprobs is not None:
            columns.append(self.token_logprobs)
        if any(len(column) != len(self.sources) for column in columns):
            raise ValueError("the columns of a draft table must have one length")

    def __len__(self) -> int:
        return len(self.sources)

    def rows(self, start: int, stop: int) -> DraftTable:
        """Take a run of rows.

        Parameters
        ----------
        start, stop
            As in a slice.
        """
        logprobs = self.token_logprobs
        return DraftTable(
            self.sources[start:stop],
            self.drafts[start:stop],
            self.source_tokens[start:stop],
            self.draft_tokens[start:stop],
            None if logprobs is None else logprobs[start:stop],
            self.truncated[start:stop],
        )


def compute_features(table: DraftTable, pieces: PieceModel | None) -> NDArray[np.float32]:
    """Compute the feature matrix of a table.

    Parameters
    ----------
    table
        Drafted segments, n rows.
    pieces
        The router's SentencePiece model; None gives NaN in its features.

    Returns
    -------
    numpy.ndarray
        float32, shape (n, len(FEATURE_NAMES)).
    """
    matrix = np.empty((len(table), len(FEATURE_NAMES)), dtype=np.float32)
    for start, stop in _chunks(table):
        columns = _chunk_features(table.rows(start, stop), pieces)
        for position, name in enumerate(FEATURE_NAMES):
            matrix[start:stop, position] = columns[name]
    return matrix


def _chunks(table: DraftTable) -> Iterator[tuple[int, int]]:
    """Cut a table so that a chunk has a bounded number of rows and, but for one row, characters."""
    start = size = 0
    for row, (source, draft) in enumerate(zip(table.sources, table.drafts, strict=True)):
        size += len(source) + len(draft)
        if row > start and (row - start >= _CHUNK_ROWS or size > _CHUNK_CHARACTERS):
            yield start, row
            start, size = row, len(source) + len(draft)
    if start < len(table):
        yield start, len(table)


def _chunk_features(table: DraftTable, pieces: PieceModel | None) -> dict[str, NDArray[np.float64]]:
    sources, drafts = Texts.of(table.sources), Texts.of(table.drafts)
    source_words, draft_words = Words.of(sources), Words.of(drafts)
    source_tokens = np.asarray(table.source_tokens, dtype=np.int64)
    draft_tokens = np.asarray(table.draft_tokens, dtype=np.int64)
    return {
        **source_features(sources, source_words, source_tokens),
        **piece_features(pieces, table.sources, table.drafts, source_words.per_segment()),
        **draft_features(
            sources,
            drafts,
            source_words,
            draft_words,
            source_tokens,
            draft_tokens,
            np.asarray(table.truncated, dtype=np.bool_),
        ),
        **decoding_features(table.token_logprobs, source_tokens),
    }
