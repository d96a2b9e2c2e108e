"""Engines: given a model and how it is to be decoded, open a translator of it somewhere.

An engine decides where models run and nothing else: what is translated, and what it may cost, is
decided by others, who see a ``Translator`` whatever the engine. It has no part in a run's identity.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from routelmt_cli.run.options import EngineOptions
from routelmt_cli.translators.demand import Demand
from routelmt_cli.translators.models import Model
from routelmt_cli.translators.protocol import Translator


class Engine(Protocol):
    """Opens translators.

    Attributes
    ----------
    wave_items
        How many items a wave should hold, so that the workers of the translator that was opened
        last seldom wait for its end; 0 where no larger one than usual is wanted.
    """

    wave_items: int

    def open(
        self,
        model: Model,
        *,
        with_logprobs: bool,
        with_states: bool,
        deterministic: bool,
        demand: Demand | None,
    ) -> AbstractContextManager[Translator]:
        """Load a model; the arguments are those of ``Model.open_translator``."""
        ...


class LocalEngine:
    """Runs models in this process, one at a time."""

    wave_items = 0

    def open(
        self,
        model: Model,
        *,
        with_logprobs: bool,
        with_states: bool,
        deterministic: bool,
        demand: Demand | None,
    ) -> AbstractContextManager[Translator]:
        """Load a model."""
        return model.open_translator(
            with_logprobs=with_logprobs,
            with_states=with_states,
            deterministic=deterministic,
            demand=demand,
        )


@contextmanager
def open_engine(options: EngineOptions, models: Sequence[Model]) -> Iterator[Engine]:
    """Open the engine that the options name, for the models of a run.

    Raises
    ------
    UsageError
        It is not installed, or nothing answers at its address.
    """
    if options.name == "local":
        yield LocalEngine()
        return
    from routelmt_cli.run.engines.ray_engine import RayEngine

    with RayEngine(options.address, models) as engine:
        yield engine
