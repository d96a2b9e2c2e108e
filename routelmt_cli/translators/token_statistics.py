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
    work: npt.NDArray[np.float32],
    tokens: npt.NDArray[np.int64] | None = None,
) -> tuple[npt.NDArray[np.int64], TokenStatistics]:
    """Find the best token of every row, and the statistics of one token a row.

    With d the logits minus the best one and Z = sum(exp(d)): the log-probability is d[token] -
    log(Z), the entropy log(Z) - sum(exp(d) d) / Z. Rows are worked on one by one, since one row
    stays in the processor's cache from the first look to the last, and a batch does not.

    Parameters
    ----------
    logits
        float32 of shape (n, vocabulary); shifted in place, so that each row's best is 0.
    work
        float32 of shape (vocabulary,), overwritten.
    tokens
        int64 of shape (n,): the tokens asked about; the best ones by default.

    Returns
    -------
    tuple
        The best tokens, int64 of shape (n,), and the statistics.
    """
    best = np.empty(len(logits), np.int64)
    table = np.empty((3, len(logits)), np.float32)
    with np.errstate(invalid="ignore"):
        for row, values in enumerate(logits):
            highest = best[row] = values.argmax()
            np.subtract(values, values[highest], out=values)
            total, weighted = _sums(values, work)
            if not np.isfinite(weighted):  # 0 x -inf of a forbidden token
                np.maximum(values, _LOWEST, out=values)
                total, weighted = _sums(values, work)
            log_total = np.log(total)
            token = highest if tokens is None else tokens[row]
            logprob = values[token] - log_total
            values[highest] = _LOWEST
            margin = -values.max()
            values[highest] = 0
            # Rounding can take the entropy of a certain token below 0.
            table[:, row] = logprob, max(log_total - weighted / total, 0), margin
    return best, TokenStatistics(*table)


def _sums(
    values: npt.NDArray[np.float32], work: npt.NDArray[np.float32]
) -> tuple[np.float32, np.float32]:
    """Return sum(exp(values)) and sum(exp(values) values)."""
    np.exp(values, out=work)
    total = work.sum()
    np.multiply(work, values, out=work)
    return total, work.sum()
