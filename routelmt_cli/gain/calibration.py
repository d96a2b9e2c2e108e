"""Calibration: from both hypotheses and references to a router and its honest report.

A table of drafts with retranslations and references goes in, a
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
from routelmt_cli.evaluation import metrics
from routelmt_cli.features.compute import DraftTable, compute_features
from routelmt_cli.features.pieces import train_pieces
from routelmt_cli.gain.labels import GainLabels, gain_labels
from routelmt_cli.gain.metadata import ModelIdentity, RouterMetadata
from routelmt_cli.gain.report import out_of_fold_report
from routelmt_cli.gain.router import Router
from routelmt_cli.gain.training import MIN_SEGMENTS, TrainingSet, train


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
    source_language, target_language, small, large, decoding, provenance
        As in :class:`~routelmt_cli.gain.metadata.RouterMetadata`.
    """

    source_language: str
    target_language: str
    small: ModelIdentity
    large: ModelIdentity
    decoding: Mapping[str, str]
    provenance: str


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
    report
        As in ``router.metadata.figures``.
    """

    router: Router
    labels: GainLabels
    predicted: NDArray[np.float64]
    report: Mapping[str, Any]


def calibrate(
    table: DraftTable,
    retranslations: Retranslations,
    references: Sequence[str],
    context: CalibrationContext,
    *,
    weight: NDArray[np.float64] | None = None,
    seed: int = 0,
    folds: int = 5,
    seeds: int = 4,
) -> Calibration:
    """Train a router on segments with both hypotheses and references.

    Parameters
    ----------
    table
        Drafted segments in document order.
    retranslations, references
        Of the same segments.
    context
        What to record.
    weight
        float64, shape (n,), above zero; None counts every segment alike.
    seed, folds, seeds
        As for :func:`routelmt_cli.gain.training.train`.

    Returns
    -------
    Calibration
        Router, labels, out-of-fold predictions, report.

    Raises
    ------
    UsageError
        There are too few segments, or no difference to learn from.
    """
    import lightgbm

    if len(table) < MIN_SEGMENTS:
        raise UsageError(
            f"{len(table)} segments are too few to calibrate a router",
            hint=f"give at least {MIN_SEGMENTS}, better 500 or more",
        )
    labels = gain_labels(
        table.sources,
        table.drafts,
        retranslations.texts,
        references,
        retranslations.truncated,
        target_language=context.target_language,
    )
    pieces = train_pieces(table.sources)
    features = compute_features(table, pieces)
    training_set = TrainingSet(
        features=features,
        gain=labels.gain,
        weight=np.ones(len(table)) if weight is None else weight,
        retranslation_tokens=retranslations.tokens,
        draft_tokens=table.draft_tokens,
        source_tokens=table.source_tokens,
        draft_scores=labels.draft_scores,
    )
    parts, predicted = train(training_set, seed=seed, folds=folds, seeds=seeds)
    report = {
        **out_of_fold_report(labels.gain, predicted, features, seed=seed, folds=folds),
        "kept_by_guard": labels.kept_counts(),
        "candidate_areas": {name: round(area, 4) for name, area in parts.areas.items()},
        "rounds": parts.rounds,
    }
    metadata = RouterMetadata(
        source_language=context.source_language,
        target_language=context.target_language,
        small=context.small,
        large=context.large,
        decoding=context.decoding,
        metric_signature=metrics.chrf_signature(),
        segments=len(table),
        provenance=context.provenance,
        figures=report,
        seeds=parts.seeds,
        candidate=parts.candidate,
        lightgbm_version=lightgbm.__version__,
    )
    router = Router(
        metadata=metadata,
        pieces=pieces,
        boosters=parts.boosters,
        scales=parts.scales,
        offset=parts.offset,
        length_model=parts.length_model,
    )
    return Calibration(router, labels, predicted, report)
