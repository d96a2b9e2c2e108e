"""Measure whether memory grows over many small batches, and over opening a model again and again.

Drafts batches of four short segments with Gemma 3 270M, statistics and hidden states kept, with
one loaded model; then scores drafts with one; then opens and closes a model many times. What the
process holds beside mapped files is read in the middle and at the end, since the first half touches
what is allocated once. Times nothing.

    python benchmarks/leak.py --batches 1000 --opened 20

Prints one JSON line; exit code 1 where growth is above ``--most`` bytes a batch, or a mebibyte a
time that a model is opened.
"""

from __future__ import annotations

import argparse
import ctypes
import dataclasses
import gc
import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import llama_cpp

from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.models import Model, find_model
from routelmt_cli.translators.protocol import Request, ScoreRequest

BATCH = 4
WORDS = ["El perro duerme.", "¿Qué hora es?", "Llueve mucho.", "Tengo hambre.", "Buenos días."]
MIB = 1 << 20


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batches", type=int, default=1000)
    parser.add_argument("--opened", type=int, default=20)
    parser.add_argument("--most", type=int, default=2048)
    parser.add_argument("--model", default="gemma3-270m")
    arguments = parser.parse_args()
    model = little(arguments.model)
    growth = {
        "translated": translated(model, arguments.batches),
        "scored": scored(model, arguments.batches),
        "opened": opened(model, arguments.opened),
    }
    most = {"translated": arguments.most, "scored": arguments.most, "opened": MIB}
    result = {
        "benchmark": "leak",
        "model": arguments.model,
        "batches": arguments.batches,
        "opened": arguments.opened,
        "growth_bytes_each": {name: round(value) for name, value in growth.items()},
        "leaks": [name for name, value in growth.items() if value > most[name]],
        "llama_cpp_python": llama_cpp.__version__,
    }
    print(json.dumps(result))
    if result["leaks"]:
        raise SystemExit(1)


def little(name: str) -> Model:
    """Find a model that decodes four sequences of a few tokens."""
    card = find_card(name)
    decoding = dataclasses.replace(
        card.decoding, parallel_sequences=BATCH, cap_ratio=0.1, cap_extra=2, context_tokens=512
    )
    return find_model(dataclasses.replace(card, decoding=decoding), "es", "en")


def translated(model: Model, batches: int) -> float:
    """Return the growth of a batch of drafts."""
    with model.open_translator(
        with_logprobs=True, with_states=True, deterministic=False
    ) as translator:
        return growth(
            lambda number: list(
                translator.translate(
                    Request(item, f"{WORDS[(number + item) % 5]} {number % 50}")
                    for item in range(BATCH)
                )
            ),
            batches,
        )


def scored(model: Model, batches: int) -> float:
    """Return the growth of a batch of scored drafts."""
    with model.open_scorer(with_states=True) as scorer:
        return growth(
            lambda number: list(
                scorer.score(
                    ScoreRequest(item, WORDS[(number + item) % 5], f"Draft {number % 50}.")
                    for item in range(BATCH)
                )
            ),
            batches,
        )


def opened(model: Model, times: int) -> float:
    """Return the growth of opening a model, drafting something and leaving in the middle."""

    def once(_: int) -> None:
        with model.open_translator(with_logprobs=True, deterministic=False) as translator:
            list(islice(translator.translate(Request(i, WORDS[i]) for i in range(5)), 1))

    return growth(once, times)


def growth(run: Callable[[int], object], times: int) -> float:
    """Return by how many bytes each run of the second half lets the process grow."""
    warm = -(-times // 2)
    for number in range(warm):
        run(number)
    before = held_bytes()
    for number in range(warm, times):
        run(number)
    return (held_bytes() - before) / max(1, times - warm)


def held_bytes() -> int:
    """Return what the process holds beside mapped files."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what is free already is no leak
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise OSError("this needs Linux")


if __name__ == "__main__":
    main()
