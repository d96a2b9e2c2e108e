"""How far a budget-quality curve that was read off a sample may be from that of the whole corpus.

Arrays of one number a sampled segment go in, standard errors come out. The sample is resampled
(Efron's bootstrap): costs are projected to the corpus by size, gains are means, so both move with
what was drawn. What predictions themselves are off by is not in it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from routelmt_cli.evaluation.order import FloatArray
from routelmt_cli.evaluation.resampling import block_bootstrap

SAMPLES = 200
"""Samples where none are asked for: a standard error needs fewer than an interval's ends."""


def sampling_errors(
    order: npt.NDArray[np.int64],
    value: FloatArray,
    cost: FloatArray,
    weight: FloatArray,
    size: FloatArray,
    corpus_size: float,
    at_costs: FloatArray,
    *,
    samples: int = SAMPLES,
    seed: int = 0,
) -> FloatArray:
    """Return the standard error of the mean gain that each cost buys in the corpus.

    Parameters
    ----------
    order
        int64 (m,): sampled segments in the order in which they are bought.
    value, cost, weight, size
        float64 (n,): weight times gain, cost, weight, and what costs are projected by, of the
        sampled segments, which were drawn independently of one another.
    corpus_size
        Of the whole corpus.
    at_costs
        float64 (k,): costs in the corpus.
    samples, seed
        As for ``block_bootstrap``.

    Returns
    -------
    numpy.ndarray of float64, (k,)
        In the unit of gain.
    """

    def gains(counts: FloatArray) -> FloatArray:
        drawn = counts[:, order]
        expansion = corpus_size / np.maximum(counts @ size, 1.0)
        start = np.zeros((len(counts), 1))
        spent = np.cumsum(drawn * cost[order], axis=1) * expansion[:, None]
        bought = np.cumsum(drawn * value[order], axis=1)
        bought /= np.maximum(counts @ weight, np.finfo(float).tiny)[:, None]
        curves = zip(np.hstack([start, spent]), np.hstack([start, bought]), strict=True)
        return np.stack([np.interp(at_costs, *curve) for curve in curves])

    found = block_bootstrap(gains, len(value), samples=samples, seed=seed, block_length=1)
    return np.asarray(found.std(axis=0, ddof=1))
