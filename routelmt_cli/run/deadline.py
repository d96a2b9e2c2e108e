"""``--max-hours``: when a run is to stop, to be continued another time.

A number of hours goes in; whoever works asks at every place where it may be left. Time decides when
a run stops and nothing else: it never enters the ledger or a run's identity.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from routelmt_cli.errors import MidRunError

_SECONDS_PER_HOUR = 3600


class Deadline:
    """The end of a process's time.

    Parameters
    ----------
    hours
        How long it may take from now; None for ever.
    clock
        Says what time it is, in seconds.
    """

    def __init__(self, hours: float | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._hours, self._clock = hours, clock
        self._end = None if hours is None else clock() + hours * _SECONDS_PER_HOUR

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return self._end is not None and self._clock() >= self._end

    def check(self) -> None:
        """Return while there is time.

        Raises
        ------
        MidRunError
            The time is over.
        """
        if self.is_over:
            raise MidRunError(
                f"stopped after {self._hours:g} hours, as --max-hours says",
                hint="run the same command again to continue; what is bought is kept",
            )
