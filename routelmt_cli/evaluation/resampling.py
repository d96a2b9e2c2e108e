"""Resample a corpus in blocks, for intervals and for tests of one ordering against another.

A number of segments goes in, counts come out: how often each segment was drawn into each sample.
What always holds: the same seed gives the same samples; every sample has as many segments as the
corpus; and memory is bounded however many samples there are, since a statistic gets them by
parts. What a statistic measures is not known here.

Neighbouring segments come from one document and resemble each other, so single segments drawn at
random would give intervals that are too narrow. Drawn are contiguous blocks, each start being as
likely as another (the moving-block bootstrap: Künsch, "The jackknife and the bootstrap for general
stationary observations", Annals of Statistics 17, 1989).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from routelmt_cli.evaluation.order import FloatArray

SAMPLES = 500
"""Samples where none are asked for."""

BLOCK_LENGTH = 10
"""Segments in a block; fewer in a corpus of less than five blocks."""

_CELLS_AT_ONCE = 1 << 20


def block_bootstrap(
    statistic: Callable[[FloatArray], FloatArray],
    segment_count: int,
    *,
    samples: int = SAMPLES,
    seed: int = 0,
    block_length: int = BLOCK_LENGTH,
) -> FloatArray:
    """Take a statistic of many resamples.

    Parameters
    ----------
    statistic
        From counts, float64 (s, n), to values, float64 (s, ...), one row a sample.
    segment_count
        n, at least 1.
    samples
        At least 1.
    seed
        The same seed draws the same samples.
    block_length
        As for `block_counts`.

    Returns
    -------
    numpy.ndarray of float64, (samples, ...)
        The statistic of each sample.

    Raises
    ------
    ValueError
        If a number is not as above.
    """
    parts = block_counts(segment_count, samples=samples, seed=seed, block_length=block_length)
    return np.concatenate([statistic(counts) for counts in parts])


def block_counts(
    segment_count: int,
    *,
    samples: int = SAMPLES,
    seed: int = 0,
    block_length: int = BLOCK_LENGTH,
) -> Iterator[FloatArray]:
    """Draw samples of contiguous blocks.

    Parameters
    ----------
    segment_count, samples, seed
        As for `block_bootstrap`.
    block_length
        Segments in a block, at least 1; at most a fifth of the corpus is used, so that a small
        one still varies. The last block of a sample is cut to its length.

    Yields
    ------
    numpy.ndarray of float64, (s, n)
        How often each segment was drawn, one row a sample, in parts of bounded size.

    Raises
    ------
    ValueError
        If a number is not as above.
    """
    if min(segment_count, samples, block_length) < 1:
        raise ValueError("segments, samples and the length of blocks must be at least 1")
    length = max(1, min(block_length, segment_count // 5))
    blocks = -(-segment_count // length)
    last = segment_count - (blocks - 1) * length
    lengths = np.full(blocks, length)
    lengths[-1] = last
    generator = np.random.default_rng(seed)
    at_once = max(1, _CELLS_AT_ONCE // segment_count)
    for first in range(0, samples, at_once):
        count = min(at_once, samples - first)
        starts = generator.integers(0, segment_count - length + 1, (count, blocks))
        rows = np.arange(count)[:, None] * (segment_count + 1)
        size = count * (segment_count + 1)
        # A block adds 1 where it starts and takes it away where it ends.
        changes = np.bincount((rows + starts).ravel(), minlength=size).astype(np.float64)
        changes -= np.bincount((rows + starts + lengths).ravel(), minlength=size)
        yield np.cumsum(changes.reshape(count, -1), axis=1)[:, :-1]


def interval(values: FloatArray, level: float = 0.95) -> tuple[float, float]:
    """Take the middle of resampled values as an interval (Efron's percentile method).

    Parameters
    ----------
    values
        float64 (samples,); NaN are left out.
    level
        The share of samples inside.

    Returns
    -------
    low, high : float
        NaN where every value is.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, ((1 - level) / 2, (1 + level) / 2)).tolist()
    return low, high


def one_sided_p(differences: FloatArray) -> float:
    """Say how surely a difference is above zero.

    Parameters
    ----------
    differences
        float64 (samples,): of two orderings on the same samples.

    Returns
    -------
    float
        (1 + samples in which it is not above zero) / (1 + samples): the paired bootstrap test
        (Koehn, "Statistical significance tests for machine translation evaluation", EMNLP 2004),
        never 0, since so many samples can show no less.
    """
    return float((1 + np.count_nonzero(~(differences > 0))) / (1 + len(differences)))
