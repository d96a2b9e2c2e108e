"""Text for a terminal: names and segments may hold anything, a terminal gets what can be shown."""

from __future__ import annotations


def printable(text: str) -> str:
    """Replace control characters, and what cannot be written as UTF-8."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return shown.encode("utf-8", "replace").decode("utf-8")
