"""Buy what a plan says: route by route, and then what the money still allows.

A run and its plan go in; retranslations in the journal come out. Always: a model is loaded for its
whole part of the plan, so routes come one after the other; while one is bought, what the plan
predicts for those after it is put aside, and the worst case of what is pinned to them, so that no
route lives at another's cost. What stays unspent then buys along each route's order, that of the
last one first. How far this has come is in the journal, so that a run that was cut off goes on
where it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from routelmt_cli.run.journal import Journal
from routelmt_cli.run.opened import Run
from routelmt_cli.run.planning import RunPlan

_DONE = "retranslating passes done"


@dataclass(frozen=True)
class _Pass:
    """One part of the buying: a route, how much of its order, and what is put aside for others."""

    route: int
    chosen_only: bool
    aside_nanousd: int


def forget_passes(journal: Journal) -> None:
    """Begin anew, for a new plan."""
    if journal.meta(_DONE):
        journal.set_meta({_DONE: 0})


def retranslate(run: Run, plan: RunPlan) -> None:
    """Buy retranslations as planned, within the run's budget.

    Raises
    ------
    MidRunError
        As of ``Spender.buy``.
    """
    done = run.journal.meta(_DONE) or 0
    for number, part in enumerate(_passes(run, plan)):
        if number < done:
            continue
        tier = run.routes[part.route].tier
        order, chosen = plan.order_on(part.route)
        several = f" with {tier.name}" if len(run.routes) > 1 else ""
        run.spender(run.budget_nanousd - part.aside_nanousd).buy(
            tier,
            order[:chosen] if part.chosen_only else order,
            f"retranslating{several}",
            expected=chosen,
            wishes=run.wishes,
        )
        if len(run.routes) > 1:
            run.journal.set_meta({_DONE: number + 1})


def _passes(run: Run, plan: RunPlan) -> Iterator[_Pass]:
    last = len(run.routes) - 1
    for route in range(last):
        aside = sum(_promised(run, plan, later) for later in range(route + 1, last + 1))
        yield _Pass(route, True, aside)
    yield _Pass(last, False, 0)
    for route in range(last):
        yield _Pass(route, False, 0)


def _promised(run: Run, plan: RunPlan, route: int) -> int:
    """Return what a plan needs for a route, as it was made; of what is pinned the worst case."""
    tier = run.routes[route].tier
    order, chosen = plan.order_on(route)
    items = order[:chosen]
    if not len(items):
        return 0
    predicted = plan.predictions[route].cost_nanousd[items]
    needed = np.where(run.wishes.pinned_to(tier.name)[items], tier.worst_nanousd[items], predicted)
    return int(needed.sum()) + tier.prefix_nanousd
