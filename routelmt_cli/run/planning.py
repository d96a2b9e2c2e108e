"""The plan of a run: solved once for a budget, kept in ``plan.parquet``, read again after a crash.

In: predictions, weights, what is already bought, the budget. Out: which items to retranslate, in
which order. Always: the plan of a budget never changes once it is written.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from routelmt_cli.budget import knapsack, two_limits
from routelmt_cli.errors import UsageError
from routelmt_cli.gain.conformal import GuardLimit
from routelmt_cli.gain.drift import DriftReport
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.prediction import Prediction
from routelmt_cli.run.spending import left_nanousd
from routelmt_cli.run.tiers import LARGE, Tier
from routelmt_cli.run.whole_file import write_whole
from routelmt_cli.run.wishes import Wishes

_FACTS = b"routelmt"
_RISK, _DRIFT, _LIMIT = "regression_risk", "drift", "guard"
_SHOWN_FEATURES = 3
_ROWS_AT_ONCE = 1 << 16  # what Parquet's dictionaries of a group hold is several times its columns


@dataclass(frozen=True)
class RunPlan:
    """What to retranslate; arrays of shape (items,).

    Attributes
    ----------
    prediction
        Predicted gain and cost of every item.
    weight
        float64, what an item counts: its rule's weight times its repeats.
    chosen
        bool, whether the knapsack chose the item.
    order
        int64 of shape (candidates,): items in the order of spending. What is pinned to the large
        model comes first, then what is chosen; what
        follows is bought only where actual spend stays below predicted cost.
    facts
        ``budget_nanousd``, ``share``, ``value``, ``bound``, ``gap``, ``cost_nanousd`` (of pinned
        items too), ``dual_price``.
    limit
        The limit on predicted risk that the plan keeps to; None for none.
    """

    prediction: Prediction
    weight: npt.NDArray[np.float64]
    chosen: npt.NDArray[np.bool_]
    order: npt.NDArray[np.int64]
    facts: dict[str, Any]
    limit: GuardLimit | None = None

    @property
    def allowed(self) -> npt.NDArray[np.bool_]:
        """Which items the limit on risk lets through; none, where their risk isn't known."""
        if self.limit is None:
            return np.ones(len(self.weight), np.bool_)
        return allowed_by(self.limit, self.prediction)

    @property
    def drift_warning(self) -> str | None:
        """What is to be said where the corpus is not like the calibration's."""
        drift = self.prediction.drift
        return None if drift is None else drift_warning(drift)


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


def allowed_by(limit: GuardLimit, prediction: Prediction) -> npt.NDArray[np.bool_]:
    """Say which items a limit on risk lets through, bool of shape (items,)."""
    risk = prediction.regression_risk
    return limit.allows(np.full(len(prediction.gain), np.nan) if risk is None else risk)


def solve(
    prediction: Prediction,
    wishes: Wishes,
    journal: Journal,
    large: Tier,
    budget_nanousd: int,
    limit: GuardLimit | None = None,
) -> RunPlan:
    """Solve the knapsack over everything that the large model has not been sent yet.

    The capacity is what the budget leaves after settled spend, outstanding reservations, the
    large model's prompt prefix, and the predicted cost of what is pinned to it, which comes first
    in the order. A share of the source tokens is a second limit. With a limit on predicted risk,
    only what it allows is a candidate; nothing is, where the risk isn't known.
    """
    sent = journal.sent(LARGE, len(wishes.weight))
    pinned = wishes.to_large & ~sent
    barred = sent | wishes.pinned
    if limit is not None:
        barred |= ~allowed_by(limit, prediction)
    pinned_cost = sum(prediction.cost_nanousd[pinned].tolist())
    values = np.where(barred, 0.0, prediction.gain * wishes.weight)
    capacity = max(0, left_nanousd(journal, large, budget_nanousd) - pinned_cost)
    room = wishes.tokens_left(sent | pinned)
    if room is None:
        plan = knapsack.solve(values, prediction.cost_nanousd, capacity)
    else:
        plan = two_limits.solve(
            values, prediction.cost_nanousd, capacity, wishes.tokens, max(0, room)
        )
    facts = {
        "budget_nanousd": budget_nanousd,
        "share": wishes.share,
        "value": plan.value,
        "bound": plan.bound,
        "gap": plan.gap,
        "cost_nanousd": plan.cost_nanousd + pinned_cost,
        "dual_price": plan.dual_price,
    }
    order = np.concatenate([np.flatnonzero(pinned), plan.order])
    return RunPlan(prediction, wishes.weight, plan.chosen | pinned, order, facts, limit)


def save_plan(plan: RunPlan, path: Path) -> None:
    """Write the plan whole."""
    rank = np.full(len(plan.weight), -1, np.int64)
    rank[plan.order] = np.arange(len(plan.order))
    risk = plan.prediction.regression_risk
    facts = {
        **plan.facts,
        _DRIFT: None if plan.prediction.drift is None else asdict(plan.prediction.drift),
        _LIMIT: None if plan.limit is None else asdict(plan.limit),
    }
    table = pa.table(
        {
            "item": np.arange(len(plan.weight), dtype=np.int64),
            "weight": plan.weight,
            "predicted_gain": plan.prediction.gain,
            "cost_nanousd": plan.prediction.cost_nanousd,
            _RISK: np.full(len(rank), np.nan) if risk is None else risk,
            "chosen": plan.chosen,
            "rank": rank,
        }
    ).replace_schema_metadata({_FACTS: json.dumps(facts).encode()})
    with write_whole(path) as file:
        pq.write_table(table, file, row_group_size=_ROWS_AT_ONCE, write_page_checksum=True)


def load_plan(path: Path, budget_nanousd: int, share: float | None = None) -> RunPlan | None:
    """Return the plan that was written for a budget and a share, or None.

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
        drift, limit = _drift(facts.pop(_DRIFT, None)), facts.pop(_LIMIT, None)
        limit = None if limit is None else GuardLimit(**limit)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path}: damaged plan",
            hint="restore it from a copy, or remove it to plan anew what is not bought yet",
        ) from error
    if (known_budget, facts.get("share")) != (budget_nanousd, share):
        return None
    candidates = np.flatnonzero(columns["rank"] >= 0)
    return RunPlan(
        prediction=Prediction(
            columns["predicted_gain"], columns["cost_nanousd"], _risk(columns), drift
        ),
        weight=columns["weight"],
        chosen=columns["chosen"],
        order=candidates[np.argsort(columns["rank"][candidates])],
        facts=facts,
        limit=limit,
    )


def _risk(columns: dict[str, npt.NDArray[Any]]) -> npt.NDArray[np.float64] | None:
    """Find the risk, which an older plan lacks and a plan of some routers holds as NaN."""
    risk = columns.get(_RISK)
    return None if risk is None or np.isnan(risk).all() else risk


def _drift(known: dict[str, Any] | None) -> DriftReport | None:
    if known is None:
        return None
    worst = [(str(name), float(distance)) for name, distance in known["worst"]]
    return DriftReport(**{**known, "worst": worst})
