"""Families: the different ways in which a router can learn gain, each fitted to a part.

Labelled rows go in, a :class:`~routelmt_cli.gain.parts.Part` comes out. What always holds: a fit
sees the given rows alone; targets are winsorised, in units of the language pair's gain.

- ``gain``: squared error on gain;
- ``rank``: squared error on the rank of gain, mapped back to gain by isotonic regression;
- ``huber``: Huber loss on gain;
- ``lambdarank``: LambdaRank (Burges 2010) on deciles of gain, mapped back in the same way;
- ``draft quality``: the draft's score, mapped to gain by a falling line;
- ``two qualities``: the retranslation's predicted score less the draft's;
- ``text``: ridge on character n-grams; ``probe``: ridge on hidden states.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.boosting import fit_boosters, mean_prediction, winsorised
from routelmt_cli.gain.linear import fit_probe, fit_text
from routelmt_cli.gain.parts import Curve, Inputs, Part, TreePart

FloatArray = NDArray[np.float64]

_GRADES = 10
_QUERY_ROWS = 300
_KNOTS = 24


@dataclass(frozen=True)
class Labelled:
    """Rows to learn from, n of them, in units of their language pair.

    Parameters
    ----------
    inputs
        What parts look at.
    gain
        float64, shape (n,): 0 is the pair's mean, 1 its standard deviation.
    weight
        float64, shape (n,), above zero.
    draft_scores, retranslation_scores
        float64, shape (n,): in the same units, centred; None leaves the quality families out.
    """

    inputs: Inputs
    gain: FloatArray
    weight: FloatArray
    draft_scores: FloatArray | None = None
    retranslation_scores: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.gain)

    def take(self, rows: NDArray[np.int64]) -> Labelled:
        """Take some rows.

        Parameters
        ----------
        rows
            Row numbers.
        """
        drafts, retranslations = self.draft_scores, self.retranslation_scores
        return Labelled(
            self.inputs.take(rows),
            self.gain[rows],
            self.weight[rows],
            None if drafts is None else drafts[rows],
            None if retranslations is None else retranslations[rows],
        )


@dataclass(frozen=True)
class Settings:
    """How boosters are trained.

    Parameters
    ----------
    rounds
        Trees of a booster.
    seeds
        One booster each.
    parameters
        LightGBM parameters other than the defaults of
        :func:`routelmt_cli.gain.boosting.booster_parameters`.
    """

    rounds: int
    seeds: Sequence[int]
    parameters: Mapping[str, float] = field(default_factory=dict)


def available_families(rows: Labelled) -> list[str]:
    """Name the families that these rows can teach.

    Parameters
    ----------
    rows
        What there is.
    """
    names = ["gain", "rank", "huber", "lambdarank"]
    if rows.draft_scores is not None:
        names.append("draft quality")
        if rows.retranslation_scores is not None:
            names.append("two qualities")
    names.append("text")
    if rows.inputs.states is not None:
        names.append("probe")
    return names


def fit_family(name: str, rows: Labelled, settings: Settings) -> Part:
    """Fit one family.

    Parameters
    ----------
    name
        One of :func:`available_families`.
    rows
        At least 20.
    settings
        Of the boosters.
    """
    return _FITS[name](rows, settings)


def _boosters(
    rows: Labelled,
    target: FloatArray,
    settings: Settings,
    group: Sequence[int] | None = None,
    **objective: object,
) -> TreePart:
    options: dict[str, object] = {"objective": "regression", **settings.parameters, **objective}
    boosters = fit_boosters(
        rows.inputs.features,
        target,
        rows.weight,
        FEATURE_NAMES,
        settings.seeds,
        settings.rounds,
        group=group,
        **options,
    )
    return TreePart(boosters, scales=[1.0 / len(boosters)] * len(boosters))


def _fit_gain(rows: Labelled, settings: Settings) -> Part:
    return _boosters(rows, winsorised(rows.gain), settings)


def _fit_huber(rows: Labelled, settings: Settings) -> Part:
    target = winsorised(rows.gain)
    alpha = max(float(np.std(target)), 1e-3)
    return _boosters(rows, target, settings, objective="huber", alpha=alpha)


def _fit_rank(rows: Labelled, settings: Settings) -> Part:
    target = _ranks(rows.gain)
    part = _boosters(rows, target - target.mean(), settings)
    return _with_isotonic_curve(part, rows)


def _fit_lambdarank(rows: Labelled, settings: Settings) -> Part:
    count = len(rows)
    grade = np.minimum((_ranks(rows.gain) * _GRADES).astype(np.int64), _GRADES - 1)
    queries = max(1, count // _QUERY_ROWS)
    sizes = [count * (one + 1) // queries - count * one // queries for one in range(queries)]
    part = _boosters(
        rows,
        grade.astype(np.float64),
        settings,
        objective="lambdarank",
        group=sizes,
        label_gain=list(range(_GRADES)),
        lambdarank_truncation_level=max(sizes) // 2,
    )
    return _with_isotonic_curve(part, rows)


def _fit_draft_quality(rows: Labelled, settings: Settings) -> Part:
    assert rows.draft_scores is not None
    target = winsorised(rows.draft_scores)
    gain = winsorised(rows.gain)
    spread = float(np.var(target))
    covariance = float(np.mean((target - target.mean()) * (gain - gain.mean())))
    # A worse draft never makes the expected gain smaller: the slope is not above zero.
    slope = min(0.0, covariance / spread) if spread > 0 else 0.0
    part = _boosters(rows, target, settings)
    return TreePart(
        part.boosters,
        scales=[slope * scale for scale in part.scales],
        intercept=float(gain.mean() - slope * target.mean()),
    )


def _fit_two_qualities(rows: Labelled, settings: Settings) -> Part:
    assert rows.draft_scores is not None
    assert rows.retranslation_scores is not None
    small = _boosters(rows, winsorised(rows.draft_scores), settings)
    large = _boosters(rows, winsorised(rows.retranslation_scores), settings)
    return TreePart(
        [*large.boosters, *small.boosters],
        scales=[*large.scales, *(-scale for scale in small.scales)],
    )


def _fit_text(rows: Labelled, _settings: Settings) -> Part:
    return fit_text(rows.inputs, winsorised(rows.gain), rows.weight)


def _fit_probe(rows: Labelled, _settings: Settings) -> Part:
    return fit_probe(rows.inputs, winsorised(rows.gain), rows.weight)


_FITS: Mapping[str, Callable[[Labelled, Settings], Part]] = {
    "gain": _fit_gain,
    "rank": _fit_rank,
    "huber": _fit_huber,
    "lambdarank": _fit_lambdarank,
    "draft quality": _fit_draft_quality,
    "two qualities": _fit_two_qualities,
    "text": _fit_text,
    "probe": _fit_probe,
}


def _ranks(values: FloatArray) -> FloatArray:
    """Mean rank of each value, from 0 to 1."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: FloatArray = ((last - (counts + 1) / 2.0) / len(values))[inverse]
    return ranks


def _with_isotonic_curve(part: TreePart, rows: Labelled) -> TreePart:
    """Map a ranking score to gain by isotonic regression, kept as a few knots."""
    from scipy.optimize import isotonic_regression

    score = mean_prediction(part.boosters, rows.inputs.features)
    order = np.argsort(score, kind="stable")
    fitted = isotonic_regression(winsorised(rows.gain)[order], weights=rows.weight[order]).x
    # Means of equally filled bins: the steps of isotonic regression would tie many segments.
    bins = np.array_split(np.arange(len(order)), min(_KNOTS, max(2, len(order) // 20)))
    x = [float(score[order][one].mean()) for one in bins]
    y = [float(fitted[one].mean()) for one in bins]
    ascending = [0] + [at for at in range(1, len(x)) if x[at] > max(x[:at])]
    curve = Curve([x[at] for at in ascending], [y[at] for at in ascending])
    return TreePart(part.boosters, part.scales, curve=curve)
