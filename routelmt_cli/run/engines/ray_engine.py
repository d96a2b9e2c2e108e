"""The Ray engine: models run in workers of a cluster, as many as it has room for.

In: an address or None, and the models of the run. Out: translators that spread requests over
workers. Always: that there is room for a worker of each model is found out before the first is
opened, so before anything is spent; servers' models are asked from this process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

from routelmt_cli.run.engines import ray_cluster
from routelmt_cli.run.engines.engine import LocalEngine
from routelmt_cli.run.engines.ray_translator import RayTranslator
from routelmt_cli.run.engines.ray_worker import Order
from routelmt_cli.translators.demand import Demand
from routelmt_cli.translators.models import Model
from routelmt_cli.translators.protocol import Translator

# At the end of a wave workers wait for each other, for about the time of one group.
_GROUPS_A_WAVE = 32


class RayEngine:
    """Runs models in a Ray cluster; a context manager that leaves it.

    Parameters
    ----------
    address
        Of a cluster that is there, asked at once; None to start one of this machine's processors
        when the first model is opened.
    models
        The models of the run.

    Raises
    ------
    UsageError
        Ray is not installed; when entered, or when a model is opened: no cluster answers, or one
        has no room.
    """

    def __init__(self, address: str | None, models: Sequence[Model]) -> None:
        ray_cluster.refuse_missing()
        self.wave_items = 0
        self._address = address
        self._models = [model for model in models if model.card.endpoint is None]
        self._ray: Any = None

    def __enter__(self) -> RayEngine:
        if self._address is not None and self._models:
            self._connect()
        else:
            self._refuse_small(ray_cluster.own_nodes())
        return self

    def __exit__(self, *_: object) -> None:
        if self._ray is not None:
            ray_cluster.disconnect(self._ray)
            self._ray = None

    def _connect(self) -> None:
        self._ray = ray_cluster.connect(self._address)
        try:
            self._refuse_small(self._ray.nodes())
        except BaseException:
            self.__exit__()
            raise

    def _refuse_small(self, nodes: list[dict[str, Any]]) -> None:
        for model in self._models:
            ray_cluster.room_for(model, nodes)

    def open(
        self,
        model: Model,
        *,
        with_logprobs: bool,
        with_states: bool,
        deterministic: bool,
        demand: Demand | None,
    ) -> AbstractContextManager[Translator]:
        """Load a model in workers, and wait for the first of them."""
        options: dict[str, Any] = {
            "with_logprobs": with_logprobs,
            "with_states": with_states,
            "deterministic": deterministic,
            "demand": demand,
        }
        if model.card.endpoint is not None:
            self.wave_items = 0
            return LocalEngine().open(model, **options)
        return self._opened(model, options)

    @contextmanager
    def _opened(self, model: Model, options: dict[str, Any]) -> Iterator[Translator]:
        if self._ray is None:
            self._connect()
        replicas = model.card.ray.replicas or ray_cluster.room_for(model, self._ray.nodes())
        order = Order(_absolute(model), {**options, "threads": ray_cluster.worker_threads(model)})
        needed = ray_cluster.needed_resources(model)
        with RayTranslator(self._ray, order, needed, replicas) as translator:
            # Groups are cut from waves, so those of --deterministic stay as they are.
            grown = replicas * translator.group_size * _GROUPS_A_WAVE
            self.wave_items = 0 if translator.deterministic else grown
            yield translator


def _absolute(model: Model) -> Model:
    """Name files so that a process with another working folder finds them."""
    weights = model.card.weights
    if weights is not None and weights.path is not None:
        weights = replace(weights, path=weights.path.absolute())
    card = replace(model.card, card_path=model.card.card_path.absolute(), weights=weights)
    return replace(model, card=card)
