"""The report of a calibration: what the router reached on segments that it had not seen.

Gains, out-of-fold predictions and features go in, a plain dictionary (for a bundle and JSON) and
rows of text (for a terminal) come out. What always holds: every rule that a user could apply
without a router is listed beside it on the same segments and the same equal-calls budget, and
the verdict says where the router does not beat the best of them. It prints nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.evaluation import baselines, curve, ranking
from routelmt_cli.features.schema import FEATURE_NAMES

FloatArray = NDArray[np.float64]

HIT_SHARE = 0.3
SEVERE_REGRESSION = -10.0
"""Points of chrF++ from which a regression counts as severe."""

ROUTER = "router"
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_SAMPLES = 200
_DIGITS = 4


def out_of_fold_report(
    gain: FloatArray,
    predicted: FloatArray,
    features: NDArray[np.float32],
    *,
    seed: int = 0,
    folds: int = 5,
) -> dict[str, Any]:
    """Compare out-of-fold predictions with rules that need no router.

    Parameters
    ----------
    gain, predicted
        float64, shape (n,): true and out-of-fold gain.
    features
        float32, shape (n, number of features): rules that lack their column (no
        log-probabilities) are left out.
    seed
        Of the random rule and of the bootstrap.
    folds
        How many contiguous folds the predictions come from, for the record.

    Returns
    -------
    dict
        ``gain`` (mean, quantiles, shares), ``systems`` (Spearman, hit rate and area of the router
        and of every rule), ``area_interval`` (95% of a bootstrap over segments), ``verdict``.
        Areas are for a budget of calls: 0 is random, 1 the true gain's order.
    """
    scores = {ROUTER: predicted, **_rules(features, len(gain), seed)}
    systems = {name: _figures(gain, values) for name, values in scores.items()}
    rules = {name: figures["area"] for name, figures in systems.items() if name != ROUTER}
    best = max(rules, key=lambda name: rules[name])
    interval, behind = _bootstrap(gain, predicted, scores[best], seed)
    return {
        "segments": len(gain),
        "folds": folds,
        "gain": {
            "mean": _round(gain.mean()),
            "quantiles": {f"{q:g}": _round(np.quantile(gain, q)) for q in _QUANTILES},
            "share_positive": _round((gain > 0).mean()),
            "share_severe_regression": _round((gain <= SEVERE_REGRESSION).mean()),
        },
        "systems": systems,
        "area_interval": [_round(value) for value in interval],
        "best_rule": best,
        "verdict": _verdict(systems[ROUTER]["area"], best, rules[best], behind),
    }


def report_rows(report: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Render the systems of a report as rows of a table.

    Parameters
    ----------
    report
        From :func:`out_of_fold_report`.

    Returns
    -------
    list of tuple
        A header, then name, Spearman, hit rate and area of every system.
    """
    rows = [("order", "Spearman", f"hit rate at {HIT_SHARE:.0%}", "area")]
    rows += [
        (name, f"{one['spearman']:.3f}", f"{one['hit_rate']:.1%}", f"{one['area']:.3f}")
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
    low, high = report["area_interval"]
    quantiles = ", ".join(f"{float(q):.0%} {v:+.1f}" for q, v in gain["quantiles"].items())
    return [
        f"{report['segments']} segments, {report['folds']} contiguous folds, "
        f"area {low:.3f} to {high:.3f} (95% of bootstrap samples)",
        f"gain: mean {gain['mean']:+.2f}, quantiles {quantiles}",
        f"{gain['share_positive']:.0%} of segments gain, {gain['share_severe_regression']:.1%} "
        f"lose {-SEVERE_REGRESSION:.0f} points or more",
        report["verdict"],
    ]


def _round(value: float) -> float:
    return round(float(value), _DIGITS)


def _rules(features: NDArray[np.float32], count: int, seed: int) -> dict[str, FloatArray]:
    def column(name: str) -> FloatArray:
        return features[:, FEATURE_NAMES.index(name)].astype(np.float64)

    ratio = column("length_ratio_characters")
    usual = np.nanmedian(ratio) if np.isfinite(ratio).any() else 0.0
    # An empty draft has no ratio and is the oddest of all.
    oddness = np.nan_to_num(np.abs(ratio - usual), nan=np.inf)
    rules: dict[str, FloatArray] = {
        "random": baselines.random(count, seed),
        "longest source first": baselines.length(column("source_characters")),
        "oddest draft length first": oddness,
    }
    mean_logprob = column("logprob_mean")
    if np.isfinite(mean_logprob).any():
        rules["lowest mean log-probability first"] = baselines.difficulty(mean_logprob)
    return rules


def _figures(gain: FloatArray, scores: FloatArray) -> dict[str, float]:
    return {
        "spearman": _round(ranking.spearman(scores, gain)),
        "hit_rate": _round(ranking.hit_rate(scores, gain, HIT_SHARE)),
        "area": _round(curve.area(gain, scores)),
    }


def _bootstrap(
    gain: FloatArray, router: FloatArray, rule: FloatArray, seed: int
) -> tuple[Sequence[float], float]:
    """Resample segments: an interval for the router's area, and how often a rule beats it."""
    generator = np.random.default_rng(seed)
    areas, behind = [], 0
    for _ in range(_SAMPLES):
        rows = generator.integers(0, len(gain), len(gain))
        own = curve.area(gain[rows], router[rows])
        areas.append(own)
        behind += own <= curve.area(gain[rows], rule[rows])
    return np.quantile(areas, (0.025, 0.975)).tolist(), behind / _SAMPLES


def _verdict(area: float, best: str, best_area: float, behind: float) -> str:
    if area <= 0.0:
        return "no better than random order here: do not spend by this router"
    if area <= best_area:
        return f"no better than the rule '{best}' here"
    if behind > 0.05:
        return f"ahead of every rule, but not surely: '{best}' wins {behind:.0%} of resamples"
    return "beats every rule"
