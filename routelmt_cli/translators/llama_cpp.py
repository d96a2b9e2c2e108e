"""The llama.cpp translator: a GGUF model in this process, many segments decoded together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.demand import Demand
from routelmt_cli.translators.hidden_state import mean_state
from routelmt_cli.translators.llama_schedule import Finished, Job, Scheduler
from routelmt_cli.translators.llama_session import LlamaSession
from routelmt_cli.translators.llama_settings import LlamaSettings
from routelmt_cli.translators.notes import Notes
from routelmt_cli.translators.pieces import Pieces
from routelmt_cli.translators.protocol import Outcome, Request, TokenCounts
from routelmt_cli.translators.token_statistics import TokenStatistics


class _Pending:
    """A request whose pieces are still being decoded."""

    def __init__(self, item: int, pieces: Pieces, prompt_tokens: int) -> None:
        self.item = item
        self.pieces = pieces
        self.prompt_tokens = prompt_tokens
        self.finished: dict[int, Finished] = {}

    def outcome(self) -> Outcome:
        parts = [self.finished[index] for index in sorted(self.finished)]
        kept = [part.statistics for part in parts if part.statistics is not None]
        statistics = TokenStatistics.concatenate(kept) if kept else None
        return Outcome(
            item=self.item,
            text=self.pieces.join([part.data.decode("utf-8", "replace").strip() for part in parts]),
            prompt_tokens=self.prompt_tokens,
            output_tokens=sum(part.sampled_tokens for part in parts),
            truncated=any(part.truncated for part in parts),
            token_logprobs=None if statistics is None else statistics.logprobs,
            token_entropies=None if statistics is None else statistics.entropies,
            token_margins=None if statistics is None else statistics.margins,
            state=mean_state([part.state for part in parts if part.state is not None]),
        )


class LlamaTranslator(LlamaSession):
    """Translate with one GGUF model; see ``protocol.Translator`` for the contract.

    Parameters
    ----------
    card
        The model card.
    weights
        The checked GGUF file.
    source_language, target_language
        BCP 47 codes.
    with_logprobs
        Whether outcomes carry log-probability, entropy and margin of every token (the drafting
        model's do).
    with_states
        Whether outcomes carry the hidden state. Prompts are then evaluated in batches of their
        own, so a greedy text can differ from one without where two tokens are nearly equal.
    deterministic
        Decode static groups, each from a clean state.
    demand
        What the corpus asks of the cache; None for sequences that all fill the context.
    settings
        The context's layout; the card's and all threads by default.
    use_extra_buffers
        Let llama.cpp repack weights for this processor (see ``llama_selfcheck``).
    with_notes
        Whether requests have notes.

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
        with_logprobs: bool,
        with_states: bool = False,
        deterministic: bool = False,
        demand: Demand | None = None,
        settings: LlamaSettings | None = None,
        use_extra_buffers: bool = True,
        with_notes: bool = False,
    ) -> None:
        self.deterministic = deterministic
        self._with_logprobs, self._with_states = with_logprobs, with_states
        super().__init__(
            card,
            weights,
            source_language=source_language,
            target_language=target_language,
            demand=demand,
            all_at_once=deterministic,
            settings=settings,
            use_extra_buffers=use_extra_buffers,
            with_notes=with_notes,
        )

    def _begin(self) -> None:
        self._scheduler = Scheduler(
            self._context,
            prefix=self._prompter.prefix,
            stop=self._card.decoding.stop,
            slots=self.group_size,
            with_logprobs=self._with_logprobs,
            with_states=self._with_states,
        )

    def count(self, sources: Sequence[str], notes: Sequence[Notes] | None = None) -> TokenCounts:
        """Count the tokens of every source exactly, with its notes if there are any."""
        return self._prompter.count(sources, notes)

    def translate(self, requests: Iterable[Request]) -> Iterator[Sequence[Outcome]]:
        """Translate the requests; each sequence of outcomes is one commit."""
        with self._alone():
            if not self.deterministic:
                yield from self._decode(requests)
                return
            remaining = iter(requests)
            while group := list(islice(remaining, self.group_size)):
                self._scheduler.reset()
                yield [outcome for commit in self._decode(group) for outcome in commit]

    def _decode(self, requests: Iterable[Request]) -> Iterator[list[Outcome]]:
        prompter = self._prompter
        pending: dict[int, tuple[_Pending, int]] = {}
        blank: list[Outcome] = []

        def jobs() -> Iterator[Job]:
            key = 0
            for request in requests:
                pieces = prompter.pieces(request.source)
                tokens = [prompter.source(piece) for piece in pieces.texts]
                before = prompter.before(request.notes)
                around = len(before) + len(prompter.suffix)
                prompt_tokens = sum(len(part) + around for part in tokens)
                entry = _Pending(request.item, pieces, prompt_tokens)
                if not tokens:
                    blank.append(entry.outcome())
                for index, part in enumerate(tokens):
                    pending[key] = (entry, index)
                    yield Job(key, [*before, *part, *prompter.suffix], prompter.cap(len(part)))
                    key += 1

        for finished in self._scheduler.run(jobs()):
            outcomes, blank[:] = list(blank), []
            for part in finished:
                entry, index = pending.pop(part.key)
                entry.finished[index] = part
                if len(entry.finished) == len(entry.pieces.texts):
                    outcomes.append(entry.outcome())
            if outcomes:
                yield outcomes
        if blank:
            yield blank
