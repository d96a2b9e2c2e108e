"""Measure what several tiers buy against the best pair of them, at equal spend.

Makes a ladder of precisions of one model, as ``routelmt models quantize`` does, calibrates a router
for each rung in one go on some rows of a corpus, and buys every segment of other rows from every
tier. At each of 20 budgets for retranslations, from a twentieth of what the whole costs in the
dearest tier up to that, the plan of all tiers and the plan of each pair (the tier that drafts, one
other) are then followed until what was really spent reaches the budget, so that they are compared
at equal spend.

A rung's price is the base card's times the size of its type, of one large model (llama.cpp's own
figures for Llama 3 8B); in the demo model itself embeddings, which hardly shrink, are most of the
file. Prices are illustrative.

    python benchmarks/tiers.py --data DATA --from es --to en --train 1-800 --rows 1501-1997

Prints one JSON line. Nothing is timed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from routing import select_rows

from routelmt_cli.budget import multiple_choice
from routelmt_cli.budget.filling import fill_in_order
from routelmt_cli.budget.price import Price
from routelmt_cli.cli.console import Console
from routelmt_cli.corpus.format import Format
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.reader import open_corpus
from routelmt_cli.errors import RoutelmtError
from routelmt_cli.evaluation.metrics import chrf_scores, chrf_signature, corpus_chrf
from routelmt_cli.run.calibration import calibrate
from routelmt_cli.run.choice import SecondOpinion, choose
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.model_quantizing import quantize_model
from routelmt_cli.run.options import (
    DEFAULT_LARGE,
    DEFAULT_SMALL,
    CalibrateOptions,
    CorpusOptions,
    PairOptions,
    TranslateOptions,
)
from routelmt_cli.run.prediction import draft_table, predict
from routelmt_cli.run.progress import Silent
from routelmt_cli.run.route import Route
from routelmt_cli.run.segments import scan
from routelmt_cli.run.setup import find_pair_and_routers
from routelmt_cli.run.shielding import shielded
from routelmt_cli.run.spending import Spender
from routelmt_cli.run.tiers import open_tiers
from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.catalogue import find_card

GIBIBYTES = {
    "Q2_K": 2.96,
    "Q3_K_S": 3.41,
    "Q3_K_M": 3.74,
    "Q3_K_L": 4.03,
    "Q4_K_S": 4.37,
    "Q4_K_M": 4.58,
}
"""Llama 3 8B in each type, as ``llama-quantize --help`` lists them."""
BUDGETS = 20
NEIGHBOURS = 10
NONE = "none"
Array = npt.NDArray[np.float64]


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", nargs="?", type=Path, help="TSV with source and reference")
    parser.add_argument("--data", type=Path, help="folder with ntrex/FROM-TO.tsv")
    parser.add_argument("--from", dest="source", required=True)
    parser.add_argument("--to", dest="target", required=True)
    parser.add_argument("--train", required=True, help="segments A-B to calibrate on")
    parser.add_argument("--rows", required=True, help="segments A-B to compare on")
    parser.add_argument(
        "--draft", default=DEFAULT_SMALL, help="card that drafts; none for the lowest precision"
    )
    parser.add_argument("--base", default=DEFAULT_LARGE, help="card of the highest precision")
    parser.add_argument("--base-type", default="Q4_K_M", choices=GIBIBYTES)
    parser.add_argument("--types", nargs="+", default=["Q2_K", "Q3_K_M"], choices=GIBIBYTES)
    parser.add_argument("--tier", action="append", help="cards of your own, in place of these")
    parser.add_argument("--work", type=Path, help="keep models and hypotheses, and continue here")
    arguments = parser.parse_args()
    if (arguments.corpus is None) == (arguments.data is None):
        parser.error("give either a corpus or --data")
    return arguments


def make_ladder(arguments: argparse.Namespace, work: Path) -> list[str]:
    """Write the cards of all precisions; return those of all tiers, cheapest first."""
    if arguments.tier:
        return list(arguments.tier)
    base = find_card(arguments.base)
    cards = [] if arguments.draft == NONE else [arguments.draft]
    for name in arguments.types:
        output = work / f"{base.name}-{name.lower()}.gguf"
        share = GIBIBYTES[name] / GIBIBYTES[arguments.base_type]
        if not output.with_suffix(".toml").exists():
            quantize_model(_at_share(base, share), name, output)
        cards.append(str(output.with_suffix(".toml")))
    return [*cards, arguments.base]


def _at_share(card: ModelCard, share: float) -> ModelCard:
    price = card.price
    return replace(
        card,
        price=Price(
            round(price.input_nanousd_per_million_tokens * share),
            round(price.output_nanousd_per_million_tokens * share),
        ),
    )


@dataclass(frozen=True)
class Everything:
    """What every tier makes of n items, after the second guard; k routes."""

    names: list[str]
    weight: Array
    repeats: npt.NDArray[np.int64]
    references: list[str]
    texts: list[list[str]]  # the drafts, then the hypotheses that each route ends with
    gain: Array  # (n, k), realised
    predicted: Array  # (n, k)
    unblended: Array  # (n, k), as each pair's own router predicts it
    cost: npt.NDArray[np.int64]  # (n, k), predicted
    spend: npt.NDArray[np.int64]  # (n, k)


def buy_everything(arguments: argparse.Namespace, cards: list[str], work: Path) -> Everything:
    """Translate with every tier, and predict."""
    options = TranslateOptions(
        corpus=CorpusOptions(work / "corpus.tsv"),
        pair=PairOptions(
            arguments.source, arguments.target, tiers=tuple(cards), deterministic=True
        ),
        budget_nanousd=1,
        router=work / "ladder.router",
    )
    corpus = open_corpus(work / "corpus.tsv", Layout(Format.TSV))
    segments = scan(corpus, work / "sources.arrow")
    rows = [text for batch in corpus.texts("reference") for text in batch.to_pylist()]
    references = [rows[row] for row in segments.first_row]
    pair, routers = find_pair_and_routers(options, Silent(), lambda _: None)
    tiers = open_tiers(pair.models, segments, with_states=True)
    small, *others = tiers
    items = np.arange(segments.items)
    routes = [
        Route(tier, routers.by_tier[tier.name], blend=routers.blends.get(tier.name))
        for tier in others
    ]
    with Journal(work / "evaluation.sqlite") as journal, Console(quiet=False, verbosity=0) as show:
        spender = Spender(journal, segments, budget_nanousd=None, deterministic=True, progress=show)
        for tier in tiers:
            spender.buy(tier, items, tier.name)
        read = partial(draft_table, journal, segments, small)
        predictions = predict(read, routes, pair.label, items)
        alone = [replace(route, blend=None) for route in routes]
        unblended = predict(read, alone, pair.label, items)
        texts = [[one.text for one in journal.hypotheses(small.name, items.tolist())]]
        for route in routes:
            name = route.tier.name
            opinion = SecondOpinion(route.router, pair.label, small)
            choice = choose(
                journal, segments, pair.target_language, [small.name, name], {name: opinion}
            )
            final = shielded(choice, journal, segments).texts(journal, items)
            sources = segments.sources.take(items)
            texts.append([final.get(item, source) for item, source in enumerate(sources)])
        spend = [
            [one.spend_nanousd for one in journal.hypotheses(tier.name, items.tolist())]
            for tier in others
        ]
    scores = np.stack([chrf_scores(one, references) for one in texts], axis=1)
    return Everything(
        names=[tier.name for tier in tiers],
        weight=(segments.repeats * small.source_tokens).astype(np.float64),
        repeats=segments.repeats,
        references=references,
        texts=texts,
        gain=scores[:, 1:] - scores[:, :1],
        predicted=np.stack([one.gain for one in predictions], axis=1),
        unblended=np.stack([one.gain for one in unblended], axis=1),
        cost=np.stack([one.cost_nanousd for one in predictions], axis=1),
        spend=np.array(spend, np.int64).T,
    )


def follow(every: Everything, routes: list[int], budget: int, *, oracle: bool) -> Array:
    """Follow a plan of some routes until a budget is spent; give each item's route, or -1."""
    values = every.predicted if len(routes) > 1 else every.unblended
    values = every.gain if oracle else values
    costs = every.spend if oracle else every.cost
    plan = multiple_choice.solve(
        values[:, routes] * every.weight[:, None], costs[:, routes], budget
    )
    target = np.array(routes)[plan.target]
    spends = every.spend[plan.order, target[plan.order]]
    taken = plan.order[fill_in_order(spends, budget)]
    route = np.full(len(every.weight), -1)
    route[taken] = target[taken]
    return route


