"""``--score-with``: what a model thinks of drafts that were made elsewhere (forced decoding).

In: given drafts with their sources, and a model card. Out: a table with log-probabilities,
entropies and margins, and exact token counts in the model's vocabulary. Always: what it will cost
is said first, and refused where it exceeds the budget; a draft is read, not written, so its tokens
are priced as input. Nothing is kept: begun again, it is paid again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from routelmt_cli.budget.money import format_usd
from routelmt_cli.errors import BudgetError, MidRunError
from routelmt_cli.features.compute import DraftTable
from routelmt_cli.run.calibration_training import rows_by_pair
from routelmt_cli.run.labelled_input import LabelledCorpus
from routelmt_cli.run.language_pairs import LanguagePair
from routelmt_cli.run.progress import Progress
from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.models import Model, find_model
from routelmt_cli.translators.protocol import Outcome, ScoreRequest

_NONE = np.zeros(0, np.float32)


@dataclass(frozen=True)
class ScoredDrafts:
    """Given drafts with a model's opinion of them.

    Attributes
    ----------
    table
        n rows, in the order of the corpus.
    retranslation_tokens
        int64, shape (n,): tokens of the retranslations in the model's vocabulary.
    spend_nanousd
        What scoring cost.
    model
        The card's name.
    """

    table: DraftTable
    retranslation_tokens: npt.NDArray[np.int64]
    spend_nanousd: int
    model: str


@dataclass(frozen=True)
class _Part:
    """The rows of one language pair, with the model for it and exact token counts."""

    rows: npt.NDArray[np.int64]
    model: Model
    source_tokens: npt.NDArray[np.int64]
    draft_tokens: npt.NDArray[np.int64]
    retranslation_tokens: npt.NDArray[np.int64]
    cost_nanousd: int
    prefix_tokens: int


def score_drafts(
    card_name: str,
    corpus: LabelledCorpus,
    pairs: Sequence[LanguagePair],
    *,
    budget_nanousd: int | None,
    watch: Progress,
) -> ScoredDrafts:
    """Score the drafts of a corpus.

    Parameters
    ----------
    card_name
        A card's name or its path.
    corpus, pairs
        The rows, and the language pair of each.
    budget_nanousd
        The limit, None for none.
    watch
        Told of costs and of every commit.

    Raises
    ------
    UsageError
        Where the card or its weights are missing or wrong.
    BudgetError
        Where the predicted cost exceeds the budget.
    """
    card = find_card(card_name)
    parts = [_count(card, corpus, pair, rows) for pair, rows in rows_by_pair(pairs)]
    cost = sum(part.cost_nanousd for part in parts)
    watch.note(
        f"scoring {len(corpus)} drafts with {card.name} costs up to "
        f"{format_usd(-(-cost // len(corpus)))} a segment, {format_usd(cost)} in all"
    )
    if budget_nanousd is not None and cost > budget_nanousd:
        raise BudgetError(
            f"scoring {len(corpus)} drafts with {card.name} may cost {format_usd(cost)}, the "
            f"budget is {format_usd(budget_nanousd)}",
            hint="raise --budget, or use fewer segments with --limit; nothing has been spent",
        )
    outcomes: dict[int, Outcome] = {}
    spend = 0
    watch.stage("scoring drafts", len(corpus), 0)
    for part in parts:
        spend = _score(card, corpus, part, outcomes, spend, watch)
    return _scored(card, corpus, parts, [outcomes[row] for row in range(len(corpus))], spend)


def _count(
    card: ModelCard, corpus: LabelledCorpus, pair: LanguagePair, rows: npt.NDArray[np.int64]
) -> _Part:
    model = find_model(card, pair.source, pair.target)
    part = corpus.take(rows)
    with model.open_counter() as counter:
        counts = counter.count(part.sources)
        drafts = counter.count(part.drafts).source_tokens
        retranslations = counter.count(part.retranslations).source_tokens
        read = counter.count_scored(part.sources, part.drafts)
        prefix = counter.prefix_tokens
    once = card.charge_prefix == "once"
    read += 0 if once else prefix
    cost = sum(map(int, card.price.requests(read, np.zeros_like(read)).tolist()))
    cost += card.price.request(prefix, 0) if once else 0
    return _Part(rows, model, counts.source_tokens, drafts + 1, retranslations + 1, cost, prefix)


def _score(
    card: ModelCard,
    corpus: LabelledCorpus,
    part: _Part,
    outcomes: dict[int, Outcome],
    spend: int,
    watch: Progress,
) -> int:
    """Score the rows of a part; return the spend by then."""
    once = card.charge_prefix == "once"
    spend += card.price.request(part.prefix_tokens, 0) if once else 0
    requests = (
        ScoreRequest(row, corpus.sources[row], corpus.drafts[row]) for row in part.rows.tolist()
    )
    with part.model.open_scorer() as scorer:
        for commit in scorer.score(requests):
            for outcome in commit:
                outcomes[outcome.item] = outcome
                read = outcome.prompt_tokens + outcome.output_tokens
                spend += card.price.request(read + (0 if once else part.prefix_tokens), 0)
            watch.advance(len(commit), spend)
    missing = [row for row in part.rows.tolist() if row not in outcomes]
    if missing:
        raise MidRunError(f"{card.name} gave no answer for {len(missing)} drafts")
    return spend


def _scored(
    card: ModelCard,
    corpus: LabelledCorpus,
    parts: Sequence[_Part],
    outcomes: Sequence[Outcome],
    spend: int,
) -> ScoredDrafts:
    source_tokens, draft_tokens, retranslation_tokens = (
        np.empty(len(corpus), np.int64) for _ in range(3)
    )
    for part in parts:
        source_tokens[part.rows] = part.source_tokens
        draft_tokens[part.rows] = part.draft_tokens
        retranslation_tokens[part.rows] = part.retranslation_tokens
    table = DraftTable(
        sources=corpus.sources,
        drafts=corpus.drafts,
        source_tokens=source_tokens,
        draft_tokens=draft_tokens,
        token_logprobs=[_values(outcome.token_logprobs) for outcome in outcomes],
        # Of a scorer it says that the context was too short, not that the draft is cut.
        truncated=np.zeros(len(corpus), np.bool_),
        token_entropies=[_values(outcome.token_entropies) for outcome in outcomes],
        token_margins=[_values(outcome.token_margins) for outcome in outcomes],
    )
    return ScoredDrafts(table, retranslation_tokens, spend, card.name)


def _values(values: npt.NDArray[np.float32] | None) -> npt.NDArray[np.float32]:
    """Give the numbers of a draft; none where it could not be scored."""
    return _NONE if values is None else values
