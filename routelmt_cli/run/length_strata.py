"""Sample a corpus so that its lengths are kept: strata of equal size along the lengths.

Lengths go in, positions come out, in document order. What always holds: each stratum's share of
the sample is its share of the corpus, within one segment; the same seed gives the same sample; a
larger sample holds every smaller one, so that what was bought for it is not bought in vain.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

STRATA = 10


def strata_of(
    lengths: npt.NDArray[np.int64] | npt.NDArray[np.float64], strata: int = STRATA
) -> npt.NDArray[np.int64]:
    """Cut segments into quantiles of length, whose sizes are within one of each other.

    Parameters
    ----------
    lengths
        Shape (n,), in any unit. Equal lengths are ordered by place.
    strata
        How many; fewer where there are fewer segments.

    Returns
    -------
    numpy.ndarray
        int64, shape (n,), from 0, short to long.
    """
    count = len(lengths)
    parts = max(1, min(strata, count))
    stratum = np.empty(count, np.int64)
    stratum[np.argsort(lengths, kind="stable")] = np.arange(count) * parts // max(1, count)
    return stratum


def sample_by_length(
    lengths: npt.NDArray[np.int64] | npt.NDArray[np.float64],
    count: int,
    *,
    seed: int = 0,
    strata: int = STRATA,
) -> npt.NDArray[np.int64]:
    """Sample segments by strata of length.

    Parameters
    ----------
    lengths
        Shape (n,), in any unit.
    count
        How many segments to keep; all where there are no more.
    seed
        Of the draw.
    strata
        How many strata; fewer where there are fewer segments.

    Returns
    -------
    numpy.ndarray
        int64: positions from 0, rising, without repetition.
    """
    total = len(lengths)
    if count >= total:
        return np.arange(total, dtype=np.int64)
    stratum = strata_of(lengths, strata)
    sizes = np.bincount(stratum)
    # Segments of a stratum in drawn order have evenly spaced keys; the smallest keys of all
    # strata are the sample, whatever its size.
    drawn = np.random.default_rng(seed).permutation(total)
    keys = np.empty(total)
    for number, size in enumerate(sizes.tolist()):
        members = drawn[stratum[drawn] == number]
        keys[members] = (np.arange(size) + 0.5) / size
    return np.sort(np.lexsort((stratum, keys))[:count])
