"""What a router reaches on a language pair of which it saw no row.

Labelled segments of several language pairs go in, figures for each pair come out: a router is
trained on the others' segments and asked with its portable parts. What always holds: nothing of
the left-out pair is used but its unlabelled features' scale. It trains one small router a pair.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.evaluation.figures import figures
from routelmt_cli.gain.families import Settings, fit_family
from routelmt_cli.gain.training import MIN_SEGMENTS, TrainingSet, labelled_rows

_FAMILIES = ("gain", "rank", "two qualities")
_ROUNDS = 300
_DIGITS = 4


def left_out_figures(table: TrainingSet, seed: int) -> dict[str, Any]:
    """Leave out each language pair in turn.

    Parameters
    ----------
    table
        Labelled segments.
    seed
        Of the boosters.

    Returns
    -------
    dict
        ``recovered_share``, ``area`` and ``hit_rate`` by pair; a pair is missing where the
        others have fewer than 50 segments, so it is empty for a single pair.
    """
    result = {}
    for name, rows in table.group_rows().items():
        if len(table) - len(rows) < MIN_SEGMENTS:
            continue
        measured = figures(table.gain[rows], predict_left_out(table, rows, seed))
        result[name] = {
            field: round(getattr(measured, field), _DIGITS)
            for field in ("recovered_share", "area", "hit_rate")
        }
    return result


def predict_left_out(
    table: TrainingSet, held_out: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    """Predict rows by portable families trained on all others, equally mixed.

    Parameters
    ----------
    table
        Labelled segments.
    held_out
        Rows that are asked about, such as those of a language pair.
    seed
        Of the boosters.

    Returns
    -------
    numpy.ndarray
        float64, in units of gain.
    """
    inside = np.setdiff1d(np.arange(len(table)), held_out)
    rows = labelled_rows(table, inside)
    settings = Settings(_ROUNDS, (seed, seed + 1))
    unseen = table.inputs.take(held_out)
    total = np.zeros(len(held_out))
    for name in _FAMILIES:
        if name == "two qualities" and rows.retranslation_scores is None:
            continue
        predicted = fit_family(name, rows, settings).predict(unseen)
        total += predicted / max(float(predicted.std()), 1e-9)
    return total
