"""The models that every contract is tested on, in small groups."""

from __future__ import annotations

import dataclasses
import os
from contextlib import ExitStack, contextmanager
from unittest import mock

import endpoint_server
import pytest
from demo_pair import NEEDS_DEMO_MODELS
from llama_server import serve_gguf

from routelmt_cli.run.engines.engine import Engine, LocalEngine
from routelmt_cli.run.engines.ray_engine import RayEngine
from routelmt_cli.translators.card import load_card
from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.models import Model, find_model
from routelmt_cli.translators.ray_card import RayCard

GROUP = 3
STAND_IN = """\
name = "stand-in"
backend = "stand-in"
[price]
usd_per_million_tokens = { input = 1, output = 1 }
[decoding]
cap_ratio = 1.0
cap_extra = 1
"""


@dataclasses.dataclass(frozen=True)
class Subject:
    """A model under test, in groups of ``group``; a drafting model keeps all that it can."""

    name: str
    model: Model
    drafts: bool
    group: int = GROUP
    engine: Engine = dataclasses.field(default_factory=LocalEngine)

    @property
    def is_remote(self):
        """Whether a server runs it."""
        return self.model.card.endpoint is not None

    def open(self, *, deterministic):
        return self.engine.open(
            self.model,
            with_logprobs=self.drafts,
            with_states=self.drafts,
            deterministic=deterministic,
            demand=None,
        )


@pytest.fixture(
    scope="session",
    params=[
        "stand-in",
        "protected stand-in",
        pytest.param("smollm2-135m", marks=NEEDS_DEMO_MODELS),
        pytest.param("gemma3-270m", marks=NEEDS_DEMO_MODELS),
        "stub",
        "protected stub",
        "stub in batches",
        pytest.param("served smollm2-135m", marks=NEEDS_DEMO_MODELS),
        "stand-in on Ray",
        "protected stand-in on Ray",
    ],
)
def subject(request, tmp_path_factory):
    folder, name = tmp_path_factory.mktemp("card"), request.param.removeprefix("protected ")
    engine, place = LocalEngine(), name.removesuffix(" on Ray")
    with ExitStack() as running:
        if place != name:
            engine = running.enter_context(_ray_engine(request.getfixturevalue("cluster")))
            name = place
        card = _card(name, folder, running)
        decoding = dataclasses.replace(card.decoding, parallel_sequences=GROUP, context_tokens=512)
        # One worker, so that groups come in their order.
        card = dataclasses.replace(card, decoding=decoding, ray=RayCard(replicas=1))
        model = find_model(card, "es", "en", protects=request.param.startswith("protected "))
        name, drafts = name.removesuffix(" in batches"), name != "gemma3-270m"
        yield Subject(name, model, drafts=drafts, engine=engine)


@contextmanager
def _ray_engine(cluster):
    with (
        mock.patch.dict(os.environ, cluster.environment),
        RayEngine(cluster.address, []) as engine,
    ):
        yield engine


def _card(name, folder, running):
    if name.startswith("stub"):
        running.enter_context(mock.patch.dict(os.environ, STUB_API_KEY=endpoint_server.KEY))
        served = endpoint_server.serve(endpoint_server.Endpoint(), folder)
        server, batch = running.enter_context(served), ""
        if name == "stub in batches":
            server.batches.looks = 1  # done when it is first asked for
            batch = "[endpoint.batch]\nmost_requests = 5"
        return load_card(server.card(folder / "stub.toml", top_logprobs=2, batch=batch))
    if name.startswith("served "):
        return running.enter_context(serve_gguf(find_card(name.removeprefix("served ")), folder))
    if name != "stand-in":
        return find_card(name)
    path = folder / "stand-in.toml"
    path.write_text(STAND_IN, "utf-8")
    return load_card(path)
