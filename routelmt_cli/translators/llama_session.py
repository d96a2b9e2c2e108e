"""One loaded GGUF model with its prompter and decoding context: what translator and scorer share.

In: a card, its weights, a language pair. Out: a context manager that frees model and context when
it is left, or when opening it fails. It serves one stream of requests at a time. It neither decodes
nor scores.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TypeVar

from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.demand import Demand
from routelmt_cli.translators.free_memory import free_bytes
from routelmt_cli.translators.llama_library import LlamaContext, LlamaModel
from routelmt_cli.translators.llama_memory import cache_cells, footprint
from routelmt_cli.translators.llama_prompter import LlamaPrompter
from routelmt_cli.translators.llama_settings import LlamaSettings, default_settings

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
    outputs
        The most tokens of a batch whose logits are wanted; one for each sequence by default.
    demand
        What the corpus asks of the cache; None for sequences that all fill the context.
    all_at_once
        Whether the output depends on it that all sequences fit into memory.
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
        outputs: int | None = None,
        demand: Demand | None = None,
        all_at_once: bool = False,
        settings: LlamaSettings | None = None,
        use_extra_buffers: bool = True,
        with_notes: bool = False,
    ) -> None:
        self._card = card
        settings = settings or default_settings(card)
        outputs = outputs or settings.sequences
        self.group_size = settings.sequences
        free = free_bytes()  # before the weights take their part of it
        self._busy = threading.Lock()
        with ExitStack() as opened:
            model = LlamaModel(
                weights,
                use_extra_buffers=use_extra_buffers,
                gpu_layers=card.decoding.n_gpu_layers,
            )
            self._model = opened.enter_context(closing(model))
            self._prompter = LlamaPrompter(
                card, model, source_language, target_language, with_notes=with_notes
            )
            self.prefix_tokens = self._prompter.prefix_tokens
            self.context_limit = self._prompter.context_limit
            cells = cache_cells(
                demand or Demand.full(self.prefix_tokens, self.context_limit),
                settings,
                footprint(model, settings, outputs),
                name=card.name,
                card_path=card.card_path,
                weights_bytes=model.weights_bytes,
                free=None if model.on_another_device else free,
                all_at_once=all_at_once,
            )
            context = LlamaContext(model, settings, cells=cells, outputs=outputs)
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
