"""From drafts, retranslations and labels to a router, whatever they come from.

In: the table, the labels, what the bundle is to say. Out: a calibration whose figures also tell
tokens and metric. It reads no corpus and runs no model.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from routelmt_cli.errors import UsageError
from routelmt_cli.features.compute import DraftTable
from routelmt_cli.gain.calibration import (
    Calibration,
    CalibrationContext,
    CalibrationOptions,
    Retranslations,
    calibrate,
)
from routelmt_cli.gain.catalogue import shipped_prior
from routelmt_cli.gain.labels import GainLabels
from routelmt_cli.gain.ladder import PROBE, ROUTE, load_router
from routelmt_cli.gain.metadata import MAX_PAIRS, ModelIdentity
from routelmt_cli.gain.router import Router
from routelmt_cli.gain.training import MIN_SEGMENTS
from routelmt_cli.gain.undrafted import without_drafts
from routelmt_cli.run.language_pairs import LanguagePair
from routelmt_cli.run.options import CalibrateOptions

DEFAULT_PRIOR = "default"
NO_PRIOR = "none"

_TOKENS_RATIO = "draft_tokens_per_source_token"


@dataclass(frozen=True)
class Labelled:
    """What a router is trained on; every column has one entry a segment, in document order.

    Attributes
    ----------
    name
        What messages call the corpus.
    pairs
        The language pair of each segment.
    documents
        The document of each, or None.
    small, large
        What made the hypotheses.
    figures
        What the bundle's figures are to say beside the report.
    """

    name: str
    table: DraftTable
    retranslations: Retranslations
    labels: GainLabels
    pairs: Sequence[LanguagePair]
    documents: Sequence[str] | None
    small: ModelIdentity
    large: ModelIdentity
    figures: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def refuse_too_few(name: str, segments: int) -> None:
    """Refuse a corpus that no router can be calibrated on.

    Raises
    ------
    UsageError
        There are fewer than 50 usable segments.
    """
    if segments < MIN_SEGMENTS:
        raise UsageError(
            f"{name}: {segments} segments are too few to calibrate a router",
            hint=f"give at least {MIN_SEGMENTS}, better 500 or more",
        )


def train(options: CalibrateOptions, data: Labelled) -> Calibration:
    """Train a router.

    Parameters
    ----------
    options
        Seed, folds, prior, threshold and provenance.
    data
        What to train on.

    Raises
    ------
    UsageError
        There are too many language pairs, no gain to learn from, or the prior cannot be read.
    """
    different = len(set(data.pairs))
    if different > MAX_PAIRS:
        raise UsageError(
            f"{different} language pairs are too many for one router",
            hint=f"calibrate on at most {MAX_PAIRS} at once",
        )
    context = CalibrationContext(
        small=data.small,
        large=data.large,
        provenance=options.provenance or f"{len(data.table)} segments of the user's corpus",
    )
    prior = _prior(options.prior)
    try:
        made = calibrate(
            data.table,
            data.retranslations,
            data.labels,
            context,
            pairs=data.pairs,
            documents=data.documents,
            prior=prior,
            options=CalibrationOptions(
                seed=options.seed, folds=options.folds, severe=options.guard_threshold
            ),
        )
    except UsageError as error:
        raise UsageError(f"{data.name}: {error.message}", hint=error.hint) from error
    return _with_figures(made, data)


def train_on_probes(options: CalibrateOptions, data: Labelled) -> Calibration:
    """Train a router that knows sources and probes alone.

    No prior enters: what is shipped looks at drafts.

    Parameters
    ----------
    options, data
        As of ``train``; of drafts with hidden states, of which the probes are a part.

    Raises
    ------
    UsageError
        As ``train`` raises it.
    """
    undrafted = dataclasses.replace(
        data,
        table=without_drafts(data.table),
        figures={**data.figures, _TOKENS_RATIO: _tokens_ratio(data.table), ROUTE: PROBE},
    )
    return train(dataclasses.replace(options, prior=NO_PRIOR), undrafted)


def _prior(name: str) -> Router | None:
    """Load the router that training starts from."""
    if name == NO_PRIOR:
        return None
    return shipped_prior() if name == DEFAULT_PRIOR else load_router(name)


def _with_figures(made: Calibration, data: Labelled) -> Calibration:
    """Add what the report of the training cannot know."""
    figures = {**made.report, _TOKENS_RATIO: _tokens_ratio(data.table), **data.figures}
    metadata = dataclasses.replace(made.router.metadata, figures=figures)
    return dataclasses.replace(made, router=dataclasses.replace(made.router, metadata=metadata))


def _tokens_ratio(table: DraftTable) -> float:
    return round(float(table.draft_tokens.sum() / max(1, table.source_tokens.sum())), 4)


def rows_by_pair(
    pairs: Sequence[LanguagePair],
) -> list[tuple[LanguagePair, npt.NDArray[np.int64]]]:
    """List the language pairs in order of appearance, each with its row numbers from 0."""
    rows: dict[LanguagePair, list[int]] = {}
    for row, pair in enumerate(pairs):
        rows.setdefault(pair, []).append(row)
    return [(pair, np.array(places, np.int64)) for pair, places in rows.items()]
