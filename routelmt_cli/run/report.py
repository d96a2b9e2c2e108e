"""The report of a run: what was spent, on what, and what is expected of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import routelmt_cli
from routelmt_cli.gain.catalogue import router_name
from routelmt_cli.run.choice import Choice
from routelmt_cli.run.final_faults import count_faults
from routelmt_cli.run.notes import NoteSource
from routelmt_cli.run.opened import Run
from routelmt_cli.run.options import RouteBy
from routelmt_cli.run.planning import RunPlan
from routelmt_cli.run.shielding import count_protected
from routelmt_cli.run.terms import count_terms
from routelmt_cli.run.tiers import PROBE
from routelmt_cli.run.whole_file import write_whole


@dataclass(frozen=True)
class Report:
    """The figures of a finished run.

    Attributes
    ----------
    segments, blank_segments, distinct_segments
        Rows; rows without text; distinct sources with text.
    drafted, retranslated
        Distinct segments bought from the model that drafts, and hypotheses bought from the others.
    segments_by_tier
        Rows by the tier that their translation is of.
    kept_drafts
        Rows whose retranslation was bought and not used, by reason.
    failed
        Rows whose retranslation failed, so that they kept their draft, and rows without any
        translation.
    faults
        Rows whose final translation is wrong on the face of it, by what is seen
        (see ``gain.faults``).
    budget_nanousd, spend_nanousd, spend_by_tier_nanousd
        The limit, and what was really spent.
    planned_cost_nanousd
        What the plan predicted for the retranslations.
    predicted_gain
        Weighted mean over all segments, in points of the metric, of the predicted gain of those
        that took their retranslation.
    metric
        The metric's signature.
    severe_gain
        Gain in points at or below which a regression is severe; None where the router has no model
        of that risk for this language pair.
    expected_severe_share
        Predicted share of severe regressions among the rows that took their retranslation; None
        where that is not known or none did.
    guard
        What the guard was asked for and promises (see ``gain.conformal.GuardLimit``); None for
        no guard. Of several tiers that retranslate it is the last one's, as the next is.
    drift
        How far the corpus is from the calibration's (see ``gain.drift.DriftReport``); None where
        the router cannot tell.
    knapsack_value, knapsack_bound, knapsack_gap
        Of the plan; the gap is (bound - value) / bound.
    seconds, seconds_by_stage
        Wall time of this process, from the first look at the corpus's segments to the output.
    models, routers
        Name and fingerprint of each, by tier.
    budget_is_given
        Whether ``budget_nanousd`` was asked for; otherwise it is the worst case of everything.
    share, retranslated_share
        The limit on the share of source tokens sent to the large model, None for none; the share
        that was sent.
    pinned
        Rows that are pinned, by tier.
    protected
        Rows with placeholders, tags or the like, None where they are not protected.
    remembered
        Rows that a translation memory answered.
    near_matches
        Rows whose retranslation was bought with a similar source of the memory as an example.
    terms
        Of a glossary: rows with terms in their source (``segments``), terms in them (``terms``),
        and those that the final translation lacks (``missing``); empty without a glossary.
    left
        Rows of these that stay as their source, since no hypothesis has what is protected.
    route_by, probed
        What routing looked at, and how many distinct segments were probed.
    unmetered, unmetered_nanousd
        Requests to servers that were charged in full, since their answer was lost or did not say
        what it used; and the spend that this is.
    """

    segments: int
    blank_segments: int
    distinct_segments: int
    drafted: int
    retranslated: int
    segments_by_tier: dict[str, int]
    kept_drafts: dict[str, int]
    failed: int
    faults: dict[str, int]
    budget_nanousd: int
    spend_nanousd: int
    spend_by_tier_nanousd: dict[str, int]
    planned_cost_nanousd: int
    predicted_gain: float
    metric: str
    severe_gain: float | None
    expected_severe_share: float | None
    guard: dict[str, Any] | None
    drift: dict[str, Any] | None
    knapsack_value: float
    knapsack_bound: float
    knapsack_gap: float
    seconds: float
    seconds_by_stage: dict[str, float]
    models: dict[str, dict[str, str]]
    routers: dict[str, dict[str, str]]
    prices_are_illustrative: bool
    routelmt_version: str = routelmt_cli.__version__
    budget_is_given: bool = True
    share: float | None = None
    retranslated_share: float | None = None
    pinned: dict[str, int] = field(default_factory=dict)
    protected: int | None = None
    left: int = 0
    remembered: int = 0
    near_matches: int = 0
    terms: dict[str, int] = field(default_factory=dict)
    unmetered: int = 0
    unmetered_nanousd: int = 0
    route_by: str = RouteBy.DRAFT.value
    probed: int = 0

    def as_json(self) -> str:
        """Write the report as JSON, as it is kept."""
        return json.dumps(asdict(self), indent=1) + "\n"

    def save(self, path: Path) -> None:
        """Write the report as JSON, whole."""
        with write_whole(path) as file:
            file.write(self.as_json().encode())


def make_report(run: Run, plan: RunPlan, choice: Choice) -> Report:
    """Count everything up from the journal."""
    segments, journal, pair = run.segments, run.journal, run.pair
    router = run.routes[-1].router
    seconds_by_stage, wishes = run.clock.seconds, run.wishes
    taken = choice.taken
    rows_left = int(segments.repeats[choice.left].sum())
    rows = int(segments.repeats.sum())
    kept = choice.counts(segments.repeats)
    failed = kept.pop("failed", 0)
    total_weight = float(plan.weight.sum())
    tiers = list(pair.models)
    # A run that was begun otherwise has paid for them all the same.
    probes = [PROBE] if journal.has_waves(PROBE) else []
    unmetered = [journal.unmetered(tier) for tier in tiers]
    route = choice.routes(plan.target)
    gain = plan.on_routes([one.gain for one in plan.predictions], route)
    gained = float((plan.weight * gain)[taken].sum())
    risk = plan.risk(route)
    drift, limit = plan.predictions[-1].drift, plan.limits[-1]
    notes = [model.card.price_note for model in pair.models.values()]
    metadata, safeguards = router.metadata, router.safeguards
    sent = np.zeros(segments.items, np.bool_)
    for tier in tiers[1:]:
        sent |= journal.sent(tier, segments.items)
    return Report(
        segments=segments.rows,
        blank_segments=segments.rows - rows - segments.remembered,
        distinct_segments=segments.items,
        drafted=journal.count(pair.drafting),
        retranslated=sum(map(journal.count, tiers[1:])),
        segments_by_tier=choice.rows_by_tier(segments.repeats),
        kept_drafts=kept,
        failed=failed,
        faults=count_faults(journal, segments, choice, pair),
        budget_nanousd=plan.facts["budget_nanousd"],
        spend_nanousd=journal.spend_nanousd(),
        spend_by_tier_nanousd={tier: journal.spend_nanousd(tier) for tier in (*probes, *tiers)},
        planned_cost_nanousd=plan.facts["cost_nanousd"],
        predicted_gain=round(gained / total_weight, 4) if total_weight else 0.0,
        metric=metadata.metric_signature,
        severe_gain=None if risk is None or safeguards is None else safeguards.severe,
        expected_severe_share=None if risk is None else _mean(risk[taken], segments.repeats[taken]),
        guard=None if limit is None else asdict(limit),
        drift=None if drift is None else asdict(drift),
        knapsack_value=plan.facts["value"],
        knapsack_bound=plan.facts["bound"],
        knapsack_gap=plan.facts["gap"],
        seconds=round(sum(seconds_by_stage.values()), 3),
        seconds_by_stage={name: round(value, 3) for name, value in seconds_by_stage.items()},
        models={
            tier: _model(model.card.name, model.fingerprint) for tier, model in pair.models.items()
        },
        routers={
            one.tier.name: _model(router_name(one.router.metadata), one.router.fingerprint)
            for one in run.routes
        },
        prices_are_illustrative=any("illustrative" in note for note in notes),
        budget_is_given=run.options.budget_nanousd is not None,
        share=wishes.share,
        retranslated_share=_share(wishes.tokens, sent),
        pinned={
            tier: count
            for tier in tiers
            if (count := int(segments.repeats[wishes.pinned_to(tier)].sum()))
        },
        protected=count_protected(segments) if run.options.pair.protects else None,
        left=rows_left,
        remembered=segments.remembered,
        near_matches=_near_matches(run),
        terms={} if run.glossary is None else count_terms(choice, journal, segments, run.glossary),
        unmetered=sum(count for count, _ in unmetered),
        unmetered_nanousd=sum(spend for _, spend in unmetered),
        route_by=run.options.route_by.value,
        probed=journal.count(PROBE),
    )


def _near_matches(run: Run) -> int:
    told = np.zeros(run.segments.items, np.bool_)
    for route in run.routes:
        notes = route.tier.notes
        if isinstance(notes, NoteSource) and notes.near is not None:
            sent = np.flatnonzero(run.journal.bought(route.tier.name, run.segments.items))
            sources = run.segments.sources.take(sent)
            told[sent] |= np.array([bool(notes.similar(source)) for source in sources], np.bool_)
    return int(run.segments.repeats[told].sum())


def _mean(values: npt.NDArray[np.float64], repeats: npt.NDArray[np.int64]) -> float | None:
    """Average over rows, None where there are none."""
    return round(float(np.average(values, weights=repeats)), 4) if len(values) else None


def _share(tokens: npt.NDArray[np.int64], sent: npt.NDArray[np.bool_]) -> float | None:
    """Return the share of the tokens that were sent, None where there are none."""
    total = int(tokens.sum())
    return round(int(tokens[sent].sum()) / total, 6) if total else None


def _model(name: str, fingerprint: str) -> dict[str, str]:
    return {"name": name, "fingerprint": fingerprint}
