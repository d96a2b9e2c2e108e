"""A model card together with its verified weights: opens counters, translators and scorers."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.demand import Demand
from routelmt_cli.translators.protecting import ProtectingCounter, ProtectingTranslator
from routelmt_cli.translators.protocol import Counter, Scorer, Translator
from routelmt_cli.translators.stand_in import StandInTranslator
from routelmt_cli.translators.weights import Weights, find_weights


@dataclass(frozen=True)
class Model:
    """A usable model for one language pair.

    Attributes
    ----------
    fingerprint
        What identifies its hypotheses: weights, prompt, decoding.
    protects
        Whether placeholders, tags and the like are protected on their way through it.
    with_notes
        Whether its requests have notes; its prompts then leave a place for them.
    """

    card: ModelCard
    weights: Weights | None
    source_language: str
    target_language: str
    fingerprint: str
    protects: bool = False
    with_notes: bool = False

    def open_counter(self) -> AbstractContextManager[Counter]:
        """Open what counts tokens; no model is run for it."""
        inside = self._open_counter()
        return ProtectingCounter(inside) if self.protects else inside

    def _open_counter(self) -> AbstractContextManager[Counter]:
        if self.card.endpoint is not None:
            from routelmt_cli.translators.endpoint_prompter import EndpointPrompter

            return EndpointPrompter(
                self.card, self.source_language, self.target_language, with_notes=self.with_notes
            )
        if self.weights is None:
            return self._stand_in()
        from routelmt_cli.translators.llama_prompter import LlamaPrompter
        from routelmt_cli.translators.llama_selfcheck import refuse_broken_vocabulary

        refuse_broken_vocabulary(self.weights.path, self.weights.sha256)
        return LlamaPrompter.vocabulary_only(
            self.card,
            self.weights.path,
            self.source_language,
            self.target_language,
            with_notes=self.with_notes,
        )

    def open_translator(
        self,
        *,
        with_logprobs: bool,
        deterministic: bool,
        with_states: bool = False,
        demand: Demand | None = None,
        threads: int | None = None,
    ) -> Translator:
        """Load the model; a context manager that frees it.

        Parameters
        ----------
        with_logprobs, with_states, deterministic
            As ``LlamaTranslator`` takes them. What was found fastest on this machine is only used
            where the text may depend on the machine's load anyway, not where ``deterministic``.
        demand
            What the corpus asks of the cache; None for sequences that all fill the context.
        threads
            How many threads a model that runs here may use; None for all that it finds.
        """
        inside = self._open_translator(
            with_logprobs=with_logprobs,
            deterministic=deterministic,
            with_states=with_states,
            demand=demand,
            threads=threads,
        )
        if not self.protects:
            return inside
        endpoint = self.card.endpoint
        # What a batch answered is found again, and a model that runs here charges nobody.
        return ProtectingTranslator(
            inside, tells_all=endpoint is not None and endpoint.batch is None
        )

    def _open_translator(
        self,
        *,
        with_logprobs: bool,
        deterministic: bool,
        with_states: bool,
        demand: Demand | None,
        threads: int | None,
    ) -> Translator:
        if self.card.endpoint is not None:
            from routelmt_cli.translators.endpoint import EndpointTranslator
            from routelmt_cli.translators.endpoint_batch import BatchTranslator

            is_live = self.card.endpoint.batch is None
            return (EndpointTranslator if is_live else BatchTranslator)(
                self.card,
                self.source_language,
                self.target_language,
                with_logprobs=with_logprobs,
                with_notes=self.with_notes,
            )
        if self.weights is None:
            return self._stand_in(deterministic=deterministic, with_states=with_states)
        from routelmt_cli.translators.llama_cpp import LlamaTranslator
        from routelmt_cli.translators.llama_selfcheck import extra_buffers_work
        from routelmt_cli.translators.llama_settings import settings_for

        sha256 = self.weights.sha256
        return LlamaTranslator(
            self.card,
            self.weights.path,
            source_language=self.source_language,
            target_language=self.target_language,
            with_logprobs=with_logprobs,
            with_states=with_states,
            deterministic=deterministic,
            demand=demand,
            settings=settings_for(self.card, None if deterministic else sha256, threads),
            use_extra_buffers=extra_buffers_work(self.weights.path, sha256),
            with_notes=self.with_notes,
        )

    def open_scorer(self, *, with_states: bool = False) -> Scorer:
        """Load the model for forced decoding; a context manager that frees it.

        Raises
        ------
        UsageError
            Where a server runs the model.
        """
        if self.card.endpoint is not None:
            from routelmt_cli.translators.endpoint_prompter import no_scoring

            raise no_scoring(self.card)
        if self.weights is None:
            return self._stand_in(with_states=with_states)
        from routelmt_cli.translators.llama_scoring import LlamaScorer
        from routelmt_cli.translators.llama_selfcheck import extra_buffers_work

        return LlamaScorer(
            self.card,
            self.weights.path,
            source_language=self.source_language,
            target_language=self.target_language,
            with_states=with_states,
            use_extra_buffers=extra_buffers_work(self.weights.path, self.weights.sha256),
        )

    def _stand_in(
        self, *, deterministic: bool = False, with_states: bool = False
    ) -> StandInTranslator:
        return StandInTranslator(
            self.card,
            self.source_language,
            self.target_language,
            deterministic=deterministic,
            with_states=with_states,
        )


def find_model(
    card: ModelCard, source_language: str, target_language: str, *, protects: bool = False
) -> Model:
    """Find and verify a card's weights, or the key of its server, for a language pair.

    Parameters
    ----------
    card, source_language, target_language
        Which model, for which languages.
    protects
        As of a ``Model``.

    Raises
    ------
    UsageError
        Where the weights are missing or wrong, or the key is missing.
    """
    if card.endpoint is not None:
        card.endpoint.key(card.card_path)
    weights = find_weights(card) if card.backend == "llama.cpp" else None
    sha256 = "" if weights is None else weights.sha256
    fingerprint = card.fingerprint(sha256, source_language, target_language)
    return Model(card, weights, source_language, target_language, fingerprint, protects)
