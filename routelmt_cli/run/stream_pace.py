"""How fast the budget of a stream may be spent, so that it lasts for its span.

A span, counts of segments and the time go in; how many segments are still to come is estimated, and
with it what the large model may cost for each. Always: what the drafts of the segments to come are
expected to cost is put aside first. It decides nothing about single segments.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from routelmt_cli.errors import UsageError

_SPAN = re.compile(r"(?P<hours>[0-9]+(\.[0-9]+)?)h|(?P<segments>[0-9][0-9_]*)")
_MOST_SEGMENTS = 10**15
_MOST_HOURS = 1e6
_SECONDS_PER_HOUR = 3600.0
_FIRST_SECONDS = 1.0  # a stream's rate is not known better before


@dataclass(frozen=True)
class Span:
    """What a budget is to last for: a number of segments, or of hours.

    Attributes
    ----------
    segments, hours
        One of them; the other one is None.
    """

    segments: int | None = None
    hours: float | None = None

    def __str__(self) -> str:
        return f"{self.hours:g}h" if self.segments is None else str(self.segments)


def parse_span(text: str) -> Span:
    """Read a span as it is typed: ``100000`` segments, ``8h``.

    Raises
    ------
    UsageError
        It is written otherwise.
    """
    match = _SPAN.fullmatch(text.strip())
    if match is not None and match["segments"] is not None:
        segments = int(match["segments"])
        if 0 < segments <= _MOST_SEGMENTS:
            return Span(segments=segments)
    if match is not None and match["hours"] is not None:
        hours = float(match["hours"])
        if 0 < hours <= _MOST_HOURS:
            return Span(hours=hours)
    raise UsageError(
        f"invalid value for '--stream': {text!r}",
        hint="write for how many segments the budget is to last, such as 100000, or hours: 8h",
    )


class Pace:
    """How much of a stream is behind, and how much still to come.

    Parameters
    ----------
    span
        What the budget is to last for.
    seen, seconds
        Segments and time before this process.
    clock
        Says what time it is, in seconds.
    """

    def __init__(
        self,
        span: Span,
        *,
        seen: int = 0,
        seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._span, self._clock = span, clock
        self.seen = seen
        self._begin = clock() - seconds

    @property
    def seconds(self) -> float:
        """How long the stream has run."""
        return self._clock() - self._begin

    def take(self, segments: int) -> float:
        """Count segments that have come; return how many are expected from them on, with them."""
        self.seen += segments
        if self._span.segments is not None:
            left = float(self._span.segments - self.seen + segments)
        else:
            assert self._span.hours is not None
            seconds = max(self.seconds, _FIRST_SECONDS)
            to_come = self._span.hours * _SECONDS_PER_HOUR - seconds
            left = segments + self.seen / seconds * max(0.0, to_come)
        return max(float(segments), left)
