"""The plan of a run: solved once for a budget, kept in ``plan.parquet``, read again after a crash.

In: predictions, weights, what is already bought, the budget. Out: which items to retranslate, where
and in which order. Always: the plan of a budget never changes once it is written.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from routelmt_cli.budget import multiple_choice, two_limits
from routelmt_cli.budget.exact import NOTHING
from routelmt_cli.budget.multiple_choice import ChoicePlan
from routelmt_cli.errors import UsageError
from routelmt_cli.gain.conformal import GuardLimit
from routelmt_cli.gain.drift import DriftReport
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.prediction import Prediction
from routelmt_cli.run.route import Route
from routelmt_cli.run.whole_file import write_whole
from routelmt_cli.run.wishes import Wishes

_T = TypeVar("_T", bound=np.generic)

_FACTS = b"routelmt"
_DRIFT, _LIMIT, _ROUTES = "drift", "guard", "routes"
_GAIN, _COST, _RISK = "predicted_gain", "cost_nanousd", "regression_risk"
_DRAFTS, _PROBES = "drafts_nanousd", "probing"
_SHOWN_FEATURES = 3
_ROWS_AT_ONCE = 1 << 16  # what Parquet's dictionaries of a group hold is several times its columns


@dataclass(frozen=True)
class RunPlan:
    """What to retranslate, and where; arrays of shape (items,).

    Attributes
    ----------
    predictions
        Predicted gain and cost of every item on each route.
    weight
        float64, what an item counts: its rule's weight times its repeats.
    target
        int8, the number of the route that an item is chosen for, or would be bought on first, or
        is best on; the figures of an item are those of its target.
    chosen
        bool, whether the knapsack chose the item.
    order
        int64 of shape (candidates,): items in the order of spending. What is pinned to a model
        that retranslates comes first, then what is chosen; what follows is bought only where
        actual spend stays below predicted cost.
    facts
        ``budget_nanousd``, ``share``, ``value``, ``bound``, ``gap``, ``cost_nanousd`` (of pinned
        items too), ``dual_price``, ``prefixes_nanousd`` (that were still to be paid, by route);
        where drafts were to come, ``drafts_nanousd`` (predicted cost of those that the plan leaves)
        and ``probing`` (the fingerprint of the router that planned without them).
    limits
        The limit on predicted risk that the plan keeps to on each route; None for none.
    """

    predictions: Sequence[Prediction]
    weight: npt.NDArray[np.float64]
    target: npt.NDArray[np.int8]
    chosen: npt.NDArray[np.bool_]
    order: npt.NDArray[np.int64]
    facts: dict[str, Any]
    limits: Sequence[GuardLimit | None]

    @property
    def gain(self) -> npt.NDArray[np.float64]:
        """Predicted gain, float64."""
        return self.on_routes([one.gain for one in self.predictions], self.target)

    @property
    def cost_nanousd(self) -> npt.NDArray[np.int64]:
        """Predicted cost, int64."""
        return self.on_routes([one.cost_nanousd for one in self.predictions], self.target)

    @property
    def allowed(self) -> npt.NDArray[np.bool_]:
        """Which items the limit on risk lets through; none, where their risk isn't known."""
        masks = [
            allowed_by(limit, one) for limit, one in zip(self.limits, self.predictions, strict=True)
        ]
        return self.on_routes(masks, self.target)

    def risk(self, route: npt.NDArray[np.int8]) -> npt.NDArray[np.float64] | None:
        """Return the predicted risk of items on given routes; None where one does not know it."""
        risks = [one.regression_risk for one in self.predictions]
        known = [risk for risk in risks if risk is not None]
        return self.on_routes(known, route) if len(known) == len(risks) else None

    def on_routes(
        self, columns: Sequence[npt.NDArray[_T]], route: npt.NDArray[np.int8]
    ) -> npt.NDArray[_T]:
        """Take each item's value from the column of its route."""
        if len(columns) == 1:
            return columns[0]
        return np.choose(route, columns)

    def order_on(self, route: int) -> tuple[npt.NDArray[np.int64], int]:
        """Return the items to be bought on a route in order, and how many of them are chosen."""
        own = self.order[self.target[self.order] == route]
        return own, int(self.chosen[own].sum())

    @property
    def drift_warning(self) -> str | None:
        """What is to be said where the corpus is not like the calibration's."""
        found = (one.drift for one in self.predictions)
        warnings = (drift_warning(drift) for drift in found if drift is not None)
        return next((one for one in warnings if one is not None), None)


