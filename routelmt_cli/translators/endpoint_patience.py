"""How long to leave a server alone that refuses for the moment."""

from __future__ import annotations

import random

from routelmt_cli.translators.endpoint_connection import Busy

_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 60.0
_LONGEST_ASKED_SECONDS = 900.0


def pause_seconds(tried: int, reply: Busy) -> float | None:
    """Return how long to wait before the next try, in seconds.

    Parameters
    ----------
    tried
        How often the request was sent already.
    reply
        The last refusal.

    Returns
    -------
    float or None
        None where the server asks for more patience than a run should have.
    """
    doubled = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2.0 ** (tried - 1))
    if reply.wait_seconds is None:
        # Anywhere up to the doubled time, so that those refused together do not come together.
        return random.uniform(0.0, doubled)
    if reply.wait_seconds > _LONGEST_ASKED_SECONDS:
        return None
    return reply.wait_seconds + random.uniform(0.0, min(1.0, doubled))
