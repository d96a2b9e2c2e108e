"""``plan``: draft a corpus, or a sample of it, and say what every budget would buy.

Options go in, a budget plan comes out, and drafts in the run folder that ``translate`` continues
from. What always holds: the large model is sent nothing; drafts are bought within the budget that
is given for them, and never twice; a sample of n segments is part of every larger one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import routelmt_cli
from routelmt_cli.budget.money import format_usd
from routelmt_cli.errors import BudgetError, UsageError
from routelmt_cli.gain.accuracy import LEVEL, Accuracy
from routelmt_cli.run.budget_curve import BudgetCurve, Offer
from routelmt_cli.run.floor import Floor
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.opened import Run
from routelmt_cli.run.options import PlanOptions
from routelmt_cli.run.pipeline import open_run, refuse_small_budget
from routelmt_cli.run.planning import drift_warning
from routelmt_cli.run.prediction import Prediction
from routelmt_cli.run.progress import Progress
from routelmt_cli.run.route_comparison import (
    Compared,
    RouteComparison,
    compare_routes,
    why_not_compared,
)
from routelmt_cli.run.run_curve import make_curve, predict_items
from routelmt_cli.run.setup import find_accuracy

_DIGITS = 6


@dataclass(frozen=True)
class BudgetPlan:
    """What every budget would buy.

    Attributes
    ----------
    input, metric
        The corpus's name, and the signature of what gain is measured in.
    segments, distinct_segments, sampled_segments
        Rows with text; distinct ones; those of them that were drafted for this.
    spend_nanousd
        What the run has spent by now, mostly on drafts.
    offers
        By rising budget.
    points
        101 offers at even steps, for a picture.
    knee
        Where the curve bends most: what is recommended.
    target
        The cheapest offer of what was asked for; None where nothing was.
    sampling_error
        Standard error in points that the sample makes at the knee; None for a whole corpus.
    has_intervals
        Whether the calibration says how sure predictions are.
    routes
        Routing by drafts and by probes compared; None where there is no router of probes.
    remarks
        What else is to be said, a line each.
    """

    input: str
    metric: str
    segments: int
    distinct_segments: int
    sampled_segments: int
    spend_nanousd: int
    offers: list[Offer]
    points: list[Offer]
    knee: Offer
    target: Offer | None
    sampling_error: float | None
    has_intervals: bool
    routes: RouteComparison | None
    remarks: list[str]

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {
            "command": "plan",
            "routelmt_version": routelmt_cli.__version__,
            "input": self.input,
            "metric": self.metric,
            "segments": self.segments,
            "distinct_segments": self.distinct_segments,
            "sampled_segments": self.sampled_segments,
            "sampling_error": _rounded(self.sampling_error),
            "spend_nanousd": self.spend_nanousd,
            "interval_level": LEVEL if self.has_intervals else None,
            "recommended": _as_json(self.knee),
            "target": None if self.target is None else _as_json(self.target),
            "offers": [_as_json(one) for one in self.offers],
            "points": [_as_json(one) for one in self.points],
            "routes": None if self.routes is None else _routes_as_json(self.routes),
            "remarks": self.remarks,
        }


def _as_json(offer: Offer | Compared) -> dict[str, Any]:
    return {
        name: _rounded(value) if isinstance(value, float) else value
        for name, value in asdict(offer).items()
    }


def _routes_as_json(routes: RouteComparison) -> dict[str, Any]:
    return {
        "recommended": routes.recommended.value,
        "at_knee": _as_json(routes.at_knee),
        "rows": [_as_json(one) for one in routes.rows],
        "all_drafted": routes.all_drafted,
    }


def _rounded(value: float | None) -> float | None:
    # A price of a millionth of a dollar still has digits.
    return None if value is None else float(f"{value:.{_DIGITS}g}")


def plan(options: PlanOptions, progress: Progress) -> BudgetPlan:
    """Draft what is not drafted yet, and find what every budget would buy.

    Raises
    ------
    UsageError
        As ``translate`` raises it, or drafts are missing and nothing may be spent.
    BudgetError
        The budget does not cover the drafts, or none reaches the target.
    MidRunError
        As ``translate`` raises it.
    """

    def check_before(floor: Floor, budget_nanousd: int, journal: Journal | None = None) -> None:
        items = sampled_items(len(floor.every), options.sample)
        needed = floor.needed_nanousd(journal, items)
        if needed and not options.spends:
            whole = needed + (0 if journal is None else journal.committed_nanousd())
            raise UsageError(
                f"drafts are missing, which may cost up to {format_usd(needed)}",
                hint=f"allow them with --budget {format_usd(whole)[1:]}; nothing more was spent",
            )
        refuse_small_budget(floor, budget_nanousd, journal, items)

    with open_run(
        options.run, progress, check_before, plans_only=True, keeps_budget=not options.spends
    ) as (run, folder):
        items, drafting = sampled_items(run.segments.items, options.sample), run.small.name
        # Where nothing may be spent, what was sent before is still received.
        limit = max(options.run.budget_nanousd or 0, run.journal.committed_nanousd())
        run.spender(limit).buy(run.small, items, "drafting")
        if run.journal.bought(drafting, run.segments.items).all():
            items = np.arange(run.segments.items, dtype=np.int64)
        predictions = predict_items(run, items)
        accuracy = find_accuracy(run.pair, run.routes)
        curve = make_curve(run, items, predictions, accuracy)
        found = _found(options, run, items, predictions, accuracy, curve)
        progress.note(f"drafts are kept in {folder.path}: translate continues from them")
        return found


def sampled_items(count: int, sample: int | None) -> npt.NDArray[np.int64]:
    """Choose which items are drafted, rising; a larger sample holds every smaller one.

    Parameters
    ----------
    count
        Items there are.
    sample
        Items wanted; None for all.
    """
    if sample is None or sample >= count:
        return np.arange(count, dtype=np.int64)
    return np.sort(np.random.default_rng(0).permutation(count)[:sample])


def _found(
    options: PlanOptions,
    run: Run,
    items: npt.NDArray[np.int64],
    predictions: Sequence[Prediction],
    accuracy: Accuracy | None,
    curve: BudgetCurve,
) -> BudgetPlan:
    knee = curve.knee()
    sampled = len(items) < run.segments.items
    error = curve.sampling_error(knee) if sampled else None
    metadata = run.routes[0].router.metadata
    why_not = why_not_compared(run, items)
    return BudgetPlan(
        input=run.source.name,
        metric=metadata.metric_signature,
        segments=int(run.segments.repeats.sum()),
        distinct_segments=run.segments.items,
        sampled_segments=len(items),
        spend_nanousd=run.journal.spend_nanousd(),
        offers=curve.offers(),
        points=curve.points(),
        knee=knee,
        target=_target(options, curve),
        sampling_error=error,
        has_intervals=accuracy is not None,
        routes=None if why_not is not None else compare_routes(run, items, predictions),
        remarks=_remarks(run, items, predictions, error, accuracy, why_not),
    )


def _target(options: PlanOptions, curve: BudgetCurve) -> Offer | None:
    """Find the cheapest offer of what is asked for."""
    if options.target_gain is not None:
        found, wanted = curve.cheapest_gain(options.target_gain), f"{options.target_gain:g} points"
    elif options.target_share is not None:
        found, wanted = curve.cheapest_share(options.target_share), f"{options.target_share:.1%}"
    else:
        return None
    if found is None:
        most = curve.most()
        raise BudgetError(
            f"no budget reaches {wanted}: everything that is predicted to gain is "
            f"{most.share:.1%} of the text and gains {most.gain:.2f} points",
            hint=f"--budget {format_usd(most.budget_nanousd)[1:]} buys that; ask for less",
        )
    return found


def _remarks(
    run: Run,
    items: npt.NDArray[np.int64],
    predictions: Sequence[Prediction],
    sampling_error: float | None,
    accuracy: Accuracy | None,
    not_compared: str | None,
) -> list[str]:
    lines = []
    if sampling_error is not None:
        lines.append(
            f"from a sample of {len(items):,} of {run.segments.items:,} distinct segments: a "
            f"standard error of {sampling_error:.2g} points of gain at the knee; drafts of the "
            "others are predicted"
        )
    if len(run.routes) > 1:
        lines.append("no interval: how sure predictions of several tiers are together is not known")
    elif accuracy is None:
        lines.append("no interval: the router was not calibrated on this language pair and models")
    if run.routes[0].probing_router is not None and not_compared is not None:
        lines.append(f"routing by probes is not compared: {not_compared}")
    warnings = (drift_warning(one.drift) for one in predictions if one.drift is not None)
    lines += [warning for warning in warnings if warning is not None][:1]
    return lines
