"""The models that every contract is tested on, in small groups."""

from __future__ import annotations

import dataclasses

import pytest
from demo_pair import NEEDS_DEMO_MODELS

from routelmt_cli.translators.card import load_card
from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.models import Model, find_model

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

    def open(self, *, deterministic):
        return self.model.open_translator(
            with_logprobs=self.drafts, with_states=self.drafts, deterministic=deterministic
        )


@pytest.fixture(
    scope="session",
    params=[
        "stand-in",
        "protected stand-in",
        pytest.param("smollm2-135m", marks=NEEDS_DEMO_MODELS),
        pytest.param("gemma3-270m", marks=NEEDS_DEMO_MODELS),
    ],
)
def subject(request, tmp_path_factory):
    if "stand-in" in request.param:
        path = tmp_path_factory.mktemp("card") / "stand-in.toml"
        path.write_text(STAND_IN, "utf-8")
        card = load_card(path)
    else:
        card = find_card(request.param)
    decoding = dataclasses.replace(card.decoding, parallel_sequences=GROUP, context_tokens=512)
    name = request.param.removeprefix("protected ")
    model = find_model(
        dataclasses.replace(card, decoding=decoding), "es", "en", protects=name != request.param
    )
    return Subject(name, model, drafts=name != "gemma3-270m")
