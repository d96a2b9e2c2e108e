"""What is done with text that is not valid UTF-8, and which rows it was done to.

In go raw lines and the user's choice, out come lines that are valid, and a log of those that were
not. Always: nothing is changed unless the user chose so, and every change is counted. It opens no
file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

_SHOWN = 10


class OnInvalid(str, Enum):
    """What becomes of a row that is not valid UTF-8; the values are what ``--on-invalid`` takes."""

    ERROR = "error"
    """The corpus is refused."""
    REPLACE = "replace"
    """What is no character becomes U+FFFD, in all of the row, in the output too."""
    SKIP = "skip"
    """The row is not translated; the output has its bytes as they were."""


def repair(line: bytes) -> bytes:
    """Replace what is no character of UTF-8.

    Parameters
    ----------
    line
        Any bytes.

    Returns
    -------
    bytes
        Valid UTF-8 with as many line feeds, tabs and other ASCII characters.
    """
    return line.decode("utf-8", "replace").encode()


@dataclass
class InvalidRows:
    """A log of rows that were not valid UTF-8.

    Attributes
    ----------
    count
        How many.
    numbers
        The line numbers of the first few.
    """

    count: int = 0
    numbers: list[int] = field(default_factory=list)

    def add(self, number: int) -> None:
        """Note one row by its line number."""
        self.count += 1
        if len(self.numbers) < _SHOWN:
            self.numbers.append(number)

    def remarks(self, display_name: str, choice: OnInvalid) -> list[str]:
        """Say in at most one line what was done.

        Parameters
        ----------
        display_name
            The file's name.
        choice
            What was done.
        """
        if not self.count:
            return []
        one = self.count == 1
        places = ", ".join(map(str, self.numbers))
        more = self.count - len(self.numbers)
        done = (
            "the invalid bytes were replaced by U+FFFD"
            if choice is OnInvalid.REPLACE
            else f"{'it is' if one else 'they are'} not translated and kept as "
            f"{'it is' if one else 'they are'}"
        )
        return [
            f"{display_name}: {self.count:,} line{' is' if one else 's are'} not valid UTF-8 "
            f"(line{'' if one else 's'} {places}{f' and {more:,} more' if more else ''}): {done}"
        ]
