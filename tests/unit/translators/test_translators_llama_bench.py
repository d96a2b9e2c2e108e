"""Measuring settings: rows that a context accepts, and a choice that noise does not make."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from demo_pair import NEEDS_DEMO_MODELS
from toy_llama import ToyContext, ToyModel, toy_card

from routelmt_cli.errors import MidRunError
from routelmt_cli.translators import llama_bench, llama_settings, models
from routelmt_cli.translators.cache import cache_folder
from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.llama_bench import Rates, Shape, measure, search
from routelmt_cli.translators.llama_settings import LlamaSettings, keep_settings, kept_settings
from routelmt_cli.translators.models import find_model

FIRST = LlamaSettings(sequences=16, threads=4)
SHAPE = Shape(prefix=4, prompt=5, output=3)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ROUTELMT_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("seconds", [10, 0])
def test_rows_are_where_a_context_expects_them(seconds):
    # The toy refuses rows out of place, more outputs or more tokens than there is room for.
    settings = LlamaSettings(sequences=3, threads=1)
    context = ToyContext(ToyModel(), settings, cells=4 + 3 * 8, outputs=3)
    rates = measure(context, 3, SHAPE, seconds)
    assert rates.input > 0
    assert rates.output > 0
    assert context.outputs == (3 + 3 * 3 if seconds else 1 + 3)
    context.close()


def run(monkeypatch, speed, *, seconds=1000.0):
    """Search with made-up speeds; return what is chosen and what was tried."""
    tried = []

    def fake(model, settings, shape, share, card):
        found = speed(settings)
        if found is None:
            raise MidRunError("no memory")
        return Rates(found, found)

    monkeypatch.setattr(llama_bench, "_try", fake)
    best = search(ToyModel(), FIRST, SHAPE, seconds=seconds, card=toy_card(), watch=tried.append)
    return best.settings, [trial.settings for trial in tried]


def test_settings_are_varied_one_by_one_from_the_best(monkeypatch):
    chosen, tried = run(
        monkeypatch,
        lambda s: (
            s.sequences * (2 if s.threads == 2 else 1) * (1.5 if s.cache_type != "f16" else 1)
        ),
    )
    assert chosen == LlamaSettings(64, 2, cache_type="q8_0")
    assert tried[0] == FIRST
    assert len(tried) == len(set(tried)) == 9
    changed = [
        sum(a != b for a, b in zip(vars(one).values(), vars(chosen).values(), strict=True))
        for one in tried
    ]
    assert max(changed) <= 3


def test_noise_chooses_nothing(monkeypatch):
    chosen, tried = run(monkeypatch, lambda s: 100 + len(repr(s)) % 4)
    assert chosen == FIRST
    assert len(tried) == 9


def test_what_does_not_fit_into_memory_is_passed_over(monkeypatch):
    chosen, _ = run(monkeypatch, lambda s: None if s.sequences > 32 else s.sequences)
    assert chosen == replace(FIRST, sequences=32)
    with pytest.raises(MidRunError, match="no memory"):
        run(monkeypatch, lambda s: None)


def test_a_search_ends_in_time(monkeypatch):
    _, tried = run(monkeypatch, lambda s: s.sequences, seconds=-1)
    assert tried == [FIRST]


# -- what is kept --------------------------------------------------------------------------------


def test_settings_are_kept_for_weights_threads_and_machine(monkeypatch):
    assert kept_settings("a" * 64) is None
    keep_settings("a" * 64, FIRST)
    assert kept_settings("a" * 64) == FIRST
    assert kept_settings("b" * 64) is None
    with monkeypatch.context() as patch:
        patch.setattr(llama_settings, "machine_facts", lambda: ["another"])
        assert kept_settings("a" * 64) is None
    monkeypatch.setattr(llama_settings, "_usable_threads", lambda: 99)
    assert kept_settings("a" * 64) is None


@pytest.mark.parametrize(
    "damage",
    [
        {"sequences": 0}, {"sequences": 256}, {"sequences": True}, {"threads": "2"},
        {"batch_tokens": -1}, {"cache_type": "q4_0"}, {"flash_attention": None}, {"more": 1},
    ],
)  # fmt: skip
def test_damaged_settings_are_none(damage):
    path = keep_settings("a" * 64, FIRST)
    ((key, known),) = json.loads(path.read_text()).items()
    path.write_text(json.dumps({key: {**known, **damage}}))
    assert kept_settings("a" * 64) is None
    path.write_text(json.dumps({key: [known]}))
    assert kept_settings("a" * 64) is None
    assert path.parent == cache_folder()


@pytest.mark.parametrize("deterministic", [False, True])
def test_only_runs_that_are_not_deterministic_use_them(monkeypatch, deterministic):
    pytest.importorskip("llama_cpp")
    given = {}
    monkeypatch.setattr(
        "routelmt_cli.translators.llama_cpp.LlamaTranslator", lambda *_, **kw: given.update(kw)
    )
    monkeypatch.setattr(
        "routelmt_cli.translators.llama_selfcheck.extra_buffers_work", lambda *_: False
    )
    weights = models.Weights(cache_folder() / "toy.gguf", "a" * 64)
    keep_settings(weights.sha256, FIRST)
    model = models.Model(toy_card(), weights, "es", "en", "")
    model.open_translator(with_logprobs=False, deterministic=deterministic)
    card = llama_settings.default_settings(model.card)
    assert given["settings"] == (card if deterministic else FIRST)
    model.open_translator(with_logprobs=False, deterministic=deterministic, threads=7)
    assert given["settings"].threads == 7


class TestRealModels:
    pytestmark = NEEDS_DEMO_MODELS

    def test_every_setting_that_is_tried_works(self, monkeypatch):
        monkeypatch.delenv("ROUTELMT_CACHE")
        model = find_model(find_card("gemma3-270m"), "es", "en")
        for options in ({"cache_type": "q8_0"}, {"flash_attention": "off", "batch_tokens": 64}):
            settings = LlamaSettings(sequences=8, threads=1, **options)
            loaded = llama_bench.LlamaModel(model.weights.path, use_extra_buffers=False)
            rates = llama_bench._try(loaded, settings, Shape(8, 8, 2), 0.1, model.card)
            loaded.close()
            assert rates.input > rates.output > 0
