"""Forced decoding with llama.cpp: what a model thinks of drafts that it need not have written.

In: sources with drafts. Out: outcomes that carry statistics of the drafts' tokens, as if the model
had sampled them, and their hidden states where asked for. Prompts are the model card's own, the
shared prefix is evaluated once. Memory is bounded: logits are held of few tokens at a time. How
good a draft is, is not judged here.

After the draft's own tokens the end is scored: of all tokens that would have ended the text (end
of sequence, of turn; or one that begins with a stop text) the most probable one in that place. A
draft that the model would have written greedily so has the statistics of writing it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.hidden_state import StateAverage, mean_state
from routelmt_cli.translators.llama_library import LlamaModel
from routelmt_cli.translators.llama_session import LlamaSession
from routelmt_cli.translators.llama_settings import LlamaSettings
from routelmt_cli.translators.protocol import Outcome, ScoreRequest
from routelmt_cli.translators.token_statistics import TokenStatistics, token_statistics

_OUTPUT_ROWS = 128  # bounds llama.cpp's logits: 134 MB of them at a vocabulary of 2^18
_Asked = TypeVar("_Asked")

_END = -1  # stands for the most probable token that ends a text


@dataclass(slots=True, eq=False)
class ScoredText:
    """A part of a draft behind its prompt.

    Attributes
    ----------
    prompt
        Tokens after the shared prefix, at least one.
    targets
        Tokens to score, ``_END`` for the end; none where only the state is wanted.
    whole
        Whether the context holds all of it.
    """

    prompt: list[int]
    targets: list[int]
    whole: bool
    statistics: list[TokenStatistics] = field(default_factory=list)
    state: StateAverage = field(default_factory=StateAverage)

    @property
    def cells(self) -> int:
        """How many tokens are held at its end, the shared prefix apart."""
        return len(self.prompt) + len(self.targets)

    @property
    def inputs(self) -> list[int]:
        """Tokens whose outputs are read: the prompt's last one, and all targets but the last."""
        return [self.prompt[-1], *self.targets[:-1]]


@dataclass(frozen=True)
class _Rows:
    """Tokens to evaluate, int32 arrays of shape (n,), and the number of the text of each."""

    token: npt.NDArray[np.int32]
    position: npt.NDArray[np.int32]
    text: npt.NDArray[np.int32]

    @classmethod
    def of(cls, tokens: Sequence[Sequence[int]], first: Sequence[int]) -> _Rows:
        """Lay texts behind each other, each from its own first position on."""
        lengths = [len(part) for part in tokens]
        spans = [np.arange(start, start + n) for start, n in zip(first, lengths, strict=True)]
        return cls(
            np.array([token for part in tokens for token in part], np.int32),
            np.concatenate(spans).astype(np.int32),
            np.repeat(np.arange(len(tokens), dtype=np.int32), lengths),
        )

    def blocks(self, size: int) -> Iterator[slice]:
        """Cut the rows into batches of at most ``size``."""
        for start in range(0, len(self.token), size):
            yield slice(start, min(start + size, len(self.token)))


