"""Word translation probabilities of a language pair, and how well a draft covers its source.

Words of sources and drafts go in, coverage and alignment features come out, measured against a
:class:`WordTable` that :mod:`routelmt_cli.features.word_training` learnt from a corpus without
any label. What always holds: words unknown to the table are left out rather than held against a
draft, a row's features depend on that row and the table alone, and a table read from a file is
checked in full before it is used. Words are hashes: no text can be read from a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features.rows import bounds_of, look_up, share, sum_rows
from routelmt_cli.features.words import PRIME, Words

NAMES: tuple[str, ...] = (
    "coverage_source",
    "coverage_source_min_share",
    "coverage_draft",
    "alignment_logprob",
    "alignment_logprob_reverse",
    "unknown_source_word_share",
)

MAX_ENTRIES = 200_000
"""Word pairs in a table."""
MAX_WORDS = 100
"""Words of a text that are looked at."""

_LOW_COVERAGE = 0.05
_FLOOR = 1e-7
_MAX_CELLS = 1 << 16
_DTYPES = {
    "source_words": "uint64",
    "target_words": "uint64",
    "pairs": "int64",
    "forward": "float32",
    "backward": "float32",
    "null_forward": "float32",
    "null_backward": "float32",
}


@dataclass(frozen=True)
class WordTable:
    """Translation probabilities of IBM Model 1 in both directions, v source and w target words.

    Parameters
    ----------
    source_words, target_words
        uint64, ascending: hashes of :class:`~routelmt_cli.features.words.Words`.
    pairs
        int64, shape (e,), ascending: number of the source word times w, plus that of the target
        word, for every pair that is likely in either direction.
    forward, backward
        float32, shape (e,): p(target | source) and p(source | target) of each pair.
    null_forward, null_backward
        float32, shapes (w,) and (v,): probability of each word without any counterpart.
    """

    source_words: NDArray[np.uint64]
    target_words: NDArray[np.uint64]
    pairs: NDArray[np.int64]
    forward: NDArray[np.float32]
    backward: NDArray[np.float32]
    null_forward: NDArray[np.float32]
    null_backward: NDArray[np.float32]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Give the table as plain arrays, as they are stored."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> WordTable:
        """Read a table back.

        Parameters
        ----------
        arrays
            As :meth:`arrays` gave them, perhaps from a stranger.

        Raises
        ------
        ValueError
            They are no word table.
        """
        if set(arrays) != set(_DTYPES):
            raise ValueError("the arrays of a word table are not those that it should have")
        for name, dtype in _DTYPES.items():
            values = arrays[name]
            if values.dtype != np.dtype(dtype) or values.ndim != 1:
                raise ValueError(f"{name} of a word table is not a {dtype} vector")
            if not 0 < values.size <= MAX_ENTRIES:
                raise ValueError(f"{name} of a word table has {values.size} values")
        table = cls(**{name: np.asarray(values) for name, values in arrays.items()})
        table._check()
        return table

    def _check(self) -> None:
        """Raise a ValueError unless the arrays fit together."""
        shapes = (
            ("forward", self.pairs),
            ("backward", self.pairs),
            ("null_forward", self.target_words),
            ("null_backward", self.source_words),
        )
        for name, other in shapes:
            values = getattr(self, name)
            if values.size != other.size:
                raise ValueError(f"{name} of a word table has the wrong length")
            # Not-a-number fails both comparisons.
            if not ((values >= 0) & (values <= 1)).all():
                raise ValueError(f"{name} of a word table is no probability")
        for name in ("source_words", "target_words", "pairs"):
            values = getattr(self, name)
            if not (values[1:] > values[:-1]).all():
                raise ValueError(f"{name} of a word table is not in ascending order")
        if self.pairs[0] < 0 or self.pairs[-1] >= self.source_words.size * self.target_words.size:
            raise ValueError("pairs of a word table name words that it does not have")

    @cached_property
    def _maybe(self) -> NDArray[np.bool_]:
        """Tell by the hash of a pair that it is surely not in the table: most are not."""
        slots = 1 << max(10, int(self.pairs.size * 8 - 1).bit_length())
        marks = np.zeros(slots, dtype=np.bool_)
        marks[_slots(self.pairs, slots)] = True
        return marks

    def find(self, keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Look up pairs.

        Parameters
        ----------
        keys
            int64, as in ``pairs``.

        Returns
        -------
        tuple of numpy.ndarray
            int64: which of the keys the table has, and where it has them.
        """
        likely = np.flatnonzero(self._maybe.take(_slots(keys, self._maybe.size)))
        found, places = look_up(keys[likely], self.pairs)
        return likely[found], places


def _slots(keys: NDArray[np.int64], slots: int) -> NDArray[np.int64]:
    shift = np.uint64(64 - (slots.bit_length() - 1))
    hashed: NDArray[np.int64] = ((keys.astype(np.uint64) * PRIME) >> shift).astype(np.int64)
    return hashed


