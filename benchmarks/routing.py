"""Compare the routed corpus with the same spend placed by simple rules.

Translates a corpus with references within a budget, then buys every other retranslation too, as a
separate evaluation spend that no user pays, to see what each rule would have reached at the very
spend that the router used. Prints a table on stderr and one JSON line on stdout.

Scores are corpus chrF++ after the second guard, which every system gets alike. Random is the mean
of 20 orders; the oracle knows every true gain per dollar. Nothing here is timed.

    python benchmarks/routing.py examples/es-en.tsv --from es --to en --budget 0.0015
    python benchmarks/routing.py --data DIR --from es --to en --rows 1501-1997 --budget 0.004
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from routelmt_cli.budget.money import format_usd, parse_usd
from routelmt_cli.cli.console import Console
from routelmt_cli.corpus.format import Format
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.reader import open_corpus
from routelmt_cli.errors import RoutelmtError
from routelmt_cli.evaluation import baselines
from routelmt_cli.evaluation.comparison import routed_at_equal_spend
from routelmt_cli.evaluation.curve import area
from routelmt_cli.evaluation.metrics import chrf_scores, chrf_signature, corpus_chrf
from routelmt_cli.evaluation.ranking import spearman
from routelmt_cli.run.choice import SecondOpinion, choose
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.options import (
    DEFAULT_LARGE,
    DEFAULT_SMALL,
    CorpusOptions,
    PairOptions,
    TranslateOptions,
)
from routelmt_cli.run.pipeline import translate
from routelmt_cli.run.planning import load_plan
from routelmt_cli.run.progress import Silent
from routelmt_cli.run.segments import Segments, scan
from routelmt_cli.run.setup import find_pair_and_routers
from routelmt_cli.run.shielding import shielded
from routelmt_cli.run.spending import Spender
from routelmt_cli.run.tiers import LARGE, SMALL, open_tier

RANDOM_ORDERS = 20
Mask = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float64]


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", nargs="?", type=Path, help="TSV with source and reference")
    parser.add_argument("--data", type=Path, help="folder with ntrex/FROM-TO.tsv")
    parser.add_argument("--from", dest="source", required=True)
    parser.add_argument("--to", dest="target", required=True)
    parser.add_argument("--budget", required=True)
    parser.add_argument("--rows", help="use segments A-B only, counted from 1")
    parser.add_argument("--small", default=DEFAULT_SMALL, help="the card that drafts")
    parser.add_argument("--large", default=DEFAULT_LARGE, help="the card that retranslates")
    parser.add_argument("--router", type=Path)
    parser.add_argument("--work", type=Path, help="keep the run here and continue it")
    arguments = parser.parse_args()
    if (arguments.corpus is None) == (arguments.data is None):
        parser.error("give either a corpus or --data")
    return arguments


def select_rows(corpus: Path, rows: str | None, target: Path) -> None:
    """Copy the header and the chosen segments of a TSV."""
    lines = corpus.read_bytes().splitlines(keepends=True)
    first, last = (int(part) for part in rows.split("-")) if rows else (1, len(lines) - 1)
    target.write_bytes(b"".join([lines[0], *lines[first : last + 1]]))


@dataclass(frozen=True)
class Outcome:
    """Both hypotheses of every item, after the guard, and what they cost; n items."""

    segments: Segments
    references: list[str]
    small: list[str]
    large: list[str]
    cost_nanousd: npt.NDArray[np.int64]
    routed: Mask
    large_spend_nanousd: int
    evaluation_spend_nanousd: int
    predicted_gain: Scores

    def score(self, sent: Mask) -> float:
        """Score the corpus where the items of a mask are retranslated."""
        hypotheses, references = [], []
        for item, count in enumerate(self.segments.repeats.tolist()):
            text = self.large[item] if sent[item] else self.small[item]
            hypotheses += [text] * count
            references += [self.references[item]] * count
        return corpus_chrf(hypotheses, references)

    def at_equal_spend(self, scores: Scores) -> float:
        """Score what an order would have bought with the router's spend."""
        return self.score(
            routed_at_equal_spend(scores, self.cost_nanousd, self.large_spend_nanousd)
        )


