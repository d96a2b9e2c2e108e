"""Predict every item's gain, risk and retranslation cost, block by block.

Drafts, or what is known before there are any, and a router go in, columns of shape (items,) come
out. What always holds: a router that does not know the language pair is adapted once, to evenly
spaced drafts, so the same drafts give the same predictions; memory beside the columns is bounded.
It decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from routelmt_cli.features.compute import DraftTable
from routelmt_cli.gain.drift import DriftReport, drift
from routelmt_cli.gain.parts import ProbePart
from routelmt_cli.gain.profile import MAX_PROFILE_SEGMENTS, evenly_spaced
from routelmt_cli.gain.router import Router
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.route import Route
from routelmt_cli.run.segments import Segments
from routelmt_cli.run.tiers import Tier

MAX_DRIFT_SEGMENTS = 20_000
"""A larger corpus is compared with the calibration on so many segments, evenly spaced."""

_BLOCK_ITEMS = 8192
_DRAFT_TOKENS_PER_SOURCE_TOKEN = 1.0  # where the router does not know better
_MOST_TOKENS_PER_TOKEN = 100  # a bundle may be a stranger's
_NO_TOKENS = np.zeros(0, np.float32)
_Column = npt.NDArray[np.float32]

ReadTable: TypeAlias = Callable[[npt.NDArray[np.int64]], DraftTable]
"""Reads some items of a run as columns, in the order in which they are named."""


@dataclass(frozen=True)
class Prediction:
    """Columns of shape (items,).

    Attributes
    ----------
    gain
        float64, predicted gain in points of the router's metric.
    cost_nanousd
        int64, predicted cost of the retranslation.
    regression_risk
        float64, predicted probability of a severe regression; None where the router has no model
        of it for this language pair.
    drift
        How far the corpus is from the calibration's; None where the router cannot tell.
    """

    gain: npt.NDArray[np.float64]
    cost_nanousd: npt.NDArray[np.int64]
    regression_risk: npt.NDArray[np.float64] | None = None
    drift: DriftReport | None = None

    def take(self, items: npt.NDArray[np.int64]) -> Prediction:
        """Take the rows of some items."""
        risk = self.regression_risk
        return Prediction(
            self.gain[items],
            self.cost_nanousd[items],
            None if risk is None else risk[items],
            self.drift,
        )


def draft_table(
    journal: Journal, segments: Segments, small: Tier, items: npt.NDArray[np.int64]
) -> DraftTable:
    """Read the drafts of some items, which must all be bought, as columns.

    A failed draft has no tokens, and NaN for its hidden state where the others have one. Entropies,
    margins and states are None unless every other draft has them: a journal of an older routelmt
    holds none, a run may keep no states.
    """
    drafts = journal.hypotheses(small.name, items.tolist())
    whole = [draft.failure is None for draft in drafts]
    entropies = [draft.token_entropies for draft in drafts]
    margins = [draft.token_margins for draft in drafts]
    return DraftTable(
        sources=segments.sources.take(items),
        drafts=[draft.text for draft in drafts],
        source_tokens=small.source_tokens[items],
        draft_tokens=np.array([draft.output_tokens for draft in drafts], np.int64),
        token_logprobs=[
            _NO_TOKENS if draft.token_logprobs is None else draft.token_logprobs for draft in drafts
        ],
        truncated=np.array([draft.truncated for draft in drafts], np.bool_),
        token_entropies=_complete(entropies, whole, _NO_TOKENS),
        token_margins=_complete(margins, whole, _NO_TOKENS),
        states=_states([draft.state for draft in drafts], whole),
    )


def _complete(
    column: Sequence[_Column | None], needed: Sequence[bool], missing: _Column
) -> list[_Column] | None:
    """Fill what is missing where it is not needed; None where something needed is missing."""
    if any(need and value is None for need, value in zip(needed, column, strict=True)):
        return None
    return [missing if value is None else value for value in column]


def _states(column: Sequence[_Column | None], needed: Sequence[bool]) -> _Column | None:
    width = next((len(state) for state in column if state is not None), 0)
    rows = _complete(column, needed, np.full(width, np.nan, np.float32))
    return np.stack(rows) if rows and width else None


def predict(
    read: ReadTable, routes: Sequence[Route], pair: str, items: npt.NDArray[np.int64]
) -> list[Prediction]:
    """Predict gain, risk and cost of items on every route.

    Parameters
    ----------
    read
        Reads what the routers look at.
    routes
        Where items can be sent. Their routers are any that fit the run; where one doesn't know the
        language pair, a copy is adapted to it.
    pair
        The language pair, such as ``de-en``.
    items
        int64 of shape (n,): which. The columns are of that shape.

    Returns
    -------
    list of Prediction
        One a route.
    """
    if not len(items):
        nothing = np.zeros(0, np.float64)
        return [Prediction(nothing, route.tier.cost_nanousd(nothing, items)) for route in routes]
    routers = [knowing(route.router, pair, read, items) for route in routes]
    columns = [_Columns.of(router, pair, len(items)) for router in routers]
    for first in range(0, len(items), _BLOCK_ITEMS):
        # Read once for all routes, whose features are of their own profiles.
        table = read(items[first : first + _BLOCK_ITEMS])
        for one in columns:
            one.fill(first, table)
    gains = [one.gain for one in columns]
    found = []
    for one, route in zip(columns, routes, strict=True):
        own = one.prediction(route.tier, items)
        found.append(own if route.blend is None else replace(own, gain=route.blend.of(gains)))
    return found


@dataclass(frozen=True)
class _Columns:
    """What one router predicts, filled block by block; arrays of shape (items,)."""

    router: Router
    pair: str
    gain: npt.NDArray[np.float64]
    tokens: npt.NDArray[np.float64]
    risk: npt.NDArray[np.float64]
    compared: npt.NDArray[np.int64]
    sample: list[_Column]

    @classmethod
    def of(cls, router: Router, pair: str, items: int) -> _Columns:
        """Make room."""
        gain, tokens, risk = (np.full(items, np.nan) for _ in range(3))
        compared = evenly_spaced(items, MAX_DRIFT_SEGMENTS)
        return cls(router, pair, gain, tokens, risk, compared, [])

    def fill(self, first: int, table: DraftTable) -> None:
        """Predict a block, of whose drafts the table is."""
        router, end = self.router, first + len(table)
        inputs = router.inputs(with_fitting_states(table, router), self.pair)
        columns = router.predict_gain(inputs, self.pair)
        self.gain[first:end] = columns["gain"]
        self.tokens[first:end] = router.length_model.predict(
            table.source_tokens, table.draft_tokens
        )
        if router.safeguards is not None:
            self.risk[first:end] = columns["regression_risk"]
            low, high = np.searchsorted(self.compared, (first, end))
            self.sample.append(inputs.features[self.compared[low:high] - first])

    def prediction(self, tier: Tier, items: npt.NDArray[np.int64]) -> Prediction:
        """Give the whole, with costs in a tier."""
        cost = tier.cost_nanousd(self.tokens, items)
        safeguards = self.router.safeguards
        if safeguards is None:
            return Prediction(self.gain, cost)
        report = drift(
            np.concatenate(self.sample),
            safeguards.quantiles,
            calibration_segments=self.router.metadata.segments,
        )
        return Prediction(self.gain, cost, self.risk, report)


def knowing(router: Router, pair: str, read: ReadTable, items: npt.NDArray[np.int64]) -> Router:
    """Return the router, adapted to the drafts of some items where it does not know their pair."""
    if router.knows(pair):
        return router
    few = items[evenly_spaced(len(items), MAX_PROFILE_SEGMENTS)]
    return router.adapted(pair, read(few))


def with_fitting_states(table: DraftTable, router: Router) -> DraftTable:
    """Leave out states that are not of the model which the router's probe was fitted on."""
    probes = [one.part for one in router.model.parts if isinstance(one.part, ProbePart)]
    width = None if table.states is None else table.states.shape[1]
    if all(probe.weights.size == width for probe in probes):
        return table
    return replace(table, states=None)


def predict_draft_tokens(router: Router, small: Tier) -> npt.NDArray[np.float64]:
    """Predict the output tokens of every draft by the calibration's ratio."""
    ratio = router.metadata.figures.get("draft_tokens_per_source_token")
    if not isinstance(ratio, (int, float)) or not 0 < ratio < _MOST_TOKENS_PER_TOKEN:
        ratio = _DRAFT_TOKENS_PER_SOURCE_TOKEN
    tokens: npt.NDArray[np.float64] = np.ceil(small.source_tokens * float(ratio))
    return np.maximum(tokens, 1.0)
