"""The figures of a stream."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class StreamReport:
    """The figures of a stream, those before it was continued included.

    Attributes
    ----------
    segments, repeated, blank_segments
        Rows; those answered since their source came before; those without text.
    retranslated
        Rows that took their retranslation.
    kept_drafts
        Rows whose retranslation was bought and not used, by reason.
    failed
        Rows whose request failed.
    left
        Rows that stay as their source, since no hypothesis has what is protected.
    budget_nanousd, spend_nanousd, spend_by_tier_nanousd
        The limit, and what was really spent.
    unmetered, unmetered_nanousd
        Requests to servers that were charged in full, and the spend that this is.
    span
        What the budget was to last for.
    dual_price
        The last price: predicted points times weight, per nanodollar.
    seconds
        How long the stream has run.
    """

    span: str
    budget_nanousd: int
    segments: int = 0
    repeated: int = 0
    blank_segments: int = 0
    retranslated: int = 0
    kept_drafts: dict[str, int] | None = None
    failed: int = 0
    left: int = 0
    spend_nanousd: int = 0
    spend_by_tier_nanousd: dict[str, int] | None = None
    unmetered: int = 0
    unmetered_nanousd: int = 0
    dual_price: float | None = None
    seconds: float = 0.0

    def as_json(self) -> str:
        """Write the report as JSON, as it is kept."""
        return json.dumps(asdict(self), indent=1) + "\n"
