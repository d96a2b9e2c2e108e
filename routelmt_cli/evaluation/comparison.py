"""Compare orderings of the same segments: a router beside its baselines and the oracle.

Gains, scores and costs go in; figures, curves and a test come out, or the segments that an
ordering would retranslate under a budget. Every ordering is treated by the same rule at the same
spend. Text, tables and files are made elsewhere; where scores come from is not known here.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from routelmt_cli.budget.filling import fill_in_order
from routelmt_cli.evaluation.curve import curve_of, read_curve
from routelmt_cli.evaluation.figures import (
    FIGURE_NAMES,
    SEVERE_REGRESSION,
    SHARE,
    Figures,
    Yardstick,
)
from routelmt_cli.evaluation.order import FloatArray, Order
from routelmt_cli.evaluation.ranking import paired
from routelmt_cli.evaluation.resampling import SAMPLES, block_bootstrap, interval, one_sided_p
from routelmt_cli.evaluation.truth import Truth

Kind = Literal["router", "part", "rule", "oracle"]

CURVE_SHARES = np.linspace(0.0, 1.0, 101)
"""Shares of the budget at which curves are given: 0% to 100%."""


@dataclass(frozen=True)
class Ordering:
    """Scores to spend by.

    Attributes
    ----------
    name
        For people; no two of a comparison are alike.
    scores
        float64 (n,) without NaN: highest first. Constant scores are random order.
    kind
        ``router``; ``part`` of a router, shown beside it; ``rule`` that needs no router; or
        ``oracle``, which sees the truth.
    predicts_gain
        Whether scores are gains: the order then is by value per cost. Others are taken as they
        are.
    """

    name: str
    scores: FloatArray
    kind: Kind = "rule"
    predicts_gain: bool = False


@dataclass(frozen=True)
class Budget:
    """What is limited, and what a segment counts.

    Attributes
    ----------
    name
        Such as ``calls``.
    cost
        (n,), zero or more, not all zero; None where every segment costs the same.
    weight
        (n,), zero or more, not all zero; None where every segment counts alike.
    """

    name: str
    cost: npt.NDArray[np.int64] | FloatArray | None = None
    weight: FloatArray | None = None


@dataclass(frozen=True)
class Row:
    """One ordering, measured.

    Attributes
    ----------
    figures
        At the share of the comparison.
    curve
        float64 (101,): mean gain over all segments at `CURVE_SHARES`.
    """

    name: str
    kind: Kind
    figures: Figures
    curve: FloatArray


@dataclass(frozen=True)
class Lead:
    """How far the router is ahead of the best rule, by area.

    Attributes
    ----------
    rule
        The rule of the largest area. It was picked on the same segments, which favours it.
    difference
        The router's area minus the rule's.
    low, high
        95% interval of the difference over samples.
    p_value
        One-sided, of the paired bootstrap test that the router is not ahead.
    """

    rule: str
    difference: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class Comparison:
    """Everything about one budget.

    Attributes
    ----------
    rows
        The orderings as given.
    mean_gain
        Of retranslating everything; of nothing it is 0.
    intervals
        95% intervals of the router's figures by name; NaN where a figure is not defined.
    lead
        Against the best rule.
    """

    budget: str
    share: float
    severe: float
    rows: Sequence[Row]
    mean_gain: float
    intervals: dict[str, tuple[float, float]]
    lead: Lead


def compare(
    gain: npt.ArrayLike,
    orderings: Sequence[Ordering],
    budget: Budget,
    *,
    share: float = SHARE,
    severe: float = SEVERE_REGRESSION,
    samples: int = SAMPLES,
    seed: int = 0,
) -> Comparison:
    """Measure orderings under one budget.

    Parameters
    ----------
    gain
        float (n,): the truth, at least one segment.
    orderings
        One of kind ``router`` and at least one ``rule`` among them.
    budget
        What is limited.
    share
        p of the figures, above 0 and at most 1.
    severe
        Gain from which downwards a regression is severe.
    samples, seed
        Of the block bootstrap (`routelmt_cli.evaluation.resampling`).

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If arrays or orderings are not as above.
    """
    truth = Truth.of(gain, budget.cost, budget.weight)
    if not len(truth.gain):
        raise ValueError("no segments have no figures")
    yardstick = Yardstick(truth, share, severe)
    orders = {one.name: _order(one, truth) for one in orderings}
    if len(orders) != len(orderings):
        raise ValueError("two orderings have one name")
    rows = [_row(one, orders[one.name], yardstick) for one in orderings]
    router, rule = _pick(rows)
    sampled = block_bootstrap(
        _both(yardstick, orders[router.name], orders[rule.name]),
        len(truth.gain),
        samples=samples,
        seed=seed,
    )
    differences = sampled[:, FIGURE_NAMES.index("area")] - sampled[:, -1]
    return Comparison(
        budget=budget.name,
        share=share,
        severe=severe,
        rows=rows,
        mean_gain=truth.mean_gain,
        intervals={name: interval(sampled[:, i]) for i, name in enumerate(FIGURE_NAMES)},
        lead=Lead(
            rule.name,
            router.figures.area - rule.figures.area,
            *interval(differences),
            p_value=one_sided_p(differences),
        ),
    )


def _order(ordering: Ordering, truth: Truth) -> Order:
    """Sort the segments as an ordering spends."""
    scores, _ = paired(ordering.scores, truth.gain)
    if ordering.predicts_gain:
        scores = Truth(scores, truth.cost, truth.weight).density
    return Order(scores)


def _row(ordering: Ordering, order: Order, yardstick: Yardstick) -> Row:
    """Measure an ordering on the corpus itself."""
    truth = yardstick.truth
    measured = yardstick.sampled(order, np.ones((1, len(truth.gain))))
    figures = Figures(**{name: float(values[0]) for name, values in measured.items()})
    curve = read_curve(curve_of(truth, order), CURVE_SHARES)
    return Row(ordering.name, ordering.kind, figures, curve)


def _pick(rows: Sequence[Row]) -> tuple[Row, Row]:
    """Find the router and the best rule."""
    routers = [row for row in rows if row.kind == "router"]
    rules = [row for row in rows if row.kind == "rule"]
    if len(routers) != 1 or not rules:
        raise ValueError("a comparison needs one router and at least one rule")
    return routers[0], max(rules, key=lambda row: row.figures.area)


def _both(yardstick: Yardstick, router: Order, rule: Order) -> Callable[[FloatArray], FloatArray]:
    """Measure the router's figures and, last, the rule's area on the same samples."""

    def statistic(counts: FloatArray) -> FloatArray:
        own = yardstick.sampled(router, counts)
        other = yardstick.area(rule, counts)
        return np.column_stack([*(own[name] for name in FIGURE_NAMES), other])

    return statistic


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