def drift_warning(drift: DriftReport) -> str | None:
    """Say that a corpus is not like the calibration's, where it is not."""
    if not drift.shifted:
        return None
    worst = ", ".join(
        name.replace("_", " ").replace("logprob", "log-probability")
        for name, _ in drift.worst[:_SHOWN_FEATURES]
    )
    return (
        f"warning: this corpus differs from the calibration's ({worst}): predictions may be "
        "off; calibrate on segments like these"
    )


def allowed_by(limit: GuardLimit | None, prediction: Prediction) -> npt.NDArray[np.bool_]:
    """Say which items a limit on risk lets through, bool of shape (items,)."""
    if limit is None:
        return np.ones(len(prediction.gain), np.bool_)
    risk = prediction.regression_risk
    return limit.allows(np.full(len(prediction.gain), np.nan) if risk is None else risk)


@dataclass(frozen=True)
class DraftsToCome:
    """Drafts that a run buys after its retranslations, of what has none by then.

    Attributes
    ----------
    cost_nanousd
        int64 of shape (items,): predicted; 0 where none is needed any more.
    prefix_nanousd
        What the prompt prefix of the first of them is still to cost.
    router
        The fingerprint of the router that plans without them.
    """

    cost_nanousd: npt.NDArray[np.int64]
    prefix_nanousd: int
    router: str


def solve(
    predictions: Sequence[Prediction],
    wishes: Wishes,
    journal: Journal,
    routes: Sequence[Route],
    budget_nanousd: int,
    drafts: DraftsToCome | None = None,
) -> RunPlan:
    """Solve the knapsack over everything that is still to be sent on a route.

    The capacity is what the budget leaves after settled spend, outstanding reservations, the
    prompt prefixes, and the predicted cost of what is pinned to a route, which comes first
    in the order. A share of the source tokens is a second limit, where there is one route. With a
    limit on predicted risk, only what it allows is a candidate; nothing is, where the risk isn't
    known. What was sent on one route before can be sent on another for what it gains there beyond.
    Where drafts are still to come the budget leaves what all of them cost, and a retranslation
    costs what it costs beyond the draft that it makes needless.
    """
    values, costs, gone = _options(predictions, wishes, journal, routes)
    pinned = wishes.to_retranslate & ~gone
    pinned_cost = sum(_on_pins(costs, wishes, pinned))
    left = budget_nanousd - journal.committed_nanousd() - pinned_cost
    due = _prefixes_due(routes, journal)
    has_pins = np.isin(np.arange(1, len(routes) + 1), wishes.pin[pinned]).tolist()
    given_up = _given_up(due, left, has_pins)
    values[:, given_up] = 0.0
    left -= sum(amount for route, amount in enumerate(due) if route not in given_up)
    net = costs
    if drafts is not None:
        left -= sum(drafts.cost_nanousd.tolist()) + drafts.prefix_nanousd
        net = np.maximum(costs - drafts.cost_nanousd[:, None], 0)
    capacity = max(0, left)
    room = wishes.tokens_left(gone | pinned)
    plan = (
        multiple_choice.solve(values, net, capacity)
        if room is None
        else _within_share(values, net, capacity, wishes, max(0, room))
    )
    target = np.zeros(len(values), np.int8)
    if len(routes) > 1:
        target[:] = np.where(plan.target == NOTHING, np.argmax(values, axis=1), plan.target)
        target[wishes.to_retranslate] = wishes.pin[wishes.to_retranslate] - 1
    is_chosen = plan.option != NOTHING
    facts: dict[str, Any] = {
        "budget_nanousd": budget_nanousd,
        "share": wishes.share,
        "value": plan.value,
        "bound": plan.bound,
        "gap": plan.gap,
        "cost_nanousd": plan.cost_nanousd + pinned_cost,
        "dual_price": plan.dual_price,
        "prefixes_nanousd": due,
    }
    if drafts is not None:
        facts["cost_nanousd"] = sum(costs[is_chosen, 0].tolist())
        facts[_DRAFTS] = sum(drafts.cost_nanousd[~is_chosen].tolist())
        facts[_PROBES] = drafts.router
    return RunPlan(
        predictions=predictions,
        weight=wishes.weight,
        target=target,
        chosen=is_chosen | pinned,
        order=np.concatenate([np.flatnonzero(pinned), plan.order]),
        facts=facts,
        limits=[route.limit for route in routes],
    )


