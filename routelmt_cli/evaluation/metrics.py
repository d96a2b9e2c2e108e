"""Metrics: how good hypotheses are, segment by segment, in points where higher is better.

Texts go in, float64 scores come out; ``open_metric`` makes a metric of what a user types. What
always holds: a metric has one fixed configuration, and its signature, which names version and
options, belongs beside every number. Nothing is normalised, lowercased or tokenised beyond what
the signature says, and nothing is downloaded. Gain and references are not read from files here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from routelmt_cli.errors import UsageError
from routelmt_cli.evaluation.metric_comet import COMET, KIWI, CometMetric
from routelmt_cli.evaluation.metric_sacrebleu import (
    SURFACE_METRICS,
    SurfaceMetric,
    check_lengths,
    make_engine,
)

DEFAULT_METRIC = "chrf"
"""chrF++, which needs no model."""

SPECS = (*SURFACE_METRICS, f"{COMET}:CHECKPOINT", f"{KIWI}:CHECKPOINT")
"""What ``open_metric`` reads."""


class Metric(Protocol):
    """Scores hypotheses.

    Attributes
    ----------
    needs_references
        Whether ``score`` must be given references; quality estimation needs none.
    """

    @property
    def needs_references(self) -> bool:
        """Whether ``score`` must be given references."""
        ...

    def score(
        self,
        sources: Sequence[str],
        hypotheses: Sequence[str],
        references: Sequence[str] | None,
    ) -> npt.NDArray[np.float64]:
        """Score each segment.

        Parameters
        ----------
        sources, hypotheses, references
            One text a segment; references may be None where they are not needed.

        Returns
        -------
        numpy.ndarray of float64, (n,)
            Points, higher is better.

        Raises
        ------
        ValueError
            If the columns differ in length, or references are needed and None.
        """
        ...

    def signature(self) -> str:
        """Name the metric with its version and options."""
        ...


def open_metric(spec: str) -> Metric:
    """Make a metric of what a user types.

    Parameters
    ----------
    spec
        ``chrf``, ``bleu``, ``ter``, ``comet:CHECKPOINT`` or ``cometkiwi:CHECKPOINT``, the
        checkpoint being a ``.ckpt`` file, its folder, or a name in the local Hugging Face cache.

    Raises
    ------
    UsageError
        There is no such metric, ``unbabel-comet`` is not installed, or the checkpoint is not
        there or of another kind.
    """
    name, colon, checkpoint = spec.partition(":")
    if not colon and name in SURFACE_METRICS:
        return SurfaceMetric(name)
    if name in (COMET, KIWI) and checkpoint:
        return CometMetric(name, checkpoint)
    if name in (COMET, KIWI):
        raise UsageError(
            f"the metric {name!r} needs a checkpoint",
            hint=f"name it: --metric {name}:PATH/checkpoints/model.ckpt",
        )
    raise UsageError(f"unknown metric {spec!r}", hint=f"--metric {'|'.join(SPECS)}")


def chrf_scores(hypotheses: Sequence[str], references: Sequence[str]) -> npt.NDArray[np.float64]:
    """Score each segment with chrF++.

    Parameters
    ----------
    hypotheses, references
        One text a segment.

    Returns
    -------
    numpy.ndarray of float64, (n,)
        Scores from 0 to 100; 0 where a hypothesis or reference is empty.

    Raises
    ------
    ValueError
        If the two differ in length.
    """
    return SurfaceMetric(DEFAULT_METRIC).score(hypotheses, hypotheses, references)


def corpus_chrf(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Score a corpus with chrF++: counts are summed over segments before the score is made.

    Parameters
    ----------
    hypotheses, references
        One text a segment, at least one segment.

    Returns
    -------
    float
        The score from 0 to 100.

    Raises
    ------
    ValueError
        If the two differ in length or are empty.
    """
    check_lengths(hypotheses, references)
    if not hypotheses:
        raise ValueError("a corpus of no segments has no score")
    return float(make_engine(DEFAULT_METRIC).corpus_score(hypotheses, [references]).score)


def chrf_signature() -> str:
    """Name the metric with its version and options.

    Returns
    -------
    str
        Such as ``chrF2++|nrefs:1|case:mixed|eff:yes|nc:6|nw:2|space:no|version:2.4.0``.
    """
    return SurfaceMetric(DEFAULT_METRIC).signature()
