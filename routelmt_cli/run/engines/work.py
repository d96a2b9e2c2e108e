"""Requests that are spread over workers: who is to get which, and which come back.

Requests go in, taken only when somebody has room for them; portions for workers come out. Always:
what a lost worker had is given out again before anything new; groups stay whole where the text
depends on them; what was lost with worker after worker ends the run. It knows nothing of Ray.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from itertools import islice

from routelmt_cli.errors import MidRunError
from routelmt_cli.translators.protocol import Request

MOST_LOSSES = 5
"""With how many workers the same segment may be lost before it is taken for the reason."""


class Work:
    """The requests of one ``translate``.

    Parameters
    ----------
    requests
        Taken one portion at a time.
    group_size
        How many requests a whole group holds; None where there are no groups.
    """

    def __init__(self, requests: Iterable[Request], group_size: int | None) -> None:
        self._coming = iter(requests)
        self._group_size = group_size
        self._returned: deque[Request | list[Request]] = deque()
        self._losses: Counter[int] = Counter()
        self._is_exhausted = False

    @property
    def is_given_out(self) -> bool:
        """Whether nothing is left to be taken, as far as no worker is lost."""
        return self._is_exhausted and not self._returned

    def take(self, room: int) -> list[Request]:
        """Return the next requests for a worker that has room for so many; empty for none."""
        if self._group_size is not None:
            if room < self._group_size:
                return []
            if self._returned:
                return self._as_group(self._returned.popleft())
            return self._next(self._group_size)
        taken: list[Request] = []
        while self._returned and len(taken) < room:
            taken += self._as_group(self._returned.popleft())
        return taken + self._next(room - len(taken))

    def give_back(self, portion: Sequence[Request], reason: str) -> None:
        """Take back what a lost worker had not answered.

        Parameters
        ----------
        portion
            A whole group, or single requests.
        reason
            Why the worker was lost.

        Raises
        ------
        MidRunError
            It was lost too often.
        """
        for request in portion:
            self._losses[request.item] += 1
            if self._losses[request.item] >= MOST_LOSSES:
                raise MidRunError(
                    f"{MOST_LOSSES} workers were lost with the same segments, the last one since "
                    f"{reason}"
                )
        if self._group_size is not None:
            self._returned.append(list(portion))
        else:
            self._returned.extend(portion)

    def _next(self, count: int) -> list[Request]:
        taken = list(islice(self._coming, max(0, count)))
        self._is_exhausted |= len(taken) < count
        return taken

    @staticmethod
    def _as_group(entry: Request | list[Request]) -> list[Request]:
        return entry if isinstance(entry, list) else [entry]