def _options(
    predictions: Sequence[Prediction],
    wishes: Wishes,
    journal: Journal,
    routes: Sequence[Route],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Give what every item is worth on every route, its cost there, and whether it was sent."""
    items = len(wishes.weight)
    values = np.empty((items, len(routes)))
    for number, prediction in enumerate(predictions):
        np.multiply(prediction.gain, wishes.weight, out=values[:, number])
    costs = np.stack([one.cost_nanousd for one in predictions], axis=1)
    sent = np.stack([journal.sent(route.tier.name, items) for route in routes], axis=1)
    gone = np.asarray(sent.any(axis=1))
    if len(routes) > 1 and gone.any():
        # What another route would add to what was bought; of those the best counts.
        known = np.where(sent[gone], values[gone], 0.0).max(axis=1)
        values[gone] -= known[:, None]
    for number, (route, prediction) in enumerate(zip(routes, predictions, strict=True)):
        barred = sent[:, number] | wishes.pinned
        if route.limit is not None:
            barred |= ~allowed_by(route.limit, prediction)
        values[barred, number] = 0.0
    return values, costs, gone


def _on_pins(
    costs: npt.NDArray[np.int64], wishes: Wishes, pinned: npt.NDArray[np.bool_]
) -> list[int]:
    """Return the costs of pinned items on the routes that they are pinned to."""
    items = np.flatnonzero(pinned)
    found: list[int] = costs[items, wishes.pin[items] - 1].tolist()
    return found


def _prefixes_due(routes: Sequence[Route], journal: Journal) -> list[int]:
    """Return what each route's prompt prefix is still to cost."""
    return [
        0 if journal.has_waves(route.tier.name) else route.tier.prefix_nanousd for route in routes
    ]


def _given_up(due: Sequence[int], left_nanousd: int, pinned: Sequence[bool]) -> list[int]:
    """Name the routes whose prefixes the others leave no money for, dearest first.

    The only route, or one that something is pinned to, is never given up.
    """
    kept = dict(enumerate(due))
    given_up = []
    while sum(kept.values()) > left_nanousd and len(kept) > 1:
        free = [route for route in kept if not pinned[route]]
        if not free:
            break
        dearest = max(free, key=lambda route: kept[route])
        given_up.append(dearest)
        del kept[dearest]
    return given_up


def _within_share(
    values: npt.NDArray[np.float64],
    costs: npt.NDArray[np.int64],
    capacity: int,
    wishes: Wishes,
    room: int,
) -> ChoicePlan:
    """Solve for the only route, under a limit on source tokens too."""
    plan = two_limits.solve(values[:, 0], costs[:, 0], capacity, wishes.tokens, room)
    return ChoicePlan.of_plain(plan, values[:, 0])


def save_plan(plan: RunPlan, routes: Sequence[Route], path: Path) -> None:
    """Write the plan whole.

    Parameters
    ----------
    plan
        The plan.
    routes
        Its routes; where there are several, the figures on each are columns that end in the name of
        its tier.
    path
        The file.
    """
    rank = np.full(len(plan.weight), -1, np.int64)
    rank[plan.order] = np.arange(len(plan.order))
    names = [route.tier.name for route in routes]
    facts = {
        **plan.facts,
        _ROUTES: [
            {
                "tier": name,
                _DRIFT: None if one.drift is None else asdict(one.drift),
                _LIMIT: None if limit is None else asdict(limit),
            }
            for name, one, limit in zip(names, plan.predictions, plan.limits, strict=True)
        ],
    }
    columns: dict[str, Any] = {
        "item": np.arange(len(plan.weight), dtype=np.int64),
        "weight": plan.weight,
    }
    for ending, one in zip(_endings(names), plan.predictions, strict=True):
        risk = one.regression_risk
        known = np.full(len(rank), np.nan) if risk is None else risk
        own = {_GAIN: one.gain, _COST: one.cost_nanousd, _RISK: known}
        columns |= {f"{name}{ending}": values for name, values in own.items()}
    columns |= {"target": plan.target, "chosen": plan.chosen, "rank": rank}
    table = pa.table(columns).replace_schema_metadata({_FACTS: json.dumps(facts).encode()})
    with write_whole(path) as file:
        pq.write_table(table, file, row_group_size=_ROWS_AT_ONCE, write_page_checksum=True)


def _endings(names: Sequence[str]) -> list[str]:
    return [""] if len(names) == 1 else [f".{name}" for name in names]


def load_plan(
    path: Path, budget_nanousd: int, share: float | None = None, probing: str | None = None
) -> RunPlan | None:
    """Return the plan that was written for a budget and a share, or None.

    Parameters
    ----------
    path
        The file.
    budget_nanousd, share
        Of the run.
    probing
        The fingerprint of the router that plans without drafts; None where there are drafts.

    Raises
    ------
    UsageError
        Where the file is damaged. It is not solved again unasked: the run would then buy other
        segments than its plan said.
    """
    if not path.exists():
        return None
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        facts = json.loads(table.schema.metadata[_FACTS])
        columns = {name: table.column(name).to_numpy() for name in table.column_names}
        known_budget = facts["budget_nanousd"]
        # A plan of an older routelmt has one route, and may not know its risk.
        old = {name: facts.pop(name, None) for name in (_DRIFT, _LIMIT)}
        of_routes = facts.pop(_ROUTES, [{"tier": "", **old}])
        nowhere = np.zeros(len(columns["rank"]), np.int8)
        predictions = [
            Prediction(
                columns[f"{_GAIN}{ending}"],
                columns[f"{_COST}{ending}"],
                _risk(columns.get(f"{_RISK}{ending}")),
                _drift(route.get(_DRIFT)),
            )
            for route, ending in zip(
                of_routes, _endings([route["tier"] for route in of_routes]), strict=True
            )
        ]
        found = [route.get(_LIMIT) for route in of_routes]
        limits = [None if one is None else GuardLimit(**one) for one in found]
        candidates = np.flatnonzero(columns["rank"] >= 0)
        plan = RunPlan(
            predictions=predictions,
            weight=columns["weight"],
            target=columns.get("target", nowhere),
            chosen=columns["chosen"],
            order=candidates[np.argsort(columns["rank"][candidates])],
            facts=facts,
            limits=limits,
        )
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path}: damaged plan",
            hint="restore it from a copy, or remove it to plan anew what is not bought yet",
        ) from error
    known = (known_budget, facts.get("share"), facts.get(_PROBES))
    return plan if known == (budget_nanousd, share, probing) else None


def _risk(risk: npt.NDArray[np.float64] | None) -> npt.NDArray[np.float64] | None:
    """Find the risk, which a plan of some routers holds as NaN."""
    return None if risk is None or np.isnan(risk).all() else risk


def _drift(known: dict[str, Any] | None) -> DriftReport | None:
    if known is None:
        return None
    worst = [(str(name), float(distance)) for name, distance in known["worst"]]
    return DriftReport(**{**known, "worst": worst})
