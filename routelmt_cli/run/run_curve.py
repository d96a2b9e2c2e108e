"""The budget curve of a run: its predictions, money and limits, gathered for ``budget_curve``.

A run whose drafts are bought goes in, a curve comes out. Nothing is bought or written.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from routelmt_cli.errors import UsageError
from routelmt_cli.gain.accuracy import Accuracy
from routelmt_cli.run.budget_curve import BudgetCurve, Items, Money, Whole
from routelmt_cli.run.opened import Run
from routelmt_cli.run.planning import allowed_by
from routelmt_cli.run.prediction import Prediction, predict, predict_draft_tokens
from routelmt_cli.run.spending import needed_nanousd
from routelmt_cli.run.tiers import LARGE, SMALL


def predict_items(run: Run, items: npt.NDArray[np.int64] | None = None) -> Prediction:
    """Predict gain, risk and cost of items that are drafted, all of them by default."""
    return predict(
        run.journal, run.segments, run.small, run.large, run.router, run.pair.label, items
    )


def make_curve(
    run: Run,
    items: npt.NDArray[np.int64],
    prediction: Prediction,
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
    prediction
        Of these items.
    accuracy
        For intervals.
    anew
        As if nothing had been sent to the large model yet; what a sample is off by is left out.
    """
    journal, segments, small, large = run.journal, run.segments, run.small, run.large
    weight = run.wishes.weight
    every = np.arange(segments.items)
    missing = ~journal.sent(SMALL, segments.items)
    drafts = small.cost_nanousd(predict_draft_tokens(run.router, small))[missing]
    limit = run.limit
    committed = journal.spend_nanousd(SMALL) if anew else journal.committed_nanousd()
    begun = journal.has_waves(LARGE) and not anew
    sent = journal.sent(LARGE, segments.items)[items]
    if anew:
        sent = np.zeros_like(sent)
    # What is pinned is bought under every budget, as if it were sent already.
    pinned = run.wishes.to_large[items] & ~sent
    pinned_cost = sum(prediction.cost_nanousd[pinned].tolist())
    pinned_worst = sum(large.worst_nanousd[items][pinned].tolist())
    prefix = 0 if begun else large.prefix_nanousd
    if pinned.any():
        pinned_cost, pinned_worst, prefix = pinned_cost + prefix, pinned_worst + prefix, 0
    allowed = ~run.wishes.to_small[items]
    if limit is not None:
        allowed &= allowed_by(limit, prediction)
    of_items = Items(
        gain=prediction.gain,
        weight=weight[items],
        cost_nanousd=prediction.cost_nanousd,
        worst_nanousd=large.worst_nanousd[items],
        repeats=segments.repeats[items],
        source_tokens=small.source_tokens[items],
        allowed=allowed,
        sent=sent | pinned,
    )
    money = Money(
        fixed=committed + sum(drafts.tolist()) + pinned_cost,
        prefix=prefix,
        least_budget=committed + needed_nanousd(journal, small, every) + pinned_worst,
    )
    whole = Whole(
        rows=int(segments.repeats.sum()),
        source_tokens=int(small.source_tokens.sum()),
        weight=float(weight.sum()),
        sampled=len(items) < segments.items and not anew,
    )
    try:
        return BudgetCurve(of_items, whole, money, accuracy)
    except OverflowError as error:
        # Of a whole corpus it is known from the first; a sample is projected.
        raise UsageError(
            f"{large.model.card.card_path}: at this price the corpus may cost more than can be "
            "counted",
            hint="check the price in the model card",
        ) from error