def buy_everything(options: TranslateOptions, work: Path, console: Console) -> Outcome:
    """Buy what the run did not, in a copy of its journal."""
    corpus = open_corpus(work / "corpus.tsv", Layout(Format.TSV))
    segments = scan(corpus, work / "evaluation-sources.arrow")
    rows = [text for batch in corpus.texts("reference") for text in batch.to_pylist()]
    pair, routers = find_pair_and_routers(options, Silent(), lambda _: None)
    small, large = (open_tier(name, model, segments) for name, model in pair.models.items())
    run = work / "routed.tsv.routelmt"
    plan = load_plan(run / "plan.parquet", options.budget_nanousd)
    assert plan is not None
    everything = range(segments.items)
    with Journal(run / "journal.sqlite") as journal:
        routed = journal.bought(LARGE, segments.items)
        spends = [one.spend_nanousd for one in journal.hypotheses(LARGE, everything)]
    copy = work / "evaluation.sqlite"
    for old in work.glob("evaluation.sqlite*"):  # of an earlier, perhaps killed, benchmark
        old.unlink()
    shutil.copy(run / "journal.sqlite", copy)
    with Journal(copy) as journal:
        before = journal.spend_nanousd()
        spender = Spender(
            journal, segments, budget_nanousd=None, deterministic=True, progress=console
        )
        spender.buy(large, np.arange(segments.items), "evaluation: the large model on the rest")
        drafts = [draft.text for draft in journal.hypotheses(SMALL, everything)]
        bought = journal.hypotheses(LARGE, everything)
        opinions = {LARGE: SecondOpinion(routers.by_tier[LARGE], pair.label, small)}
        choice = choose(journal, segments, pair.target_language, list(pair.models), opinions)
        choice = shielded(choice, journal, segments)
        sources = segments.sources.take(np.arange(segments.items))
        return Outcome(
            segments=segments,
            references=[rows[row] for row in segments.first_row],
            small=drafts,
            large=[
                source if left else one.text if taken else draft
                for one, taken, left, draft, source in zip(
                    bought, choice.taken, choice.left, drafts, sources, strict=True
                )
            ],
            cost_nanousd=np.array([one.spend_nanousd for one in bought], np.int64),
            routed=routed,
            large_spend_nanousd=sum(spends),
            evaluation_spend_nanousd=journal.spend_nanousd() - before,
            predicted_gain=plan.gain,
        )


def compare(outcome: Outcome) -> dict[str, Any]:
    """Score every rule at the run's own spend."""
    items = outcome.segments.items
    sources = outcome.segments.sources.take(np.arange(items))
    length = baselines.length([len(source) for source in sources])
    draft_scores = chrf_scores(outcome.small, outcome.references)
    gain = chrf_scores(outcome.large, outcome.references) - draft_scores
    per_dollar = gain * outcome.segments.repeats / np.maximum(outcome.cost_nanousd, 1)
    random = [
        outcome.at_equal_spend(baselines.random(items, seed)) for seed in range(RANDOM_ORDERS)
    ]
    scores = {
        "all small": outcome.score(np.zeros(items, np.bool_)),
        "random": float(np.mean(random)),
        "longest first": outcome.at_equal_spend(length),
        "shortest first": outcome.at_equal_spend(-length),
        "router": outcome.score(outcome.routed),
        "oracle": outcome.at_equal_spend(per_dollar),
        "all large": outcome.score(np.ones(items, np.bool_)),
    }
    return {
        "segments": outcome.segments.rows,
        "retranslated_items": int(outcome.routed.sum()),
        "large_spend_nanousd": outcome.large_spend_nanousd,
        "evaluation_spend_nanousd": outcome.evaluation_spend_nanousd,
        "chrf": {name: round(value, 2) for name, value in scores.items()},
        "random_standard_deviation": round(float(np.std(random)), 3),
        "mean_gain": round(float(gain.mean()), 2),
        "spearman": round(spearman(outcome.predicted_gain, gain), 3),
        "area_of_calls": {
            "router": round(area(gain, outcome.predicted_gain), 3),
            "longest first": round(area(gain, length), 3),
            "true draft quality": round(area(gain, -draft_scores), 3),
        },
        "signature": chrf_signature(),
    }


def show(result: dict[str, Any], console: Console) -> None:
    """Print the scores for people."""
    console.note("")
    console.note(
        f"corpus chrF++; the router spent {_usd(result, 'large')} on the large model, "
        "rules and oracle spend the same"
    )
    for name, value in result["chrf"].items():
        console.note(f"  {name:<15} {value:6.2f}")
    console.note(
        "(to know all but 'all small' and 'router', the large model was run on every other "
        f"segment: a separate evaluation spend of {_usd(result, 'evaluation')})"
    )


def _usd(result: dict[str, Any], which: str) -> str:
    return format_usd(result[f"{which}_spend_nanousd"])


def main() -> None:
    """Run the benchmark."""
    arguments = parse_arguments()
    work = arguments.work or Path(tempfile.mkdtemp(prefix="routelmt-"))
    work.mkdir(parents=True, exist_ok=True)
    pair = f"{arguments.source}-{arguments.target}"
    corpus = arguments.corpus or arguments.data / "ntrex" / f"{pair}.tsv"
    select_rows(corpus, arguments.rows, work / "corpus.tsv")
    options = TranslateOptions(
        corpus=CorpusOptions(work / "corpus.tsv"),
        pair=PairOptions(
            arguments.source,
            arguments.target,
            arguments.small,
            arguments.large,
            deterministic=True,
        ),
        budget_nanousd=parse_usd(arguments.budget),
        output=work / "routed.tsv",
        router=arguments.router,
        explain=True,
    )
    with Console(quiet=False, verbosity=0) as console:
        report = translate(options, console)
        console.show_report(report)
        result = compare(buy_everything(options, work, console))
        show(result, console)
    head = {"benchmark": "routing", "corpus": f"{corpus.name} {arguments.rows or 'all'}"}
    money = {"budget_nanousd": report.budget_nanousd, "spend_nanousd": report.spend_nanousd}
    print(json.dumps({**head, **money, **result}))
    if arguments.work is None:
        shutil.rmtree(work)


if __name__ == "__main__":
    try:
        main()
    except RoutelmtError as error:
        sys.exit(f"error: {error.message}\nhint: {error.hint}")
