"""Training of the gain model: every family, out of fold and in full, and their best mix.

Labelled segments in document order go in; the parts of a router, their scales and out-of-fold
predictions come out. What always holds: folds are contiguous blocks of each language pair (or
whole documents), since neighbouring segments leak; everything that a fold's prediction rests on,
the number of rounds, penalties, gain's mean and the shares of the mix included, is fitted on the
labels of the other folds (shares are chosen by out-of-fold predictions there, whose models did see
this fold); one thread and fixed seeds, so the same input gives the same trees. Seen by all folds
are label-free things only: SentencePiece models and the scale of features. Nothing here reads a
reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.errors import UsageError
from routelmt_cli.gain.families import Labelled, Settings, available_families, fit_family
from routelmt_cli.gain.folds import Folds
from routelmt_cli.gain.parts import Inputs, Part
from routelmt_cli.gain.search import Search, search_settings
from routelmt_cli.gain.selection import choose_shares, mixed, mixed_without

FloatArray = NDArray[np.float64]

MIN_SEGMENTS = 50
PRIOR = "prior"

_SMALLEST_SLOPE = 0.02


@dataclass(frozen=True)
class TrainingSet:
    """Labelled segments in document order, n rows.

    Parameters
    ----------
    inputs
        Normalised features, texts, hidden states.
    gain
        float64, shape (n,), in points, after the second guard.
    weight
        float64, shape (n,), above zero: how much a segment counts in training.
    groups
        Language pair of each row.
    folds
        Rows outside and inside each held-out block.
    draft_scores, retranslation_scores
        float64, shape (n,): the metric of both hypotheses; None leaves the quality families out.
    """

    inputs: Inputs
    gain: FloatArray
    weight: FloatArray
    groups: Sequence[str]
    folds: Folds
    draft_scores: FloatArray | None = None
    retranslation_scores: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.gain)

    def group_rows(self) -> dict[str, NDArray[np.int64]]:
        """Give the rows of every language pair, in order of appearance."""
        labels = np.asarray(self.groups, dtype=object)
        return {name: np.flatnonzero(labels == name) for name in dict.fromkeys(self.groups)}


@dataclass(frozen=True)
class MixedPart:
    """A part with its place in the mix.

    Parameters
    ----------
    name
        Its family.
    share
        Of the mix, for people: all shares sum to 1.
    scale
        Predicted gain is ``offset + sum(scale * part)``, in units of the pair's gain.
    part
        Trained on every segment.
    """

    name: str
    share: float
    scale: float
    part: Part


@dataclass(frozen=True)
class GainModel:
    """What training made.

    Parameters
    ----------
    parts
        The mix.
    offset
        Of the mix.
    gain_scale
        Mean and standard deviation of gain by language pair, in points.
    """

    parts: Sequence[MixedPart]
    offset: float
    gain_scale: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Trained:
    """A gain model with what its report rests on.

    Parameters
    ----------
    model
        Trained on every segment.
    predicted
        float64, shape (n,): gain in points, by models that did not see a segment's block.
    families
        float64, shape (n,) by family: the same of each alone.
    search
        What the search for hyper-parameters tried.
    rounds
        Trees of a booster in the final fit.
    """

    model: GainModel
    predicted: FloatArray
    families: Mapping[str, FloatArray]
    search: Search
    rounds: int


def train(
    table: TrainingSet,
    *,
    prior: FloatArray | None = None,
    prior_parts: Sequence[MixedPart] = (),
    seed: int = 0,
    seeds: int = 4,
    search_trials: int = 6,
) -> Trained:
    """Train a gain model.

    Parameters
    ----------
    table
        Labelled segments.
    prior, prior_parts
        float64, shape (n,): a prior's predictions in units of gain, and its portable parts;
        the mix takes what share of it the out-of-fold area asks for.
    seed
        The first seed.
    seeds
        Boosters of a family, averaged.
    search_trials
        Hyper-parameter settings to try beside the default.

    Raises
    ------
    UsageError
        There are fewer than 50 segments, or the gains are all the same or not finite.
    """
    check_gains(table.gain)
    seed_list = tuple(range(seed, seed + seeds))
    groups = list(table.group_rows().values())
    scale = gain_scale(table, np.arange(len(table)))
    labelled = _in_units(table, np.arange(len(table)), scale)
    search = search_settings(labelled, table.folds, seed=seed, trials=search_trials)
    outside: dict[str, FloatArray] = {
        name: np.zeros(len(table)) for name in available_families(labelled)
    }
    for number, (inside, held_out) in enumerate(table.folds):
        rows = labelled_rows(table, inside)
        settings = Settings(search.rounds_of_fold[number], seed_list[:2], search.parameters)
        unseen = table.inputs.take(held_out)
        for name, values in outside.items():
            values[held_out] = fit_family(name, rows, settings).predict(unseen)
    if prior is not None:
        outside[PRIOR] = np.asarray(prior, dtype=np.float64)
    predicted = _mixed_outside(table, outside)
    settings = Settings(search.rounds, seed_list, search.parameters)
    model = _final(labelled, outside, groups, settings, scale, prior_parts)
    return Trained(model, predicted, outside, search, search.rounds)


def check_gains(gain: FloatArray) -> None:
    """Refuse gains from which nothing can be learnt.

    Raises
    ------
    UsageError
        There are fewer than 50, or they are all the same or not finite.
    """
    if len(gain) < MIN_SEGMENTS:
        raise UsageError(
            f"{len(gain)} segments are too few to calibrate a router",
            hint=f"give at least {MIN_SEGMENTS}, better 500 or more",
        )
    if not np.isfinite(gain).all():
        row = int(np.flatnonzero(~np.isfinite(gain))[0]) + 1
        raise UsageError(
            f"the gain of segment {row} is not a number", hint="leave out segments without scores"
        )
    if np.ptp(gain) == 0:
        raise UsageError(
            "the gain is the same for every segment, so there is nothing to learn",
            hint="check that draft and retranslation are not the same column",
        )


def gain_scale(table: TrainingSet, rows: NDArray[np.int64]) -> dict[str, tuple[float, float]]:
    """Find mean and standard deviation of gain by language pair.

    Parameters
    ----------
    table
        Labelled segments.
    rows
        The rows that may be looked at.

    Returns
    -------
    dict
        Mean and standard deviation in points; 1 for the latter where gain does not vary. A pair
        without any of the rows gets those of all.
    """
    visible = np.zeros(len(table), dtype=np.bool_)
    visible[rows] = True
    result = {}
    for name, members in table.group_rows().items():
        gain = table.gain[members[visible[members]]]
        if not gain.size:
            gain = table.gain[rows]
        spread = float(gain.std())
        result[name] = (float(gain.mean()), spread if spread > 1e-6 else 1.0)
    return result


def labelled_rows(table: TrainingSet, rows: NDArray[np.int64]) -> Labelled:
    """Take rows in units of their language pair, looking at no other row.

    Parameters
    ----------
    table
        Labelled segments.
    rows
        Row numbers.
    """
    return _in_units(table, rows, gain_scale(table, rows))


def _in_units(
    table: TrainingSet, rows: NDArray[np.int64], scale: Mapping[str, tuple[float, float]]
) -> Labelled:
    """Take rows in units of their language pair."""
    mean, spread = (column[rows] for column in _scale_of_rows(table, scale))
    small, large = table.draft_scores, table.retranslation_scores
    centre = float(np.mean(small[rows])) if small is not None else 0.0
    whole = len(rows) == len(table)
    return Labelled(
        inputs=table.inputs if whole else table.inputs.take(rows),
        gain=(table.gain[rows] - mean) / spread,
        weight=table.weight[rows],
        # One centre for both, so that their difference is gain but for a constant.
        draft_scores=None if small is None else (small[rows] - centre) / spread,
        retranslation_scores=None if large is None else (large[rows] - centre) / spread,
    )


def _mixed_outside(table: TrainingSet, outside: Mapping[str, FloatArray]) -> FloatArray:
    """Mix each block by the shares, the line and the scale of the others; give points."""
    groups = list(table.group_rows().values())
    result = np.zeros(len(table))
    for inside, held_out in table.folds:
        mean, spread = _scale_of_rows(table, gain_scale(table, inside))
        unit_gain = (table.gain - mean) / spread
        mix = mixed_without(outside, unit_gain, groups, inside)
        intercept, slope = _line(mix[inside], unit_gain[inside])
        unit = intercept + slope * mix[held_out]
        result[held_out] = mean[held_out] + spread[held_out] * unit
    return result


def _scale_of_rows(
    table: TrainingSet, scale: Mapping[str, tuple[float, float]]
) -> tuple[FloatArray, FloatArray]:
    """Give mean and standard deviation of each row's language pair."""
    mean, spread = np.array([scale[name] for name in table.groups]).T
    return mean, spread


