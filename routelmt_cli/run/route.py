"""A route: where a segment can be sent beside its draft, and who predicts what that gains.

Nothing is read, decided or spent here.
"""

from __future__ import annotations

from dataclasses import dataclass

from routelmt_cli.gain.blending import Blend
from routelmt_cli.gain.conformal import GuardLimit
from routelmt_cli.gain.router import Router
from routelmt_cli.run.tiers import Tier


@dataclass(frozen=True)
class Route:
    """One tier that retranslates.

    Attributes
    ----------
    tier
        The tier.
    router
        Predicts its gain over the draft.
    limit
        The limit on predicted risk that the guard keeps to; None for none.
    blend
        How the tier's gain follows from what the routers of all routes predict; None where its
        own router is asked alone.
    probing_router
        The router that would predict the gain before there is a draft; None where there is none.
    """

    tier: Tier
    router: Router
    limit: GuardLimit | None = None
    blend: Blend | None = None
    probing_router: Router | None = None
