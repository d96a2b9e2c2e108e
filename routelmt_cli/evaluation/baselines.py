"""The orderings that a router must beat, and the one that it cannot.

Each function returns one score a segment, float64 (n,): segments are retranslated from the
highest score down. Scores of different baselines are on different scales and only their order
means anything. No baseline but the oracle sees the truth.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def random(segment_count: int, seed: int = 0) -> FloatArray:
    """Score at random.

    Parameters
    ----------
    segment_count
        n.
    seed
        The same seed gives the same scores.

    Returns
    -------
    numpy.ndarray of float64, (n,)
        Uniform in [0, 1).
    """
    return np.random.default_rng(seed).random(segment_count)


def length(source_lengths: npt.ArrayLike) -> FloatArray:
    """Score by length: longest first.

    Parameters
    ----------
    source_lengths
        (n,), in tokens or characters.

    Returns
    -------
    numpy.ndarray of float64, (n,)
        The lengths.
    """
    return np.array(source_lengths, dtype=np.float64)


def difficulty(mean_log_probabilities: npt.ArrayLike) -> FloatArray:
    """Score by how unsure the small model was of its draft: the least sure first.

    Parameters
    ----------
    mean_log_probabilities
        float (n,): the draft's mean log-probability per token, NaN where there is none.

    Returns
    -------
    numpy.ndarray of float64, (n,)
        The negated means; NaN becomes the lowest score, since nothing says it is hard.
    """
    means = np.array(mean_log_probabilities, dtype=np.float64)
    return np.where(np.isnan(means), -np.inf, -means)


def oracle(gain: npt.ArrayLike, cost: npt.ArrayLike | None = None) -> FloatArray:
    """Score by true gain per cost: the best ordering that there is.

    Parameters
    ----------
    gain
        float (n,): the truth.
    cost
        (n,), zero or more; None where every segment costs the same.

    Returns
    -------
    numpy.ndarray of float64, (n,)
        Gain per cost; for a free segment infinity of its gain's sign, or 0.
    """
    gains = np.array(gain, dtype=np.float64)
    if cost is None:
        return gains
    costs = np.asarray(cost, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(gains == 0, 0.0, gains / costs)
