"""One loaded GGUF model with its prompter and decoding context: what translator and scorer share.

In: a card, its weights, a language pair. Out: a context manager that frees model and context when
it is left. It neither decodes nor scores.
"""

from __future__ import annotations

import os
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
        self.group_size = card.decoding.parallel_sequences
        self._model = LlamaModel(weights, use_extra_buffers=use_extra_buffers)
        self._prompter = LlamaPrompter(card, self._model, source_language, target_language)
        self.prefix_tokens = self._prompter.prefix_tokens
        self.context_limit = self._prompter.context_limit
        self._context = LlamaContext(
            self._model,
            sequences=self.group_size + 1,
            sequence_tokens=self.context_limit,
            threads=threads or len(os.sched_getaffinity(0)),
        )

    def __enter__(self: _Session) -> _Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()
        self._model.close()
