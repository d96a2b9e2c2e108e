"""How much of a run is spent outside the models: profile of a whole `translate` of the demo pair.

Translates the first segments of NTREX-128 es-en with half of what retranslating all of them could
cost, in this process, and adds up the time in llama.cpp (loading, evaluating) and in sampling
(argmax and token statistics), which together are "the models". The rest is reading, token counts,
features, prediction, the plan, the journal and writing. Imports are not timed: they are paid once.
Prints one JSON line; with ``--profile`` also the functions that take longest, which slows the
rest down.

    python benchmarks/overhead.py --data DIR --segments 120
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from routelmt_cli.budget.money import parse_usd
from routelmt_cli.run.options import CorpusOptions, PairOptions, TranslateOptions
from routelmt_cli.run.pipeline import translate
from routelmt_cli.run.progress import Silent
from routelmt_cli.translators import llama_schedule
from routelmt_cli.translators.llama_library import LlamaContext, LlamaModel

SHOWN = 8


class Clock:
    """Adds up the time in wrapped functions; one inside another counts once."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inside = False

    def watch(self, owner: Any, name: str, what: str) -> None:
        """Put a stopwatch around a function of a class or module."""
        original: Callable[..., Any] = getattr(owner, name)

        def timed(*arguments: Any, **options: Any) -> Any:
            if self._inside:
                return original(*arguments, **options)
            self._inside, begun = True, time.perf_counter()
            try:
                return original(*arguments, **options)
            finally:
                self._inside = False
                spent = time.perf_counter() - begun
                self.seconds[what] = self.seconds.get(what, 0.0) + spent

        setattr(owner, name, timed)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with ntrex/es-en.tsv")
    parser.add_argument("--segments", type=int, default=120)
    parser.add_argument("--budget", default="0.001")
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    lines = (arguments.data / "ntrex" / "es-en.tsv").read_text("utf-8").split("\n")
    clock = Clock()
    clock.watch(LlamaModel, "__init__", "loading")
    clock.watch(LlamaContext, "__init__", "loading")
    for name in ("decode", "evaluate", "copy_sequence", "drop_sequence", "states"):
        clock.watch(LlamaContext, name, "llama.cpp")
    clock.watch(llama_schedule, "token_statistics", "sampling")
    profile = cProfile.Profile()
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "in.tsv"
        corpus.write_text("\n".join(lines[: arguments.segments + 1]) + "\n", "utf-8")
        options = TranslateOptions(
            corpus=CorpusOptions(corpus),
            pair=PairOptions("es", "en"),
            budget_nanousd=parse_usd(arguments.budget, "--budget"),
            output=Path(folder) / "out.tsv",
        )
        begun = time.perf_counter()
        if arguments.profile:
            profile.enable()
        report = translate(options, Silent())
        profile.disable()
        total = time.perf_counter() - begun
    models = sum(clock.seconds.values())
    print(
        json.dumps(
            {
                "benchmark": "overhead",
                "segments": arguments.segments,
                "seconds": round(total, 2),
                "seconds_in_models": {k: round(v, 2) for k, v in clock.seconds.items()},
                "share_outside": round(1 - models / total, 4),
                "retranslated": report.retranslated,
                **({"longest": longest(profile)} if arguments.profile else {}),
            }
        )
    )


def longest(profile: cProfile.Profile) -> dict[str, float]:
    """Give the functions whose own time is longest, by name."""
    stats: Any = pstats.Stats(profile)
    own = {
        f"{Path(file).name}:{name}": values[2] for (file, _, name), values in stats.stats.items()
    }
    first = sorted(own, key=lambda name: -own[name])[:SHOWN]
    return {name: round(own[name], 3) for name in first}


if __name__ == "__main__":
    main()
