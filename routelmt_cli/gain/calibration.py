"""Calibration: from both hypotheses and labels to a router and its honest report.

A table of drafts with retranslations and labels goes in, a
:class:`~routelmt_cli.gain.router.Router` comes out with the labels and the out-of-fold
predictions that its report rests on. What always holds: segments are taken in document order and
held out in contiguous blocks; the same input gives the same bundle. No model is run here: the
caller has made, or was given, both hypotheses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.errors import UsageError
from routelmt_cli.evaluation.figures import SEVERE_REGRESSION
from routelmt_cli.features.compute import DraftTable, compute_features
from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.chooser import fit_chooser
from routelmt_cli.gain.conformal import GuardLimit, guard_limits
from routelmt_cli.gain.drift import feature_quantiles
from routelmt_cli.gain.folds import grouped_folds, refuse_small_folds
from routelmt_cli.gain.labels import GainLabels
from routelmt_cli.gain.left_out import left_out_figures
from routelmt_cli.gain.length_model import fit_length_model
from routelmt_cli.gain.metadata import ModelIdentity, RouterMetadata, pair_label
from routelmt_cli.gain.parts import Inputs
from routelmt_cli.gain.prior import prior_gain
from routelmt_cli.gain.profile import PairProfile, fit_profile
from routelmt_cli.gain.report import out_of_fold_report
from routelmt_cli.gain.risk import fit_risk
from routelmt_cli.gain.router import Router, portable_parts
from routelmt_cli.gain.safeguards import Safeguards
from routelmt_cli.gain.training import Trained, TrainingSet, check_gains, train

_LARGEST = 2**30
"""Seeds and counts stay where LightGBM's 32-bit integers hold them."""

FloatArray = NDArray[np.float64]
Pair = tuple[str, str]


@dataclass(frozen=True)
class Retranslations:
    """What the large model made of the same n segments.

    Parameters
    ----------
    texts
        One a segment.
    tokens
        int64, shape (n,), output tokens as they are paid for.
    truncated
        bool, shape (n,): decoding ended at the cap.
    """

    texts: Sequence[str]
    tokens: NDArray[np.int64]
    truncated: NDArray[np.bool_]


@dataclass(frozen=True)
class CalibrationContext:
    """What a bundle records about where its figures come from; never used in training.

    Parameters
    ----------
    small, large, provenance
        As in :class:`~routelmt_cli.gain.metadata.RouterMetadata`.
    """

    small: ModelIdentity
    large: ModelIdentity
    provenance: str


@dataclass(frozen=True)
class CalibrationOptions:
    """How a router is trained.

    Parameters
    ----------
    seed
        The first seed of everything that is drawn.
    folds
        Contiguous blocks of each language pair, each held out once.
    seeds
        Boosters of a family, averaged.
    search_trials
        Hyper-parameter settings to try beside the default.
    severe
        Gain in points at or below which a regression is severe; below zero.

    Raises
    ------
    UsageError
        A value is out of its range.
    """

    seed: int = 0
    folds: int = 5
    seeds: int = 4
    search_trials: int = 6
    severe: float = SEVERE_REGRESSION

    def __post_init__(self) -> None:
        least = {"seed": 0, "folds": 2, "seeds": 1, "search_trials": 0}
        for name, lowest in least.items():
            value = getattr(self, name)
            if not lowest <= value <= _LARGEST:
                raise UsageError(f"{name} is {value}, not between {lowest} and {_LARGEST}")
        # Written so that NaN fails too.
        if not -np.inf < self.severe < 0:
            raise UsageError(f"a severe regression of {self.severe:g} points is no loss")


@dataclass(frozen=True)
class Calibration:
    """A router with what its report rests on.

    Parameters
    ----------
    router
        Trained on every segment.
    labels
        Gains and scores, n rows.
    predicted
        float64, shape (n,): out-of-fold predicted gain.
    search_seconds
        What the search for hyper-parameters took; not in the bundle, which holds no times.
    """

    router: Router
    labels: GainLabels
    predicted: FloatArray
    search_seconds: float

    @property
    def report(self) -> Mapping[str, Any]:
        """The out-of-fold report, as it stands in the bundle."""
        return self.router.metadata.figures


