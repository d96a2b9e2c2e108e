"""How long the sequences of a corpus are, as far as a model's cache must know.

In: exact token counts. Out: how many tokens may have to be held at once. Always: an upper bound,
whatever order the requests come in, and a few numbers whatever the corpus's size.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from routelmt_cli.translators.protocol import TokenCounts

MOST_SEQUENCES = 255
"""The most sequences that llama.cpp decodes together, beside the one of the shared prefix."""


@dataclass(frozen=True)
class Demand:
    """What a corpus asks of a cache.

    Attributes
    ----------
    prefix
        Tokens of the shared prefix.
    longest
        Tokens of the longest sequence, the prefix included.
    largest
        int64 of shape (at most ``MOST_SEQUENCES``,), falling: tokens after the prefix of the
        requests that need most, all their parts together.
    """

    prefix: int
    longest: int
    largest: npt.NDArray[np.int64]

    @classmethod
    def of(cls, blocks: Iterable[TokenCounts], prefix: int) -> Demand:
        """Gather the demand of a corpus from the counts of its parts."""
        longest, largest = prefix, np.zeros(0, np.int64)
        for block in blocks:
            longest = max(longest, int(block.context_tokens.max(initial=0)))
            own = block.prompt_tokens + block.cap_tokens
            if block.retry is not None:  # never beside the first try
                own = np.maximum(own, block.retry.prompt_tokens + block.retry.cap_tokens)
            needed = np.concatenate([largest, own])
            largest = -np.sort(-needed)[:MOST_SEQUENCES]
        return cls(prefix, longest, largest)

    @classmethod
    def full(cls, prefix: int, context_limit: int) -> Demand:
        """Give the demand of sequences that all fill the context."""
        return cls(prefix, context_limit, np.full(MOST_SEQUENCES, context_limit - prefix))

    def cells(self, sequences: int) -> int:
        """Return how many tokens so many sequences and the prefix can hold together."""
        by_length = sequences * (self.longest - self.prefix)
        return self.prefix + min(by_length, int(self.largest[:sequences].sum()))
