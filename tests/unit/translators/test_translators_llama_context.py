"""The cache of a real model: what it takes, and that it can be full."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import llama_cpp
import pytest
from demo_pair import NEEDS_DEMO_MODELS

from routelmt_cli.translators.card_text import card_text
from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.llama_library import LlamaContext, LlamaModel
from routelmt_cli.translators.llama_schedule import Job, Scheduler
from routelmt_cli.translators.llama_settings import LlamaSettings
from routelmt_cli.translators.models import find_model
from routelmt_cli.translators.weights import find_weights

pytestmark = NEEDS_DEMO_MODELS


@pytest.fixture(scope="module")
def gemma():
    weights = find_weights(find_card("gemma3-270m")).path
    model = LlamaModel(weights, use_extra_buffers=False)
    yield model
    model.close()


def test_a_real_cache_that_is_full(gemma):
    context = LlamaContext(gemma, LlamaSettings(3, 2), cells=256, outputs=3)
    assert context.cells == context.batch_tokens == 256
    token = gemma.tokenize(" uno", parse_special=False)[0]
    jobs = [Job(key, [token] * (60 + 30 * key), 6) for key in range(4)]
    context.cells = 4096  # what is not true
    scheduler = Scheduler(context, prefix=[token], stop=["\n"], slots=3, with_logprobs=True)
    found = {one.key: one for ended in scheduler.run(jobs) for one in ended}
    context.close()
    assert sorted(found) == [0, 1, 2, 3]
    assert all(one.sampled_tokens for one in found.values())


@pytest.mark.parametrize("layers", [-1, 0, 7])
def test_the_card_says_how_many_layers_gpus_hold(monkeypatch, layers):
    asked = []
    load = llama_cpp.llama_model_load_from_file

    def spy(path, params):
        asked.append(params.n_gpu_layers)
        return load(path, params)

    monkeypatch.setattr(llama_cpp, "llama_model_load_from_file", spy)
    model = find_model(find_card("smollm2-135m"), "es", "en")
    decoding = replace(model.card.decoding, n_gpu_layers=layers)
    model = replace(model, card=replace(model.card, decoding=decoding))
    with model.open_translator(with_logprobs=False, deterministic=True):
        assert asked[-1] == layers
    assert f"n_gpu_layers = {layers}" in card_text(model.card, "x.gguf") or layers == -1


# In a process of its own: where memory was freed before, taking it again takes none.
TAKE = """
import json, sys
from pathlib import Path
from routelmt_cli.translators.llama_library import LlamaContext, LlamaModel
from routelmt_cli.translators.llama_memory import footprint
from routelmt_cli.translators.llama_settings import LlamaSettings

def resident_bytes():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):  # the weights' file apart
            return int(line.split()[1]) * 1024

settings = LlamaSettings(16, 2, 256, **json.loads(sys.argv[2]))
model = LlamaModel(Path(sys.argv[1]), use_extra_buffers=False)
before = resident_bytes()
context = LlamaContext(model, settings, cells=8192, outputs=16)
context.evaluate(0, [1000] * 256)
print(resident_bytes() - before, footprint(model, settings, 16).bytes(8192))
"""


@pytest.mark.parametrize("options", [{}, {"cache_type": "q8_0"}, {"flash_attention": "off"}])
def test_the_estimate_covers_what_is_taken(options):
    weights = find_weights(find_card("gemma3-270m")).path
    command = [sys.executable, "-c", TAKE, weights, json.dumps(options)]
    child = subprocess.run(command, capture_output=True, text=True, check=True)
    taken, estimated = map(int, child.stdout.split())
    assert taken < estimated < 4 * taken
