"""The plan of a run: solved once for a budget, kept in ``plan.parquet``, read again after a crash.

In: predictions, weights, what is already bought, the budget. Out: which items to retranslate, in
which order. Always: the plan of a budget never changes once it is written.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from routelmt_cli.budget import knapsack
from routelmt_cli.errors import UsageError
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.options import WeightRule
from routelmt_cli.run.prediction import Prediction
from routelmt_cli.run.segments import Segments
from routelmt_cli.run.spending import left_nanousd
from routelmt_cli.run.tiers import LARGE, Tier

_FACTS = b"routelmt"


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
        int64 of shape (candidates,): items in the order of spending. The chosen come first; what
        follows is bought only where actual spend stays below predicted cost.
    facts
        ``budget_nanousd``, ``value``, ``bound``, ``gap``, ``cost_nanousd``, ``dual_price``.
    """

    prediction: Prediction
    weight: npt.NDArray[np.float64]
    chosen: npt.NDArray[np.bool_]
    order: npt.NDArray[np.int64]
    facts: dict[str, Any]


def weights(rule: WeightRule, segments: Segments, small: Tier) -> npt.NDArray[np.float64]:
    """Return what each item counts in the knapsack, float64 of shape (items,)."""
    if rule == "length":
        return (segments.repeats * small.source_tokens).astype(np.float64)
    return segments.repeats.astype(np.float64)


def solve(
    prediction: Prediction,
    weight: npt.NDArray[np.float64],
    journal: Journal,
    large: Tier,
    budget_nanousd: int,
) -> RunPlan:
    """Solve the knapsack over everything that the large model has not been sent yet.

    The capacity is what the budget leaves after settled spend, outstanding reservations and the
    large model's prompt prefix.
    """
    sent = journal.sent(LARGE, len(weight))
    plan = knapsack.solve(
        np.where(sent, 0.0, prediction.gain * weight),
        prediction.cost_nanousd,
        max(0, left_nanousd(journal, large, budget_nanousd)),
    )
    facts = {
        "budget_nanousd": budget_nanousd,
        "value": plan.value,
        "bound": plan.bound,
        "gap": plan.gap,
        "cost_nanousd": plan.cost_nanousd,
        "dual_price": plan.dual_price,
    }
    return RunPlan(prediction, weight, plan.chosen, plan.order, facts)


def save_plan(plan: RunPlan, path: Path) -> None:
    """Write the plan whole, through a temporary file."""
    rank = np.full(len(plan.weight), -1, np.int64)
    rank[plan.order] = np.arange(len(plan.order))
    table = pa.table(
        {
            "item": np.arange(len(plan.weight), dtype=np.int64),
            "weight": plan.weight,
            "predicted_gain": plan.prediction.gain,
            "cost_nanousd": plan.prediction.cost_nanousd,
            "chosen": plan.chosen,
            "rank": rank,
        }
    ).replace_schema_metadata({_FACTS: json.dumps(plan.facts).encode()})
    temporary = path.with_name(path.name + ".writing")
    with temporary.open("wb") as file:
        pq.write_table(table, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def load_plan(path: Path, budget_nanousd: int) -> RunPlan | None:
    """Return the plan that was written for a budget, or None.

    Raises
    ------
    UsageError
        Where the file is damaged. It is not solved again unasked: the run would then buy other
        segments than its plan said.
    """
    if not path.exists():
        return None
    try:
        table = pq.read_table(path)
        facts = json.loads(table.schema.metadata[_FACTS])
        columns = {name: table.column(name).to_numpy() for name in table.column_names}
        known_budget = facts["budget_nanousd"]
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path}: damaged plan",
            hint="restore it from a copy, or remove it to plan anew what is not bought yet",
        ) from error
    if known_budget != budget_nanousd:
        return None
    candidates = np.flatnonzero(columns["rank"] >= 0)
    return RunPlan(
        prediction=Prediction(columns["predicted_gain"], columns["cost_nanousd"]),
        weight=columns["weight"],
        chosen=columns["chosen"],
        order=candidates[np.argsort(columns["rank"][candidates])],
        facts=facts,
    )
