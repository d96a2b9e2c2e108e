"""The figures of the throughput benchmark, from made-up times; no model is run."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from routelmt_cli.translators.llama_bench import Rates
from routelmt_cli.translators.llama_settings import LlamaSettings

FOLDER = Path(__file__).resolve().parents[3] / "benchmarks"


@pytest.fixture(scope="module")
def throughput():
    pytest.importorskip("llama_cpp")
    spec = importlib.util.spec_from_file_location("throughput", FOLDER / "throughput.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["throughput"] = module  # where its dataclasses look for themselves
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def work(throughput, tmp_path):
    (tmp_path / "toy.gguf").write_bytes(b"GGUF")
    card = SimpleNamespace(
        name="toy", decoding=SimpleNamespace(stop=("\n",), context_tokens=64), prompt=None
    )
    model = SimpleNamespace(card=card, weights=SimpleNamespace(path=tmp_path / "toy.gguf"))
    return throughput.Work(model, ["uno", "dos"], [8, 8], False, LlamaSettings(4, 1))


def test_ratios_are_medians_within_rounds(throughput, work):
    def timed(seconds, *texts):
        return throughput.Timed(seconds, list(texts), prompt_tokens=100, output_tokens=20)

    rounds = [
        {"loop": throughput.Timed(loop, ["a", "c"]), "batched": timed(ours, "a", "b"),
         "statistics": timed(1.5 * ours, "a", "b")}
        for loop, ours in ((4, 1), (10, 2), (9, 3))
    ]  # fmt: skip
    found = throughput.report(work, rounds, [Rates(200, 80)] * 3, {"server 8": "no such module"})
    assert json.loads(json.dumps(found)) == found
    assert found["segments_per_second"]["batched"] == 1.0
    assert found["ratio_to_loop"] == {"loop": 1.0, "batched": 4.0, "statistics": 2.667}
    assert found["ratio_to_server_8"]["batched"] is None
    assert found["share_of_roofline"]["batched"] == pytest.approx((100 / 200 + 20 / 80) / 2)
    assert found["share_of_roofline"]["loop"] is None
    assert found["time_with_statistics"] == 1.5
    assert found["time_when_deterministic"] is None
    assert found["share_of_texts_equal_to_batched"]["loop"] == 0.5
    assert found["skipped"] == {"server 8": "no such module"}


def test_a_server_that_is_not_there_is_skipped_with_its_reason(throughput, work, monkeypatch):
    monkeypatch.setattr(throughput, "full_prompts", lambda _: ["uno:", "dos:"])
    program = "import sys; sys.stdin.read(); raise ModuleNotFoundError('no xllamacpp')"
    monkeypatch.setattr(throughput, "SERVER", work.model.weights.path.with_name("server.py"))
    throughput.SERVER.write_text(program)
    with pytest.raises(throughput.Skipped, match="no xllamacpp"):
        throughput.server(work, python=sys.executable, slots=8)
