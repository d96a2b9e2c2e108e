"""Measure batched decoding against a loop over ``Llama.create_completion``.

Both translate the same segments with the same prompt, greedily, with the same stop rule, caps,
threads and weights settings, in interleaved rounds (A B A B); the ratio of the medians is what to
quote. Loading the model, tokenizing for counts and the journal are not in the times; evaluating
prompts is. The loop keeps llama-cpp-python's own prefix reuse, so it evaluates the examples once.

    python benchmarks/throughput.py --data DIR --segments 96 --rounds 2

Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from pathlib import Path

import llama_cpp
import numpy as np

from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.llama_cpp import LlamaTranslator
from routelmt_cli.translators.llama_prompter import LlamaPrompter
from routelmt_cli.translators.llama_selfcheck import extra_buffers_work
from routelmt_cli.translators.models import Model, find_model
from routelmt_cli.translators.prompt import render_prompt
from routelmt_cli.translators.protocol import Request

Timed = tuple[float, list[str]]


def read_sources(corpus: Path, count: int) -> list[str]:
    """Read the sources of the first segments of a TSV."""
    lines = corpus.read_text("utf-8").split("\n")[1 : count + 1]
    return [line.split("\t")[1] for line in lines]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with ntrex/es-en.tsv")
    parser.add_argument("--segments", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--model", default="gemma3-270m")
    arguments = parser.parse_args()
    sources = read_sources(arguments.data / "ntrex" / "es-en.tsv", arguments.segments)
    model = find_model(find_card(arguments.model), "es", "en")
    extra = extra_buffers_work(model.weights.path, model.weights.sha256)
    threads = len(os.sched_getaffinity(0))
    times: dict[str, list[float]] = {"loop": [], "batched": [], "batched deterministic": []}
    texts: dict[str, list[str]] = {}
    for _ in range(arguments.rounds):
        for name in times:
            seconds, texts[name] = RUNS[name](model, sources, threads, extra)
            times[name].append(seconds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    same = np.mean([a == b for a, b in zip(texts["loop"], texts["batched"], strict=True)])
    result = {
        "benchmark": "throughput",
        "model": model.card.name,
        "segments": len(sources),
        "rounds": arguments.rounds,
        "segments_per_second": {n: round(len(sources) / s, 2) for n, s in medians.items()},
        "ratio_to_loop": {n: round(medians["loop"] / s, 2) for n, s in medians.items()},
        "share_of_equal_texts": round(float(same), 3),
        "parallel_sequences": model.card.decoding.parallel_sequences,
        "threads": threads,
        "repacked_weights": extra,
        "llama_cpp_python": llama_cpp.__version__,
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
    }
    print(json.dumps(result))


def loop(model: Model, sources: list[str], threads: int, extra: bool) -> Timed:
    """Translate one by one with the high-level API."""
    defaults = llama_cpp.llama_model_default_params

    def with_extra() -> object:
        params = defaults()
        params.use_extra_bufts = extra
        return params

    # The high-level class has no switch for repacking; both sides must use the same.
    llama_cpp.llama_cpp.llama_model_default_params = with_extra
    try:
        llama = llama_cpp.Llama(
            str(model.weights.path), n_ctx=1024, n_threads=threads, n_threads_batch=threads,
            verbose=False,
        )  # fmt: skip
    finally:
        llama_cpp.llama_cpp.llama_model_default_params = defaults
    prompt = render_prompt(
        model.card.prompt, "es", "en", chat_template=llama.metadata.get("tokenizer.chat_template")
    )
    with LlamaPrompter.vocabulary_only(model.card, model.weights.path, "es", "en") as prompter:
        caps = prompter.count(sources).cap_tokens
    begun, texts = time.perf_counter(), []
    for source, cap in zip(sources, caps, strict=True):
        text = prompt.prefix + prompt.lead + source.strip() + prompt.suffix
        answer = llama.create_completion(
            text, max_tokens=int(cap), temperature=0.0, stop=list(model.card.decoding.stop)
        )
        texts.append(answer["choices"][0]["text"].strip())
    seconds = time.perf_counter() - begun
    llama.close()
    return seconds, texts


def batched(
    model: Model, sources: list[str], threads: int, extra: bool, *, deterministic: bool = False
) -> Timed:
    """Translate with routelmt's translator."""
    translator = LlamaTranslator(
        model.card,
        model.weights.path,
        source_language="es",
        target_language="en",
        with_logprobs=False,
        deterministic=deterministic,
        threads=threads,
        use_extra_buffers=extra,
    )
    with translator:
        caps = translator.count(sources).cap_tokens
        texts = [""] * len(sources)
        begun = time.perf_counter()
        requests = [Request(int(item), sources[item]) for item in np.argsort(-caps, kind="stable")]
        for commit in translator.translate(requests):
            for outcome in commit:
                texts[outcome.item] = outcome.text
        return time.perf_counter() - begun, texts


def deterministic(model: Model, sources: list[str], threads: int, extra: bool) -> Timed:
    """Translate in static groups."""
    return batched(model, sources, threads, extra, deterministic=True)


RUNS = {"loop": loop, "batched": batched, "batched deterministic": deterministic}

if __name__ == "__main__":
    main()
