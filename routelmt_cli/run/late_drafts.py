"""Buy what a plan made of probes says: drafts of what stays small, retranslations, what is left.

A run and its plan go in; drafts and retranslations in the journal come out. Always: while
retranslations are bought, the worst case of every draft that is still owed is put aside, so that
each segment gets a translation whatever becomes of its retranslation. What the plan does not choose
is drafted first, since that frees what was put aside for it beyond its real cost; what was chosen
and did not fit, or came back worthless, is drafted after. What stays unspent then buys down the
plan's order, beside drafts. How far this has come is in the journal, as for several tiers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from routelmt_cli.gain.router import Router
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.opened import Run
from routelmt_cli.run.planning import DraftsToCome, RunPlan
from routelmt_cli.run.prediction import predict_draft_tokens
from routelmt_cli.run.retranslating import passes_done, set_passes_done
from routelmt_cli.run.tiers import Tier


def drafts_to_come(run: Run) -> DraftsToCome | None:
    """Predict what the drafts that a run owes will cost; None where drafts are looked at."""
    if run.probing is None:
        return None
    return predict_drafts(run.routes[0].router, run.small, run.owed().mask, run.journal)


def predict_drafts(
    router: Router, small: Tier, is_owed: npt.NDArray[np.bool_], journal: Journal | None
) -> DraftsToCome:
    """Predict what drafts will cost.

    Parameters
    ----------
    router
        The router of probes.
    small
        The tier that drafts.
    is_owed
        bool of shape (items,): which drafts.
    journal
        What is spent already; None for nothing.
    """
    cost = small.cost_nanousd(predict_draft_tokens(router, small))
    begun = not is_owed.any() or (journal is not None and journal.has_waves(small.name))
    return DraftsToCome(
        np.where(is_owed, cost, 0), 0 if begun else small.prefix_nanousd, router.fingerprint
    )


def buy_by_probes(run: Run, plan: RunPlan) -> None:
    """Buy drafts and retranslations as planned, within the run's budget.

    Raises
    ------
    MidRunError
        As of ``Spender.buy``.
    """
    large = run.routes[0].tier
    order, chosen = plan.order_on(0)
    done = passes_done(run.journal)
    if done < 1:
        # What a crash left unanswered is retranslated first, and may stand for itself.
        open_items = run.journal.sent(large.name, run.segments.items)
        open_items &= ~run.journal.bought(large.name, run.segments.items)
        _draft(run, ~plan.chosen & ~open_items)
        set_passes_done(run.journal, 1)
    if done < 2:
        with run.clock.stage("retranslate"):
            run.spender(run.budget_nanousd, run.owed()).buy(
                large, order[:chosen], "retranslating", expected=chosen, wishes=run.wishes
            )
        set_passes_done(run.journal, 2)
    # A plan may have been cut off while it drafted in this folder.
    if done < 3 or run.journal.unsettled_wave(run.small.name) is not None:
        _draft(run, np.ones(run.segments.items, np.bool_))
        set_passes_done(run.journal, 3)
    with run.clock.stage("retranslate"):
        run.spender(run.budget_nanousd).buy(
            large, order, "retranslating", expected=chosen, wishes=run.wishes
        )


def _draft(run: Run, wanted: npt.NDArray[np.bool_]) -> None:
    with run.clock.stage("draft"):
        items = np.flatnonzero(run.owed().mask & wanted)
        run.spender(run.budget_nanousd).buy(run.small, items, "drafting")
