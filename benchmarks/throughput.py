"""Measure batched decoding against other ways of running a corpus through a GGUF model.

All variants translate the same segments with the same prompt, greedily, with the same stop rule,
caps, threads and weights settings, in interleaved rounds (A B C, A B C, ...); ratios are medians
of the ratios within a round.

- ``loop``: one by one through ``Llama.create_completion``, with its prefix reuse
- ``server 8``, ``server 16``: llama.cpp's own server with so many slots and clients, prompt cache,
  unified cache (the package xllamacpp; ``--server-python`` names an interpreter that has it)
- ``batched``: routelmt's translator, as for the large model
- ``statistics``: the same with log-probabilities, entropies and margins; ``states``: and hidden
  states; both as for the drafting model
- ``deterministic``: the same as ``batched``, in static groups
- ``unsorted``: the same as ``batched``, in a random order instead of the longest first
- ``tuned``: the same as ``batched``, with the settings that ``routelmt models bench`` kept

The roofline is what llama.cpp takes for made-up segments of the same mean lengths, with as many
sequences, no sampling and no admission; it is measured once in every round. Loading, tokenizing for
counts and the journal are not in the times; evaluating prompts is, the shared prefix but for
``loop``'s first segment is not.

    python benchmarks/throughput.py --data DIR --segments 96 --rounds 3

Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import llama_cpp
import numpy as np

from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.llama_bench import Rates, Shape, measure
from routelmt_cli.translators.llama_cpp import LlamaTranslator
from routelmt_cli.translators.llama_library import LlamaContext, LlamaModel
from routelmt_cli.translators.llama_selfcheck import extra_buffers_work
from routelmt_cli.translators.llama_settings import (
    LlamaSettings,
    default_settings,
    kept_settings,
)
from routelmt_cli.translators.models import Model, find_model
from routelmt_cli.translators.prompt import render_prompt
from routelmt_cli.translators.protocol import Request

SOURCE, TARGET = "es", "en"
SERVER = Path(__file__).with_name("llama_server.py")


@dataclass(frozen=True)
class Work:
    """What every variant does; the longest segments first, as a run sends them."""

    model: Model
    sources: list[str]
    caps: list[int]
    extra_buffers: bool
    settings: LlamaSettings


@dataclass(frozen=True)
class Timed:
    """What a variant took; tokens where they are known."""

    seconds: float
    texts: list[str]
    prompt_tokens: int = 0
    output_tokens: int = 0


class Skipped(Exception):  # noqa: N818 (not an error)
    """A variant cannot be run here, and why."""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with ntrex/es-en.tsv")
    parser.add_argument("--segments", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="gemma3-270m")
    parser.add_argument("--variants", help="comma-separated; all by default")
    parser.add_argument("--server-python", default=sys.executable, help="that has xllamacpp")
    arguments = parser.parse_args()
    work = prepare(arguments.data / "ntrex" / "es-en.tsv", arguments.model, arguments.segments)
    variants = all_variants(arguments.server_python)
    chosen = arguments.variants.split(",") if arguments.variants else list(variants)
    skipped: dict[str, str] = {}
    rounds: list[dict[str, Timed]] = []
    rates: list[Rates] = []
    for _ in range(arguments.rounds):
        done: dict[str, Timed] = {}
        for name in chosen:
            if name in skipped:
                continue
            try:
                done[name] = variants[name](work)
            except Skipped as reason:
                skipped[name] = str(reason)
        if "batched" in done:
            rates.append(roofline(work, done["batched"]))
        rounds.append(done)
    print(json.dumps(report(work, rounds, rates, skipped)))


def prepare(corpus: Path, model_name: str, count: int) -> Work:
    """Read the sources of the first segments of a TSV, and find the model."""
    lines = corpus.read_text("utf-8").split("\n")[1 : count + 1]
    sources = [line.split("\t")[1].strip() for line in lines]
    model = find_model(find_card(model_name), SOURCE, TARGET)
    with model.open_counter() as counter:
        caps = counter.count(sources).cap_tokens
    order = np.argsort(-caps, kind="stable").tolist()
    return Work(
        model,
        [sources[item] for item in order],
        caps[order].tolist(),
        extra_buffers_work(model.weights.path, model.weights.sha256),
        default_settings(model.card),
    )


def all_variants(server_python: str) -> dict[str, Callable[[Work], Timed]]:
    """Name every variant, in the order of a round."""
    return {
        "loop": loop,
        "server 8": partial(server, python=server_python, slots=8),
        "server 16": partial(server, python=server_python, slots=16),
        "batched": batched,
        "statistics": partial(batched, with_logprobs=True),
        "states": partial(batched, with_logprobs=True, with_states=True),
        "deterministic": partial(batched, deterministic=True),
        "unsorted": unsorted,
        "tuned": tuned,
    }


def loop(work: Work) -> Timed:
    """Translate one by one with the high-level API."""
    defaults = llama_cpp.llama_model_default_params

    def with_extra() -> object:
        params = defaults()
        params.use_extra_bufts = work.extra_buffers
        return params

    # The high-level class has no switch for repacking; all sides must use the same.
    llama_cpp.llama_cpp.llama_model_default_params = with_extra
    try:
        llama = llama_cpp.Llama(
            str(work.model.weights.path), n_ctx=work.model.card.decoding.context_tokens,
            n_threads=work.settings.threads, n_threads_batch=work.settings.threads, verbose=False,
        )  # fmt: skip
    finally:
        llama_cpp.llama_cpp.llama_model_default_params = defaults
    prompts = full_prompts(work)
    with closing(llama):
        begun, texts = time.perf_counter(), []
        for prompt, cap in zip(prompts, work.caps, strict=True):
            answer = llama.create_completion(
                prompt, max_tokens=cap, temperature=0.0, stop=list(work.model.card.decoding.stop)
            )
            texts.append(answer["choices"][0]["text"].strip())
        return Timed(time.perf_counter() - begun, texts)


def full_prompts(work: Work) -> list[str]:
    """Return every prompt as one text."""
    with closing(LlamaModel(work.model.weights.path, vocabulary_only=True)) as model:
        prompt = render_prompt(
            work.model.card.prompt, SOURCE, TARGET,
            chat_template=model.metadata("tokenizer.chat_template"),
        )  # fmt: skip
    return [prompt.prefix + prompt.lead + text + prompt.suffix for text in work.sources]


def server(work: Work, *, python: str, slots: int) -> Timed:
    """Translate through llama.cpp's server, in a process of its own."""
    asked = {
        "model": str(work.model.weights.path),
        "prompts": full_prompts(work),
        "caps": work.caps,
        "stop": list(work.model.card.decoding.stop),
        "slots": slots,
        "threads": work.settings.threads,
        "context_tokens": work.model.card.decoding.context_tokens,
        "extra_buffers": work.extra_buffers,
    }
    child = subprocess.run(
        [python, str(SERVER)], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    if child.returncode:
        lines = child.stderr.strip().splitlines() or [f"exit code {child.returncode}"]
        raise Skipped(lines[-1])
    answer = json.loads(child.stdout.splitlines()[-1])
    return Timed(answer["seconds"], answer["texts"])


def batched(
    work: Work,
    *,
    with_logprobs: bool = False,
    with_states: bool = False,
    deterministic: bool = False,
    settings: LlamaSettings | None = None,
) -> Timed:
    """Translate with routelmt's translator."""
    translator = LlamaTranslator(
        work.model.card,
        work.model.weights.path,
        source_language=SOURCE,
        target_language=TARGET,
        with_logprobs=with_logprobs,
        with_states=with_states,
        deterministic=deterministic,
        settings=settings or work.settings,
        use_extra_buffers=work.extra_buffers,
    )
    with translator:
        begun = time.perf_counter()
        outcomes = sorted(
            (
                outcome
                for commit in translator.translate(map(Request, range(10**9), work.sources))
                for outcome in commit
            ),
            key=lambda outcome: outcome.item,
        )
        seconds = time.perf_counter() - begun
    return Timed(
        seconds,
        [outcome.text for outcome in outcomes],
        sum(outcome.prompt_tokens for outcome in outcomes),
        sum(outcome.output_tokens for outcome in outcomes),
    )


def unsorted(work: Work) -> Timed:
    """Translate in a random order; texts come out in the order of the others."""
    order = np.random.default_rng(0).permutation(len(work.sources)).tolist()
    done = batched(replace(work, sources=[work.sources[item] for item in order]))
    texts = dict(zip(order, done.texts, strict=True))
    return replace(done, texts=[texts[item] for item in range(len(order))])


def tuned(work: Work) -> Timed:
    """Translate with the settings that were found fastest."""
    settings = kept_settings(work.model.weights.sha256)
    if settings is None:
        raise Skipped(f"run 'routelmt models bench {work.model.card.name}' first")
    return batched(work, settings=settings)


def roofline(work: Work, done: Timed) -> Rates:
    """Measure made-up segments of the same mean lengths."""
    count = len(work.sources)
    with work.model.open_counter() as counter:
        prefix = counter.prefix_tokens
    shape = Shape(prefix, round(done.prompt_tokens / count), round(done.output_tokens / count))
    sequences = min(work.settings.sequences, count)
    cells = shape.prefix + sequences * (shape.prompt + shape.output)
    path = work.model.weights.path
    with closing(LlamaModel(path, use_extra_buffers=work.extra_buffers)) as model:
        context = LlamaContext(model, work.settings, cells=cells, outputs=sequences)
        with closing(context):
            return measure(context, sequences, shape, seconds=60)


def report(
    work: Work, rounds: list[dict[str, Timed]], rates: list[Rates], skipped: dict[str, str]
) -> dict[str, object]:
    """Gather the figures."""
    names = list(rounds[0])
    count = len(work.sources)

    def speed(name: str) -> float:
        return round(count / statistics.median(done[name].seconds for done in rounds), 3)

    def ratio(slow: str, fast: str) -> float | None:
        """Say how many times faster one is than the other."""
        if slow not in names or fast not in names:
            return None
        found = [done[slow].seconds / done[fast].seconds for done in rounds]
        return round(statistics.median(found), 3)

    def share_of_roofline(name: str) -> float | None:
        if not rates or not rounds[0][name].output_tokens:
            return None
        found = [
            (done[name].prompt_tokens / rate.input + done[name].output_tokens / rate.output)
            / done[name].seconds
            for done, rate in zip(rounds, rates, strict=True)
        ]
        return round(statistics.median(found), 3)

    def equal_texts(name: str) -> float:
        ours = rounds[0]["batched"].texts
        pairs = zip(ours, rounds[0][name].texts, strict=True)
        return round(float(np.mean([one == other for one, other in pairs])), 3)

    median = statistics.median
    return {
        "benchmark": "throughput",
        "model": work.model.card.name,
        "segments": count,
        "rounds": len(rounds),
        "segments_per_second": {name: speed(name) for name in names},
        "ratio_to_loop": {name: ratio("loop", name) for name in names},
        "ratio_to_server_8": {name: ratio("server 8", name) for name in names},
        "ratio_to_server_16": {name: ratio("server 16", name) for name in names},
        "share_of_roofline": {name: share_of_roofline(name) for name in names},
        "roofline_tokens_per_second": {
            "input": round(median(rate.input for rate in rates), 1),
            "output": round(median(rate.output for rate in rates), 1),
        }
        if rates
        else None,
        "time_with_statistics": ratio("statistics", "batched"),
        "time_with_statistics_and_states": ratio("states", "batched"),
        "time_when_deterministic": ratio("deterministic", "batched"),
        "time_when_unsorted": ratio("unsorted", "batched"),
        "share_of_texts_equal_to_batched": {name: equal_texts(name) for name in names}
        if "batched" in names
        else None,
        "skipped": skipped,
        "settings": vars(work.settings),
        "repacked_weights": work.extra_buffers,
        "llama_cpp_python": llama_cpp.__version__,
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
    }


if __name__ == "__main__":
    main()
