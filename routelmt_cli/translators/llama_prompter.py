"""From a source to the tokens of its prompt, and how many tokens that is.

Needs a GGUF file's vocabulary only, so tokens can be counted before a model is loaded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.llama_library import LlamaModel
from routelmt_cli.translators.pieces import cut
from routelmt_cli.translators.prompt import render_prompt
from routelmt_cli.translators.protocol import TokenCounts


class LlamaPrompter:
    """Tokenize prompts of one card for one language pair; closes its model when left.

    Attributes
    ----------
    prefix
        Tokens that every prompt starts with.
    suffix
        Tokens after every source.
    """

    def __init__(
        self, card: ModelCard, model: LlamaModel, source_language: str, target_language: str
    ) -> None:
        prompt = render_prompt(
            card.prompt,
            source_language,
            target_language,
            chat_template=model.metadata("tokenizer.chat_template"),
            bos=model.special_text(model.bos),
            eos=model.special_text(model.eos),
        )
        self.model = model
        self._decoding = card.decoding
        self._lead, self._draft_lead = prompt.lead, prompt.draft_lead
        self.prefix = model.tokenize(prompt.prefix, parse_special=True)
        if model.add_bos and self.prefix[:1] != [model.bos]:
            self.prefix.insert(0, model.bos)
        self.suffix = model.tokenize(prompt.suffix, parse_special=True)
        self.prefix_tokens = len(self.prefix)
        self.context_limit = min(card.decoding.context_tokens, model.trained_context)
        if self.prefix_tokens + len(self.suffix) + 2 > self.context_limit:
            raise UsageError(
                f"{card.card_path}: the prompt alone needs {self.prefix_tokens} of the context's "
                f"{self.context_limit} tokens",
                hint="raise context_tokens or give fewer examples",
            )

    @classmethod
    def vocabulary_only(
        cls, card: ModelCard, weights: Path, source_language: str, target_language: str
    ) -> LlamaPrompter:
        """Open a prompter on a file's vocabulary, without its tensors."""
        model = LlamaModel(weights, vocabulary_only=True)
        return cls(card, model, source_language, target_language)

    def __enter__(self) -> LlamaPrompter:
        return self

    def __exit__(self, *_: object) -> None:
        self.model.close()

    def source(self, piece: str) -> list[int]:
        """Return the tokens of a source; special tokens in it stay the characters they are."""
        return self.model.tokenize(self._lead + piece, parse_special=False)

    def source_tokens(self, piece: str) -> int:
        """Count the tokens of a source; of one that cannot fit the context, so many at least.

        llama.cpp takes quadratic time for characters that are not in the vocabulary: a minute for
        a line of a million NULs, which no token longer than the longest one makes fit.
        """
        least = 0
        if len(piece) > self.context_limit:
            least = -(-len(piece) // self.model.longest_piece)
        return least if least > self.context_limit else len(self.source(piece))

    def draft(self, piece: str) -> list[int]:
        """Return the tokens of a draft as the model would have begun it; special ones as above."""
        return self.model.tokenize(self._draft_lead + piece, parse_special=False)

    def cap(self, source_tokens: int) -> int:
        """Return the most tokens to sample for a source of so many tokens."""
        return math.ceil(self._decoding.cap_ratio * source_tokens) + self._decoding.cap_extra

    def count(self, sources: Sequence[str]) -> TokenCounts:
        """Count the tokens of every source exactly; of one far beyond the context, at least."""
        table = np.zeros((4, len(sources)), np.int64)
        fixed = self.prefix_tokens + len(self.suffix)
        for column, source in enumerate(sources):
            for piece in cut(source).texts:
                tokens = self.source_tokens(piece)
                cap = self.cap(tokens)
                table[:3, column] += (tokens, tokens + len(self.suffix), cap)
                table[3, column] = max(table[3, column], fixed + tokens + cap)
        return TokenCounts(*table)
