"""Measure segments per second by the workers of a Ray cluster, and what the driver can do.

Three questions, each measured side by side in every round. ``model``: a GGUF model in this process
with all threads, and with one and more workers of one thread each on this machine's cluster.
``waiting``: stand-ins that take a fixed time for a segment and no processor, as workers on other
machines do, so that the ideal is known; their processors are only counted. ``driver``: stand-ins
that take no time, so that what is measured is the driver, with and without its journal. Starting
the cluster, loading, token counts and planning are not in the times; the journal is in ``driver``
alone, on the disk of ``--folder``.

    python benchmarks/ray_scaling.py --segments 120 --rounds 3

Prints one JSON line.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from routelmt_cli.run.engines import ray_cluster
from routelmt_cli.run.engines.engine import LocalEngine
from routelmt_cli.run.engines.ray_engine import RayEngine
from routelmt_cli.run.hypotheses import Hypothesis
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.tiers import LARGE
from routelmt_cli.translators.card import load_card
from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.models import Model, find_model
from routelmt_cli.translators.protocol import Outcome, Request, Translator
from routelmt_cli.translators.ray_card import RayCard

ROOT = Path(__file__).resolve().parents[1]
CARD = """\
name = "bench"
backend = "stand-in"
[price]
usd_per_million_tokens = {{ input = 0, output = 0 }}
[decoding]
parallel_sequences = {sequences}
[stand_in]
seconds_per_request = {seconds}
"""
OPTIONS: dict[str, Any] = {
    "with_logprobs": False,
    "with_states": False,
    "deterministic": False,
    "demand": None,
}
WAVE = 4096


def with_workers(model: Model, workers: int) -> Model:
    """Return a model whose card asks for so many workers of one thread."""
    card = replace(model.card, ray=RayCard(num_cpus=1, num_gpus=0.0, replicas=workers))
    return replace(model, card=card)


def stand_in(folder: Path, seconds: float, sequences: int) -> Model:
    """Make a model that takes some seconds for a segment."""
    path = folder / "card.toml"
    path.write_text(CARD.format(seconds=seconds, sequences=sequences), "utf-8")
    return find_model(load_card(path), "es", "en")


def wait_for_all(translator: Any) -> None:
    """Let every worker load the model."""
    while not all(one.loaded for one in translator._workers):
        list(translator.translate([Request(0, "Hola.")]))


def seconds_of(commits: Iterable[Sequence[Outcome]], expected: int) -> float:
    """Return the seconds that all commits take."""
    begun = time.perf_counter()
    found = sum(len(commit) for commit in commits)
    seconds = time.perf_counter() - begun
    if found != expected:
        raise SystemExit(f"{found} outcomes for {expected} sources")
    return seconds


def requests(sources: Sequence[str]) -> Iterator[Request]:
    """Make requests of sources."""
    return (Request(item, source) for item, source in enumerate(sources))


def settled(
    translator: Translator, sources: Sequence[str], folder: Path
) -> Iterator[Sequence[Outcome]]:
    """Yield the commits of waves, each settled in a journal before it is yielded."""
    with Journal(folder / "journal.sqlite") as journal:
        for first in range(0, len(sources), WAVE):
            items = np.arange(first, min(len(sources), first + WAVE))
            wave = journal.reserve(LARGE, items, np.zeros(len(items), np.int64), budget_nanousd=0)
            own = (Request(item, sources[item]) for item in items.tolist())
            for commit in translator.translate(own):
                journal.settle(wave, [hypothesis(outcome) for outcome in commit])
                yield commit


def hypothesis(outcome: Outcome) -> Hypothesis:
    """Make of an outcome what a journal keeps."""
    return Hypothesis(
        item=outcome.item,
        text=outcome.text,
        prompt_tokens=outcome.prompt_tokens,
        output_tokens=outcome.output_tokens,
        truncated=outcome.truncated,
        token_logprobs=None,
        failure=None,
        spend_nanousd=0,
    )


def measure_model(engine: RayEngine, sources: list[str], options: Any) -> dict[str, list[float]]:
    """Measure a GGUF model here and in workers."""
    model = find_model(find_card(options.model), "es", "en")
    times: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        with LocalEngine().open(model, **OPTIONS) as translator:
            taken = seconds_of(translator.translate(requests(sources)), len(sources))
            times.setdefault("local", []).append(taken)
        for workers in options.workers:
            with engine.open(with_workers(model, workers), **OPTIONS) as translator:
                wait_for_all(translator)
                taken = seconds_of(translator.translate(requests(sources)), len(sources))
                times.setdefault(str(workers), []).append(taken)
    return times


def measure_waiting(engine: RayEngine, options: Any, folder: Path) -> dict[str, list[float]]:
    """Measure stand-ins that wait."""
    model = stand_in(folder, options.milliseconds / 1000, 16)
    times: dict[str, list[float]] = {}
    sources = ["una frase"] * options.waiting_segments
    for _ in range(options.rounds):
        for workers in options.waiting_workers:
            with engine.open(with_workers(model, workers), **OPTIONS) as translator:
                wait_for_all(translator)
                taken = seconds_of(translator.translate(requests(sources)), len(sources))
                times.setdefault(str(workers), []).append(taken)
    return times


def measure_driver(engine: RayEngine, options: Any, folder: Path) -> dict[str, list[float]]:
    """Measure what the driver does with outcomes that take no time, with a journal and without."""
    model = stand_in(folder, 0, 255)
    times: dict[str, list[float]] = {}
    sources = [f"una frase de unas palabras, número {n}" for n in range(options.driver_segments)]
    for mode in ("steps", "groups"):
        opened = {**OPTIONS, "deterministic": mode == "groups"}
        decoding = replace(model.card.decoding, parallel_sequences=16 if mode == "groups" else 255)
        sized = replace(model, card=replace(model.card, decoding=decoding))
        with engine.open(with_workers(sized, 2), **opened) as translator:
            wait_for_all(translator)
            for _ in range(options.rounds):
                taken = seconds_of(translator.translate(requests(sources)), len(sources))
                times.setdefault(f"{mode}, no journal", []).append(taken)
                with tempfile.TemporaryDirectory(dir=options.folder) as own:
                    commits = settled(translator, sources, Path(own))
                    taken = seconds_of(commits, len(sources))
                times.setdefault(f"{mode}, journal", []).append(taken)
    return times


def rates(times: dict[str, list[float]], segments: int, against: str) -> dict[str, Any]:
    """Return segments per second, and the median ratio to another case of the same round."""
    return {
        name: {
            "segments_per_second": round(segments / statistics.median(taken), 1),
            f"over_{against}": round(
                statistics.median(
                    other / one for one, other in zip(taken, times[against], strict=True)
                ),
                2,
            ),
        }
        for name, taken in times.items()
    }


def main() -> None:
    """Run the rounds and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="smollm2-135m", help="a card")
    parser.add_argument("--segments", type=int, default=120, help="for the model")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--milliseconds", type=float, default=20.0, help="of a stand-in's segment")
    parser.add_argument("--waiting-segments", type=int, default=400)
    parser.add_argument("--waiting-workers", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--driver-segments", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(), help="where the journal is")
    options = parser.parse_args()
    with (ROOT / "examples" / "es-en.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    sources = [row["source"] for row in rows if row["source"]][: options.segments]
    here = len(os.sched_getaffinity(0))
    counted = max(here, *options.workers, *options.waiting_workers)
    ray_cluster._own_cpus = lambda: counted  # type: ignore[assignment]
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        engine = opened.enter_context(RayEngine(None, []))
        waiting = measure_waiting(engine, options, folder)
        driver = measure_driver(engine, options, folder)
        model = measure_model(engine, sources, options)
    first, least = str(options.workers[0]), str(options.waiting_workers[0])
    print(
        json.dumps(
            {
                "benchmark": "ray_scaling",
                "rounds": options.rounds,
                "model": {options.model: rates(model, len(sources), first)},
                "waiting": rates(waiting, options.waiting_segments, least),
                "driver": rates(driver, options.driver_segments, "steps, no journal"),
                "processors": here,
                "machine": platform.machine(),
            }
        )
    )


if __name__ == "__main__":
    main()
