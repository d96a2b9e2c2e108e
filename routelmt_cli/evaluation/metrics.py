"""Score hypotheses against references with chrF++.

Texts go in, scores from 0 to 100 come out, all by sacrebleu with one fixed configuration, whose
signature belongs beside every number. Nothing is normalised, lowercased or tokenised here beyond
what the signature says. Quality estimation, which uses no references, does not live here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


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
    _check_pairs(hypotheses, references)
    metric = _chrf()
    return np.fromiter(
        (
            metric.sentence_score(hypothesis, [reference]).score
            for hypothesis, reference in zip(hypotheses, references, strict=True)
        ),
        dtype=np.float64,
        count=len(hypotheses),
    )


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
    _check_pairs(hypotheses, references)
    if not hypotheses:
        raise ValueError("a corpus of no segments has no score")
    return float(_chrf().corpus_score(hypotheses, [references]).score)


def chrf_signature() -> str:
    """Name the metric with its version and options.

    Returns
    -------
    str
        Such as ``chrF2++|nrefs:1|case:mixed|eff:yes|nc:6|nw:2|space:no|version:2.4.0``.
    """
    metric = _chrf()
    # sacrebleu knows the number of references only once it has scored something.
    name = metric.corpus_score(["a"], [["a"]]).name
    return f"{name}|{metric.get_signature().format()}"


def _chrf() -> Any:
    """Make the one metric configuration that all scores use."""
    from sacrebleu.metrics import CHRF

    return CHRF(word_order=2)


def _check_pairs(hypotheses: Sequence[str], references: Sequence[str]) -> None:
    """Check that every hypothesis has one reference."""
    if len(hypotheses) != len(references):
        raise ValueError(f"{len(hypotheses)} hypotheses but {len(references)} references")
