"""How large a cache is made, and what happens where it is too small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_llama import ToyContext, ToyModel, toy_card

from routelmt_cli.errors import MidRunError
from routelmt_cli.translators import free_memory, llama_session
from routelmt_cli.translators.demand import Demand
from routelmt_cli.translators.llama_cpp import LlamaTranslator
from routelmt_cli.translators.llama_library import NoRoomError
from routelmt_cli.translators.llama_memory import Footprint, cache_cells
from routelmt_cli.translators.llama_schedule import Job, Scheduler
from routelmt_cli.translators.llama_settings import LlamaSettings
from routelmt_cli.translators.protocol import Request, TokenCounts

PREFIX = 5


def counts_of(requests):
    """Count requests that are given as lists of (prompt, cap) of their parts."""
    columns = np.zeros((4, len(requests)), np.int64)
    for column, parts in enumerate(requests):
        for prompt, cap in parts:
            columns[:3, column] += (prompt, prompt, cap)
            columns[3, column] = max(columns[3, column], PREFIX + prompt + cap)
    return TokenCounts(*columns)


PARTS = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), max_size=4)


@given(st.lists(PARTS, max_size=12), st.integers(1, 12), st.integers(0, 12), st.randoms())
def test_no_sequences_that_run_together_need_more_than_the_demand(requests, together, split, luck):
    blocks = [counts_of(requests[:split]), counts_of(requests[split:])]
    demand = Demand.of(blocks, PREFIX)
    parts = [prompt + cap for request in requests for prompt, cap in request]
    running = luck.sample(parts, min(together, len(parts)))
    assert demand.cells(together) >= PREFIX + sum(running)
    assert demand.longest == PREFIX + max(parts, default=0)
    assert demand.cells(together) <= PREFIX + together * max(parts, default=0)


def test_a_full_demand_fills_the_context():
    assert Demand.full(PREFIX, 105).cells(4) == PREFIX + 400


# -- what is free --------------------------------------------------------------------------------


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Lay out a machine's files: 8 GiB free, no control group."""
    files = {"meminfo": "MemTotal: 99 kB\nMemAvailable:    8388608 kB\n", "own": "0::/\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "groups").mkdir()
    monkeypatch.setattr(free_memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(free_memory, "_OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(free_memory, "_GROUPS", tmp_path / "groups")
    return tmp_path


def limit(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text + "\n")


def test_free_memory_is_the_machines(machine):
    assert free_memory.free_bytes() == 8 << 30


def test_free_memory_is_the_strictest_groups(machine):
    (machine / "own").write_text("0::/user/job\n")
    groups = machine / "groups"
    limit(groups / "user" / "job", memory__max="max", memory__current="5")
    stat = "anon 7\ninactive_file 100"
    limit(groups / "user", memory__max="2000", memory__current="1500", memory__stat=stat)
    assert free_memory.free_bytes() == 600


def test_free_memory_of_a_legacy_group(machine):
    (machine / "own").write_text("3:cpu:/a\n2:memory,other:/docker/123\n0::/\n")
    root = machine / "groups" / "memory"
    limit(root, memory__limit_in_bytes="900", memory__usage_in_bytes="1000")
    assert free_memory.free_bytes() == 0


def test_free_memory_is_unknown_elsewhere(machine):
    for name in ("meminfo", "own"):
        (machine / name).unlink()
    assert free_memory.free_bytes() is None


# -- how large the cache is ----------------------------------------------------------------------

SIZE = Footprint(cell_bytes=1000, fixed_bytes=50_000)
DEMAND = Demand(100, 300, np.full(255, 200))


def cells(free, *, all_at_once=False):
    return cache_cells(
        DEMAND, LlamaSettings(16, 1), SIZE, name="toy", card_path=Path("toy.toml"),
        weights_bytes=10**6, free=free, all_at_once=all_at_once,
    )  # fmt: skip


def test_a_cache_is_as_large_as_the_corpus_needs_and_the_memory_allows():
    assert cells(None) == cells(10**9) == 100 + 16 * 200
    assert cells(2_000_000) == int((0.9 * 2_000_000 - 10**6 - 50_000) / 1000)


def test_not_even_one_sequence_fits():
    with pytest.raises(MidRunError) as caught:
        cells(1_400_000)
    assert caught.value.message == (
        "model 'toy' needs 1 MB for its weights and 1 MB for one sequence of up to 300 tokens, "
        "but only 1 MB of memory are free"
    )
    assert "lower context_tokens in toy.toml" in caught.value.hint


def test_a_group_that_must_be_decoded_together_is_not_made_smaller():
    assert cells(10**9, all_at_once=True) == 3300
    with pytest.raises(MidRunError, match="16 sequences") as caught:
        cells(4_000_000, all_at_once=True)
    assert "lower parallel_sequences" in caught.value.hint


# -- too small a cache ---------------------------------------------------------------------------

JOBS = [Job(key, [80 + key, *range(60, 60 + 3 * key)], 12) for key in range(8)]


def decode(context, *, with_states=False, jobs=JOBS, slots=4):
    scheduler = Scheduler(
        context, prefix=[90, 91], stop=["\n"], slots=slots, with_logprobs=True,
        with_states=with_states,
    )  # fmt: skip
    return {one.key: one for ended in scheduler.run(jobs) for one in ended}


def toy(cells):
    return ToyContext(ToyModel(), LlamaSettings(4, 1), cells=cells, outputs=4)


@pytest.mark.parametrize("with_states", [False, True])
def test_sequences_wait_for_room(with_states):
    expected = decode(toy(1000), with_states=with_states)
    for room in (2 + JOBS[-1].cells, 60, 90):
        found = decode(toy(room), with_states=with_states)  # which asserts that it is never full
        assert {key: one.data for key, one in found.items()} == {
            key: one.data for key, one in expected.items()
        }


@pytest.mark.parametrize("with_states", [False, True])
@pytest.mark.parametrize("really", [35, 37, 40])
def test_a_full_cache_makes_fewer_run_together(really, with_states):
    class Deceiving(ToyContext):
        """Claims more room than it has, as fragmented or windowed caches do."""

        shortages = 0

        def decode(self, tokens, **options):
            if self.cells_held + tokens > really:
                self.shortages += 1
                raise NoRoomError("full")
            return super().decode(tokens, **options)

    context = Deceiving(ToyModel(), LlamaSettings(4, 1), cells=1000, outputs=4)
    found = decode(context, with_states=with_states)
    assert context.shortages
    for key, one in decode(toy(1000), with_states=with_states).items():
        assert (found[key].data, found[key].sampled_tokens) == (one.data, one.sampled_tokens)
        np.testing.assert_array_equal(found[key].statistics.logprobs, one.statistics.logprobs)


def test_a_sequence_that_never_fits_is_an_error():
    class Full(ToyContext):
        def decode(self, tokens, **options):
            raise NoRoomError("full")

    with pytest.raises(NoRoomError, match="does not hold one sequence"):
        decode(Full(ToyModel(), LlamaSettings(4, 1), cells=1000, outputs=4))


def test_a_translator_makes_do_with_little_memory(monkeypatch):
    monkeypatch.setattr(llama_session, "LlamaModel", lambda *_, **__: ToyModel())
    monkeypatch.setattr(llama_session, "LlamaContext", ToyContext)
    texts = []
    for free in (None, 2_080_000):
        monkeypatch.setattr(llama_session, "free_bytes", lambda free=free: free)
        with LlamaTranslator(
            toy_card(), Path("toy"), source_language="es", target_language="en", with_logprobs=False
        ) as translator:
            commits = translator.translate(Request(i, "uno dos tres" * i) for i in range(9))
            texts.append({o.item: o.text for commit in commits for o in commit})
    assert texts[0] == texts[1]
