"""What stands around a counter or a translator and changes what goes through it.

The one inside is entered and left with the one around it, and says the same of itself.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, TypeVar

from routelmt_cli.translators.protocol import Counter, Translator

_Counting = TypeVar("_Counting", bound="WrappingCounter")
_Translating = TypeVar("_Translating", bound="WrappingTranslator")


class WrappingCounter:
    """The frame of a ``Counter`` around another.

    Parameters
    ----------
    inside
        Entered and left with this one.
    """

    def __init__(self, inside: AbstractContextManager[Counter]) -> None:
        self._opened = inside

    def __enter__(self: _Counting) -> _Counting:
        self._inside = self._opened.__enter__()
        self.prefix_tokens = self._inside.prefix_tokens
        self.context_limit = self._inside.context_limit
        return self

    def __exit__(self, *error: Any) -> None:
        self._opened.__exit__(*error)


class WrappingTranslator:
    """The frame of a ``Translator`` around another.

    Parameters
    ----------
    inside
        Entered and left with this one.
    """

    def __init__(self, inside: Translator) -> None:
        self._inside = inside
        self.prefix_tokens = inside.prefix_tokens
        self.context_limit = inside.context_limit
        self.deterministic = inside.deterministic
        self.group_size = inside.group_size

    def __enter__(self: _Translating) -> _Translating:
        self._inside.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._inside.__exit__(*error)
