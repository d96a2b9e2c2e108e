"""What a run's page shows, gathered from the run: figures, pictures, and the segments worth a look.

A finished run goes in, plain values come out. What always holds: a bounded number of segments is
looked at, however large the corpus is; nothing is bought, and the run's figures are those of its
report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import routelmt_cli
from routelmt_cli.budget.money import format_usd
from routelmt_cli.gain.contributions import Contributions, contributions
from routelmt_cli.gain.profile import evenly_spaced
from routelmt_cli.gain.router import Router
from routelmt_cli.run.choice import NOT_SENT, Choice
from routelmt_cli.run.opened import Run
from routelmt_cli.run.page.charts import curve_chart, histogram
from routelmt_cli.run.page.text import Piece, compared, shown
from routelmt_cli.run.planning import RunPlan
from routelmt_cli.run.prediction import knowing, with_fitting_states
from routelmt_cli.run.report import Report
from routelmt_cli.run.run_curve import make_curve, make_probing_curve
from routelmt_cli.run.setup import find_accuracy
from routelmt_cli.run.tiers import LARGE, PROBE, SMALL

EACH = 25
"""Segments of a group."""

_BACKGROUND_ITEMS = 300
_CURVE_ITEMS = 200_000
_REASONS = 5
_LEAST_POINTS = 0.05

GROUPS = {
    "most": "Most valuable retranslations",
    "least": "Least valuable retranslations",
    "kept": "Retranslations that were not used",
}

WHY_KEPT = {
    "empty": "no text in it",
    "truncated": "it ran into its token cap",
    "looping": "it repeats itself",
    "refusal": "the model refused or talked about itself",
    "copied": "it is the source again",
    "script": "it is in another script than the target language's",
    "length": "it is far longer or shorter than source and draft",
    "markup": "it has chat markup",
    "numbers": "it lost numbers that the draft kept",
    "placeholders": "it lost placeholders that the draft kept",
    "glossary": "it misses terms of the glossary that the draft has",
    "chooser": "the router's chooser takes the draft for the better one",
}
"""What each reason of the second guard means."""

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Reason:
    """What one feature adds to a segment's predicted gain.

    Attributes
    ----------
    name
        In words.
    value
        How far it is from the usual, in standard deviations, in words; empty where it has none.
    points
        What it adds.
    """

    name: str
    value: str
    points: float


@dataclass(frozen=True)
class Card:
    """One segment, side by side.

    Attributes
    ----------
    group
        One of ``GROUPS``.
    row, repeats
        Its first row, counted from 1, and how many rows are the same.
    source, draft, retranslation
        As pieces.
    tier
        That the retranslation is of.
    gain, risk
        Predicted; the risk may be unknown.
    spend
        What the retranslation cost.
    verdict
        What became of it.
    base, reasons, rest
        Predicted gain is the base, the reasons and the rest together, in points.
    """

    group: str
    row: int
    repeats: int
    source: Sequence[Piece]
    draft: Sequence[Piece]
    retranslation: Sequence[Piece]
    tier: str
    gain: float
    risk: float | None
    spend: str
    verdict: str
    base: float
    reasons: Sequence[Reason]
    rest: float


@dataclass(frozen=True)
class Page:
    """Everything that the template shows."""

    title: str
    facts: Mapping[str, str]
    warnings: Sequence[str]
    tiers: Sequence[Mapping[str, Any]]
    figures: Mapping[str, str]
    curve: str
    histogram: str
    kept: Sequence[tuple[str, int, str]]
    cards: Sequence[Card]
    recommended: str
    version: str = routelmt_cli.__version__


def gather(run: Run, plan: RunPlan, choice: Choice, report: Report) -> Page:
    """Gather what the page of a run shows.

    Parameters
    ----------
    run, plan, choice
        The finished run.
    report
        Its figures.
    """
    # Of a huge corpus a part shows the same curve, without its memory.
    items = evenly_spaced(run.segments.items, _CURVE_ITEMS)
    accuracy = find_accuracy(run.pair, run.routes)
    predictions = [one.take(items) for one in plan.predictions]
    if run.probing is None:
        curve = make_curve(run, items, predictions, accuracy, anew=True)
    else:
        known = predictions[0]
        curve = make_probing_curve(run, items, run.routes[0], known, known, run.probing, accuracy)
    knee = curve.knee()
    gain = report.predicted_gain
    return Page(
        title=f"{_short_name(run)}, {run.pair.source_language} to {run.pair.target_language}",
        facts=_facts(run, report),
        warnings=[] if plan.drift_warning is None else [plan.drift_warning],
        tiers=_tiers(report),
        figures=_figures(report),
        curve=curve_chart(curve.points(), knee, report.spend_nanousd, gain),
        histogram=histogram(plan.gain, run.segments.repeats, choice.taken),
        kept=[(name, count, WHY_KEPT.get(name, "")) for name, count in report.kept_drafts.items()],
        cards=_cards(run, plan, choice),
        recommended=f"{format_usd(knee.budget_nanousd)} for {knee.gain:+.2f} points",
    )


def _short_name(run: Run) -> str:
    return "standard input" if run.source.path is None else run.source.path.name


def _figures(report: Report) -> dict[str, str]:
    retranslated = sum(list(report.segments_by_tier.values())[1:])
    share = retranslated / max(report.segments - report.blank_segments, 1)
    figures = {
        "spent": format_usd(report.spend_nanousd),
        "budget": format_usd(report.budget_nanousd) if report.budget_is_given else "none",
        "predicted gain over all drafts": f"{report.predicted_gain:+.2f} points",
        "segments retranslated": f"{retranslated:,} ({share:.0%})",
    }
    if report.share is not None:
        figures["source tokens retranslated"] = (
            f"{report.retranslated_share or 0:.1%} of at most {report.share:.1%}"
        )
    if report.pinned:
        figures["pinned"] = ", ".join(
            f"{count:,} to {name}" for name, count in report.pinned.items()
        )
    if report.expected_severe_share is not None:
        name = f"retranslations expected to lose {-(report.severe_gain or 0):g} points or more"
        figures[name] = f"{report.expected_severe_share:.1%}"
    if report.terms:
        figures["terms of the glossary missing"] = (
            f"{report.terms['missing']:,} of {report.terms['terms']:,}"
        )
    if report.remembered:
        figures["answered by the memory"] = f"{report.remembered:,}"
    if report.left:
        figures["left as the source"] = f"{report.left:,}"
    if report.failed:
        figures["failed"] = f"{report.failed:,}"
    if report.faults:
        figures["look wrong"] = ", ".join(f"{name} {n:,}" for name, n in report.faults.items())
    return figures


def _facts(run: Run, report: Report) -> dict[str, str]:
    return {
        "Input": run.source.name,
        "Output": "standard output" if run.output is None else str(run.output),
        "Segments": f"{report.segments:,}, {report.distinct_segments:,} distinct, "
        f"{report.blank_segments:,} without text",
        **{
            _called(tier): f"{model['name']}, {model['fingerprint']}"
            for tier, model in report.models.items()
        },
        **{
            "Router" if len(report.routers) == 1 else f"Router of {tier}": (
                f"{router['name']}, {router['fingerprint']}"
            )
            for tier, router in report.routers.items()
        },
        "Gain": f"in points of {report.metric}, as the router predicts it",
        "Prices": "illustrative" if report.prices_are_illustrative else "of the model cards",
        "Knapsack": f"within {report.knapsack_gap:.2%} of the optimum of the predictions",
        "Guard" if len(report.models) < 3 else f"Guard on {list(report.models)[-1]}": "none"
        if report.guard is None
        else f"severe regressions in at most {report.guard['alpha']:.0%} of the retranslations, "
        f"with {report.guard['confidence']:.0%} confidence",
        "Seconds": ", ".join(
            f"{name} {value:g}" for name, value in report.seconds_by_stage.items()
        ),
    }


def _called(tier: str) -> str:
    return f"{tier.capitalize()} model" if tier in (SMALL, LARGE) else f"Model of {tier}"


def _tiers(report: Report) -> list[dict[str, Any]]:
    rows = []
    if report.probed:
        rows.append(_tier("probes", "", "", report.spend_by_tier_nanousd.get(PROBE, 0), report))
    for tier, model in report.models.items():
        count, spend = report.segments_by_tier[tier], report.spend_by_tier_nanousd[tier]
        rows.append(_tier(tier, model["name"], f"{count:,}", spend, report))
    return rows


def _tier(name: str, model: str, segments: str, spend: int, report: Report) -> dict[str, Any]:
    return {
        "name": name,
        "model": model,
        "segments": segments,
        "spend": format_usd(spend),
        "share": spend / max(_bar_nanousd(report), 1),
    }


def _bar_nanousd(report: Report) -> int:
    """Return what a whole bar stands for: the budget, or all spend where there was none."""
    return report.budget_nanousd if report.budget_is_given else report.spend_nanousd


def _cards(run: Run, plan: RunPlan, choice: Choice) -> list[Card]:
    """Choose segments and look at them closely."""
    route = choice.routes(plan.target)
    sent = np.asarray((choice.verdicts != NOT_SENT).any(axis=1))
    gain = plan.on_routes([one.gain for one in plan.predictions], route)
    # Stable, so that the same run has the same page.
    by_gain = np.argsort(-gain, kind="stable")
    taken = by_gain[choice.taken[by_gain]]
    kept = by_gain[(sent & ~choice.taken)[by_gain]]
    most, others = taken[:EACH], taken[EACH:]
    groups = {"most": most, "least": others[::-1][:EACH], "kept": kept[:EACH]}
    group_of = {item: name for name, items in groups.items() for item in items.tolist()}
    cards = {
        card.item: card
        for number in range(len(run.routes))
        for card in _cards_of(
            run, plan, choice, number, [item for item in group_of if route[item] == number]
        )
    }
    return [
        replace(cards[item].card, group=name) for item, name in group_of.items() if item in cards
    ]


class _Shown(NamedTuple):
    item: int
    card: Card


def _cards_of(
    run: Run, plan: RunPlan, choice: Choice, number: int, shown_items: Sequence[int]
) -> Iterator[_Shown]:
    """Look at segments that were bought on one route."""
    if not shown_items:
        return
    items = np.array(shown_items, np.int64)
    prediction, tier = plan.predictions[number], run.routes[number].tier
    gain, risk = prediction.gain, prediction.regression_risk
    explained, features = _explained(run, run.routes[number].router, items)
    drafts = run.journal.texts(run.small.name, shown_items)
    bought = {one.item: one for one in run.journal.hypotheses(tier.name, shown_items)}
    for place, (item, source) in enumerate(
        zip(shown_items, run.segments.sources.take(items), strict=True)
    ):
        retranslation = bought[item]
        before, after = compared(drafts.get(item, ""), retranslation.text)
        reasons = _reasons(explained, features, place)
        base = float(explained.base[place])
        pinned = bool(run.wishes.pinned[item])
        yield _Shown(
            item,
            Card(
                group="",
                row=int(run.segments.first_row[item]) + 1,
                repeats=int(run.segments.repeats[item]),
                source=shown(source),
                draft=before,
                retranslation=after,
                tier=tier.name,
                gain=float(gain[item]),
                risk=None if risk is None else float(risk[item]),
                spend=format_usd(retranslation.spend_nanousd),
                verdict=_verdict(choice, item, float(gain[item]), pinned=pinned),
                base=base,
                reasons=reasons,
                rest=float(gain[item]) - base - sum(one.points for one in reasons),
            ),
        )


def _verdict(choice: Choice, item: int, gain: float, *, pinned: bool) -> str:
    """Say what became of a retranslation, and why."""
    reason = choice.reason(item, gain, pinned=pinned)
    why = WHY_KEPT.get(reason.removeprefix("guard: "))
    return reason if why is None else f"{reason}: {why}"


def _explained(
    run: Run, router: Router, items: IntArray
) -> tuple[Contributions, npt.NDArray[np.float32]]:
    """Take a router's predictions of some items apart, against evenly spaced ones of the corpus."""
    every = np.arange(run.segments.items, dtype=np.int64)
    router = knowing(router, run.pair.label, run.read, every)
    few = evenly_spaced(run.segments.items, _BACKGROUND_ITEMS)
    both = np.concatenate([items, few])
    table = with_fitting_states(run.read(both), router)
    inputs = router.inputs(table, run.pair.label)
    own = inputs.take(np.arange(len(items)))
    background = inputs.features[len(items) :]
    return contributions(router, run.pair.label, own, background), own.features


def _reasons(
    explained: Contributions, features: npt.NDArray[np.float32], place: int
) -> list[Reason]:
    """Name what moved a prediction most."""
    points = explained.points[place]
    largest = np.argsort(-np.abs(points), kind="stable")[:_REASONS]
    return [
        Reason(in_words(explained.names[at]), _value(features[place], at), float(points[at]))
        for at in largest.tolist()
        if abs(points[at]) >= _LEAST_POINTS
    ]


def in_words(name: str) -> str:
    """Write a feature's or a part's name for people."""
    known = {"text": "words of source and draft", "probe": "the small model's hidden state"}
    return known.get(name, name.replace("_", " ").replace("logprob", "log-probability"))


def _value(features: npt.NDArray[np.float32], at: int) -> str:
    if at >= len(features):
        return ""
    value = float(features[at])
    return "missing" if np.isnan(value) else f"{value:+.1f} sd"
