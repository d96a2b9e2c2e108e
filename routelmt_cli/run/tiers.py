"""A tier in a run: a model, its price, and what each item may cost there.

In: a model and the items' sources. Out: exact token counts and money as columns. Nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Protocol

import numpy as np
import numpy.typing as npt

from routelmt_cli.budget.filling import check_total
from routelmt_cli.errors import UsageError
from routelmt_cli.run.segments import Segments
from routelmt_cli.translators.demand import Demand
from routelmt_cli.translators.models import Model
from routelmt_cli.translators.notes import NO_NOTES, Notes
from routelmt_cli.translators.protocol import Outcome, Request, TokenCounts

SMALL = "small"
LARGE = "large"
PROBE = "probe"
_ALL = slice(None)


class NoteMaker(Protocol):
    """Makes the notes of items."""

    def of(self, items: npt.NDArray[np.int64], sources: Sequence[str]) -> list[Notes]:
        """Return the notes of items, given their sources in the same order."""
        ...


@dataclass(frozen=True)
class Tier:
    """One tier with the costs of all items; arrays of shape (items,).

    Attributes
    ----------
    name
        ``small``, ``large``, or where there are more of them the card's name; ``probe`` for the
        probes of the model that drafts.
    source_tokens, charged_prompt_tokens, cap_tokens
        int64: tokens of the source, input tokens that a request is charged, its output cap.
    worst_nanousd
        int64: what an item can cost at most, with what may be sent again.
    prefix_nanousd
        What the shared prompt prefix costs, once a run; 0 where every request pays for it.
    demand
        What the items ask of the model's cache.
    with_logprobs, with_states
        Whether the log-probabilities of its tokens, and the hidden states of its hypotheses, are
        kept: what a router looks at, so of drafts only.
    notes
        Who makes the notes of its requests; None for requests without.
    """

    name: str
    model: Model
    source_tokens: npt.NDArray[np.int64]
    charged_prompt_tokens: npt.NDArray[np.int64]
    cap_tokens: npt.NDArray[np.int64]
    worst_nanousd: npt.NDArray[np.int64]
    prefix_nanousd: int
    prefix_tokens_per_request: int
    demand: Demand
    with_logprobs: bool = False
    with_states: bool = False
    notes: NoteMaker | None = None

    @property
    def is_remote(self) -> bool:
        """Whether a server answers."""
        return self.model.card.endpoint is not None

    @property
    def may_lose_answers(self) -> bool:
        """Whether an answer can be lost after it was charged, when the process ends meanwhile.

        Not from a batch, which is found again.
        """
        endpoint = self.model.card.endpoint
        return endpoint is not None and endpoint.batch is None

    @property
    def batched_items(self) -> int:
        """How many items a server's batches take at once; 0 where there are none."""
        endpoint = self.model.card.endpoint
        if endpoint is None or endpoint.batch is None:
            return 0
        return endpoint.batch.most_requests * endpoint.batch.at_once

    def requests(
        self, items: npt.NDArray[np.int64], sources: Sequence[str], wave: str = ""
    ) -> Iterator[Request]:
        """Yield the requests of items, given their sources in the same order."""
        notes = repeat(NO_NOTES) if self.notes is None else self.notes.of(items, sources)
        yield from map(Request, items.tolist(), sources, notes, repeat(wave))

    def cost_nanousd(
        self,
        output_tokens: npt.NDArray[np.float64],
        items: npt.NDArray[np.int64] | slice = _ALL,
    ) -> npt.NDArray[np.int64]:
        """Return the predicted cost of items, int64 of shape (n,).

        Parameters
        ----------
        output_tokens
            float64 of shape (n,), predicted; rounded up and bounded by the cap.
        items
            Which n items; all of them by default.
        """
        output = np.minimum(np.ceil(output_tokens).astype(np.int64), self.cap_tokens[items])
        return self.model.card.price.requests(self.charged_prompt_tokens[items], output)

    def spend_nanousd(self, outcome: Outcome) -> int:
        """Return what an outcome cost that says what it used; a failure may have used something."""
        prompt = outcome.prompt_tokens + self.prefix_tokens_per_request * outcome.requests
        return self.model.card.price.request(prompt, outcome.output_tokens)


def open_tiers(
    models: Mapping[str, Model],
    segments: Segments,
    *,
    with_states: bool,
    notes: Mapping[str, NoteMaker | None] | None = None,
) -> list[Tier]:
    """Count every item's tokens for each model.

    Parameters
    ----------
    models, segments
        The models by the names of their tiers, of which the first drafts, and the items.
    with_states
        Whether the hidden states of drafts are kept.
    notes
        Who makes the notes of each tier's requests; None for none at all.

    Raises
    ------
    UsageError
        As of ``open_tier``.
    """
    drafting = next(iter(models))
    return [
        open_tier(
            name,
            model,
            segments,
            with_logprobs=name == drafting,
            with_states=with_states and name == drafting,
            notes=None if notes is None else notes[name],
        )
        for name, model in models.items()
    ]


def open_tier(
    name: str,
    model: Model,
    segments: Segments,
    *,
    with_logprobs: bool = False,
    with_states: bool = False,
    notes: NoteMaker | None = None,
) -> Tier:
    """Count every item's tokens in a model's vocabulary.

    Parameters
    ----------
    name, model, segments
        The tier's name, its model, and the items.
    with_logprobs, with_states, notes
        As of a ``Tier``.

    Raises
    ------
    UsageError
        Where the price is beyond what 64 bits hold.
    """
    blocks: list[TokenCounts] = []
    with model.open_counter() as counter:
        for first, sources in segments.sources.batches():
            told = None
            if notes is not None:
                told = notes.of(np.arange(first, first + len(sources)), sources)
            blocks.append(counter.count(sources, told))
        prefix_tokens = counter.prefix_tokens
    card = model.card
    empty = np.zeros(0, np.int64)
    source, prompt, prompt_bound, caps = (
        np.concatenate([empty, *(getattr(block, field) for block in blocks)])
        for field in ("source_tokens", "prompt_tokens", "prompt_bound", "cap_tokens")
    )
    again, again_prompt, again_caps = (
        np.concatenate([empty, *(_of_retry(block, field) for block in blocks)])
        for field in ("requests", "prompt_tokens", "cap_tokens")
    )
    once = card.charge_prefix == "once"
    per_request = 0 if once else prefix_tokens
    try:
        worst = card.price.requests(
            prompt_bound + per_request * (1 + again) + again_prompt, caps + again_caps
        )
        check_total(worst)
    except OverflowError as error:
        # The plan sums in 64 bits; refused here, before anything is paid.
        raise UsageError(
            f"{card.card_path}: at this price the corpus may cost more than can be counted",
            hint="check the price in the model card",
        ) from error
    return Tier(
        name=name,
        model=model,
        source_tokens=source,
        charged_prompt_tokens=prompt + per_request,
        cap_tokens=caps,
        worst_nanousd=worst,
        prefix_nanousd=card.price.request(prefix_tokens, 0) if once else 0,
        prefix_tokens_per_request=per_request,
        demand=Demand.of(blocks, prefix_tokens),
        with_logprobs=with_logprobs,
        with_states=with_states,
        notes=notes,
    )


def _of_retry(counts: TokenCounts, field: str) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = (
        np.zeros(len(counts.source_tokens), np.int64)
        if counts.retry is None
        else getattr(counts.retry, field)
    )
    return found