def gained(every: Everything, route: Array) -> Array:
    """Give what each item adds to the mean gain, in points."""
    items = np.arange(len(route))
    own: Array = np.where(route >= 0, every.gain[items, np.maximum(route, 0)], 0.0)
    return own * (every.weight / every.weight.sum())


def corpus_score(every: Everything, route: Array) -> float:
    """Score the corpus where each item has its route's hypothesis."""
    rows = [
        (every.texts[int(route[item]) + 1][item], every.references[item])
        for item, count in enumerate(every.repeats.tolist())
        for _ in range(count)
    ]
    return corpus_chrf(*map(list, zip(*rows, strict=True)))


def compare(every: Everything) -> dict[str, Any]:
    """Compare all tiers with each pair at every budget."""
    most = int(every.spend[:, -1].sum())
    budgets = [most * step // BUDGETS for step in range(1, BUDGETS + 1)]
    count = every.gain.shape[1]
    ways = {"all tiers": list(range(count))} | {every.names[one + 1]: [one] for one in range(count)}
    result: dict[str, Any] = {}
    for oracle in (False, True):
        routes = {
            name: [follow(every, own, budget, oracle=oracle) for budget in budgets]
            for name, own in ways.items()
        }
        parts = {
            name: np.stack([gained(every, one) for one in found]) for name, found in routes.items()
        }
        means = {name: part.sum(axis=1) for name, part in parts.items()}
        pairs = {name: float(mean.mean()) for name, mean in means.items() if name != "all tiers"}
        best = max(pairs, key=lambda name: pairs[name])
        ahead = (parts["all tiers"] - parts[best]).mean(axis=0)
        blocks = np.add.reduceat(ahead, np.arange(0, len(ahead), NEIGHBOURS))
        error = float(np.sqrt(len(blocks)) * np.std(blocks, ddof=1))
        found: dict[str, Any] = {
            "best_pair": best,
            "mean_gain": {name: round(float(mean.mean()), 3) for name, mean in means.items()},
            "ahead": round(float(ahead.sum()), 3),
            "standard_error": round(error, 3),
            "gain_at": {
                f"{100 * step // BUDGETS}%": {
                    name: round(float(mean[step - 1]), 2) for name, mean in means.items()
                }
                for step in (2, 5, 10, 15, 20)
            },
        }
        if not oracle:
            found["chrf_at_half"] = {
                name: round(corpus_score(every, own[BUDGETS // 2 - 1]), 2)
                for name, own in routes.items()
            }
            found["sent_at_half"] = {
                every.names[one + 1]: int((routes["all tiers"][BUDGETS // 2 - 1] == one).sum())
                for one in range(count)
            }
        result["oracle" if oracle else "routers"] = found
    everywhere = {"drafts alone": -1} | {every.names[one + 1]: one for one in range(count)}
    result["chrf_everywhere"] = {
        name: round(corpus_score(every, np.full(len(every.weight), one)), 2)
        for name, one in everywhere.items()
    }
    result["spend_everywhere_nanousd"] = {
        every.names[one + 1]: int(every.spend[:, one].sum()) for one in range(count)
    }
    return result


def main() -> None:
    """Run the benchmark."""
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as scratch:
        work = arguments.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        pair = f"{arguments.source}-{arguments.target}"
        corpus = arguments.corpus or arguments.data / "ntrex" / f"{pair}.tsv"
        cards = make_ladder(arguments, work)
        if not (work / "ladder.router").exists():
            select_rows(corpus, arguments.train, work / "train.tsv")
            with Console(quiet=False, verbosity=0) as console:
                calibrate(
                    CalibrateOptions(
                        corpus=CorpusOptions(work / "train.tsv"),
                        pair=PairOptions(
                            arguments.source,
                            arguments.target,
                            tiers=tuple(cards),
                            deterministic=True,
                        ),
                        output=work / "ladder.router",
                    ),
                    console,
                )
        select_rows(corpus, arguments.rows, work / "corpus.tsv")
        every = buy_everything(arguments, cards, work)
    head = {
        "benchmark": "tiers",
        "corpus": f"{corpus.name} {arguments.rows}",
        "calibrated_on": arguments.train,
        "tiers": every.names,
        "items": len(every.weight),
        "metric": chrf_signature(),
    }
    print(json.dumps({**head, **compare(every)}))


if __name__ == "__main__":
    try:
        main()
    except RoutelmtError as error:
        sys.exit(f"error: {error.message}\nhint: {error.hint}")