def _line(predicted: FloatArray, gain: FloatArray) -> tuple[float, float]:
    """Fit gain on a prediction: the slope says how much of it is to be believed."""
    centred = predicted - predicted.mean()
    spread = float(np.mean(centred**2))
    slope = float(np.mean(centred * gain)) / spread if spread > 0 else 0.0
    # A prediction that is useless on these rows still keeps its order.
    slope = max(slope, _SMALLEST_SLOPE)
    return float(gain.mean() - slope * predicted.mean()), slope


def _final(
    labelled: Labelled,
    outside: Mapping[str, FloatArray],
    groups: Sequence[NDArray[np.int64]],
    settings: Settings,
    scale: Mapping[str, tuple[float, float]],
    prior_parts: Sequence[MixedPart],
) -> GainModel:
    """Train the families that the mix wants on every segment."""
    shares = choose_shares(outside, labelled.gain, groups)
    intercept, slope = _line(mixed(outside, shares), labelled.gain)
    parts: list[MixedPart] = []
    offset = intercept
    for name, share in shares.items():
        spread = float(np.std(outside[name])) or 1.0
        factor = slope * share / spread
        offset -= factor * float(outside[name].mean())
        if name == PRIOR:
            parts += [
                replace(
                    one,
                    name=f"{PRIOR}: {one.name}".replace(f"{PRIOR}: {PRIOR}:", f"{PRIOR}:"),
                    share=share * one.share,
                    scale=factor * one.scale,
                )
                for one in prior_parts
            ]
        else:
            parts.append(MixedPart(name, share, factor, fit_family(name, labelled, settings)))
    return GainModel(parts, offset, scale)
