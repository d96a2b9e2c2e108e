"""Put protected spans behind markers that a model copies, and put the spans back.

A source goes in; what is sent instead comes out, with the way back. Always: a marker occurs nowhere
else in the text; spans that touch share one marker; a translation without every marker exactly once
is not restored. Which markers survive best is measured by ``benchmarks/protection.py``: short words
such as ``ID1`` do much better with small models than brackets or what looks like markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from routelmt_cli.protection.spans import Span, find_spans

_MARKER = "ID{}"


@dataclass(frozen=True, slots=True)
class Marker:
    """One marker in a text.

    Attributes
    ----------
    text
        What stands there instead of the span.
    span
        What it stands for.
    parted_before, parted_after
        Whether a blank was put there, to keep it apart from a letter: ``<b>bold</b>``.
    """

    text: str
    span: str
    parted_before: bool
    parted_after: bool

    @property
    def shown(self) -> str:
        """The marker with its blanks."""
        return " " * self.parted_before + self.text + " " * self.parted_after

    def restored(self, before: str, after: str) -> str:
        """Return the span with the blanks, if any, that are the translation's own."""
        return (before * (not self.parted_before)) + self.span + after * (not self.parted_after)


@dataclass(frozen=True, slots=True)
class Marked:
    """A source with markers for its protected spans.

    Attributes
    ----------
    text
        What is sent.
    markers
        Those in it, in order.
    """

    text: str
    markers: tuple[Marker, ...]

    def restore(self, hypothesis: str) -> str | None:
        """Put the spans back, or return None where a marker is not there exactly once."""
        if not self.markers:
            return hypothesis
        known = {marker.text: marker for marker in self.markers}
        names = "|".join(map(re.escape, known))
        pattern = re.compile(rf"( ?)(?<![^\W_])({names})(?![^\W_])( ?)")
        if sorted(found[1] for found in pattern.findall(hypothesis)) != sorted(known):
            return None
        return pattern.sub(lambda at: known[at[2]].restored(at[1], at[3]), hypothesis)


def mark(source: str) -> Marked:
    """Put markers for the protected spans of a source."""
    parts: list[str] = []
    markers: list[Marker] = []
    end = 0
    names = (name for name in map(_MARKER.format, count(1)) if name not in source)
    for start, stop in joined(find_spans(source)):
        marker = Marker(
            next(names),
            source[start:stop],
            parted_before=source[start - 1 : start].isalnum(),
            parted_after=source[stop : stop + 1].isalnum(),
        )
        markers.append(marker)
        parts += [source[end:start], marker.shown]
        end = stop
    return Marked("".join([*parts, source[end:]]), tuple(markers))


def joined(spans: Sequence[Span]) -> Iterator[Span]:
    """Yield spans, those that touch as one."""
    start = end = None
    for first, last in spans:
        if first != end:
            if start is not None and end is not None:
                yield start, end
            start = first
        end = last
    if start is not None and end is not None:
        yield start, end
