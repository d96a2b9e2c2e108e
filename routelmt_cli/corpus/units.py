"""The units of a file that holds sources and translations: which are translated, which left alone.

In go what a format says of each unit, out come the user's choice applied to it and a line for the
commentary about what was left alone. It reads no file.
"""

from __future__ import annotations

from collections import Counter
from enum import Enum


class Units(str, Enum):
    """Which units are to be translated; the values are what ``--units`` takes."""

    NEW = "new"
    """Those without a translation."""
    FUZZY = "fuzzy"
    """Those too whose translation is marked as unsure."""
    ALL = "all"
    """All that may be translated."""


class State(str, Enum):
    """What a file says of a unit's translation."""

    NEW = "untranslated"
    FUZZY = "fuzzy"
    TRANSLATED = "translated"


_TAKEN = {
    Units.NEW: {State.NEW},
    Units.FUZZY: {State.NEW, State.FUZZY},
    Units.ALL: set(State),
}


class UnitCount:
    """The user's choice, and a count of what it leaves alone.

    Parameters
    ----------
    choice
        Which units are to be translated.
    """

    def __init__(self, choice: Units) -> None:
        self._choice = choice
        self._left: Counter[State] = Counter()

    def takes(self, state: State) -> bool:
        """Say whether a unit is to be translated, and count it where it is not."""
        if state in _TAKEN[self._choice]:
            return True
        self._left[state] += 1
        return False

    def remarks(self, display_name: str) -> list[str]:
        """Say in at most one line what is left alone, and how it would not be."""
        fuzzy, translated = self._left[State.FUZZY], self._left[State.TRANSLATED]
        if not fuzzy and not translated:
            return []
        parts = []
        if translated:
            parts.append(f"{translated:,} translated (--units all translates them anew)")
        if fuzzy:
            parts.append(f"{fuzzy:,} fuzzy (--units fuzzy translates them anew)")
        one = fuzzy + translated == 1
        return [f"{display_name}: unit{'' if one else 's'} left alone: {', '.join(parts)}"]
