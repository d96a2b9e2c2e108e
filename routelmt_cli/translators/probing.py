"""Probing: what a model's state says of a source before a token of its translation is decoded.

In: a model that runs here. Out: the same model as one whose requests are prompts alone: outcomes
have no text, and a hidden state. A prober is a translator like any other, so it is counted, bought,
kept and spread over workers as drafts are. Protected spans go behind the markers that a draft's
request has in their places, so that a probe stands where its draft would begin.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from routelmt_cli.errors import UsageError
from routelmt_cli.protection.markers import mark
from routelmt_cli.translators.demand import Demand
from routelmt_cli.translators.models import Model
from routelmt_cli.translators.notes import NO_NOTES, Notes
from routelmt_cli.translators.protocol import Counter, Outcome, Request, TokenCounts, Translator
from routelmt_cli.translators.stand_in import StandInProber
from routelmt_cli.translators.wrapping import WrappingCounter, WrappingTranslator


@dataclass(frozen=True)
class ProbingModel(Model):
    """A model that is only probed: its translators decode nothing, and its caps are 0."""

    @classmethod
    def of(cls, model: Model) -> ProbingModel:
        """Make one of another model, which is told no notes.

        Raises
        ------
        UsageError
            A server runs the model.
        """
        if model.card.endpoint is not None:
            raise UsageError(
                f"{model.card.card_path}: a server shows no hidden states, so its model cannot be "
                "probed",
                hint="draft with a model that runs here, or leave --route probe out",
            )
        plain = replace(model, with_notes=False)
        return cls(**{one.name: getattr(plain, one.name) for one in fields(plain)})

    def open_counter(self) -> AbstractContextManager[Counter]:
        """Open what counts the tokens of prompts; no model is run for it."""
        return _ProbingCounter(self._open_counter(), marks=self.protects)

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
        deterministic, threads
            As of a ``Model``.
        with_logprobs, with_states, demand
            Not looked at: a probe is its state, and no token has a probability.
        """
        prober = self._open_prober(deterministic=deterministic, threads=threads)
        return _Marking(prober) if self.protects else prober

    def _open_prober(self, *, deterministic: bool, threads: int | None) -> Translator:
        if self.weights is None:
            return StandInProber(
                self.card, self.source_language, self.target_language, deterministic=deterministic
            )
        from routelmt_cli.translators.llama_probing import LlamaProber
        from routelmt_cli.translators.llama_selfcheck import extra_buffers_work
        from routelmt_cli.translators.llama_settings import settings_for

        sha256 = self.weights.sha256
        return LlamaProber(
            self.card,
            self.weights.path,
            source_language=self.source_language,
            target_language=self.target_language,
            with_states=True,
            settings=settings_for(self.card, None if deterministic else sha256, threads),
            use_extra_buffers=extra_buffers_work(self.weights.path, sha256),
        )


class _ProbingCounter(WrappingCounter):
    """A ``Counter`` around another that counts prompts alone."""

    def __init__(self, inside: AbstractContextManager[Counter], *, marks: bool) -> None:
        super().__init__(inside)
        self._marks = marks

    def count(self, sources: Sequence[str], notes: Sequence[Notes] | None = None) -> TokenCounts:
        """Count the tokens of every prompt exactly; nothing is told in them."""
        sent = [mark(source).text for source in sources] if self._marks else sources
        return self._inside.count(sent).prompts_alone

    def count_scored(self, sources: Sequence[str], drafts: Sequence[str]) -> npt.NDArray[np.int64]:
        """Count the tokens of scoring."""
        return self._inside.count_scored(sources, drafts)


class _Marking(WrappingTranslator):
    """A prober around another, for sources with protected spans."""

    def count(self, sources: Sequence[str], notes: Sequence[Notes] | None = None) -> TokenCounts:
        """Count the tokens of every prompt exactly."""
        return self._inside.count([mark(source).text for source in sources])

    def translate(self, requests: Iterable[Request]) -> Iterator[Sequence[Outcome]]:
        """Probe the sources; each sequence of outcomes is one commit."""
        return self._inside.translate(
            replace(request, source=mark(request.source).text, notes=NO_NOTES)
            for request in requests
        )
