"""The report of a calibration: what the router reached on segments that it had not seen.

Gains, out-of-fold predictions and features go in, a plain dictionary (for a bundle and JSON) and
rows of text (for a terminal) come out. What always holds: every rule that a user could apply
without a router is listed beside it on the same segments and the same equal-calls budget, and
the verdict says where the router does not beat the best of them. It prints nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.evaluation import baselines, curve
from routelmt_cli.evaluation.comparison import Budget, Comparison, Ordering, compare
from routelmt_cli.evaluation.figures import SHARE, Figures
from routelmt_cli.evaluation.report import verdict
from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.labels import GainLabels
from routelmt_cli.gain.training import Trained

FloatArray = NDArray[np.float64]

ROUTER = "router"
PROBE = "probe only"

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_SAMPLES = 400
_DIGITS = 4
_SHOWN = ("spearman", "hit_rate", "recovered_share", "area", "severe_rate")


def out_of_fold_report(
    labels: GainLabels,
    trained: Trained,
    features: NDArray[np.float32],
    *,
    severe: float,
    folds: int,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare out-of-fold predictions with rules that need no router.

    Parameters
    ----------
    labels
        True gains and scores, n rows.
    trained
        With out-of-fold predictions of the router and of its families.
    features
        float32, shape (n, f), not normalised: rules that lack their column are left out.
    severe
        Gain at or below which a regression is severe.
    folds
        How many folds the predictions come from, for the record.
    seed
        Of the block bootstrap.

    Returns
    -------
    dict
        ``gain`` (mean, quantiles, shares), ``systems`` (figures of the router, of each family
        alone, of every rule and of the oracles), ``intervals`` of the router, ``lead`` over the
        best rule, ``verdict``. For a budget of calls.
    """
    gain, predicted = labels.gain, trained.predicted
    orderings = [Ordering(ROUTER, predicted, "router", predicts_gain=True)]
    if "probe" in trained.families:
        orderings.append(Ordering(PROBE, trained.families["probe"], "part", predicts_gain=True))
    orderings += [Ordering(name, scores) for name, scores in _rules(features).items()]
    orderings += [
        Ordering("true draft quality, lowest first", -labels.draft_scores, "oracle"),
        Ordering("true gain", gain, "oracle", predicts_gain=True),
    ]
    found = compare(gain, orderings, Budget("calls"), severe=severe, samples=_SAMPLES, seed=seed)
    lead = found.lead
    return {
        "segments": len(gain),
        "folds": folds,
        "gain": {
            "mean": _round(gain.mean()),
            "quantiles": {f"{q:g}": _round(np.quantile(gain, q)) for q in _QUANTILES},
            "share_positive": _round((gain > 0).mean()),
            "share_severe_regression": _round((gain <= severe).mean()),
        },
        "severe": severe,
        "systems": {row.name: _figures(row.figures) for row in found.rows},
        "intervals": {name: [_round(value) for value in found.intervals[name]] for name in _SHOWN},
        "best_rule": lead.rule,
        "lead": {
            "difference": _round(lead.difference),
            "interval": [_round(lead.low), _round(lead.high)],
            "p_value": _round(lead.p_value),
        },
        "beats_rules": bool(_router_area(found) > 0 and lead.difference > 0),
        "verdict": verdict(found),
        "family_areas": {
            name: _round(curve.area(gain, values)) for name, values in trained.families.items()
        },
    }


def report_rows(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Render the systems of a report as rows of a table.

    Parameters
    ----------
    report
        From :func:`out_of_fold_report`.

    Returns
    -------
    list of tuple
        A header, then name, Spearman, hit rate, recovered share and area of every system.
    """
    rows: list[tuple[str, ...]] = [
        ("order", "Spearman", f"HitRate@{SHARE:.0%}", f"recovered@{SHARE:.0%}", "nAUC")
    ]
    rows += [
        (
            name,
            f"{one['spearman']:.3f}",
            f"{one['hit_rate']:.1%}",
            f"{one['recovered_share']:.3f}",
            f"{one['area']:.3f}",
        )
        for name, one in report["systems"].items()
    ]
    return rows


def report_lines(report: Mapping[str, Any]) -> list[str]:
    """Render what the table does not hold as lines of text.

    Parameters
    ----------
    report
        From :func:`out_of_fold_report`.
    """
    gain = report["gain"]
    low, high = report["intervals"]["area"]
    quantiles = ", ".join(f"{float(q):.0%} {v:+.1f}" for q, v in gain["quantiles"].items())
    lines = [
        f"{report['segments']} segments, {report['folds']} contiguous folds, "
        f"nAUC {low:.3f} to {high:.3f} (95%, block bootstrap)",
        f"gain: mean {gain['mean']:+.2f}, quantiles {quantiles}",
        f"{gain['share_positive']:.0%} of segments gain, {gain['share_severe_regression']:.1%} "
        f"lose {-report['severe']:g} points or more",
    ]
    if "mix" in report:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in report["mix"].items())
        lines.append(f"mix: {shares}")
    for pair, one in report.get("left_out", {}).items():
        lines.append(
            f"{pair} by a router of the other pairs: recovered@{SHARE:.0%} "
            f"{one['recovered_share']:.3f}, nAUC {one['area']:.3f}"
        )
    lines.append(str(report["verdict"]))
    return lines


def _router_area(found: Comparison) -> float:
    return next(row.figures.area for row in found.rows if row.kind == "router")


def _rules(features: NDArray[np.float32]) -> dict[str, FloatArray]:
    def column(name: str) -> FloatArray:
        return features[:, FEATURE_NAMES.index(name)].astype(np.float64)

    return baselines.rules(
        column("source_characters"),
        np.exp(column("length_ratio_characters")),
        mean_piece_log_probabilities=column("source_piece_logprob_mean"),
        mean_log_probabilities=column("logprob_mean"),
        mean_entropies=column("entropy_mean"),
    )


def _figures(figures: Figures) -> dict[str, float | None]:
    return {name: _round(getattr(figures, name)) for name in _SHOWN}


def _round(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), _DIGITS)
