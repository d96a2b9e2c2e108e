"""Features of how sure the small model was of the tokens that it chose.

Log-probabilities of the chosen tokens, and where they were kept the entropies and margins of the
distributions that they were chosen from, go in; one float64 array a feature comes out. What
always holds: an empty or missing draft gives NaN in every feature, and a row's features depend on
that row only. Which token was chosen is not seen here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features.rows import bounds_of, longest_runs, share, sum_rows

_LOGPROB_NAMES: tuple[str, ...] = (
    "logprob_mean",
    "logprob_sum",
    "logprob_min",
    "logprob_tenth",
    "logprob_quarter",
    "logprob_std",
    "logprob_first",
    "logprob_last_quarter",
    "logprob_last",
    "logprob_share_below_half",
    "logprob_share_below_tenth",
    "logprob_longest_low_run",
    "logprob_sum_per_source_token",
)
_ENTROPY_NAMES: tuple[str, ...] = (
    "entropy_mean",
    "entropy_max",
    "entropy_first",
    "entropy_last",
    "entropy_high_share",
)
_MARGIN_NAMES: tuple[str, ...] = ("margin_mean", "margin_min", "margin_low_share")
NAMES: tuple[str, ...] = (
    *_LOGPROB_NAMES,
    *_ENTROPY_NAMES,
    *_MARGIN_NAMES,
    "surprisal_excess_mean",
)
"""The last one is how much less likely the tokens were than tokens drawn at random would be."""

_LOWEST = -100.0
_LOG_HALF = float(np.log(0.5))
_LOG_TENTH = float(np.log(0.1))
_HIGH_ENTROPY = 2.0
_LOW_MARGIN = 1.0
_HIGHEST = 1_000.0

Features = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class _Tokens:
    """Values of the tokens of those of n drafts that have any.

    Parameters
    ----------
    values
        float32, one draft after the other.
    rows
        int64, the drafts that have tokens.
    lengths
        int64, tokens of each of them.
    bounds
        int64, of each of them in ``values``.
    """

    values: NDArray[np.float32]
    rows: NDArray[np.int64]
    lengths: NDArray[np.int64]
    bounds: NDArray[np.int64]

    @classmethod
    def of(
        cls, column: Sequence[NDArray[np.float32]] | None, *, lowest: float, highest: float
    ) -> _Tokens | None:
        """Put a column's values together, clipped, NaN taken for the lowest."""
        if column is None or not len(column):
            return None
        lengths = np.fromiter(map(len, column), dtype=np.int64, count=len(column))
        rows = np.flatnonzero(lengths)
        if not rows.size:
            return None
        values = np.concatenate(column).astype(np.float32)
        np.nan_to_num(values, copy=False, nan=lowest, posinf=highest, neginf=lowest)
        np.clip(values, lowest, highest, out=values)
        return cls(values, rows, lengths[rows], bounds_of(lengths[rows]))

    def mean(self, values: NDArray[np.float64] | NDArray[np.bool_]) -> NDArray[np.float64]:
        """Average one value a token over each draft."""
        means: NDArray[np.float64] = sum_rows(values.astype(np.float64), self.bounds) / self.lengths
        return means


