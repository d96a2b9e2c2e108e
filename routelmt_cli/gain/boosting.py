"""Boosters of one style: strongly regularised trees with random thresholds, one a seed.

Arrays go in, checked :class:`~routelmt_cli.gain.trees.GainBooster` objects come out, whose
prediction is the raw score of the objective. What always holds: one thread and fixed seeds, so
the same input gives the same trees. Nothing is validated or stopped early here: the number of
rounds is the caller's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.gain.trees import GainBooster, reduce_booster

FloatArray = NDArray[np.float64]

_WINSOR = 0.02

_THRESHOLDS = re.compile(r"^threshold=.*$", re.MULTILINE)
_BEYOND_FLOAT32 = "1e+299"


def booster_parameters(count: int, seed: int, **objective: object) -> dict[str, Any]:
    """Make LightGBM's parameters.

    Parameters
    ----------
    count
        Rows to train on: more rows allow larger trees.
    seed
        Of bagging, columns and thresholds.
    **objective
        ``objective`` and what belongs to it.
    """
    return {
        "learning_rate": 0.03,
        "num_leaves": 8 if count < 3_000 else 16 if count < 20_000 else 31,
        "min_data_in_leaf": 20 if count >= 160 else 10,
        "feature_fraction": 0.4,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 10.0,
        "max_bin": 63,
        "extra_trees": True,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
        **objective,
    }


def fit_boosters(
    features: NDArray[np.float32],
    target: FloatArray,
    weight: FloatArray | None,
    names: Sequence[str],
    seeds: Sequence[int],
    rounds: int,
    *,
    group: Sequence[int] | None = None,
    **objective: object,
) -> list[GainBooster]:
    """Train one booster a seed.

    Parameters
    ----------
    features
        float32, shape (n, f).
    target
        float64, shape (n,).
    weight
        float64, shape (n,), above zero; None counts every row alike.
    names
        Names of the f columns.
    seeds
        Of the boosters.
    rounds
        Trees of each.
    group
        Sizes of the queries, in order, for a ranking objective.
    **objective
        As for :func:`booster_parameters`.

    Returns
    -------
    list of GainBooster
        In the order of the seeds.
    """
    import lightgbm

    boosters = []
    for seed in seeds:
        parameters = booster_parameters(len(target), seed, **objective)
        data = lightgbm.Dataset(
            features,
            target,
            weight=weight,
            group=group,
            feature_name=list(names),
            params=parameters,
        )
        model = lightgbm.train(parameters, data, rounds)
        content = reduce_booster(finite_thresholds(model.model_to_string()), names)
        boosters.append(GainBooster(content, names))
    return boosters


def finite_thresholds(text: str) -> str:
    """Write the endless thresholds of a trained model as finite ones of the same meaning.

    A split that only asks whether a value is missing has the threshold ``inf``, which no bundle
    may hold. Features are float32, so that every value lies below its replacement.

    Parameters
    ----------
    text
        ``Booster.model_to_string()``.
    """
    return _THRESHOLDS.sub(lambda line: line.group().replace("inf", _BEYOND_FLOAT32), text)


def mean_prediction(boosters: Sequence[GainBooster], features: NDArray[np.float32]) -> FloatArray:
    """Average the raw scores of boosters, float64 of shape (n,).

    Parameters
    ----------
    boosters
        At least one.
    features
        float32, shape (n, f).
    """
    total = np.zeros(len(features))
    for booster in boosters:
        total += booster.predict(features)
    return total / len(boosters)


def winsorised(values: FloatArray) -> FloatArray:
    """Pull the lowest and highest two hundredths in: a few wild labels teach nothing.

    Parameters
    ----------
    values
        float64, shape (n,), n >= 1.
    """
    low, high = np.quantile(values, (_WINSOR, 1.0 - _WINSOR))
    return np.clip(values, low, high)
