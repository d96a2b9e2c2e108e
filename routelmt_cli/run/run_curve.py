"""The budget curve of a run: its predictions, money and limits, gathered for ``budget_curve``.

A run whose drafts are bought goes in, a curve comes out. Nothing is bought or written.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from routelmt_cli.budget.exact import NOTHING
from routelmt_cli.budget.multiple_choice import hull_steps
from routelmt_cli.errors import UsageError
from routelmt_cli.gain.accuracy import Accuracy
from routelmt_cli.run.budget_curve import BudgetCurve, Money, Steps, Whole
from routelmt_cli.run.opened import Run
from routelmt_cli.run.planning import allowed_by
from routelmt_cli.run.prediction import Prediction, predict, predict_draft_tokens
from routelmt_cli.run.route import Route
from routelmt_cli.run.spending import needed_nanousd
from routelmt_cli.run.tiers import Tier


def predict_items(run: Run, items: npt.NDArray[np.int64] | None = None) -> list[Prediction]:
    """Predict gain, risk and cost on every route of items that are drafted, or probed; of all."""
    wanted = run.segments.every if items is None else items
    return predict(run.read, run.routes, run.pair.label, wanted)


def make_curve(
    run: Run,
    items: npt.NDArray[np.int64],
    predictions: Sequence[Prediction],
    accuracy: Accuracy | None = None,
    *,
    anew: bool = False,
) -> BudgetCurve:
    """Make the curve of what every budget buys.

    Parameters
    ----------
    run
        Whose drafts of these items are bought.
    items
        int64 of shape (n,): all, or a sample that stands for the others too.
    predictions
        Of these items, on each route.
    accuracy
        For intervals.
    anew
        As if nothing had been retranslated yet; what a sample is off by is left out.
    """
    journal, segments, small = run.journal, run.segments, run.small
    committed = journal.spend_nanousd(small.name) if anew else journal.committed_nanousd()
    sent = np.zeros((len(items), len(run.routes)), np.bool_)
    prefix, pinned_cost, pinned_worst = 0, 0, 0
    pins = run.wishes.pin[items] - 1
    for number, (route, prediction) in enumerate(zip(run.routes, predictions, strict=True)):
        tier = route.tier
        if not anew:
            sent[:, number] = journal.sent(tier.name, segments.items)[items]
        due = 0 if journal.has_waves(tier.name) and not anew else tier.prefix_nanousd
        # What is pinned is bought under every budget, as if it were sent already.
        pinned = (pins == number) & ~sent[:, number]
        if pinned.any():
            pinned_cost += due + sum(prediction.cost_nanousd[pinned].tolist())
            pinned_worst += due + sum(tier.worst_nanousd[items][pinned].tolist())
        else:
            prefix += due
        sent[:, number] |= pinned
    money = Money(
        fixed=committed + _missing_drafts_nanousd(run) + pinned_cost,
        prefix=prefix,
        least_budget=committed + needed_nanousd(journal, small, segments.every) + pinned_worst,
    )
    whole = _whole(run, sampled=len(items) < segments.items and not anew)
    try:
        return BudgetCurve(_steps(run, items, predictions, sent), whole, money, accuracy)
    except OverflowError as error:
        # Of a whole corpus it is known from the first; a sample is projected.
        cards = ", ".join(str(route.tier.model.card.card_path) for route in run.routes)
        raise UsageError(
            f"{cards}: at this price the corpus may cost more than can be counted",
            hint="check the price in the model card",
        ) from error


def make_probing_curve(
    run: Run,
    items: npt.NDArray[np.int64],
    route: Route,
    by_probes: Prediction,
    by_drafts: Prediction,
    probing: Tier,
    accuracy: Accuracy | None = None,
) -> BudgetCurve:
    """Make the curve of a run from the start that routes by probes.

    Parameters
    ----------
    run, items
        As of ``make_curve``.
    route
        With the router of probes and its limit.
    by_probes, by_drafts
        Predictions of these items: what is chosen by, and what counts.
    probing
        What probing every item costs.
    accuracy
        For intervals.
    """
    segments, small, weight = run.segments, run.small, run.wishes.weight[items]
    drafts = small.cost_nanousd(predict_draft_tokens(route.router, small))[items]
    cost = np.maximum(by_probes.cost_nanousd - drafts, 0)
    value = np.where(allowed_by(route.limit, by_probes), by_probes.gain * weight, 0.0)
    steps = Steps(
        value=value,
        weight=weight,
        cost_nanousd=cost,
        worst_nanousd=np.maximum(route.tier.worst_nanousd[items], cost),
        repeats=segments.repeats[items],
        source_tokens=small.source_tokens[items],
        sent=np.zeros(len(items), np.bool_),
        counted=by_drafts.gain * weight,
    )
    probes = needed_nanousd(None, probing, segments.every)
    money = Money(
        fixed=probes + run.journal.spend_nanousd(small.name) + _missing_drafts_nanousd(run),
        prefix=route.tier.prefix_nanousd,
        least_budget=probes + needed_nanousd(None, small, segments.every),
    )
    return BudgetCurve(steps, _whole(run, sampled=False), money, accuracy)


def _missing_drafts_nanousd(run: Run) -> int:
    """Return what the drafts are predicted to cost that are not bought or reserved."""
    missing = ~run.journal.sent(run.small.name, run.segments.items)
    drafts = run.small.cost_nanousd(predict_draft_tokens(run.routes[0].router, run.small))
    found: int = sum(drafts[missing].tolist())
    return found


def _whole(run: Run, *, sampled: bool) -> Whole:
    return Whole(
        rows=int(run.segments.repeats.sum()),
        source_tokens=int(run.small.source_tokens.sum()),
        weight=float(run.wishes.weight.sum()),
        sampled=sampled,
    )


def _steps(
    run: Run,
    items: npt.NDArray[np.int64],
    predictions: Sequence[Prediction],
    sent: npt.NDArray[np.bool_],
) -> Steps:
    """Take each item's steps from route to route; the first of an item counts as the item.

    Parameters
    ----------
    run, items, predictions
        As of ``make_curve``.
    sent
        bool of shape (n, routes): what counts as sent on each route.
    """
    weight = run.wishes.weight[items]
    gains = np.stack([one.gain for one in predictions], axis=1)
    costs = np.stack([one.cost_nanousd for one in predictions], axis=1)
    worst = np.stack([route.tier.worst_nanousd[items] for route in run.routes], axis=1)
    values = gains * weight[:, None]
    free = ~run.wishes.pinned[items] & ~sent.any(axis=1)
    allowed = np.stack(
        [allowed_by(route.limit, one) for route, one in zip(run.routes, predictions, strict=True)],
        axis=1,
    )
    hulls = hull_steps(np.where(allowed & free[:, None], values, 0.0), costs)
    rows = np.arange(len(items))
    # Of an item without a step, the figures of the route that it was sent on, or the first one's.
    route = np.argmax(np.where(sent, gains, -np.inf), axis=1)
    is_first = hulls.before == NOTHING
    route[hulls.item[is_first]] = hulls.option[is_first]
    later = hulls.take(np.flatnonzero(~is_first))
    own = sent[rows, route]
    is_open = np.zeros(len(items), np.bool_)
    is_open[hulls.item[is_first]] = True
    more = np.maximum(worst - costs, 0)
    nothing = np.zeros(len(later), np.int64)
    return Steps(
        value=np.concatenate([np.where(own | is_open, values[rows, route], 0.0), later.value]),
        weight=np.concatenate([weight, nothing]),
        cost_nanousd=np.concatenate([costs[rows, route], later.cost_nanousd]),
        worst_nanousd=np.concatenate(
            [
                np.maximum(worst[rows, route], costs[rows, route]),
                later.cost_nanousd + more[later.item, later.option],
            ]
        ),
        repeats=np.concatenate([run.segments.repeats[items], nothing]),
        source_tokens=np.concatenate([run.small.source_tokens[items], nothing]),
        sent=np.concatenate([own, nothing.astype(np.bool_)]),
    )