@dataclass(frozen=True)
class Tokens:
    """Known words of a column, at most ``MAX_WORDS`` a text.

    Parameters
    ----------
    numbers
        int64, each word's number in a vocabulary.
    segments
        int64, the row of each word, ascending.
    bounds
        int64, shape (n + 1,): the words of row ``i`` are ``[bounds[i], bounds[i + 1])``.
    """

    numbers: NDArray[np.int64]
    segments: NDArray[np.int64]
    bounds: NDArray[np.int64]

    @classmethod
    def of(cls, words: Words, vocabulary: NDArray[np.uint64]) -> Tokens:
        """Find the words of a column that a vocabulary has.

        Parameters
        ----------
        words
            n texts.
        vocabulary
            uint64, ascending, not empty.
        """
        numbers = np.full(words.hashes.size, -1, dtype=np.int64)
        found, places = look_up(words.hashes, vocabulary)
        numbers[found] = places
        within = np.arange(words.hashes.size) - words.bounds[words.segments] < MAX_WORDS
        kept = np.flatnonzero((numbers >= 0) & within)
        segments = words.segments[kept]
        bounds = bounds_of(np.bincount(segments, minlength=words.count))
        return cls(numbers[kept], segments, bounds)


@dataclass(frozen=True)
class Cells:
    """Every word of a row's source beside every word of its target.

    Parameters
    ----------
    source, target
        int64, one a cell: which of the words of either column; ascending in ``target``.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]

    @classmethod
    def of(cls, sources: Tokens, targets: Tokens, start: int, stop: int) -> Cells:
        """Make the cells of a run of rows.

        Parameters
        ----------
        sources, targets
            Both columns.
        start, stop
            Rows, as in a slice.
        """
        target = np.arange(targets.bounds[start], targets.bounds[stop])
        rows = targets.segments[target]
        widths = np.diff(sources.bounds)[rows]
        target = np.repeat(target, widths)
        first = np.repeat(sources.bounds[rows] - bounds_of(widths)[:-1], widths)
        return cls(first + np.arange(target.size), target)


def word_features(
    table: WordTable | None, source_words: Words, draft_words: Words
) -> dict[str, NDArray[np.float64]]:
    """Compute the coverage and alignment features of a column.

    Parameters
    ----------
    table
        None gives NaN everywhere.
    source_words, draft_words
        Both columns, n rows each.

    Returns
    -------
    dict
        One float64 array of shape (n,) for each of ``NAMES``. ``coverage_source`` is the mean
        over the known source words of the largest p(target | source) among the draft's words;
        ``alignment_logprob`` the mean over the known draft words of their logarithmic
        probability in IBM Model 1 (Brown et al. 1993), in nats.
    """
    count = source_words.count
    if table is None:
        return {name: np.full(count, np.nan) for name in NAMES}
    sources = Tokens.of(source_words, table.source_words)
    drafts = Tokens.of(draft_words, table.target_words)
    best_sources, best_drafts = np.zeros(sources.numbers.size), np.zeros(drafts.numbers.size)
    source_sums = table.null_backward[sources.numbers].astype(np.float64)
    draft_sums = table.null_forward[drafts.numbers].astype(np.float64)
    for start, stop in row_blocks(sources, drafts, _MAX_CELLS):
        cells = Cells.of(sources, drafts, start, stop)
        keys = sources.numbers[cells.source] * table.target_words.size
        keys += drafts.numbers[cells.target]
        found, entries = table.find(keys)
        source, draft = cells.source[found], cells.target[found]
        forward, backward = (p[entries].astype(np.float64) for p in (table.forward, table.backward))
        np.maximum.at(best_sources, source, forward)
        np.maximum.at(best_drafts, draft, backward)
        np.add.at(source_sums, source, backward)
        np.add.at(draft_sums, draft, forward)
    known_sources, known_drafts = (
        np.diff(column.bounds).astype(np.float64) for column in (sources, drafts)
    )

    low = (best_sources < _LOW_COVERAGE).astype(np.float64)
    looked_at = np.minimum(source_words.per_segment(), MAX_WORDS)
    return {
        "coverage_source": share(sum_rows(best_sources, sources.bounds), known_sources),
        "coverage_source_min_share": share(sum_rows(low, sources.bounds), known_sources),
        "coverage_draft": share(sum_rows(best_drafts, drafts.bounds), known_drafts),
        "alignment_logprob": _log_mean(drafts, draft_sums, known_sources),
        "alignment_logprob_reverse": _log_mean(sources, source_sums, known_drafts),
        "unknown_source_word_share": share(looked_at - known_sources, looked_at),
    }


def _log_mean(
    tokens: Tokens, sums: NDArray[np.float64], others: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Average the logarithm of Model 1's probability over the words of each row."""
    logs = np.log(np.maximum(sums / (others[tokens.segments] + 1), _FLOOR))
    return share(sum_rows(logs, tokens.bounds), np.diff(tokens.bounds).astype(np.float64))


def row_blocks(sources: Tokens, targets: Tokens, cells: int) -> Iterator[tuple[int, int]]:
    """Cut rows into runs that have at most so many cells, but for a row that alone has more.

    Parameters
    ----------
    sources, targets
        Both columns.
    cells
        The limit.
    """
    total = bounds_of(np.diff(sources.bounds) * np.diff(targets.bounds))
    start, count = 0, total.size - 1
    while start < count:
        stop = int(np.searchsorted(total, total[start] + cells, side="right")) - 1
        stop = min(max(stop, start + 1), count)
        yield start, stop
        start = stop
