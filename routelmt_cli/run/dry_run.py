"""``translate --dry-run``: what would be spent, with token counts alone and no model run.

Where the run folder already holds all drafts, the real plan is solved from them.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import routelmt_cli
from routelmt_cli.budget.money import format_usd
from routelmt_cli.run import output, planning
from routelmt_cli.run.continuing import (
    OutputRecord,
    anything_sent,
    output_records,
    refuse_other_run,
)
from routelmt_cli.run.corpus_input import open_input
from routelmt_cli.run.folder import RunFolder
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.options import TranslateOptions
from routelmt_cli.run.pipeline import worst_of_all
from routelmt_cli.run.planning import DraftsToCome, RunPlan
from routelmt_cli.run.prediction import predict, predict_draft_tokens
from routelmt_cli.run.preparation import prepare, reserved_columns
from routelmt_cli.run.probes import what_is_looked_at
from routelmt_cli.run.progress import Progress
from routelmt_cli.run.route import Route
from routelmt_cli.run.run_state import RunState
from routelmt_cli.run.segments import scan
from routelmt_cli.run.spending import left_nanousd, needed_nanousd
from routelmt_cli.run.tiers import Tier
from routelmt_cli.run.wishes import Wishes, read_wishes


@dataclass(frozen=True)
class Estimate:
    """What a run would spend; amounts in nanodollars.

    Attributes
    ----------
    begun
        Whether some drafts or probes are bought already.
    draft_cost_nanousd, draft_worst_nanousd
        Of the drafts that are still to be bought: predicted, and at most.
    large_cost_nanousd
        Predicted cost of retranslating every segment, with the last tier that retranslates.
    large_cost_range_nanousd
        The same with every segment at the 10%, and at the 90% quantile of its length.
    cost_by_tier_nanousd
        Predicted cost of retranslating every segment with each tier.
    plan, spent_nanousd
        The plan, where the drafts are already bought, and what they cost.
    auto_budget
        Whether the budget is only the most that may be spent.
    pinned_worst_nanousd
        Of what is pinned to the large model and not sent yet, at most.
    share
        The most of the text that may be retranslated; None for any share.
    remembered
        Rows that a translation memory answers.
    floor_nanousd
        What the budget must be at least beside pins, what is spent included.
    probe_cost_nanousd
        Of the probes that are still to be bought, exactly; None where drafts are looked at.
    budget_is_given
        Whether the budget was asked for; otherwise it is the worst case of everything.
    """

    segments: int
    distinct_segments: int
    budget_nanousd: int
    begun: bool
    draft_cost_nanousd: int
    draft_worst_nanousd: int
    large_cost_nanousd: int
    large_cost_range_nanousd: tuple[int, int]
    plan: RunPlan | None
    spent_nanousd: int
    auto_budget: bool = False
    pinned_worst_nanousd: int = 0
    share: float | None = None
    budget_is_given: bool = True
    remembered: int = 0
    cost_by_tier_nanousd: dict[str, int] = field(default_factory=dict)
    probe_cost_nanousd: int | None = None
    floor_nanousd: int = 0

    def rows(self) -> list[tuple[str, str]]:
        """Return the figures as (name, value) texts."""
        rows = [
            ("segments", f"{self.segments:,} ({self.distinct_segments:,} distinct)"),
            ("budget", format_usd(self.budget_nanousd) if self.budget_is_given else "none"),
        ]
        if self.remembered:
            rows.append(("answered by the memory", f"{self.remembered:,}"))
        if self.share is not None:
            rows.append(("share of the source tokens, at most", f"{self.share:.1%}"))
        if self.pinned_worst_nanousd:
            whom = "tiers that retranslate" if self._has_several else "the large model"
            rows.append((f"pinned to {whom}, at most", format_usd(self.pinned_worst_nanousd)))
        if self.plan is None:
            if self.refused:
                left, drafts = 0, 0
            else:
                drafts = self.spent_nanousd + (self.probe_cost_nanousd or 0)
                drafts += self.draft_cost_nanousd
                left = max(0, self.budget_nanousd - drafts)
            most = 1.0 if self.share is None else self.share
            spent = [("spent already", format_usd(self.spent_nanousd))] if self.begun else []
            if self.probe_cost_nanousd is not None:
                spent.append(("probes", format_usd(self.probe_cost_nanousd)))
            return [
                *rows,
                *spent,
                ("drafts, predicted cost", format_usd(self.draft_cost_nanousd)),
                ("drafts, at most", format_usd(self.draft_worst_nanousd)),
                ("left for retranslations", format_usd(left)),
                *self._cost_rows(drafts, left, most),
            ]
        cost = int(self.plan.facts["cost_nanousd"])
        to_come: int | None = self.plan.facts.get("drafts_nanousd")
        others = [] if to_come is None else [("drafts of the others", format_usd(to_come))]
        return [
            *rows,
            ("spent already", format_usd(self.spent_nanousd)),
            ("retranslations planned", f"{int(self.plan.chosen.sum()):,}"),
            ("their predicted cost", format_usd(cost)),
            *others,
            ("predicted spend", format_usd(self.spent_nanousd + cost + (to_come or 0))),
            ("knapsack gap", f"{self.plan.facts['gap']:.2%}"),
        ]

    @property
    def _has_several(self) -> bool:
        """Whether several tiers retranslate."""
        return len(self.cost_by_tier_nanousd) > 1

    def _cost_rows(self, drafts: int, left: int, most: float) -> list[tuple[str, str]]:
        """Say what retranslating everything costs, and what may be spent in all."""
        more = self.large_cost_nanousd
        if self.probe_cost_nanousd is not None:  # what is retranslated needs no draft
            more = max(0, more - self.draft_cost_nanousd)
        spend = format_usd(drafts + min(left, int(more * most)))
        if self._has_several:
            return [
                *(
                    (f"retranslating all with {tier}, predicted cost", format_usd(cost))
                    for tier, cost in self.cost_by_tier_nanousd.items()
                ),
                ("predicted spend, at most", spend),
            ]
        share = min(most, left / more) if more else most
        low, high = self.large_cost_range_nanousd
        return [
            ("retranslating all, predicted cost", format_usd(self.large_cost_nanousd)),
            ("retranslating all, cautious range", f"{format_usd(low)} to {format_usd(high)}"),
            ("predicted spend", spend),
            ("share of the text that fits", f"{share:.0%}"),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        plan = None
        if self.plan is not None:
            plan = {"retranslations": int(self.plan.chosen.sum()), **self.plan.facts}
        return {
            "command": "translate --dry-run",
            "routelmt_version": routelmt_cli.__version__,
            **values,
            "plan": plan,
            "refused": self.refused,
            "needed_nanousd": self.needed_nanousd,
            "remarks": self.remarks(),
        }

    @property
    def refused(self) -> bool:
        """Whether the run would be refused: its drafts and pins might not fit the budget."""
        return self.needed_nanousd > self.budget_nanousd

    @property
    def needed_nanousd(self) -> int:
        """What the budget must be at least for drafting to begin, or to go on."""
        return self.floor_nanousd + self.pinned_worst_nanousd

    def remarks(self) -> list[str]:
        """Return what else is to be said, a line each."""
        return [*self._auto_remarks(), *self._remarks()]

    def _auto_remarks(self) -> list[str]:
        if not self.auto_budget:
            return []
        most = format_usd(self.budget_nanousd)
        return [f"shown for all of {most}; auto may spend less: see routelmt plan"]

    def _remarks(self) -> list[str]:
        if self.plan is not None:
            what = "drafts" if self.probe_cost_nanousd is None else "probes"
            lines = [f"planned from {what} that are already bought; no model was called"]
            return lines if self.plan.drift_warning is None else [*lines, self.plan.drift_warning]
        doing = "drafting" if self.probe_cost_nanousd is None else "probing"
        lines = [
            f"no model was called; which segments are retranslated is known after {doing}",
        ]
        if not self._has_several:
            lines.append(
                "the cautious range takes every segment at the 10%, or every one at the 90% "
                "quantile of its length: the total's own range is narrower"
            )
        if self.refused:
            lines.append(
                f"the budget must be at least {format_usd(self.needed_nanousd)} "
                f"for {doing} to {'go on' if self.begun else 'begin'}"
            )
        return lines


def dry_run(options: TranslateOptions, progress: Progress) -> Estimate:
    """Estimate what ``translate`` would spend with these options.

    Raises
    ------
    UsageError
        For everything that ``translate`` would refuse before it spends.
    """
    columns = reserved_columns(options)
    with open_input(options.corpus, columns) as source, tempfile.TemporaryDirectory() as scratch:
        begun = prepare(source, options, progress)
        path = begun.output
        segments = scan(source.corpus, Path(scratch) / "sources.arrow", begun.memory.texts)
        for remark in source.corpus.remarks():
            progress.note(remark)
        tiers = begun.open_tiers(source.corpus, segments)
        small, routes, probing = tiers[0], begun.routes(tiers), begun.open_probing(segments)
        wishes = read_wishes(source.corpus, segments, tiers, options)
        budget = options.budget_nanousd
        if budget is None:
            budget = worst_of_all(tiers)
        sent = np.zeros(segments.items, np.bool_)
        pinned_worst = _pinned_worst(None, routes, wishes)
        state = RunState(small, routes, probing, segments, begun.pair)
        money, plan = None, None
        records: list[OutputRecord] = []
        if (begun.folder / "run.json").exists():
            with RunFolder(begun.folder) as held:
                records = output_records(held, tolerant=options.restart)
                if not options.restart and anything_sent(held):
                    refuse_other_run(held, begun.identity, budget)
                    with Journal(held.journal) as journal:
                        state = dataclasses.replace(state, journal=journal)
                        money = state.money
                        for route in routes:
                            sent |= journal.sent(route.tier.name, segments.items)
                        pinned_worst = _pinned_worst(journal, routes, wishes)
                        if money.is_known and money.floor + pinned_worst <= budget:
                            plan = _plan(held, state, wishes, budget, journal)
        if money is None:
            money = state.money
        wishes.refuse_share(sent)
        if path is not None:
            output.refuse_foreign(path, records, overwrite=options.overwrite)
        draft_tokens = predict_draft_tokens(routes[0].router, small)
        costs = [_costs(route, small, draft_tokens) for route in routes]
        cost, low, high = costs[-1]
        return Estimate(
            segments=segments.rows,
            distinct_segments=segments.items,
            budget_nanousd=budget,
            begun=money.is_begun,
            draft_cost_nanousd=money.drafts,
            draft_worst_nanousd=money.drafts_at_most,
            large_cost_nanousd=cost,
            large_cost_range_nanousd=(low, high),
            plan=plan,
            spent_nanousd=money.spent,
            floor_nanousd=money.floor,
            auto_budget=options.auto_budget,
            pinned_worst_nanousd=pinned_worst,
            share=options.share,
            budget_is_given=options.budget_nanousd is not None,
            remembered=segments.remembered,
            cost_by_tier_nanousd={
                route.tier.name: own[0] for route, own in zip(routes, costs, strict=True)
            },
            probe_cost_nanousd=money.probes,
        )


def _pinned_worst(journal: Journal | None, routes: Sequence[Route], wishes: Wishes) -> int:
    """Return what is still to be sent of the pinned segments, at most."""
    return sum(
        needed_nanousd(journal, route.tier, np.flatnonzero(wishes.pinned_to(route.tier.name)))
        for route in routes
    )


def _costs(route: Route, small: Tier, draft_tokens: npt.NDArray[np.float64]) -> list[int]:
    """Predict what retranslating everything costs on a route, and both ends of its range."""
    lengths = (small.source_tokens, draft_tokens.astype(np.int64))
    model, tier = route.router.length_model, route.tier
    return [
        tier.prefix_nanousd + _sum(tier.cost_nanousd(tokens))
        for tokens in (model.predict(*lengths), *model.predict_quantiles(*lengths))
    ]


def _sum(nanousd: npt.NDArray[np.int64]) -> int:
    return sum(nanousd.tolist())  # exact, where 64 bits might not be


def _plan(
    folder: RunFolder, state: RunState, wishes: Wishes, budget_nanousd: int, journal: Journal
) -> RunPlan:
    routes = state.routes
    drafts = None if state.probing is None else state.drafts
    router = None if drafts is None else drafts.router
    plan = planning.load_plan(folder.plan, budget_nanousd, wishes.share, router)
    if plan is None:
        read = what_is_looked_at(journal, state.segments, state.small, state.probing)
        predictions = predict(read, routes, state.pair.label, state.segments.every)
        plan = planning.solve(predictions, wishes, journal, routes, budget_nanousd, drafts)
    return _what_remains(plan, state, journal, budget_nanousd, drafts)


def _what_remains(
    plan: RunPlan,
    state: RunState,
    journal: Journal,
    budget_nanousd: int,
    drafts: DraftsToCome | None,
) -> RunPlan:
    """Take out of a plan what was bought since, and what can no longer fit."""
    if state.owed is not None:
        budget_nanousd -= state.owed.worst_nanousd
    waiting = plan.chosen.copy()
    for number, route in enumerate(state.routes):
        fits = route.tier.worst_nanousd <= left_nanousd(journal, route.tier, budget_nanousd)
        fits &= ~journal.sent(route.tier.name, len(waiting))
        waiting &= fits | (plan.target != number)
    facts = {**plan.facts, "cost_nanousd": int(plan.cost_nanousd[waiting].sum())}
    if drafts is not None:
        facts["drafts_nanousd"] = drafts.prefix_nanousd + _sum(drafts.cost_nanousd[~waiting])
    return dataclasses.replace(plan, chosen=waiting, facts=facts)
