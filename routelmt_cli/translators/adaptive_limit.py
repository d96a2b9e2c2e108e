"""How many requests may be under way at once: more while a server answers, half when it refuses.

Answers and refusals go in, a number comes out: doubled each round until the first refusal, then one
more each round, halved at most once a round (additive increase, multiplicative decrease: Chiu and
Jain 1989). A round is as many replies as may be under way. Always: between 1 and the card's limit,
and a function of the replies alone, not of time.
"""

from __future__ import annotations

_FIRST = 8


class AdaptiveLimit:
    """The number of requests that may be under way.

    Parameters
    ----------
    most
        The most that it may become.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = float(min(_FIRST, most))
        self._steep = True
        self._replies_to_wait = 0

    @property
    def current(self) -> int:
        """How many may be under way now."""
        return int(self._limit)

    def answered(self) -> None:
        """Take notice of an answer."""
        self._replies_to_wait -= 1
        self._limit = min(self._most, self._limit + (1.0 if self._steep else 1.0 / self._limit))

    def refused(self) -> None:
        """Take notice that the server had too much to do; what was sent before it is one cause."""
        self._replies_to_wait -= 1
        self._steep = False
        if self._replies_to_wait <= 0:
            self._replies_to_wait = self.current
            self._limit = max(1.0, self._limit / 2)
