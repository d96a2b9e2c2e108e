"""A model that is loaded once and used for many small pieces of work."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, fields
from typing import Any

from routelmt_cli.translators.models import Model
from routelmt_cli.translators.protocol import Counter, Translator


@dataclass(frozen=True)
class KeptModel(Model):
    """A model whose translator and counter stay open; a context manager that closes them.

    Whoever opens them gets the same ones, whatever is asked for besides: work of one kind only.
    """

    _opened: dict[str, Any] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def of(cls, model: Model) -> KeptModel:
        """Make one of another model."""
        return cls(**{one.name: getattr(model, one.name) for one in fields(model)})

    def __enter__(self) -> KeptModel:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def open_counter(self) -> AbstractContextManager[Counter]:
        """Return the counter, loaded at the first call."""
        if "counter" not in self._opened:
            self._opened["counter"] = self._stack.enter_context(super().open_counter())
        counter: Counter = self._opened["counter"]
        return nullcontext(counter)

    def open_translator(self, **options: Any) -> Any:
        """Return the translator, loaded at the first call for sequences of any length."""
        if "translator" not in self._opened:
            translator: Translator = super().open_translator(**{**options, "demand": None})
            self._opened["translator"] = self._stack.enter_context(translator)
        return nullcontext(self._opened["translator"])
