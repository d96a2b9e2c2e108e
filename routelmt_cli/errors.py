"""Errors that a user can cause or must know of, each with its documented exit code.

Every room raises these and none prints them: only ``cli`` turns an error into one line on
stderr and an exit code, so that a caller of the library can catch them.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process returns to the shell."""

    DONE = 0
    USAGE = 2
    """Usage or input: bad corpus, wrong model file, router for other models, lock held."""
    BUDGET = 3
    """The budget cannot do what was asked."""
    MID_RUN = 4
    """A model, endpoint or disk failed in mid-run, or its time was over; the run is resumable."""
    PARTIAL = 5
    """Done, but some segments kept their draft after failures."""
    INTERRUPTED = 130
    TERMINATED = 143


class RoutelmtError(Exception):
    """An error that ends the command.

    Parameters
    ----------
    message
        One line without a trailing period that names the file and row it is about.
    hint
        What the user can do about it, one line.
    """

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(RoutelmtError):
    """The command line, the corpus or a file that it names is wrong."""

    exit_code = ExitCode.USAGE


class BudgetError(RoutelmtError):
    """The budget cannot do what was asked."""

    exit_code = ExitCode.BUDGET


class MidRunError(RoutelmtError):
    """A model or the disk failed after something was paid for; the run can be continued."""

    exit_code = ExitCode.MID_RUN