def calibrate(
    table: DraftTable,
    retranslations: Retranslations,
    labels: GainLabels,
    context: CalibrationContext,
    *,
    pairs: Sequence[Pair],
    documents: Sequence[str] | None = None,
    prior: Router | None = None,
    options: CalibrationOptions | None = None,
) -> Calibration:
    """Train a router on segments with both hypotheses and labels.

    Parameters
    ----------
    table
        Drafted segments in document order; or of ones that are not drafted (see ``undrafted``).
    retranslations, labels
        Of the same segments.
    context
        What to record.
    pairs
        Source and target language of each segment; several make a router that can be adapted to
        pairs that it never saw.
    documents
        Document of each segment, which is never parted; None where that is not known.
    prior
        A router trained on other segments, whose portable parts may enter the mix.
    options
        How to train; None for the defaults.

    Returns
    -------
    Calibration
        Router, labels, out-of-fold predictions, report.

    Raises
    ------
    UsageError
        There are too few segments, or no difference to learn from.
    """
    options = options or CalibrationOptions()
    check_gains(labels.gain)
    groups = [pair_label(*pair) for pair in pairs]
    profiles, raw, features = _profiles(table, groups, options.folds)
    folds = grouped_folds(groups, options.folds, documents)
    refuse_small_folds(folds)
    training_set = TrainingSet(
        inputs=Inputs(features, table.sources, table.drafts, table.states),
        gain=labels.gain,
        weight=np.ones(len(table)),
        groups=groups,
        folds=folds,
        draft_scores=labels.draft_scores,
        retranslation_scores=labels.retranslation_scores,
    )
    trained = train(
        training_set,
        prior=None if prior is None else prior_gain(prior, training_set.inputs),
        prior_parts=() if prior is None else portable_parts(prior),
        seed=options.seed,
        seeds=options.seeds,
        search_trials=options.search_trials,
    )
    seeds = tuple(range(options.seed, options.seed + options.seeds))
    risk = fit_risk(features, labels.gain, training_set.weight, folds, seeds, severe=options.severe)
    chooser = None
    if any(table.drafts):  # or else there is nothing to choose between
        after = _retranslation_features(table, retranslations.texts, groups, profiles)
        chooser = fit_chooser(features, after, labels.gain, folds, seeds[:2])
    limits = guard_limits(risk.risk, trained.predicted, risk.severe)
    report = {
        **out_of_fold_report(
            labels,
            trained,
            raw,
            severe=options.severe,
            folds=options.folds,
            seed=options.seed,
        ),
        **_training_figures(trained, labels, limits),
        "chooser_gain": 0.0 if chooser is None else round(chooser.expected_gain_out_of_fold, 4),
        "left_out": left_out_figures(training_set, options.seed),
    }
    router = Router(
        metadata=_metadata(context, pairs, labels, trained, report, prior, seeds),
        model=trained.model,
        profiles=profiles,
        length_model=fit_length_model(
            table.source_tokens, table.draft_tokens, retranslations.tokens
        ),
        safeguards=Safeguards(
            risk=risk.model,
            severe=options.severe,
            limits=limits,
            chooser=chooser,
            quantiles=feature_quantiles(features),
        ),
    )
    return Calibration(router, labels, trained.predicted, trained.search.seconds)


def _profiles(
    table: DraftTable, groups: Sequence[str], folds: int
) -> tuple[dict[str, PairProfile], NDArray[np.float32], NDArray[np.float32]]:
    """Fit the profile of every pair; give all features, as they are and normalised."""
    labels = np.asarray(groups, dtype=object)
    raw = np.empty((len(table), len(FEATURE_NAMES)), dtype=np.float32)
    features = np.empty_like(raw)
    profiles = {}
    for name in dict.fromkeys(groups):
        rows = np.flatnonzero(labels == name)
        profiles[name], own = fit_profile(table.take(rows), folds=folds)
        raw[rows] = own
        features[rows] = profiles[name].normalised(own)
    return profiles, raw, features


def _retranslation_features(
    table: DraftTable,
    texts: Sequence[str],
    groups: Sequence[str],
    profiles: Mapping[str, PairProfile],
) -> NDArray[np.float32]:
    """Compute the features that retranslations have in the drafts' place."""
    labels = np.asarray(groups, dtype=object)
    features = np.empty((len(table), len(FEATURE_NAMES)), dtype=np.float32)
    for name, profile in profiles.items():
        rows = np.flatnonzero(labels == name)
        features[rows] = retranslation_features(
            profile, table.take(rows).sources, [texts[row] for row in rows.tolist()]
        )
    return features


def retranslation_features(
    profile: PairProfile, sources: Sequence[str], retranslations: Sequence[str]
) -> NDArray[np.float32]:
    """Compute what the chooser looks at beside the draft's features.

    Parameters
    ----------
    profile
        Of the language pair.
    sources, retranslations
        Texts, one a segment; how the retranslation was decoded is not looked at.

    Returns
    -------
    numpy.ndarray
        float32, shape (n, f), normalised.
    """
    unknown = np.zeros(len(sources), dtype=np.int64)
    table = DraftTable(
        sources, retranslations, unknown, unknown, None, np.zeros(len(sources), dtype=np.bool_)
    )
    return profile.normalised(compute_features(table, profile.background))


def _training_figures(
    trained: Trained, labels: GainLabels, limits: Sequence[GuardLimit]
) -> dict[str, Any]:
    mix: dict[str, float] = {}
    for one in trained.model.parts:
        mix[one.name] = round(mix.get(one.name, 0.0) + one.share, 4)
    return {
        "kept_by_guard": labels.kept_counts(),
        "mix": mix,
        "rounds": trained.rounds,
        "parameters": dict(trained.search.parameters),
        "search_trials": trained.search.trials,
        "guard": {
            f"{limit.alpha:g}": None
            if limit.risk_limit is None
            else {
                "routed_share": round(limit.routed_share, 4),
                "upper_bound": round(limit.upper_bound, 4),
            }
            for limit in limits
        },
    }


def _metadata(
    context: CalibrationContext,
    pairs: Sequence[Pair],
    labels: GainLabels,
    trained: Trained,
    report: Mapping[str, Any],
    prior: Router | None,
    seeds: Sequence[int],
) -> RouterMetadata:
    import lightgbm

    names = dict.fromkeys(one.name for one in trained.model.parts)
    has_prior = any(name.startswith("prior") for name in names)
    return RouterMetadata(
        pairs=tuple(dict.fromkeys(pairs)),
        small=context.small,
        large=context.large,
        metric_signature=labels.metric_signature,
        segments=len(labels.gain),
        provenance=context.provenance,
        figures=report,
        seeds=tuple(seeds),
        candidate=" + ".join(names),
        prior=prior.metadata.provenance if prior is not None and has_prior else "",
        lightgbm_version=lightgbm.__version__,
    )
