"""Measure a model whose vocabulary was pruned for a language pair against the whole one.

The shortlist is made from the first rows (sources and references), the measure is taken on the
rows after them; with ``--list-sources`` the sources of these are listed too, without their
references, since a run knows what it is to translate. Every model translates the same segments in
interleaved rounds (whole, small, larger, ..., whole, small, ...); ratios are medians of the ratios
within a round, texts are those of the first round. All is routelmt's own batched translator, as for
the large model, with the card's settings. ``whole, other order`` (with ``--other-order``) is the
whole model once more with the segments in a random order: what differs there is noise of the
batches. On a machine that does other work meanwhile, look at the processor's time with
``--threads 1``, where no thread waits for another.

Loading, counting and pruning are not in the times; evaluating prompts is, the shared prefix is not.

    python benchmarks/pruning.py --data DIR --keep 16384,32768,65536

Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import llama_cpp
import numpy as np
import numpy.typing as npt
from sacrebleu.metrics import CHRF

from routelmt_cli.run.language_pairs import LanguagePair
from routelmt_cli.run.model_pruning import PrunedModel, PruneOptions, prune_model
from routelmt_cli.run.options import CorpusOptions
from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.llama_cpp import LlamaTranslator
from routelmt_cli.translators.llama_selfcheck import extra_buffers_work
from routelmt_cli.translators.llama_settings import LlamaSettings, default_settings
from routelmt_cli.translators.models import Model, find_model
from routelmt_cli.translators.protocol import Request

PAIR = LanguagePair("es", "en")
WHOLE, SHUFFLED = "whole", "whole, other order"
RESAMPLES = 1000


@dataclass(frozen=True)
class Done:
    """What a model made of some segments; texts in the segments' order."""

    seconds: float
    processor_seconds: float
    texts: list[str]
    output_tokens: int


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with ntrex/es-en.tsv")
    parser.add_argument("--model", default="gemma3-270m")
    parser.add_argument("--keep", default="16384,32768,65536", help="comma-separated")
    parser.add_argument("--listed", type=int, default=1500, help="rows the shortlist is made from")
    parser.add_argument(
        "--list-sources", action="store_true", help="list the held-out sources too, as a run can"
    )
    parser.add_argument("--segments", type=int, help="rows after them; all by default")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--other-order", action="store_true", help="measure the batches' noise")
    parser.add_argument("--threads", type=int, help="the card's by default")
    arguments = parser.parse_args()
    header, *lines = (arguments.data / "ntrex" / "es-en.tsv").read_text("utf-8").splitlines()
    listed, held_out = lines[: arguments.listed], lines[arguments.listed :][: arguments.segments]
    sources = [line.split("\t")[1].strip() for line in held_out]
    references = [line.split("\t")[2].strip() for line in held_out]
    card = find_card(arguments.model)
    settings = default_settings(card)
    if arguments.threads:
        settings = replace(settings, threads=arguments.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = folder / "listed.tsv"
        corpus.write_text("\n".join([header, *listed, ""]), "utf-8")
        corpora = [corpus]
        if arguments.list_sources:
            corpora.append(folder / "sources.txt")
            corpora[-1].write_text("\n".join(sources), "utf-8")
        made = {keep: prune(card, corpora, folder, int(keep)) for keep in arguments.keep.split(",")}
        models = {WHOLE: find_model(card, *PAIR)}
        models |= {keep: find_model(find_card(one.card), *PAIR) for keep, one in made.items()}
        rounds = [
            {name: translate(model, settings, sources) for name, model in models.items()}
            for _ in range(arguments.rounds)
        ]
        quality = dict(rounds[0])
        if arguments.other_order:
            order = np.random.default_rng(0).permutation(len(sources)).tolist()
            quality[SHUFFLED] = translate(models[WHOLE], settings, sources, order)
    figures = report(card, settings, made, rounds, quality, references)
    print(json.dumps(figures | {"sources_listed": arguments.list_sources}))


def prune(card: ModelCard, corpora: list[Path], folder: Path, keep: int) -> PrunedModel:
    """Prune a model for some corpora."""
    listed = [CorpusOptions(corpus) for corpus in corpora]
    return prune_model(card, PruneOptions(listed, [], PAIR, folder / f"{keep}.gguf", keep))


def translate(
    model: Model, settings: LlamaSettings, sources: list[str], order: list[int] | None = None
) -> Done:
    """Translate, the longest sources first unless in a given order."""
    if order is None:
        with model.open_counter() as counter:
            caps = counter.count(sources).cap_tokens
        order = np.argsort(-caps, kind="stable").tolist()
    translator = LlamaTranslator(
        model.card,
        model.weights.path,
        source_language=model.source_language,
        target_language=model.target_language,
        with_logprobs=False,
        deterministic=False,
        settings=settings,
        use_extra_buffers=extra_buffers_work(model.weights.path, model.weights.sha256),
    )
    texts, tokens = [""] * len(sources), 0
    with translator:
        begun, begun_processor = time.perf_counter(), time.process_time()
        for commit in translator.translate(Request(item, sources[item]) for item in order):
            for outcome in commit:
                texts[outcome.item] = outcome.text
                tokens += outcome.output_tokens
        seconds = time.perf_counter() - begun
        done = Done(seconds, time.process_time() - begun_processor, texts, tokens)
    print(
        f"{model.card.name}, {model.weights.path.name}: {seconds:.1f} s, "
        f"{done.processor_seconds:.1f} s of processor",
        file=sys.stderr,
    )
    return done


def report(
    card: ModelCard,
    settings: LlamaSettings,
    made: dict[str, PrunedModel],
    rounds: list[dict[str, Done]],
    quality: dict[str, Done],
    references: list[str],
) -> dict[str, object]:
    """Gather the figures."""
    metric = CHRF(word_order=2)
    whole = quality[WHOLE].texts
    scores = {
        name: segment_statistics(metric, one.texts, references) for name, one in quality.items()
    }
    count = len(references)

    def figures(name: str) -> dict[str, object]:
        found: dict[str, object] = {
            "chrf2++": round(score(metric, scores[name].sum(0)), 2),
            "output_tokens": quality[name].output_tokens,
        }
        if name != WHOLE:
            pairs = zip(whole, quality[name].texts, strict=True)
            found["equal_outputs"] = round(float(np.mean([a == b for a, b in pairs])), 3)
            found["chrf2++_lead"] = lead(metric, scores[name], scores[WHOLE])
        if name in rounds[0]:
            seconds = [one[name].seconds for one in rounds]
            ratios = [one[WHOLE].seconds / one[name].seconds for one in rounds]
            processor = [
                one[WHOLE].processor_seconds / one[name].processor_seconds for one in rounds
            ]
            found["segments_per_second"] = round(count / statistics.median(seconds), 3)
            found["times_as_fast"] = round(statistics.median(ratios), 3)
            found["times_as_fast_by_round"] = [round(ratio, 3) for ratio in ratios]
            found["times_less_processor"] = round(statistics.median(processor), 3)
            found["times_less_processor_by_round"] = [round(ratio, 3) for ratio in processor]
        if name in made:
            found |= {
                "tokens": made[name].tokens,
                "tokens_needed": made[name].tokens_needed,
                "megabytes": round(made[name].bytes / 1e6, 1),
                "megabytes_whole": round(made[name].bytes_before / 1e6, 1),
            }
        return found

    return {
        "benchmark": "pruning",
        "model": card.name,
        "segments": count,
        "rounds": len(rounds),
        "figures": {name: figures(name) for name in quality},
        "settings": vars(settings),
        "signature": str(metric.get_signature()),
        "llama_cpp_python": llama_cpp.__version__,
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
    }


def segment_statistics(
    metric: CHRF, texts: list[str], references: list[str]
) -> npt.NDArray[np.float64]:
    """Return the counts of n-grams of every segment, of shape (n, statistics)."""
    metric.corpus_score(texts, [references])
    return np.array(metric._extract_corpus_statistics(texts, [references]), np.float64)


def score(metric: CHRF, total: npt.NDArray[np.float64]) -> float:
    """Return a corpus's chrF++ from its summed counts."""
    return float(metric._compute_score_from_stats(total.tolist()).score)


def lead(
    metric: CHRF, ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]
) -> dict[str, object]:
    """Compare two systems by a paired bootstrap over segments: the lead and its 95% interval."""
    generator = np.random.default_rng(0)
    found = []
    for _ in range(RESAMPLES):
        rows = generator.integers(0, len(ours), len(ours))
        found.append(score(metric, ours[rows].sum(0)) - score(metric, theirs[rows].sum(0)))
    return {
        "points": round(score(metric, ours.sum(0)) - score(metric, theirs.sum(0)), 2),
        "interval": [round(float(x), 2) for x in np.percentile(found, [2.5, 97.5])],
    }


if __name__ == "__main__":
    main()
