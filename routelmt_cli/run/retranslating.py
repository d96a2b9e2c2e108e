"""Buy what a plan says: route by route, and then what the money still allows.

A run and its plan go in; retranslations in the journal come out. Always: what is pinned is bought
first, while the worst case of other routes' pins is put aside, so that every pin of a run that has
begun can be honoured. A model is loaded for its whole part of the plan, so routes come one after
the other; while one is bought, what the plan predicts for those after it is put aside, so that no
route lives at another's cost. What stays unspent then buys along each route's order, that of the
last one first. How far this has come is in the journal, so that a run that was cut off goes on
where it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from routelmt_cli.run.journal import Journal
from routelmt_cli.run.opened import Run
from routelmt_cli.run.planning import RunPlan

_DONE = "retranslating passes done"


@dataclass(frozen=True)
class _Pass:
    """One part of the buying: a route, how much of its order, and what is put aside for others."""

    route: int
    most: int | None
    aside_nanousd: int


def forget_passes(journal: Journal) -> None:
    """Begin anew, for a new plan."""
    if passes_done(journal):
        set_passes_done(journal, 0)


def passes_done(journal: Journal) -> int:
    """Return how many parts of the buying are done."""
    return int(journal.meta(_DONE) or 0)


def set_passes_done(journal: Journal, count: int) -> None:
    """Write durably how many parts of the buying are done."""
    journal.set_meta({_DONE: count})


def retranslate(run: Run, plan: RunPlan) -> None:
    """Buy retranslations as planned, within the run's budget.

    Raises
    ------
    MidRunError
        As of ``Spender.buy``.
    """
    done = passes_done(run.journal)
    for number, part in enumerate(_passes(run, plan)):
        if number < done:
            continue
        tier = run.routes[part.route].tier
        order, chosen = plan.order_on(part.route)
        several = f" with {tier.name}" if len(run.routes) > 1 else ""
        run.spender(run.budget_nanousd - part.aside_nanousd).buy(
            tier,
            order[: part.most],
            f"retranslating{several}",
            expected=chosen if part.most is None else part.most,
            wishes=run.wishes,
        )
        if len(run.routes) > 1:
            set_passes_done(run.journal, number + 1)


def _passes(run: Run, plan: RunPlan) -> Iterator[_Pass]:
    """Yield the passes, which follow from the plan alone."""
    last = len(run.routes) - 1
    if not last:
        yield _Pass(0, None, 0)  # its pins are the first in its order
        return
    parts = [_Part.of(run, plan, route) for route in range(last + 1)]
    for route, part in enumerate(parts):
        if part.pinned:
            yield _Pass(route, part.pinned, sum(one.pins_nanousd for one in parts[route + 1 :]))
    for route, part in enumerate(parts[:-1]):
        yield _Pass(route, part.chosen, sum(one.chosen_nanousd for one in parts[route + 1 :]))
    yield _Pass(last, None, 0)
    for route in range(last):
        yield _Pass(route, None, 0)


@dataclass(frozen=True)
class _Part:
    """A route's part of a plan: how many of its order are pinned and chosen, and what they need.

    Attributes
    ----------
    pins_nanousd
        The worst case of what is pinned.
    chosen_nanousd
        The predicted cost of what is chosen besides.
    """

    pinned: int
    chosen: int
    pins_nanousd: int
    chosen_nanousd: int

    @classmethod
    def of(cls, run: Run, plan: RunPlan, route: int) -> _Part:
        tier = run.routes[route].tier
        order, chosen = plan.order_on(route)
        pinned = int(run.wishes.pinned_to(tier.name)[order[:chosen]].sum())
        prefix = plan.facts["prefixes_nanousd"][route] if chosen else 0
        cost = plan.predictions[route].cost_nanousd[order[pinned:chosen]]
        pins = sum(tier.worst_nanousd[order[:pinned]].tolist())
        # Whichever part is bought first pays for the prompt that the others share.
        return cls(
            pinned, chosen, pins + prefix * bool(pinned), int(cost.sum()) + prefix * (not pinned)
        )
