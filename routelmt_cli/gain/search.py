"""A small, seeded search for the boosters' hyper-parameters, and for their number of rounds.

Labelled rows and folds go in; parameters and rounds come out. What always holds: a bounded number
of settings is tried, the default first, and another is taken only where its squared error on
held-out blocks is lower by more than its standard error over the blocks, so that noise changes
nothing; the rounds of a fold are found without that fold. The default was compared on sixteen WMT
sets, so it is seldom beaten.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.boosting import booster_parameters, winsorised
from routelmt_cli.gain.families import Labelled
from routelmt_cli.gain.folds import Folds, contiguous_folds

# With few segments the validation curve is mostly noise and its minimum comes too early; a
# trial on sixteen WMT sets found 300 rounds of random thresholds never clearly worse.
_LEAST_ROUNDS = 200
_MOST_ROUNDS = 600
_TRIAL_ROUNDS = 300
_PATIENCE = 60
_INNER_SLICES = 3

_CHOICES: Mapping[str, Sequence[float]] = {
    "num_leaves": (4, 8, 16, 31),
    "min_data_in_leaf": (10, 20, 40, 80),
    "feature_fraction": (0.2, 0.4, 0.7),
    "lambda_l2": (1.0, 10.0, 50.0),
}


@dataclass(frozen=True)
class Search:
    """What the search found.

    Parameters
    ----------
    parameters
        LightGBM parameters other than the default; empty where the default stands.
    rounds
        Trees of a booster trained on every row.
    rounds_of_fold
        The same for each fold, found without it.
    trials
        Settings that were tried.
    seconds
        Wall-clock time of the whole search; never written to a bundle.
    """

    parameters: Mapping[str, float]
    rounds: int
    rounds_of_fold: Sequence[int]
    trials: int
    seconds: float


def search_settings(rows: Labelled, folds: Folds, *, seed: int, trials: int) -> Search:
    """Search for parameters and rounds.

    Parameters
    ----------
    rows
        All labelled rows.
    folds
        Of these rows.
    seed
        Of the settings drawn and of the boosters.
    trials
        Settings to try beside the default.
    """
    start = time.monotonic()
    parameters = _best_parameters(rows, folds, seed, trials)
    rounds = [_best_rounds(rows.take(inside), parameters, seed) for inside, _ in folds]
    return Search(
        parameters=parameters,
        rounds=int(np.median(rounds)),
        rounds_of_fold=rounds,
        trials=trials + 1,
        seconds=round(time.monotonic() - start, 1),
    )


def _best_parameters(rows: Labelled, folds: Folds, seed: int, trials: int) -> dict[str, float]:
    generator = np.random.default_rng(seed)
    tried: list[dict[str, float]] = [{}]
    tried += [
        {name: generator.choice(values).item() for name, values in _CHOICES.items()}
        for _ in range(trials)
    ]
    errors = np.array([_errors(rows, folds, settings, seed) for settings in tried])
    better = errors[0] - errors
    margin = better.std(axis=1, ddof=1) / np.sqrt(len(folds)) if len(folds) > 1 else np.inf
    lead = better.mean(axis=1) - margin
    best = int(lead.argmax())
    return tried[best] if lead[best] > 0 else {}


def _errors(rows: Labelled, folds: Folds, settings: Mapping[str, float], seed: int) -> list[float]:
    """Mean squared error of each held-out block."""
    import lightgbm

    target = winsorised(rows.gain)
    result = []
    for inside, held_out in folds:
        options = {"objective": "regression", **settings}
        parameters = booster_parameters(len(inside), seed, **options)
        data = lightgbm.Dataset(
            rows.inputs.features[inside],
            target[inside],
            weight=rows.weight[inside],
            feature_name=list(FEATURE_NAMES),
            params=parameters,
        )
        model = lightgbm.train(parameters, data, _TRIAL_ROUNDS)
        predicted = model.predict(rows.inputs.features[held_out], num_threads=1)
        result.append(float(np.mean((predicted - target[held_out]) ** 2)))
    return result


def _best_rounds(rows: Labelled, settings: Mapping[str, float], seed: int) -> int:
    """Stop early on contiguous slices: the median of the best rounds, within bounds."""
    import lightgbm

    target = winsorised(rows.gain)
    options = {"objective": "regression", "metric": "l2", **settings}
    parameters = booster_parameters(len(rows), seed, **options)
    found = []
    for inside, held_out in contiguous_folds(len(rows), _INNER_SLICES):
        data, held = (
            lightgbm.Dataset(
                rows.inputs.features[part],
                target[part],
                weight=rows.weight[part],
                feature_name=list(FEATURE_NAMES),
                params=parameters,
            )
            for part in (inside, held_out)
        )
        held.reference = data
        stop = lightgbm.early_stopping(_PATIENCE, verbose=False)
        model = lightgbm.train(parameters, data, _MOST_ROUNDS, valid_sets=[held], callbacks=[stop])
        found.append(model.best_iteration)
    return int(np.clip(np.median(found), _LEAST_ROUNDS, _MOST_ROUNDS))
