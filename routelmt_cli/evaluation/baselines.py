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


def rarity(mean_piece_log_probabilities: npt.ArrayLike) -> FloatArray:
    """Score by how unusual a source is: the rarest first.

    Parameters
    ----------
    mean_piece_log_probabilities
        float (n,): the source's mean log-probability per piece under a model of usual sources,
        NaN where there is none.

    Returns
    -------
    numpy.ndarray of float64, (n,)
        The negated means; NaN becomes the lowest score.
    """
    return difficulty(mean_piece_log_probabilities)


def uncertainty(mean_entropies: npt.ArrayLike) -> FloatArray:
    """Score by the small model's mean entropy while it drafted: the highest first.

    Parameters
    ----------
    mean_entropies
        float (n,): nats per token, NaN where there is none.

    Returns
    -------
    numpy.ndarray of float64, (n,)
        The entropies; NaN becomes the lowest score.
    """
    means = np.array(mean_entropies, dtype=np.float64)
    return np.where(np.isnan(means), -np.inf, means)


def oddness(length_ratios: npt.ArrayLike) -> FloatArray:
    """Score by how far a draft's length is from what is usual in the corpus.

    Parameters
    ----------
    length_ratios
        float (n,): the draft's length over the source's, NaN where there is no draft.

    Returns
    -------
    numpy.ndarray of float64, (n,)
        Distances from the median ratio; NaN becomes the highest score, since a draft that is not
        there is the oddest of all.
    """
    ratios = np.array(length_ratios, dtype=np.float64)
    usual = float(np.nanmedian(ratios)) if np.isfinite(ratios).any() else 0.0
    return np.where(np.isnan(ratios), np.inf, np.abs(ratios - usual))


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


def rules(
    source_lengths: npt.ArrayLike,
    length_ratios: npt.ArrayLike,
    *,
    mean_piece_log_probabilities: npt.ArrayLike | None = None,
    mean_log_probabilities: npt.ArrayLike | None = None,
    mean_entropies: npt.ArrayLike | None = None,
) -> dict[str, FloatArray]:
    """Score by every rule that needs no router, as far as its column is known.

    Parameters
    ----------
    source_lengths
        (n,), in tokens or characters.
    length_ratios
        As for `oddness`.
    mean_piece_log_probabilities
        As for `rarity`; a rule is left out where its column is None or all NaN.
    mean_log_probabilities
        As for `difficulty`.
    mean_entropies
        As for `uncertainty`.

    Returns
    -------
    dict of str to numpy.ndarray of float64, (n,)
        By the names that tables use. ``random`` is constant: figures are then exactly what
        random order is expected to give.
    """
    longest = length(source_lengths)
    found = {
        "random": np.zeros(len(longest)),
        "longest source first": longest,
        "shortest source first": -longest,
    }
    for name, rule, column in (
        ("rarest source first", rarity, mean_piece_log_probabilities),
        ("lowest mean log-probability first", difficulty, mean_log_probabilities),
        ("highest entropy first", uncertainty, mean_entropies),
    ):
        if column is not None and not np.isnan(np.asarray(column, dtype=np.float64)).all():
            found[name] = rule(column)
    found["oddest draft length first"] = oddness(length_ratios)
    return found
