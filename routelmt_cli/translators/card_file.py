"""Read a model card's TOML, and ask its tables for values of the right type.

A path goes in, tables come out. Always: whatever is wrong is one line that names file, section and
key, and no file takes memory or minutes. What a card means is not known here.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from routelmt_cli.errors import UsageError

_MAX_CARD_BYTES = 1 << 20
# A parser of TOML keeps every prefix of a dotted key: one of 200,000 parts fills the memory.
_MAX_SQUARED_DOTS = 10_000_000


class Table:
    """A TOML table that answers for the type of its values.

    Parameters
    ----------
    data
        What stands there.
    where
        Its file and section, for errors.

    Raises
    ------
    UsageError
        It is no table; so do all methods, where a value is missing, or not what it should be.
    """

    def __init__(self, data: object, where: str) -> None:
        if not isinstance(data, dict):
            raise UsageError(f"{where}: must be a table")
        self.data = data
        self.where = where

    def get(self, key: str, kind: type | tuple[type, ...], default: Any = ...) -> Any:
        """Return a value of a type; the default where it is missing, if there is one."""
        value = self.data.get(key, default)
        if value is ...:
            raise UsageError(f"{self.where}: '{key}' is missing")
        if value is not default and (not isinstance(value, kind) or isinstance(value, bool)):
            raise UsageError(f"{self.where}: '{key}' has the wrong type")
        return value

    def table(self, key: str, *, optional: bool = False) -> Table:
        """Return a section; an empty one where it is missing and optional."""
        if key not in self.data and not optional:
            raise UsageError(f"{self.where}: section [{key}] is missing")
        return Table(self.data.get(key, {}), f"{self.where}: [{key}]")

    def strings(self, key: str, default: Any = ...) -> tuple[str, ...]:
        """Return a list of texts."""
        values = self.get(key, list, default)
        if not all(isinstance(value, str) for value in values):
            raise UsageError(f"{self.where}: '{key}' must be a list of texts")
        return tuple(values)

    def number(self, key: str, default: Any, low: float, high: float) -> Any:
        """Return a number within bounds."""
        value = self.get(key, (int, float), default)
        if not low <= value <= high:
            raise UsageError(f"{self.where}: '{key}' must lie between {low:g} and {high:g}")
        return value

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """Return a whole number within bounds."""
        value = self.number(key, default, low, high)
        if int(value) != value:
            raise UsageError(f"{self.where}: '{key}' must be a whole number")
        return int(value)


def card_data(path: Path) -> dict[str, Any]:
    """Read what a model card says, unchecked.

    Raises
    ------
    UsageError
        Where it is no TOML file, or could fill the memory.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        if path.stat().st_size > _MAX_CARD_BYTES:
            raise UsageError(f"{path}: too large for a model card")
        text = path.read_text("utf-8")
        if sum(line.count(".") ** 2 for line in text.split("\n")) > _MAX_SQUARED_DOTS:
            raise UsageError(f"{path}: a line has too many dots for a model card")
        return dict(tomllib.loads(text))
    except OSError as error:
        raise UsageError(f"{path}: cannot read this model card: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        # Besides syntax and encoding: a number of thousands of digits, tables nested as deep.
        raise UsageError(f"{path}: not a valid TOML model card: {error}") from error