def decoding_features(
    token_logprobs: Sequence[NDArray[np.float32]] | None,
    source_tokens: NDArray[np.int64],
    token_entropies: Sequence[NDArray[np.float32]] | None = None,
    token_margins: Sequence[NDArray[np.float32]] | None = None,
) -> Features:
    """Compute the features of drafts' token statistics.

    Parameters
    ----------
    token_logprobs
        One array a draft of natural logarithms, at most 0; clipped to [-100, 0], NaN taken for
        -100. None where the drafts were made elsewhere.
    source_tokens
        int64, shape (n,), the small model's tokens of each source; 0 or less where unknown.
    token_entropies
        One array a draft, in nats, clipped to [0, 100]; None where not kept.
    token_margins
        One array a draft: logit of the best token less that of the second best, clipped to
        [0, 1000]; None where not kept.

    Returns
    -------
    dict
        One float64 array of shape (n,) for each of ``NAMES``.
    """
    result = {name: np.full(source_tokens.size, np.nan) for name in NAMES}

    def keep(tokens: _Tokens, columns: Features) -> None:
        for name, column in columns.items():
            result[name][tokens.rows] = column

    logprobs = _Tokens.of(token_logprobs, lowest=_LOWEST, highest=0.0)
    entropies = _Tokens.of(token_entropies, lowest=0.0, highest=-_LOWEST)
    margins = _Tokens.of(token_margins, lowest=0.0, highest=_HIGHEST)
    if logprobs is not None:
        keep(logprobs, _logprob_statistics(logprobs))
        tokens = np.where(source_tokens > 0, source_tokens, 0).astype(np.float64)
        result["logprob_sum_per_source_token"] = share(result["logprob_sum"], tokens)
    if entropies is not None:
        keep(entropies, _entropy_statistics(entropies))
    if margins is not None:
        keep(margins, _margin_statistics(margins))
    # Without the entropies of every token the excess would be of another kind.
    if (
        logprobs is not None
        and entropies is not None
        and np.array_equal(logprobs.rows, entropies.rows)
        and np.array_equal(logprobs.lengths, entropies.lengths)
    ):
        excess = -logprobs.values.astype(np.float64) - entropies.values
        keep(logprobs, {"surprisal_excess_mean": logprobs.mean(excess)})
    return result


def _logprob_statistics(tokens: _Tokens) -> Features:
    values, lengths = tokens.values.astype(np.float64), tokens.lengths
    starts, ends = tokens.bounds[:-1], tokens.bounds[1:]
    total = sum_rows(values, tokens.bounds)
    mean = total / lengths
    squares = sum_rows((values - np.repeat(mean, lengths)) ** 2, tokens.bounds)
    ordered = _sorted_rows(tokens)
    tail = (lengths + 3) // 4
    # Sums of the last quarters: every second run of those that begin at starts and at tails.
    edges = np.stack((starts, ends - tail), axis=1).ravel()
    low = values < _LOG_HALF
    return {
        "logprob_mean": mean,
        "logprob_sum": total,
        "logprob_min": ordered[starts],
        "logprob_tenth": ordered[starts + (lengths - 1) // 10],
        "logprob_quarter": ordered[starts + (lengths - 1) // 4],
        "logprob_std": np.sqrt(squares / lengths),
        "logprob_first": values[starts],
        "logprob_last_quarter": np.add.reduceat(values, edges)[1::2] / tail,
        "logprob_last": values[ends - 1],
        "logprob_share_below_half": tokens.mean(low),
        "logprob_share_below_tenth": tokens.mean(values < _LOG_TENTH),
        "logprob_longest_low_run": longest_runs(low, tokens.bounds),
    }


def _sorted_rows(tokens: _Tokens) -> NDArray[np.float64]:
    """Sort the log-probabilities of each draft, ascending."""
    # The bits of floats of one sign are in order; with the row above them one sort does it all.
    sizes = np.abs(tokens.values).view(np.uint32)
    rows = np.arange(tokens.rows.size, dtype=np.uint64) << np.uint64(32)
    keys = np.repeat(rows, tokens.lengths) | (~sizes).astype(np.uint64)
    keys.sort()
    return -(~keys.astype(np.uint32)).view(np.float32).astype(np.float64)


def _entropy_statistics(tokens: _Tokens) -> Features:
    starts, ends = tokens.bounds[:-1], tokens.bounds[1:]
    return {
        "entropy_mean": tokens.mean(tokens.values.astype(np.float64)),
        "entropy_max": np.maximum.reduceat(tokens.values, starts).astype(np.float64),
        "entropy_first": tokens.values[starts].astype(np.float64),
        "entropy_last": tokens.values[ends - 1].astype(np.float64),
        "entropy_high_share": tokens.mean(tokens.values > _HIGH_ENTROPY),
    }


def _margin_statistics(tokens: _Tokens) -> Features:
    starts = tokens.bounds[:-1]
    return {
        "margin_mean": tokens.mean(tokens.values.astype(np.float64)),
        "margin_min": np.minimum.reduceat(tokens.values, starts).astype(np.float64),
        "margin_low_share": tokens.mean(tokens.values < _LOW_MARGIN),
    }
