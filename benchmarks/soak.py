"""Translate a corpus of many segments with stand-in models and say what routelmt itself costs.

The run is a ``translate`` in a process of its own, with a budget that buys about a third of the
retranslations. ``peak_memory_mib`` is that process's, ``imports_memory_mib`` what it held before it
began. ``seconds`` are wall time by stage, ``outside_translator`` what is left of all of it without
the stand-ins' own. A stand-in commits every segment alone, as a batched model does when sequences
end one by one, or with ``--deterministic`` in groups of 16; each commit is synced to the disk that
``--folder`` lies on, which dominates on slow ones. Making the corpus and the router is not in the
times. The segments are made up: distinct but for one in fifty, about 70 characters each.

    python benchmarks/soak.py --segments 1000000
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # for the stand-ins

_VOCABULARY = 20_000
_SYLLABLES = ("ka", "lo", "mi", "ter", "an", "su", "ve", "rin", "o", "del", "pa", "esh")
_REPEATED_SHARE = 0.02
_BLOCK = 10_000
_NANOUSD_PER_SEGMENT = 26_000


def write_corpus(path: Path, segments: int, seed: int) -> None:
    """Write made-up segments as TSV, or as parquet where the path ends so."""
    with ExitStack() as opened:
        write: Callable[[int, list[str]], object]
        if path.suffix == ".parquet":
            schema = pa.schema([("id", pa.int64()), ("source", pa.string())])
            writer = opened.enter_context(pq.ParquetWriter(path, schema))

            def write(first: int, texts: list[str]) -> None:
                ids = range(first, first + len(texts))
                writer.write_table(pa.table([pa.array(ids), texts], schema))
        else:
            file = opened.enter_context(path.open("w", encoding="utf-8"))
            file.write("id\tsource\n")

            def write(first: int, texts: list[str]) -> None:
                file.writelines(f"{first + row}\t{text}\n" for row, text in enumerate(texts))

        for first, texts in made_up(segments, seed):
            write(first, texts)


def made_up(segments: int, seed: int) -> Iterator[tuple[int, list[str]]]:
    """Make segments, block by block, each with the number of its first."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 5, _VOCABULARY)
    syllables = np.array(_SYLLABLES)[random.integers(len(_SYLLABLES), size=int(sizes.sum()))]
    words = ["".join(part) for part in np.split(syllables, np.cumsum(sizes)[:-1])]
    for first in range(0, segments, _BLOCK):
        count = min(_BLOCK, segments - first)
        lengths = random.integers(4, 24, count)
        picked = random.integers(_VOCABULARY, size=int(lengths.sum())).tolist()
        texts, begin = [], 0
        for length in lengths.tolist():
            texts.append(" ".join(words[one] for one in picked[begin : begin + length]))
            begin += length
        for row in np.flatnonzero(random.random(count) < _REPEATED_SHARE).tolist():
            texts[row] = texts[0]
        yield first, texts


def count_rows(path: Path) -> int:
    """Count the rows of an output."""
    if path.suffix == ".parquet":
        return int(pq.read_metadata(path).num_rows)
    with path.open("rb") as file:
        return sum(1 for _ in file) - 1


class Stopwatch:
    """Counts the seconds that an iterator takes to give its next value."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timing(self, translate: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """Wrap a translator's method."""

        def timed(*arguments: Any) -> Iterator[Any]:
            commits = translate(*arguments)
            while True:
                begun = time.perf_counter()
                commit = next(commits, None)
                self.seconds += time.perf_counter() - begun
                if commit is None:
                    return
                yield commit

        return timed


def memory_mib() -> int:
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def run(folder: Path, ending: str, budget: int, deterministic: bool, answers: Any) -> None:
    """Translate the corpus in a folder, and answer with what it took."""
    from routelmt_cli.run.options import CorpusOptions, PairOptions, TranslateOptions
    from routelmt_cli.run.pipeline import translate
    from routelmt_cli.translators.stand_in import StandInTranslator

    watch = Stopwatch()
    StandInTranslator.translate = watch.timing(StandInTranslator.translate)  # type: ignore[method-assign]
    imports = memory_mib()
    begun = time.perf_counter()
    cards = (str(folder / "small.toml"), str(folder / "large.toml"))
    report = translate(
        TranslateOptions(
            corpus=CorpusOptions(folder / f"soak{ending}"),
            pair=PairOptions("en", "de", *cards, deterministic=deterministic),
            budget_nanousd=budget,
            output=folder / f"out{ending}",
            router=folder / "en-de.router",
            force_router=True,
        )
    )
    seconds = time.perf_counter() - begun
    answers.put(
        {
            "distinct_segments": report.distinct_segments,
            "retranslated": report.retranslated,
            "peak_memory_mib": memory_mib(),
            "imports_memory_mib": imports,
            "seconds": {"all": round(seconds, 1), **report.seconds_by_stage},
            "outside_translator": round(seconds - watch.seconds, 1),
        }
    )


def main() -> None:
    """Run the benchmark."""
    from stand_in_pair import make_stand_ins

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--segments", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="where to work; the system's temporary one")
    parser.add_argument("--deterministic", action="store_true")
    parser.add_argument("--parquet", action="store_true", help="instead of TSV, in and out")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    ending = ".parquet" if arguments.parquet else ".tsv"
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        make_stand_ins(folder)
        for role in ("small", "large"):
            card = folder / f"{role}.toml"
            text = card.read_text("utf-8")
            card.write_text(text.replace("parallel_sequences = 4", "parallel_sequences = 16"))
        write_corpus(folder / f"soak{ending}", arguments.segments, arguments.seed)
        answers = multiprocessing.get_context("spawn").Queue()
        budget = _NANOUSD_PER_SEGMENT * arguments.segments
        given = (folder, ending, budget, arguments.deterministic, answers)
        process = multiprocessing.get_context("spawn").Process(target=run, args=given)
        process.start()
        answer = answers.get()
        process.join()
        journal = (folder / f"out{ending}.routelmt" / "journal.sqlite").stat().st_size
        rows = count_rows(folder / f"out{ending}")
    if rows != arguments.segments:
        sys.exit(f"error: {arguments.segments} segments went in, {rows} came out")
    line = {
        "benchmark": "soak",
        "segments": arguments.segments,
        "deterministic": arguments.deterministic,
        "format": ending[1:],
        **answer,
        "journal_bytes_per_segment": round(journal / arguments.segments, 1),
        "machine": {
            "cpu_count": os.cpu_count(),
            "machine": platform.machine(),
            "system": platform.system(),
            "python": platform.python_version(),
        },
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
