"""Compare orderings of the same segments: a router beside its baselines and the oracle.

Gains, scores and costs go in, one row of figures an ordering comes out, or the segments that an
ordering would retranslate under a budget. Every ordering is treated by the same rule at the same
spend. Text, tables and files are made elsewhere; where scores come from is not known here.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from routelmt_cli.budget.filling import fill_in_order
from routelmt_cli.evaluation.baselines import oracle
from routelmt_cli.evaluation.curve import area, expected_curve, read_curve
from routelmt_cli.evaluation.ranking import hit_rate, spearman

BUDGET_SHARES = (0.1, 0.3, 0.5)
"""Budgets of the usual table, as shares of the cost of retranslating everything."""

HIT_SHARE = 0.3
"""The share of segments that counts as the best in the usual table."""


@dataclass(frozen=True)
class ComparisonRow:
    """The figures of one ordering.

    Parameters
    ----------
    name
        The ordering's name.
    spearman
        Rank correlation of its scores with true gain per cost.
    hit_rate
        The share of the truly best segments, by gain per cost, among its best.
    area
        Budget-quality area: random is 0, the oracle is 1.
    mean_gain_at
        Mean gain over all segments at each budget share.
    """

    name: str
    spearman: float
    hit_rate: float
    area: float
    mean_gain_at: dict[float, float]


def compare(
    gain: npt.ArrayLike,
    predicted: npt.ArrayLike,
    baselines: Mapping[str, npt.ArrayLike],
    *,
    cost: npt.ArrayLike | None = None,
    name: str = "router",
    budget_shares: Sequence[float] = BUDGET_SHARES,
    hit_share: float = HIT_SHARE,
) -> list[ComparisonRow]:
    """Put a router's scores beside its baselines and the oracle.

    Parameters
    ----------
    gain
        float (n,): the truth.
    predicted
        float (n,): the router's scores, to order by as they are, highest first; where costs
        differ and the scores predict gain, pass ``predicted / cost``.
    baselines
        Scores of the same kind by name, as `routelmt_cli.evaluation.baselines` makes them.
    cost
        (n,), zero or more; None for a budget of requests.
    name
        What to call the first row.
    budget_shares
        Where to read the curves, from 0 to 1; 1 gives the mean gain of retranslating everything.
    hit_share
        The share of segments that counts as the best.

    Returns
    -------
    list of ComparisonRow
        The router, the baselines in their order, and last ``oracle``, unless a baseline already
        has that name.

    Raises
    ------
    ValueError
        If arrays or shares are not as above, or a baseline is called ``name``.
    """
    if not all(0 <= share <= 1 for share in budget_shares):
        raise ValueError(f"budget shares must be from 0 to 1: {list(budget_shares)}")
    truth = oracle(gain, cost)
    orderings = {name: predicted, **baselines}
    if len(orderings) != 1 + len(baselines):
        raise ValueError(f"a baseline has the name of the router: {name}")
    orderings.setdefault("oracle", truth)
    rows = []
    for ordering, scores in orderings.items():
        curve = expected_curve(gain, scores, cost)
        rows.append(
            ComparisonRow(
                name=ordering,
                spearman=spearman(scores, truth),
                hit_rate=hit_rate(scores, truth, hit_share),
                area=area(gain, scores, cost),
                mean_gain_at={share: read_curve(curve, share) for share in budget_shares},
            )
        )
    return rows


def routed_at_equal_spend(
    scores: npt.ArrayLike,
    cost_nanousd: npt.NDArray[np.int64],
    budget_nanousd: int,
    *,
    candidates: npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[np.bool_]:
    """Say which segments an ordering retranslates under a budget.

    Parameters
    ----------
    scores
        float (n,): to order by, highest first, ties by index.
    cost_nanousd
        int64 (n,), zero or more.
    budget_nanousd
        The limit on what the ordering spends, zero or more.
    candidates
        bool (n,): segments that may be retranslated, all where absent. A router passes
        ``predicted > 0``; an ordering that cannot tell a regression leaves this out.

    Returns
    -------
    numpy.ndarray of bool, (n,)
        The retranslated segments: taken in order, each that still fits; their costs sum to at
        most the budget.

    Raises
    ------
    TypeError
        If costs or the budget are not integers.
    ValueError
        If shapes differ, a score is NaN, or a cost or the budget is negative.
    """
    ranked = np.asarray(scores, dtype=np.float64)
    costs = np.asarray(cost_nanousd)
    budget = operator.index(budget_nanousd)
    if ranked.ndim != 1 or ranked.shape != costs.shape:
        raise ValueError(f"shapes {ranked.shape} and {costs.shape} must be one row a segment")
    if len(costs) and costs.dtype.kind not in "iu":
        raise TypeError(f"costs must be integers, not {costs.dtype}")
    if np.isnan(ranked).any():
        raise ValueError("scores cannot be NaN")
    if budget < 0 or (len(costs) and costs.min() < 0):
        raise ValueError("costs and the budget must be zero or more")
    order = np.argsort(-ranked, kind="stable")
    if candidates is not None:
        if candidates.shape != ranked.shape or candidates.dtype != np.bool_:
            raise ValueError("candidates must be one boolean a segment")
        order = order[candidates[order]]
    routed = np.zeros(len(ranked), dtype=np.bool_)
    routed[order[fill_in_order(costs.astype(np.int64)[order], budget)]] = True
    return routed
