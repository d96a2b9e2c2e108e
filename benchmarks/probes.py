"""Measure what routing before drafting buys against routing by drafts, at equal spend.

Calibrates both routers of a pair on some rows of a corpus (``calibrate --route probe``), buys the
draft with its hidden state and the retranslation of every segment of other rows, and follows both
ways of routing at budgets of 5%, 10% ... 100% of what drafting and retranslating everything costs:
by drafts, all of which are paid for; and by probes, where every prompt is paid for, and a draft
only where no retranslation stands in its place. What is spent is what the models really used;
budgets that ``translate`` would refuse, since drafts might cost more, are also left out of a second
figure. The drafts' price is multiplied (``--factors``), since the cheaper drafts are the less there
is to save.

    python benchmarks/probes.py --data DATA --from es --to en --train 1-800 --rows 1501-1997

Prints one JSON line. Nothing is timed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from routing import select_rows

from routelmt_cli.budget import multiple_choice
from routelmt_cli.budget.filling import fill_in_order
from routelmt_cli.cli.console import Console
from routelmt_cli.corpus.format import Format
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.reader import open_corpus
from routelmt_cli.evaluation.metrics import chrf_scores, chrf_signature
from routelmt_cli.run.calibration import calibrate
from routelmt_cli.run.choice import SecondOpinion, choose
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.options import (
    DEFAULT_LARGE,
    DEFAULT_SMALL,
    CalibrateOptions,
    CorpusOptions,
    PairOptions,
    RouteBy,
    TranslateOptions,
)
from routelmt_cli.run.owed_drafts import standing_alone
from routelmt_cli.run.prediction import draft_table, predict, predict_draft_tokens
from routelmt_cli.run.probes import open_probing, probe_table
from routelmt_cli.run.progress import Silent
from routelmt_cli.run.route import Route
from routelmt_cli.run.segments import scan
from routelmt_cli.run.setup import find_pair_and_routers
from routelmt_cli.run.shielding import shielded
from routelmt_cli.run.spending import Spender, needed_nanousd
from routelmt_cli.run.tiers import open_tiers

BUDGETS = 20
NEIGHBOURS = 10
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", nargs="?", type=Path, help="TSV with source and reference")
    parser.add_argument("--data", type=Path, help="folder with ntrex/FROM-TO.tsv")
    parser.add_argument("--from", dest="source", required=True)
    parser.add_argument("--to", dest="target", required=True)
    parser.add_argument("--train", required=True, help="segments A-B to calibrate on")
    parser.add_argument("--rows", required=True, help="segments A-B to compare on")
    parser.add_argument("--small", default=DEFAULT_SMALL, help="card that drafts")
    parser.add_argument("--large", default=DEFAULT_LARGE, help="card that retranslates")
    parser.add_argument(
        "--factors", nargs="+", type=int, default=[1, 4, 8], help="of the drafts' price"
    )
    parser.add_argument("--work", type=Path, help="keep hypotheses, and continue here")
    arguments = parser.parse_args()
    if (arguments.corpus is None) == (arguments.data is None):
        parser.error("give either a corpus or --data")
    return arguments


@dataclass(frozen=True)
class Everything:
    """What both models make of n items, and what both routers say of them.

    Spend and cost in nanodollars; gain in points.
    """

    weight: Floats
    gain_by_drafts: Floats  # realised, after the guard and the chooser
    gain_by_probes: Floats  # after the guard, or of what stands alone
    stands: npt.NDArray[np.bool_]
    predicted_by_drafts: Floats
    predicted_by_probes: Floats
    cost_by_drafts: Integers
    cost_by_probes: Integers
    draft_cost: Integers
    draft_spend: Integers
    large_spend: Integers
    probe_spend: int
    draft_worst: int


def buy_everything(arguments: argparse.Namespace, work: Path) -> Everything:
    """Translate everything with both models, and predict."""
    options = TranslateOptions(
        corpus=CorpusOptions(work / "corpus.tsv"),
        pair=_pair(arguments),
        budget_nanousd=1,
        router=work / "both.router",
        route_by=RouteBy.PROBE,
    )
    corpus = open_corpus(work / "corpus.tsv", Layout(Format.TSV))
    segments = scan(corpus, work / "sources.arrow")
    rows = [text for batch in corpus.texts("reference") for text in batch.to_pylist()]
    references = [rows[row] for row in segments.first_row]
    pair, routers = find_pair_and_routers(options, Silent(), lambda _: None)
    small, large = open_tiers(pair.models, segments, with_states=True)
    probing, items = open_probing(pair, segments), segments.every
    blind = routers.asked(RouteBy.PROBE)[large.name]
    seeing = routers.by_tier[large.name]
    names = [small.name, large.name]
    with Journal(work / "evaluation.sqlite") as journal, Console(quiet=False, verbosity=0) as show:
        spender = Spender(journal, segments, budget_nanousd=None, deterministic=True, progress=show)
        for tier in (small, large):
            spender.buy(tier, items, tier.name)
        parts = (journal, segments, small)
        by_drafts, by_probes = (
            predict(partial(read, *parts), [Route(large, router)], pair.label, items)[0]
            for read, router in ((draft_table, seeing), (probe_table, blind))
        )
        drafts, retranslations = (journal.texts(name, items.tolist()) for name in names)
        finals = []
        for opinions in ({large.name: SecondOpinion(seeing, pair.label, small)}, {}):
            choice = choose(journal, segments, pair.target_language, names, opinions)
            finals.append(shielded(choice, journal, segments).texts(journal, items))
        alone = standing_alone(journal, segments, pair, large.name, items.tolist())
        spends = [
            np.array(
                [one.spend_nanousd for one in journal.hypotheses(name, items.tolist())], np.int64
            )
            for name in names
        ]
    sources, stands = segments.sources.take(items), np.isin(items, alone)
    # What stands alone is taken as it is.
    finals[1] |= {item: retranslations[item] for item in alone}
    scores = [
        chrf_scores([texts.get(item, sources[item]) for item in items.tolist()], references)
        for texts in (drafts, *finals)
    ]
    return Everything(
        weight=(segments.repeats * small.source_tokens).astype(np.float64),
        gain_by_drafts=scores[1] - scores[0],
        gain_by_probes=scores[2] - scores[0],
        stands=stands,
        predicted_by_drafts=by_drafts.gain,
        predicted_by_probes=by_probes.gain,
        cost_by_drafts=by_drafts.cost_nanousd,
        cost_by_probes=by_probes.cost_nanousd,
        draft_cost=small.cost_nanousd(predict_draft_tokens(blind, small)),
        draft_spend=spends[0],
        large_spend=spends[1],
        probe_spend=needed_nanousd(None, probing, items),
        draft_worst=needed_nanousd(None, small, items),
    )


def _pair(arguments: argparse.Namespace) -> PairOptions:
    return PairOptions(
        arguments.source, arguments.target, arguments.small, arguments.large, deterministic=True
    )


def by_drafts(every: Everything, factor: int, budget: int) -> Floats | None:
    """Give what each item adds to the mean gain; None where the budget does not cover drafts."""
    left = budget - factor * int(every.draft_spend.sum())
    if left < 0:
        return None
    value = every.predicted_by_drafts * every.weight
    order = _order(value, every.cost_by_drafts, left)
    return _gained(
        every, every.gain_by_drafts, order[fill_in_order(every.large_spend[order], left)]
    )


def by_probes(every: Everything, factor: int, budget: int) -> Floats | None:
    """Give the same for routing before drafting."""
    left = budget - factor * (every.probe_spend + int(every.draft_spend.sum()))
    if left < 0:
        return None
    value = every.predicted_by_probes * every.weight
    net = np.maximum(every.cost_by_probes - factor * every.draft_cost, 0)
    order = _order(value, net, left)
    saved = np.where(every.stands, factor * every.draft_spend, 0)
    spend = np.maximum(every.large_spend - saved, 0)
    return _gained(every, every.gain_by_probes, order[fill_in_order(spend[order], left)])


def _order(value: Floats, cost: Integers, capacity: int) -> Integers:
    return multiple_choice.solve(value[:, None], cost[:, None], capacity).order


def _gained(every: Everything, gain: Floats, taken: Integers) -> Floats:
    added = np.zeros(len(gain))
    added[taken] = (gain * every.weight)[taken] / every.weight.sum()
    return added


def compare(every: Everything, factor: int) -> dict[str, Any]:
    """Compare both ways at shares of what drafting and retranslating everything costs."""
    drafts, large = factor * int(every.draft_spend.sum()), int(every.large_spend.sum())
    probes, worst = factor * every.probe_spend, factor * every.draft_worst
    budgets = [(drafts + large) * step // BUDGETS for step in range(1, BUDGETS + 1)]
    both = {
        budget: (seeing, blind)
        for budget in budgets
        if (seeing := by_drafts(every, factor, budget)) is not None
        and (blind := by_probes(every, factor, budget)) is not None
    }
    return {
        "drafts": _share(drafts, drafts + large),
        "probes": _share(probes, drafts + large),
        "least_budget_by_drafts": _share(worst, drafts + large),
        "least_budget_by_probes": _share(worst + probes, drafts + large),
        "all_budgets": _ahead(list(both.values())),
        "budgets_that_are_not_refused": _ahead(
            [parts for budget, parts in both.items() if budget >= worst + probes]
        ),
        "gain_at": {
            f"{_share(budget, drafts + large):.0%}": [round(float(part.sum()), 2) for part in parts]
            for budget, parts in both.items()
        },
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4)


def _ahead(parts: list[tuple[Floats, Floats]]) -> dict[str, float] | None:
    """Say how far probes are ahead, in points of mean gain, with its standard error."""
    if not parts:
        return None
    seeing, blind = (np.stack([pair[way] for pair in parts]) for way in (0, 1))
    ahead = (blind - seeing).mean(axis=0)
    blocks = np.add.reduceat(ahead, np.arange(0, len(ahead), NEIGHBOURS))
    return {
        "budgets": len(parts),
        "mean_gain_by_drafts": round(float(seeing.sum(axis=1).mean()), 3),
        "mean_gain_by_probes": round(float(blind.sum(axis=1).mean()), 3),
        "ahead": round(float(ahead.sum()), 3),
        "standard_error": round(float(np.sqrt(len(blocks)) * np.std(blocks, ddof=1)), 3),
    }


def main() -> None:
    """Run the benchmark."""
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as scratch:
        work = arguments.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        pair = f"{arguments.source}-{arguments.target}"
        corpus = arguments.corpus or arguments.data / "ntrex" / f"{pair}.tsv"
        if not (work / "both.router").exists():
            select_rows(corpus, arguments.train, work / "train.tsv")
            with Console(quiet=False, verbosity=0) as console:
                calibrate(
                    CalibrateOptions(
                        corpus=CorpusOptions(work / "train.tsv"),
                        pair=_pair(arguments),
                        output=work / "both.router",
                        route_by=RouteBy.PROBE,
                    ),
                    console,
                )
        select_rows(corpus, arguments.rows, work / "corpus.tsv")
        every = buy_everything(arguments, work)
    correlations = {
        name: round(float(np.corrcoef(predicted, every.gain_by_drafts)[0, 1]), 3)
        for name, predicted in (
            ("by_drafts", every.predicted_by_drafts),
            ("by_probes", every.predicted_by_probes),
        )
    }
    head = {
        "benchmark": "probes",
        "corpus": f"{corpus.name} {arguments.rows}",
        "calibrated_on": arguments.train,
        "items": len(every.weight),
        "metric": chrf_signature(),
        "correlation_with_gain": correlations,
        "stands_alone": round(float(every.stands.mean()), 4),
    }
    by_factor = {str(factor): compare(every, factor) for factor in arguments.factors}
    print(json.dumps({**head, "price_of_drafts_times": by_factor}))


if __name__ == "__main__":
    main()