class LlamaScorer(LlamaSession):
    """Score drafts with one GGUF model; see ``protocol.Scorer`` for the contract.

    Parameters
    ----------
    card
        The model card.
    weights
        The checked GGUF file.
    source_language, target_language
        BCP 47 codes.
    with_states
        Whether outcomes carry the hidden state; blank drafts then have one as well.
    settings
        The context's layout; the card's and all threads by default.
    use_extra_buffers
        Let llama.cpp repack weights for this processor (see ``llama_selfcheck``).

    Raises
    ------
    UsageError
        Where the file cannot be loaded or the prompt not rendered.
    MidRunError
        Where the memory is not enough.
    """

    def __init__(
        self,
        card: ModelCard,
        weights: Path,
        *,
        source_language: str,
        target_language: str,
        with_states: bool = False,
        settings: LlamaSettings | None = None,
        use_extra_buffers: bool = True,
    ) -> None:
        self._with_states = with_states
        super().__init__(
            card,
            weights,
            source_language=source_language,
            target_language=target_language,
            outputs=_OUTPUT_ROWS,
            settings=settings,
            use_extra_buffers=use_extra_buffers,
        )

    def _begin(self) -> None:
        self._ends = _ending_tokens(self._model, self._card.decoding.stop)
        self._work = np.empty(self._model.vocabulary_size, np.float32)
        if self._prompter.prefix:
            self._context.evaluate(0, self._prompter.prefix)

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Sequence[Outcome]]:
        """Score the drafts; each sequence of outcomes is one commit."""
        for group in self.evaluated(requests, self._texts):
            yield [self._outcome(request, texts) for request, texts in group]

    def evaluated(
        self, requests: Iterable[_Asked], texts_of: Callable[[_Asked], list[ScoredText]]
    ) -> Iterator[list[tuple[_Asked, list[ScoredText]]]]:
        """Yield requests with their texts, which were evaluated, in groups as they came.

        Parameters
        ----------
        requests
            Of any kind.
        texts_of
            Makes the texts of one.
        """
        remaining = iter(requests)
        with self._alone():
            while group := list(islice(remaining, self.group_size)):
                texts = [texts_of(request) for request in group]
                together = [text for parts in texts for text in parts]
                for texts_that_fit in self._that_fit(together):
                    self._evaluate(texts_that_fit)
                yield list(zip(group, texts, strict=True))

    def _texts(self, request: ScoreRequest) -> list[ScoredText]:
        prompts = self._prompter.draft_prompts(
            request.source, request.draft, blank=self._with_states
        )
        return [
            ScoredText(
                part.prompt,
                [*part.draft, _END] if part.has_end and len(self._ends) else part.draft,
                whole=part.whole,
            )
            for part in prompts
        ]

    def _that_fit(self, texts: Sequence[ScoredText]) -> Iterator[list[ScoredText]]:
        """Divide texts into groups that the cache can hold."""
        group: list[ScoredText] = []
        free = room = self._context.cells - self.prefix_tokens
        for text in texts:
            if group and (len(group) == self.group_size or text.cells > free):
                yield group
                group, free = [], room
            group.append(text)
            free -= text.cells
        if group:
            yield group

    def _outcome(self, request: ScoreRequest, texts: list[ScoredText]) -> Outcome:
        statistics = TokenStatistics.concatenate(part for text in texts for part in text.statistics)
        states = [text.state.result() for text in texts if self._with_states]
        return Outcome(
            item=request.item,
            text=request.draft,
            prompt_tokens=sum(len(text.prompt) for text in texts),
            output_tokens=len(statistics.logprobs),
            truncated=not all(text.whole for text in texts),
            token_logprobs=statistics.logprobs,
            token_entropies=statistics.entropies,
            token_margins=statistics.margins,
            state=mean_state(states),
        )

    def _evaluate(self, texts: list[ScoredText]) -> None:
        """Evaluate texts together, in sequences of their own that are dropped again."""
        try:
            if self._prompter.prefix:
                for index in range(len(texts)):
                    self._context.copy_sequence(0, index + 1)
            self._evaluate_prompts(texts)
            self._evaluate_targets(texts)
        finally:
            for index in range(len(texts)):
                self._context.drop_sequence(index + 1)

    def _evaluate_prompts(self, texts: list[ScoredText]) -> None:
        """Evaluate all but the prompts' last tokens, whose logits nobody needs."""
        rows = _Rows.of([text.prompt[:-1] for text in texts], [self.prefix_tokens] * len(texts))
        for block in rows.blocks(self._context.batch_tokens):
            count = self._fill(rows, block)
            self._context.wants_logits[:count] = 0
            self._context.wants_logits[count - 1] = 1  # never read: see LlamaContext.evaluate
            self._context.decode(count)

    def _evaluate_targets(self, texts: list[ScoredText]) -> None:
        rows = _Rows.of(
            [text.inputs for text in texts],
            [self.prefix_tokens + len(text.prompt) - 1 for text in texts],
        )
        # A text without targets has one row all the same, for its state; what it scores is dropped.
        targets = np.array([target for text in texts for target in text.targets or [0]], np.int64)
        for block in rows.blocks(min(_OUTPUT_ROWS, self._context.batch_tokens)):
            count = self._fill(rows, block)
            self._context.wants_logits[:count] = 1
            logits = self._context.decode(count, with_states=self._with_states)
            found = self._statistics(logits, targets[block])
            for number in np.unique(rows.text[block]).tolist():
                text, mine = texts[number], np.flatnonzero(rows.text[block] == number)
                if self._with_states:
                    text.state.add(self._context.states(count)[mine])
                if text.targets:
                    text.statistics.append(found.take(mine))

    def _fill(self, rows: _Rows, block: slice) -> int:
        context, count = self._context, block.stop - block.start
        context.token[:count] = rows.token[block]
        context.position[:count] = rows.position[block]
        context.sequence[:count] = rows.text[block] + 1  # sequence 0 holds the prefix
        return int(count)

    def _statistics(
        self, logits: npt.NDArray[np.float32], targets: npt.NDArray[np.int64]
    ) -> TokenStatistics:
        tokens = targets.copy()
        for row in np.flatnonzero(tokens == _END).tolist():
            tokens[row] = self._ends[logits[row, self._ends].argmax()]
        return token_statistics(logits, self._work, tokens)[1]


def _ending_tokens(model: LlamaModel, stop: Sequence[str]) -> npt.NDArray[np.int64]:
    stops = tuple(text.encode("utf-8") for text in stop)
    return np.array(
        [
            token
            for token in range(model.vocabulary_size)
            if model.ends_generation(token) or model.piece(token).startswith(stops)
        ],
        np.int64,
    )
