"""What a run tells whoever watches it; the command line shows it, a library caller need not."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A watcher of a run."""

    def stage(self, name: str, segments: int, spend_nanousd: int) -> None:
        """Say that a stage begins, how many segments it has to do, and what is spent by now."""
        ...

    def advance(self, segments: int, spend_nanousd: int) -> None:
        """Say that so many more segments are done, and what the run has spent by now."""
        ...

    def note(self, text: str) -> None:
        """Tell the user one thing, in one line."""
        ...


class Silent:
    """Watches nothing."""

    def stage(self, name: str, segments: int, spend_nanousd: int) -> None:
        """Ignore it."""

    def advance(self, segments: int, spend_nanousd: int) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Ignore it."""
