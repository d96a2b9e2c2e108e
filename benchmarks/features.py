"""Time the features on made-up or given texts and print one line of JSON.

Three timings, each the best of ``--repeats`` and given as segments a second: ``text`` is every
feature but those that need a background, token statistics included; ``background`` is
SentencePiece and word coverage alone; ``all`` is the whole matrix. They exclude starting Python,
reading the file, making token statistics, and fitting the background, which ``fit_seconds`` has.
``cpu_seconds`` is the processor time of all threads in the best run. As many threads are used as
the process may use processors (``taskset -c 0`` shows one).

The made-up corpus: source words drawn by Zipf's law from 20,000, each with a fixed translation
that the draft has nine times in ten, about 100 characters a segment. A file is repeated until it
has ``--segments`` rows; the draft is its column ``draft``, or ``reference`` where it has none.

    python benchmarks/features.py --segments 40000
    python benchmarks/features.py --data build/data/wmt22/en-de.OpenNMT.Online-W.tsv
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from itertools import chain, islice, repeat
from pathlib import Path

import numpy as np
import sentencepiece

from routelmt_cli.features.background import fit_background
from routelmt_cli.features.compute import (
    DraftTable,
    compute_background_features,
    compute_features,
)
from routelmt_cli.features.schema import FEATURE_NAMES, SCHEMA_VERSION

FITTED_SEGMENTS = 2_000
_VOCABULARY = 20_000
_SYLLABLES = ("ka", "lo", "mi", "ter", "an", "su", "ve", "rin", "o", "del", "pa", "esh")


def make_corpus(segments: int, seed: int) -> tuple[list[str], list[str]]:
    """Make sources and drafts of about 100 characters."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 5, size=2 * _VOCABULARY)
    syllables = np.array(_SYLLABLES)[random.integers(len(_SYLLABLES), size=int(sizes.sum()))]
    words = ["".join(part) for part in np.split(syllables, np.cumsum(sizes)[:-1])]
    chances = 1 / np.arange(1, _VOCABULARY + 1)
    chances /= chances.sum()
    sources, drafts = [], []
    for length in random.integers(8, 28, size=segments).tolist():
        picked = random.choice(_VOCABULARY, size=length, p=chances)
        kept = random.random(length) < 0.9
        made = np.where(kept, picked, random.integers(_VOCABULARY, size=length)) + _VOCABULARY
        number = f" {length},{segments}" if length % 4 == 0 else ""
        for texts, chosen in ((sources, picked), (drafts, made)):
            texts.append(" ".join(words[one] for one in chosen).capitalize() + number + ".")
    return sources, drafts


def read_corpus(path: Path, segments: int) -> tuple[list[str], list[str]]:
    """Read the sources and drafts of a TSV, again and again until there are enough."""
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    names = header.split("\t")
    columns = (names.index("source"), names.index("draft" if "draft" in names else "reference"))
    rows = [line.split("\t") for line in lines]
    repeated = list(islice(chain.from_iterable(repeat(rows)), segments))
    sources, drafts = ([row[column] for row in repeated] for column in columns)
    return sources, drafts


def make_table(sources: list[str], drafts: list[str], seed: int) -> DraftTable:
    """Add token statistics: a token for four characters of a draft."""
    random = np.random.default_rng(seed)
    lengths = np.array([len(draft) // 4 for draft in drafts])

    def statistics(scale: float) -> list[np.ndarray]:
        values = scale * random.exponential(size=int(lengths.sum())).astype(np.float32)
        return np.split(values, np.cumsum(lengths)[:-1])

    return DraftTable(
        sources=sources,
        drafts=drafts,
        source_tokens=np.array([len(source) // 4 for source in sources]),
        draft_tokens=lengths,
        token_logprobs=statistics(-1.0),
        truncated=np.zeros(len(sources), dtype=bool),
        token_entropies=statistics(1.0),
        token_margins=statistics(3.0),
    )


def measure(work: Callable[[], object], segments: int, repeats: int) -> dict[str, float]:
    """Time some work several times and keep the best."""
    timings = []
    for _ in range(repeats):
        start, start_cpu = time.perf_counter(), time.process_time()
        work()
        timings.append((time.perf_counter() - start, time.process_time() - start_cpu))
    seconds, cpu_seconds = min(timings)
    return {
        "segments_per_second": round(segments / seconds),
        "seconds": round(seconds, 4),
        "cpu_seconds": round(cpu_seconds, 4),
    }


def main() -> None:
    """Measure the three sets of features and print the line."""
    parser = argparse.ArgumentParser(description="Time the features; see the module's docstring.")
    parser.add_argument("--data", type=Path, help="a TSV with the columns source and draft")
    parser.add_argument("--segments", type=int, default=40_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    segments = arguments.segments
    if arguments.data:
        sources, drafts = read_corpus(arguments.data, segments)
    else:
        sources, drafts = make_corpus(segments, arguments.seed)
    table = make_table(sources, drafts, arguments.seed)
    start = time.perf_counter()
    background = fit_background(sources[:FITTED_SEGMENTS], drafts[:FITTED_SEGMENTS])
    fit_seconds = time.perf_counter() - start
    compute_features(table.rows(0, 100), background)
    works = {
        "text": lambda: compute_features(table, None),
        "background": lambda: compute_background_features(table, background),
        "all": lambda: compute_features(table, background),
    }
    line = {
        "benchmark": "features",
        "schema_version": SCHEMA_VERSION,
        "features": len(FEATURE_NAMES),
        "data": arguments.data.name if arguments.data else "made up",
        "segments": segments,
        "source_characters": round(sum(map(len, sources)) / segments, 1),
        "draft_characters": round(sum(map(len, drafts)) / segments, 1),
        "repeats": arguments.repeats,
        "seed": arguments.seed,
        "fitted_segments": min(FITTED_SEGMENTS, segments),
        "fit_seconds": round(fit_seconds, 3),
        "results": {
            name: measure(work, segments, arguments.repeats) for name, work in works.items()
        },
        "machine": {
            "cpu_count": os.cpu_count(),
            "usable_cpus": len(os.sched_getaffinity(0)),
            "machine": platform.machine(),
            "system": platform.system(),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "sentencepiece": sentencepiece.__version__,
        },
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
