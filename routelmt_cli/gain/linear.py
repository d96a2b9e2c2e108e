"""Ridge regression for the parts that look at text and at hidden states.

A design matrix and gains go in, weights come out. What always holds: the penalty is chosen
inside the given rows by contiguous validation, since neighbouring segments leak; the same rows
give the same weights. The solver is LSQR (Paige and Saunders 1982) with damping, which needs no
more memory than the matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.gain.folds import contiguous_folds
from routelmt_cli.gain.parts import Inputs, ProbePart, TextPart

FloatArray = NDArray[np.float64]

TEXT_PENALTIES = (1.0, 3.0, 10.0)
PROBE_PENALTIES = (100.0, 1_000.0, 10_000.0)

_INNER_SLICES = 3
_ITERATIONS = 60
_SMALLEST_SCALE = 1e-6


def fit_text(inputs: Inputs, gain: FloatArray, weight: FloatArray) -> TextPart:
    """Fit the text part: rare n-grams weigh more (inverse document frequency).

    Parameters
    ----------
    inputs
        n segments.
    gain
        float64, shape (n,), in units of the pair's.
    weight
        float64, shape (n,), above zero.
    """
    matrix = inputs.ngrams
    seen = np.bincount(matrix.indices, minlength=matrix.shape[1])
    rarity = np.log((1 + matrix.shape[0]) / (1 + seen))
    # Columns that no segment has would stay at zero, and most are such in a small corpus.
    used = np.flatnonzero(seen)
    found, intercept = _ridge(_scaled(matrix[:, used], rarity[used]), gain, weight, TEXT_PENALTIES)
    weights = np.zeros(matrix.shape[1], dtype=np.float32)
    weights[used] = found * rarity[used]
    return TextPart(weights, intercept)


def fit_probe(inputs: Inputs, gain: FloatArray, weight: FloatArray) -> ProbePart:
    """Fit the probe.

    Parameters
    ----------
    inputs
        n segments with hidden states.
    gain
        float64, shape (n,), in units of the pair's.
    weight
        float64, shape (n,), above zero.
    """
    assert inputs.states is not None
    states = inputs.states.astype(np.float64)
    known = states[np.isfinite(states).all(axis=1)]
    if not len(known):
        known = np.zeros((1, states.shape[1]))
    centre = known.mean(axis=0)
    scale = known.std(axis=0)
    scale[scale < _SMALLEST_SCALE] = 1.0
    # Rows without a state stand at the mean.
    scaled = np.nan_to_num((states - centre) / scale)
    weights, intercept = _ridge(scaled, gain, weight, PROBE_PENALTIES)
    return ProbePart(
        centre.astype(np.float32), scale.astype(np.float32), weights.astype(np.float32), intercept
    )


def _ridge(
    matrix: Any, gain: FloatArray, weight: FloatArray, penalties: Sequence[float]
) -> tuple[FloatArray, float]:
    """Choose the penalty by squared error on held-out slices, then fit on every row."""
    errors = np.zeros(len(penalties))
    for inside, held_out in contiguous_folds(len(gain), _INNER_SLICES):
        for number, penalty in enumerate(penalties):
            weights, intercept = _solve(matrix[inside], gain[inside], weight[inside], penalty)
            residual = gain[held_out] - (matrix[held_out] @ weights + intercept)
            errors[number] += float(np.sum(weight[held_out] * residual**2))
    return _solve(matrix, gain, weight, penalties[int(errors.argmin())])


def _solve(
    matrix: Any, gain: FloatArray, weight: FloatArray, penalty: float
) -> tuple[FloatArray, float]:
    from scipy.sparse.linalg import lsqr

    intercept = float(np.average(gain, weights=weight))
    root = np.sqrt(weight / weight.mean())
    weighted = _scaled_rows(matrix, root)
    target = root * (gain - intercept)
    solution = lsqr(weighted, target, damp=float(np.sqrt(penalty)), iter_lim=_ITERATIONS)
    return np.asarray(solution[0]), intercept


def _scaled(matrix: Any, columns: FloatArray) -> Any:
    import scipy.sparse

    return (matrix @ scipy.sparse.diags(columns)).tocsr()


def _scaled_rows(matrix: Any, rows: FloatArray) -> Any:
    import scipy.sparse

    if scipy.sparse.issparse(matrix):
        return scipy.sparse.diags(rows) @ matrix
    return rows[:, None] * matrix
