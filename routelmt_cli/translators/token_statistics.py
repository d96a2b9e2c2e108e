"""What a step's logits say about one token: its log-probability, the entropy, the margin.

In: logits as llama.cpp hands them out, one row a token. Out: one float32 of each a row. Always:
nothing of the vocabulary's size is allocated, the logits are worked on where they lie. Which
tokens are asked about, and what the numbers mean for quality, is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Below the best logit by this much a token has no probability in float32, and -inf (a token that
# a model forbids) would make 0 x inf of its share of the entropy.
_LOWEST = np.float32(-1e4)


@dataclass(frozen=True, slots=True)
class TokenStatistics:
    """Statistics of tokens in their order; float32 arrays of shape (n,).

    Attributes
    ----------
    logprobs
        Natural log-probability of the token, at most 0.
    entropies
        Entropy of the distribution that the token was taken from, in nats, at least 0.
    margins
        Logit of the best token minus that of the second best, at least 0: whichever was taken.
    """

    logprobs: npt.NDArray[np.float32]
    entropies: npt.NDArray[np.float32]
    margins: npt.NDArray[np.float32]

    def take(self, rows: npt.NDArray[np.int64]) -> TokenStatistics:
        """Take some tokens, by their numbers."""
        return TokenStatistics(self.logprobs[rows], self.entropies[rows], self.margins[rows])

    @classmethod
    def of_rows(cls, rows: Sequence[tuple[float, float, float]]) -> TokenStatistics:
        """Gather (log-probability, entropy, margin) of single tokens."""
        return cls(*np.array(rows, np.float32).reshape(-1, 3).T.copy())

    @classmethod
    def concatenate(cls, parts: Iterable[TokenStatistics]) -> TokenStatistics:
        """Put the statistics of several texts behind each other; of none, they are empty."""
        empty = cls.of_rows([])
        columns = zip(*((p.logprobs, p.entropies, p.margins) for p in (empty, *parts)), strict=True)
        return cls(*(np.concatenate(column) for column in columns))


def token_statistics(
    logits: npt.NDArray[np.float32],
    best: npt.NDArray[np.int64],
    tokens: npt.NDArray[np.int64],
    work: npt.NDArray[np.float32],
) -> TokenStatistics:
    """Compute the statistics of one token a row.

    With d the logits minus the best one and Z = sum(exp(d)): the log-probability is d[token] -
    log(Z), the entropy log(Z) - sum(exp(d) d) / Z.

    Parameters
    ----------
    logits
        float32 of shape (n, vocabulary); shifted in place, so that each row's best is 0.
    best
        int64 of shape (n,): where each row is highest, its ``argmax``.
    tokens
        int64 of shape (n,): the tokens asked about.
    work
        float32 of shape (at least n, vocabulary), overwritten.
    """
    rows = np.arange(len(logits))
    exponentials = work[: len(logits)]
    np.subtract(logits, logits[rows, best][:, None], out=logits)
    np.maximum(logits, _LOWEST, out=logits)
    np.exp(logits, out=exponentials)
    total = exponentials.sum(axis=1)
    log_total = np.log(total)
    logprobs = logits[rows, tokens] - log_total
    np.multiply(exponentials, logits, out=exponentials)
    # Rounding can take the entropy of a certain token below 0.
    entropies = np.maximum(log_total - exponentials.sum(axis=1) / total, 0)
    logits[rows, best] = _LOWEST
    margins = -logits.max(axis=1)
    logits[rows, best] = 0
    return TokenStatistics(logprobs, entropies, margins)
