"""A run that was begun with one way of routing and goes on with the other.

A run and its folder go in. What was bought stays bought; what was reserved by the other way and not
sent to a server is released, since this way may never buy it, and the plan is made anew. Always: it
may be cut off anywhere and done again.
"""

from __future__ import annotations

from routelmt_cli.run.folder import RunFolder
from routelmt_cli.run.opened import Run
from routelmt_cli.run.options import RouteBy
from routelmt_cli.run.retranslating import forget_passes
from routelmt_cli.run.tiers import PROBE

_ROUTED_BY = "routed by"


def settle_way(run: Run, folder: RunFolder) -> None:
    """Make a run one that routes as its options say."""
    journal, way = run.journal, run.options.route_by.value
    if way == (journal.meta(_ROUTED_BY) or RouteBy.DRAFT.value):
        return
    for tier in (PROBE, *(tier.name for tier in run.tiers)):
        if journal.unsettled_wave(tier) is not None:
            journal.release_unsent(tier)
    folder.plan.unlink(missing_ok=True)
    forget_passes(journal)
    journal.set_meta({_ROUTED_BY: way})
