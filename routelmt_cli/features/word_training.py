"""Learn word translation probabilities from pairs of texts, without any label.

Sources and their translations (drafts will do) go in, a
:class:`~routelmt_cli.features.word_table.WordTable` comes out: IBM Model 1 (Brown et al. 1993)
with a NULL word, a few iterations of expectation maximisation in either direction. What always
holds: the same texts give the same table, and time and memory are bounded however many there are.
A pair is in the table that it is scored with, so features of the training rows need
:func:`routelmt_cli.features.compute.crossfit_features`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features.characters import Texts
from routelmt_cli.features.word_table import MAX_ENTRIES, Cells, Tokens, WordTable
from routelmt_cli.features.words import Words

MAX_PAIRS = 20_000
"""Pairs of texts that are learnt from."""

_MAX_CHARACTERS = 2_000  # of a text
_MAX_CELLS = 4_000_000
_ITERATIONS = 5
_SMALLEST_PROBABILITY = 0.01


def learn_words(sources: Sequence[str], targets: Sequence[str]) -> WordTable | None:
    """Learn a word table.

    Parameters
    ----------
    sources, targets
        Texts and their translations, n each; at most 20,000 evenly spaced pairs, fewer where
        they are long, and 100 words of a text are looked at.

    Returns
    -------
    WordTable or None
        None where no pair has words on both sides.
    """
    count = min(len(sources), MAX_PAIRS)
    while count:
        words = [
            Words.of(Texts.of([text[:_MAX_CHARACTERS] for text in _evenly_spaced(texts, count)]))
            for texts in (sources, targets)
        ]
        if not all(column.hashes.size for column in words):
            return None
        vocabularies = [np.unique(column.hashes) for column in words]
        source, target = map(Tokens.of, words, vocabularies)
        cell_count = int((np.diff(source.bounds) * np.diff(target.bounds)).sum())
        if cell_count <= _MAX_CELLS:
            break
        count = count * _MAX_CELLS // cell_count
    if not count or not cell_count:
        return None
    cells = Cells.of(source, target, 0, count)
    width = vocabularies[1].size
    keys = source.numbers[cells.source] * width + target.numbers[cells.target]
    pairs, pair_of_cell = np.unique(keys, return_inverse=True)
    pair_of_cell = pair_of_cell.reshape(-1)
    pair_source, pair_target = np.divmod(pairs, width)
    estimates = (
        _estimate(pair_of_cell, pair_source, cells.target, target.numbers),
        _estimate(pair_of_cell, pair_target, cells.source, source.numbers),
    )
    return _pruned(vocabularies, pairs, *estimates)


def _evenly_spaced(texts: Sequence[str], count: int) -> list[str]:
    """Take so many texts at equal distances."""
    return [texts[place * len(texts) // count] for place in range(count)]


@dataclass(frozen=True)
class _Estimate:
    """What one direction came to.

    Parameters
    ----------
    probabilities
        float64, one a pair: p(made word | given word).
    expected
        float64, one a pair: how often one was made of the other.
    null
        float64, one a word of the made vocabulary: p(made word | NULL).
    """

    probabilities: NDArray[np.float64]
    expected: NDArray[np.float64]
    null: NDArray[np.float64]


def _estimate(
    pair_of_cell: NDArray[np.int64],
    given_of_pair: NDArray[np.int64],
    made_of_cell: NDArray[np.int64],
    made_numbers: NDArray[np.int64],
) -> _Estimate:
    """Run expectation maximisation in one direction.

    Parameters
    ----------
    pair_of_cell
        int64, which pair of words stands in each cell.
    given_of_pair
        int64, the given word of each pair.
    made_of_cell
        int64, the made word's place in its column, of each cell.
    made_numbers
        int64, the number of the word at each place of that column.
    """
    probabilities, expected = np.ones(given_of_pair.size), np.zeros(given_of_pair.size)
    null = np.ones(int(made_numbers.max()) + 1)
    # A word beside an empty text was made of nothing, which says nothing of NULL.
    paired = np.bincount(made_of_cell, minlength=made_numbers.size) > 0
    for _ in range(_ITERATIONS):
        weights = probabilities[pair_of_cell]
        of_null = np.where(paired, null[made_numbers], 0.0)
        totals = np.bincount(made_of_cell, weights, made_numbers.size) + of_null
        totals[~paired] = 1.0
        weights /= totals[made_of_cell]
        expected[:] = np.bincount(pair_of_cell, weights, expected.size)
        given_totals = np.bincount(given_of_pair, expected)
        np.divide(expected, given_totals[given_of_pair], out=probabilities)
        null[:] = np.bincount(made_numbers, of_null / totals, null.size)
        null /= null.sum()
    return _Estimate(probabilities, expected, null)


def _pruned(
    vocabularies: Sequence[NDArray[np.uint64]],
    pairs: NDArray[np.int64],
    forward: _Estimate,
    backward: _Estimate,
) -> WordTable | None:
    """Drop the unlikely pairs, then the words without any."""
    likely = np.maximum(forward.probabilities, backward.probabilities) >= _SMALLEST_PROBABILITY
    kept = np.flatnonzero(likely)
    if kept.size > MAX_ENTRIES:
        expected = (forward.expected + backward.expected)[kept]
        kept = np.sort(kept[np.argsort(-expected, kind="stable")[:MAX_ENTRIES]])
    if not kept.size:
        return None
    sources, targets = np.divmod(pairs[kept], vocabularies[1].size)
    source_numbers, new_sources = np.unique(sources, return_inverse=True)
    target_numbers, new_targets = np.unique(targets, return_inverse=True)
    return WordTable(
        source_words=vocabularies[0][source_numbers],
        target_words=vocabularies[1][target_numbers],
        pairs=new_sources.reshape(-1) * target_numbers.size + new_targets.reshape(-1),
        forward=_single(forward.probabilities[kept]),
        backward=_single(backward.probabilities[kept]),
        null_forward=_single(forward.null[target_numbers]),
        null_backward=_single(backward.null[source_numbers]),
    )


def _single(probabilities: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.minimum(probabilities, 1.0).astype(np.float32)
