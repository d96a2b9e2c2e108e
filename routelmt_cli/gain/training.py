"""Training of the gain model: LightGBM, several seeds, chosen by honest out-of-fold figures.

Features and gains in document order go in; boosters, a length model and out-of-fold predictions
come out. Three *families* of boosters are trained: ``gain`` (squared error on winsorised gain),
``huber`` (Huber loss) and ``quality`` (squared error on the draft's score, mapped to gain by the
slope of gain on draft score). *Candidates* mix families; the one with the largest out-of-fold
budget-quality area wins.

What always holds: folds are contiguous blocks, since neighbouring segments leak; everything that
a fold's prediction rests on, the number of rounds and the slope included, is fitted without that
fold; one thread and fixed seeds, so the same input gives the same trees. Two things are seen by
all folds: the SentencePiece model, which is trained on sources alone, and the choice among the
few candidates, which flatters the out-of-fold figures a little. Nothing here reads text.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.errors import UsageError
from routelmt_cli.evaluation import curve
from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.length_model import LengthModel, fit_length_model
from routelmt_cli.gain.trees import GainBooster, reduce_booster

FloatArray = NDArray[np.float64]

MIN_SEGMENTS = 50
_WINSOR = 0.02
_INNER_SLICES = 3
# With few segments the validation curve is mostly noise and its minimum comes too early; a
# trial on sixteen WMT sets found 300 rounds of random thresholds never clearly worse.
_LEAST_ROUNDS = 200
_MOST_ROUNDS = 800
_PATIENCE = 60

_QUALITY_SHARE = 0.4
CANDIDATES: Mapping[str, Mapping[str, float]] = {
    "gain": {"gain": 1.0},
    "gain and quality": {"gain": 1.0 - _QUALITY_SHARE, "quality": _QUALITY_SHARE},
    "huber": {"huber": 1.0},
}
"""Candidates in order of preference, each with the share of its families."""


@dataclass(frozen=True)
class TrainingSet:
    """Labelled segments in document order, n rows.

    Parameters
    ----------
    features
        float32, shape (n, len(FEATURE_NAMES)).
    gain
        float64, shape (n,), after the second guard.
    weight
        float64, shape (n,), above zero: how much a segment counts in training.
    retranslation_tokens, draft_tokens, source_tokens
        int, shape (n,).
    draft_scores
        float64, shape (n,), the metric of the drafts; None leaves the quality family out.
    """

    features: NDArray[np.float32]
    gain: FloatArray
    weight: FloatArray
    retranslation_tokens: NDArray[np.int64]
    draft_tokens: NDArray[np.int64]
    source_tokens: NDArray[np.int64]
    draft_scores: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.gain)


@dataclass(frozen=True)
class RouterParts:
    """What training made: predicted gain is ``offset + sum(scale * booster)``.

    Parameters
    ----------
    boosters, scales, offset
        The mix.
    length_model
        Tokens of a retranslation.
    candidate
        Name of the chosen candidate.
    areas
        Out-of-fold area of every candidate.
    rounds
        Boosting rounds of each family that was kept.
    seeds
        Seeds of the boosters of a family.
    """

    boosters: tuple[GainBooster, ...]
    scales: tuple[float, ...]
    offset: float
    length_model: LengthModel
    candidate: str
    areas: dict[str, float]
    rounds: dict[str, int]
    seeds: tuple[int, ...]

    def predict(self, features: NDArray[np.float32]) -> FloatArray:
        """Predict gain, float64 of shape (n,)."""
        gain = np.full(len(features), self.offset)
        for booster, scale in zip(self.boosters, self.scales, strict=True):
            gain += scale * booster.predict(features)
        return gain


def train(
    table: TrainingSet, *, seed: int = 0, folds: int = 5, seeds: int = 4
) -> tuple[RouterParts, FloatArray]:
    """Train a gain model.

    Parameters
    ----------
    table
        Labelled segments in document order.
    seed
        The first seed.
    folds
        Contiguous blocks of the outer validation, at least 2.
    seeds
        Boosters of a family, averaged.

    Returns
    -------
    RouterParts
        Trained on every segment.
    numpy.ndarray
        float64, shape (n,): predicted gain of each segment by models that did not see its block.

    Raises
    ------
    UsageError
        There are fewer than 50 segments, or the gains are all the same or not finite.
    """
    _check(table)
    families = ["gain", "huber"] + (["quality"] if table.draft_scores is not None else [])
    seed_list = tuple(range(seed, seed + seeds))
    outside = {family: np.zeros(len(table)) for family in families}
    rounds: dict[str, list[int]] = {family: [] for family in families}
    for inside, held_out in contiguous_folds(len(table), folds):
        for family in families:
            task = _Task.of(table, inside, family)
            rounds[family].append(task.best_rounds(seed_list[0]))
            boosters = task.boosters(rounds[family][-1], seed_list)
            values = np.mean([one.predict(table.features[held_out]) for one in boosters], axis=0)
            outside[family][held_out] = task.intercept + task.slope * values
    mixes = {
        name: np.sum([part * outside[family] for family, part in mix.items()], axis=0)
        for name, mix in CANDIDATES.items()
        if mix.keys() <= outside.keys()
    }
    areas = {name: float(curve.area(table.gain, values)) for name, values in mixes.items()}
    # Ties go to the first, so that equal areas never depend on anything else.
    chosen = max(areas, key=lambda name: areas[name])
    median_rounds = {family: int(np.median(rounds[family])) for family in CANDIDATES[chosen]}
    parts = _final(table, chosen, areas, median_rounds, seed_list)
    return parts, mixes[chosen]


def contiguous_folds(
    count: int, folds: int
) -> Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Cut rows into blocks, each held out once.

    Parameters
    ----------
    count, folds
        Rows and blocks.

    Returns
    -------
    sequence of tuple
        Row numbers outside and inside each block.
    """
    edges = [count * number // folds for number in range(folds + 1)]
    rows = np.arange(count, dtype=np.int64)
    return [
        (np.concatenate((rows[:start], rows[stop:])), rows[start:stop])
        for start, stop in itertools.pairwise(edges)
    ]


def _check(table: TrainingSet) -> None:
    if len(table) < MIN_SEGMENTS:
        raise UsageError(
            f"{len(table)} segments are too few to calibrate a router",
            hint=f"give at least {MIN_SEGMENTS}, better 500 or more",
        )
    if not np.isfinite(table.gain).all():
        row = int(np.flatnonzero(~np.isfinite(table.gain))[0]) + 1
        raise UsageError(
            f"the gain of segment {row} is not a number", hint="leave out segments without scores"
        )
    if np.ptp(table.gain) == 0:
        raise UsageError(
            "the gain is the same for every segment, so there is nothing to learn",
            hint="check that draft and retranslation are not the same column",
        )


@dataclass(frozen=True)
class _Task:
    """One family on one set of rows: targets, and the line from its predictions to gain."""

    features: NDArray[np.float32]
    target: FloatArray
    weight: FloatArray
    family: str
    intercept: float
    slope: float

    @classmethod
    def of(cls, table: TrainingSet, rows: NDArray[np.int64], family: str) -> _Task:
        gain, weight = _winsorised(table.gain[rows]), table.weight[rows]
        target, intercept, slope = gain, 0.0, 1.0
        if family == "quality" and table.draft_scores is not None:
            target = _winsorised(table.draft_scores[rows])
            # A worse draft never makes the expected gain smaller: the slope is not above zero.
            spread = float(np.var(target))
            covariance = float(np.mean((target - target.mean()) * (gain - gain.mean())))
            slope = min(0.0, covariance / spread) if spread > 0 else 0.0
            intercept = float(gain.mean() - slope * target.mean())
        return cls(table.features[rows], target, weight, family, intercept, slope)

    def parameters(self, seed: int) -> dict[str, Any]:
        count = len(self.target)
        parameters: dict[str, Any] = {
            "objective": "huber" if self.family == "huber" else "regression",
            "metric": "l2",
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
        }
        if self.family == "huber":
            parameters["alpha"] = max(float(np.std(self.target)), 1e-3)
        return parameters

    def fit(
        self,
        rows: NDArray[np.int64] | slice,
        rounds: int,
        seed: int,
        validation: NDArray[np.int64] | None = None,
    ) -> Any:
        import lightgbm

        parameters = self.parameters(seed)
        data = lightgbm.Dataset(
            self.features[rows],
            self.target[rows],
            weight=self.weight[rows],
            feature_name=list(FEATURE_NAMES),
            params=parameters,
        )
        if validation is None:
            return lightgbm.train(parameters, data, rounds)
        held_out = lightgbm.Dataset(
            self.features[validation],
            self.target[validation],
            weight=self.weight[validation],
            reference=data,
        )
        stop = lightgbm.early_stopping(_PATIENCE, verbose=False)
        return lightgbm.train(parameters, data, rounds, valid_sets=[held_out], callbacks=[stop])

    def best_rounds(self, seed: int) -> int:
        """Find the rounds at the minimum of validation: median of contiguous slices, bounded."""
        found = [
            self.fit(inside, _MOST_ROUNDS, seed, held_out).best_iteration
            for inside, held_out in contiguous_folds(len(self.target), _INNER_SLICES)
        ]
        return int(np.clip(np.median(found), _LEAST_ROUNDS, _MOST_ROUNDS))

    def boosters(self, rounds: int, seeds: Sequence[int]) -> list[GainBooster]:
        models = (self.fit(slice(None), rounds, seed) for seed in seeds)
        return [
            GainBooster(reduce_booster(model.model_to_string(), FEATURE_NAMES), FEATURE_NAMES)
            for model in models
        ]


def _winsorised(values: FloatArray) -> FloatArray:
    low, high = np.quantile(values, (_WINSOR, 1.0 - _WINSOR))
    return np.clip(values, low, high)


def _final(
    table: TrainingSet,
    chosen: str,
    areas: dict[str, float],
    rounds: dict[str, int],
    seeds: tuple[int, ...],
) -> RouterParts:
    """Train the chosen candidate on every segment."""
    boosters: list[GainBooster] = []
    scales: list[float] = []
    offset = 0.0
    rows = np.arange(len(table), dtype=np.int64)
    for family, part in CANDIDATES[chosen].items():
        task = _Task.of(table, rows, family)
        offset += part * task.intercept
        boosters += task.boosters(rounds[family], seeds)
        scales += [part * task.slope / len(seeds)] * len(seeds)
    length_model = fit_length_model(
        table.source_tokens, table.draft_tokens, table.retranslation_tokens
    )
    return RouterParts(
        boosters=tuple(boosters),
        scales=tuple(scales),
        offset=offset,
        length_model=length_model,
        candidate=chosen,
        areas=areas,
        rounds=rounds,
        seeds=seeds,
    )
