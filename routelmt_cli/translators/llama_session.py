"""One loaded GGUF model with its prompter and decoding context: what translator and scorer share.

In: a card, its weights, a language pair. Out: a context manager that frees model and context when
it is left, or when opening it fails. It serves one stream of requests at a time. It neither decodes
nor scores.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TypeVar

from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.llama_library import LlamaContext, LlamaModel
from routelmt_cli.translators.llama_prompter import LlamaPrompter

_Session = TypeVar("_Session", bound="LlamaSession")


class LlamaSession:
    """A model in memory, with room for one group of sequences beside the shared prefix.

    Parameters
    ----------
    card
        The model card.
    weights
        The checked GGUF file.
    source_language, target_language
        BCP 47 codes.
    threads
        Threads for evaluation; all that this process may use by default.
    use_extra_buffers
        Let llama.cpp repack weights for this processor (see ``llama_selfcheck``).

    Raises
    ------
    UsageError
        Where the file cannot be loaded or the prompt not rendered.
    """

    def __init__(
        self,
        card: ModelCard,
        weights: Path,
        *,
        source_language: str,
        target_language: str,
        threads: int | None = None,
        use_extra_buffers: bool = True,
    ) -> None:
        self._card = card
        self.group_size = card.decoding.parallel_sequences
        self._busy = threading.Lock()
        with ExitStack() as opened:
            model = LlamaModel(weights, use_extra_buffers=use_extra_buffers)
            self._model = opened.enter_context(closing(model))
            self._prompter = LlamaPrompter(card, model, source_language, target_language)
            self.prefix_tokens = self._prompter.prefix_tokens
            self.context_limit = self._prompter.context_limit
            context = LlamaContext(
                model,
                sequences=self.group_size + 1,
                sequence_tokens=self.context_limit,
                threads=threads or len(os.sched_getaffinity(0)),
            )
            self._context = opened.enter_context(closing(context))
            self._begin()
            self._opened = opened.pop_all()

    def _begin(self) -> None:
        """Prepare the context, once it is there; where this fails all is freed."""

    def __enter__(self: _Session) -> _Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep a second stream of requests out: both would use the same sequences.

        Raises
        ------
        RuntimeError
            Where one is being served, in this thread or in another.
        """
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("a loaded model serves one stream of requests at a time")
        try:
            yield
        finally:
            self._busy.release()
