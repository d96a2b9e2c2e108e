"""What each budget would buy of a corpus that is drafted: offers along the knapsack's frontier.

Steps from tier to tier, money that is spent or still needed, and what was sent already go in;
offers (a budget, what is spent under it, how much is retranslated, what that gains) come out. What
always holds: a larger budget never buys less; an offer's budget bounds the whole run, drafts
included, and is enough to send what the offer says where every request costs what is predicted. It
buys nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from routelmt_cli.budget.filling import check_total
from routelmt_cli.budget.frontier import Frontier, round_up
from routelmt_cli.budget.money import NANODOLLARS_PER_USD
from routelmt_cli.evaluation.sampling import sampling_errors
from routelmt_cli.gain.accuracy import DEVIATIONS, Accuracy

_STEPS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
"""Budgets of the table, as shares of what everything worth buying needs."""

_LEAST = 1
"""Nanodollars: a budget of nothing cannot be typed, though free models need no more."""

_GRID = np.linspace(0.0, 1.0, 101)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Offer:
    """What one budget buys.

    Attributes
    ----------
    budget_nanousd
        The limit to give.
    cost_nanousd
        What the whole run is predicted to spend under it, drafts included.
    segments
        Rows that are retranslated.
    share
        Their share of the corpus's source tokens.
    gain
        Predicted, in points over all drafts.
    low, high
        95% interval of the gain; None where the calibration says nothing of it.
    usd_per_point
        What the next point of gain costs at this place; None where nothing is left that gains.
    """

    budget_nanousd: int
    cost_nanousd: int
    segments: int
    share: float
    gain: float
    low: float | None
    high: float | None
    usd_per_point: float | None


@dataclass(frozen=True, eq=False)
class Steps:
    """What a curve is made of: the items of a corpus or a sample, and what more they can get.

    Arrays of shape (n,). An item is one step, to the first tier that is worth its cost; each
    better tier after that is another, which counts nothing and is no row.

    Attributes
    ----------
    value
        float64: predicted gain in points times what the item counts; 0 where it may not be
        retranslated.
    weight
        float64: what each counts.
    cost_nanousd, worst_nanousd
        int64: predicted cost of the step, and the most that it can cost.
    repeats, source_tokens
        int64: how many rows each is, and the tokens of one of them.
    sent
        bool: which were retranslated already.
    counted
        float64: what each is said to gain, times what it counts, where that is another figure than
        the one it is chosen by; None for ``value``.
    """

    value: FloatArray
    weight: FloatArray
    cost_nanousd: IntArray
    worst_nanousd: IntArray
    repeats: IntArray
    source_tokens: IntArray
    sent: BoolArray
    counted: FloatArray | None = None


@dataclass(frozen=True)
class Money:
    """What a run has spent, and what it must spend beside the retranslations; in nanodollars.

    Attributes
    ----------
    fixed
        Committed, and the predicted cost of the drafts that are still missing.
    prefix
        What the large model's first request costs beside itself.
    least_budget
        Under a smaller one the run is refused, since drafts that are missing might not fit.
    """

    fixed: int
    prefix: int
    least_budget: int


@dataclass(frozen=True)
class Whole:
    """The corpus that items are a sample of, or all of.

    Attributes
    ----------
    rows
        Segments with text.
    source_tokens
        Of every item once: what costs are projected by.
    weight
        Of all items.
    sampled
        Whether the items are fewer than the corpus's.
    """

    rows: int
    source_tokens: int
    weight: float
    sampled: bool


class BudgetCurve:
    """What every budget buys.

    Parameters
    ----------
    steps
        Of all items, or of a sample's, which then stand for the others too.
    whole
        The corpus.
    money
        What else is paid for.
    accuracy
        How sure the predictions are; None where that is not known.

    Raises
    ------
    OverflowError
        What the steps stand for may cost more than 64 bits hold.
    """

    def __init__(self, steps: Steps, whole: Whole, money: Money, accuracy: Accuracy | None) -> None:
        self._steps, self._whole, self._money, self._accuracy = steps, whole, money, accuracy
        self._weight = float(steps.weight.sum()) or 1.0
        expansion = _ratio(whole.source_tokens, int(steps.source_tokens.sum()))
        value = steps.value
        projected = np.ceil(steps.cost_nanousd * expansion)
        check_total(projected)
        cost = projected.astype(np.int64)
        worst = cost + np.maximum(steps.worst_nanousd - steps.cost_nanousd, 0)
        wanted = Frontier.of(value, cost)
        self._frontier = Frontier.of(np.where(steps.sent, 0.0, value), cost, worst)
        # A bend is one of the whole curve, not of what is left of it: what is sent stays sent.
        before_knee = np.zeros(len(value), np.bool_)
        before_knee[wanted.order[: wanted.knee()]] = True
        self._knee = int(before_knee[self._frontier.order].sum())
        self._rows = self._along(steps.repeats * _ratio(whole.rows, int(steps.repeats.sum())))
        self._tokens = self._along(steps.repeats * steps.source_tokens.astype(np.float64))
        self._counted = self._along(steps.weight)
        self._squares = self._along(steps.weight**2)
        self._bought = float(steps.value[steps.sent].sum())
        self._value = self._bought + self._frontier.value
        if steps.counted is not None:
            self._value = self._along(steps.counted)
        self._sampling = self._sampling_errors(value) if whole.sampled else np.zeros(len(_GRID))

    def _along(self, column: npt.NDArray[np.number]) -> FloatArray:
        """Sum up a column along the frontier, what was sent already first."""
        start = float(column[self._steps.sent].sum())
        steps = column[self._frontier.order].astype(np.float64)
        return np.concatenate([[start], start + np.cumsum(steps)])

    def _sampling_errors(self, value: FloatArray) -> FloatArray:
        steps = self._steps
        return sampling_errors(
            self._frontier.order,
            value,
            steps.cost_nanousd.astype(np.float64),
            steps.weight,
            steps.source_tokens.astype(np.float64),
            float(self._whole.source_tokens),
            _GRID * float(self._frontier.cost_nanousd[-1]),
        )

    @property
    def least_nanousd(self) -> int:
        """The least budget that a run begins with."""
        return self._money.least_budget

    # -- offers -------------------------------------------------------------------------------

    def buys(self, budget_nanousd: int) -> Offer:
        """Return what a budget buys, one not below the least that the run begins with."""
        left = budget_nanousd - self._money.fixed - self._money.prefix
        return self._offer(budget_nanousd, self._frontier.within(left))

    def knee(self) -> Offer:
        """Return the offer where the curve bends most (see ``Frontier.knee``)."""
        return self.buys(self._budget(self._knee))

    def offers(self) -> list[Offer]:
        """Return the offers of a table, by rising budget, from no retranslation to all."""
        most = int(self._frontier.needed_nanousd[-1])
        base = self._money.fixed + self._money.prefix
        budgets = [self._round(base + math.ceil(step * most)) for step in _STEPS[1:]]
        return [self.buys(budget) for budget in sorted({self._budget(0), *budgets})]

    def points(self) -> list[Offer]:
        """Return 101 offers at even steps of the budget, for a picture."""
        low, high = self._budget(0), self._budget(self._frontier.candidates)
        return [self.buys(low + round((high - low) * share)) for share in _GRID.tolist()]

    def cheapest_gain(self, points: float) -> Offer | None:
        """Return the least offer of a predicted gain; None where none has it."""
        return self._cheapest(self._frontier.cheapest(points * self._weight - self._bought))

    def cheapest_share(self, share: float) -> Offer | None:
        """Return the least offer of a share of the source tokens; None where none has it."""
        wanted = share * self._all_tokens
        return self._cheapest(self._frontier.cheapest(wanted, self._tokens))

    def most(self) -> Offer:
        """Return the offer of everything that is worth retranslating."""
        return self.buys(self._budget(self._frontier.candidates))

    def sampling_error(self, offer: Offer) -> float:
        """Return the standard error of an offer's gain that sampling alone makes, in points."""
        spent = offer.cost_nanousd - self._money.fixed - self._money.prefix
        most = max(int(self._frontier.cost_nanousd[-1]), 1)
        return float(np.interp(spent / most, _GRID, self._sampling))

    def _cheapest(self, count: int | None) -> Offer | None:
        return None if count is None else self.buys(self._budget(count))

    @property
    def _all_tokens(self) -> float:
        return float((self._steps.repeats * self._steps.source_tokens).sum())

    def _budget(self, count: int) -> int:
        """Return the budget under which so many items are sure to be sent."""
        if not count:
            return max(self._money.fixed, self._money.least_budget, _LEAST)
        needed = int(self._frontier.needed_nanousd[count])
        return self._round(self._money.fixed + self._money.prefix + needed)

    def _round(self, budget_nanousd: int) -> int:
        scale = int(self._frontier.needed_nanousd[-1])
        return max(round_up(budget_nanousd, scale), self._money.least_budget, _LEAST)

    def _offer(self, budget_nanousd: int, count: int) -> Offer:
        money, frontier = self._money, self._frontier
        gain = float(self._value[count]) / self._weight
        cost = money.fixed + (money.prefix if count else 0) + int(frontier.cost_nanousd[count])
        price = frontier.price(count)
        offer = Offer(
            budget_nanousd=budget_nanousd,
            cost_nanousd=cost,
            segments=round(float(self._rows[count])),
            share=float(self._tokens[count]) / max(self._all_tokens, 1.0),
            gain=gain,
            low=None,
            high=None,
            usd_per_point=None if price is None else price * self._weight / NANODOLLARS_PER_USD,
        )
        if self._accuracy is None:
            return offer
        # Each sampled item stands for several, whose own scatter averages out more.
        thinned = self._weight / max(self._whole.weight, self._weight)
        predicted = self._accuracy.standard_error(
            float(self._counted[count]) / self._weight,
            gain,
            float(self._squares[count]) / self._weight**2 * thinned,
        )
        error = DEVIATIONS * math.hypot(predicted, self.sampling_error(offer))
        return Offer(**{**vars(offer), "low": gain - error, "high": gain + error})


def _ratio(whole: int, part: int) -> float:
    return whole / part if part else 1.0
