"""Whether routing by probes would buy more of a corpus than routing by drafts does.

A run whose drafts, or those of a sample, are bought with their hidden states goes in; what each way
gains at the same budgets comes out. Always: both are taken as runs from the start, so that what a
``plan`` has spent already speaks for neither; what is chosen is chosen by what its way would know,
and what that gains is counted by one and the same judge, the router that knows the drafts. It buys
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from routelmt_cli.budget.frontier import round_up
from routelmt_cli.errors import UsageError
from routelmt_cli.gain.conformal import GuardLimit
from routelmt_cli.gain.router import Router
from routelmt_cli.run.opened import Run
from routelmt_cli.run.options import RouteBy
from routelmt_cli.run.prediction import Prediction, predict
from routelmt_cli.run.probes import open_probing, probe_table
from routelmt_cli.run.progress import Silent
from routelmt_cli.run.run_curve import make_curve, make_probing_curve
from routelmt_cli.run.setup import find_limit
from routelmt_cli.run.spending import needed_nanousd

_LOOKED_AT = 100


@dataclass(frozen=True)
class Compared:
    """What both ways gain at a budget, in points over all drafts; None where it is too small."""

    budget_nanousd: int
    by_drafts: float | None
    by_probes: float | None


@dataclass(frozen=True)
class RouteComparison:
    """Both ways of routing, side by side.

    Attributes
    ----------
    rows
        By rising budget.
    at_knee
        At the budget where the curve of routing by drafts bends most, or the least that both can
        begin with.
    recommended
        The way that gains more there; drafts where both gain the same.
    all_drafted
        Whether the run has all its drafts already, so that only they are worth going on with.
    """

    rows: list[Compared]
    at_knee: Compared
    recommended: RouteBy
    all_drafted: bool


def why_not_compared(run: Run, items: npt.NDArray[np.int64]) -> str | None:
    """Say why a run with a router of probes cannot be compared, in words; None where it can."""
    router = run.routes[0].probing_router
    if router is None:
        return "there is no router of probes"
    if not router.knows(run.pair.label):
        return f"the router of probes does not know {run.pair.label}"
    try:
        _limit(run, router)
    except UsageError as refusal:
        return refusal.message
    if run.options.not_for_probes is not None:
        return f"it does not go with {run.options.not_for_probes}"
    if run.small.is_remote:
        return "a server shows no hidden states"
    if not len(items):
        return "there is nothing to translate"
    read = partial(probe_table, run.journal, run.segments, run.small)
    if any(read(part).states is None for part in (items[:_LOOKED_AT], items[-_LOOKED_AT:])):
        return "these drafts were bought without hidden states"
    return None


def compare_routes(
    run: Run, items: npt.NDArray[np.int64], predictions: Sequence[Prediction]
) -> RouteComparison:
    """Compare both ways of routing, where nothing speaks against it (``why_not_compared``).

    Parameters
    ----------
    run
        Of one that looks at drafts.
    items
        int64 of shape (n,): all, or a sample that stands for the others too; all drafted.
    predictions
        Of these items, on each route.

    """
    route = run.routes[0]
    router = route.probing_router
    if router is None:
        raise ValueError("there is no router of probes to compare with")
    read = partial(probe_table, run.journal, run.segments, run.small)
    blind = replace(route, router=router, limit=_limit(run, router), blend=None)
    (by_probes,) = predict(read, [blind], run.pair.label, items)
    probing = open_probing(run.pair, run.segments)
    drafts = make_curve(run, items, predictions, anew=True)
    probes = make_probing_curve(run, items, blind, by_probes, predictions[0], probing)
    least_of_drafts = needed_nanousd(None, run.small, run.segments.every)
    least_of_probes = probes.least_nanousd

    def at(budget_nanousd: int) -> Compared:
        return Compared(
            budget_nanousd,
            drafts.buys(budget_nanousd).gain if budget_nanousd >= least_of_drafts else None,
            probes.buys(budget_nanousd).gain if budget_nanousd >= least_of_probes else None,
        )

    least = round_up(least_of_probes, least_of_probes)
    at_knee = at(max(drafts.knee().budget_nanousd, least))
    gains_more = (at_knee.by_probes or 0.0) > (at_knee.by_drafts or 0.0)
    budgets = {offer.budget_nanousd for offer in drafts.offers()}
    budgets = {budget for budget in budgets if budget > least_of_drafts} | {at_knee.budget_nanousd}
    return RouteComparison(
        rows=[at(budget) for budget in sorted(budgets)],
        at_knee=at_knee,
        recommended=RouteBy.PROBE if gains_more else RouteBy.DRAFT,
        all_drafted=bool(run.journal.bought(run.small.name, run.segments.items).all()),
    )


def _limit(run: Run, router: Router) -> GuardLimit | None:
    """Find the limit on risk that a run by probes would keep to."""
    return find_limit(run.options, run.pair, run.routes[0].tier.name, router, Silent())
