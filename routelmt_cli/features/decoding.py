"""Features of how sure the small model was: log-probabilities of the tokens that it chose.

One float32 array a draft goes in, one float64 array a feature comes out. What always holds: an
empty or missing draft gives NaN in every feature, and a row's features depend on that row only.
Entropy and margins over the whole vocabulary are not seen here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NAMES: tuple[str, ...] = (
    "logprob_mean",
    "logprob_sum",
    "logprob_min",
    "logprob_tenth",
    "logprob_quarter",
    "logprob_std",
    "logprob_first",
    "logprob_last_quarter",
    "logprob_share_below_half",
    "logprob_share_below_tenth",
    "logprob_longest_low_run",
    "logprob_sum_per_source_token",
)

_LOWEST = -100.0
_LOG_HALF = float(np.log(0.5))
_LOG_TENTH = float(np.log(0.1))


def decoding_features(
    token_logprobs: Sequence[NDArray[np.float32]] | None,
    source_tokens: NDArray[np.int64],
) -> dict[str, NDArray[np.float64]]:
    """Compute the features of a column of token log-probabilities.

    Parameters
    ----------
    token_logprobs
        One array a draft of natural logarithms, at most 0; clipped to [-100, 0], NaN taken for
        -100. None where the drafts were made elsewhere.
    source_tokens
        int64, shape (n,), the small model's tokens of each source; 0 or less where unknown.

    Returns
    -------
    dict
        One float64 array of shape (n,) for each of ``NAMES``.
    """
    count = source_tokens.size
    result = {name: np.full(count, np.nan) for name in NAMES}
    if token_logprobs is None:
        return result
    lengths = np.array([len(values) for values in token_logprobs], dtype=np.int64)
    rows = np.flatnonzero(lengths > 0)
    if not rows.size:
        return result
    lengths = lengths[rows]
    values = np.concatenate([np.asarray(token_logprobs[row]) for row in rows.tolist()])
    values = np.clip(np.nan_to_num(values.astype(np.float64), nan=_LOWEST), _LOWEST, 0.0)
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    for name, column in _statistics(values, starts, lengths).items():
        result[name][rows] = column
    known = source_tokens > 0
    per_token = result["logprob_sum_per_source_token"]
    per_token[known] = result["logprob_sum"][known] / source_tokens[known]
    return result


def _statistics(
    values: NDArray[np.float64], starts: NDArray[np.int64], lengths: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    segment = np.repeat(np.arange(lengths.size), lengths)
    place = np.arange(values.size) - starts[segment]
    total = np.add.reduceat(values, starts)
    mean = total / lengths
    spread = np.add.reduceat((values - mean[segment]) ** 2, starts) / lengths
    ordered = values[np.lexsort((values, segment))]
    in_tail = place >= lengths[segment] - (lengths[segment] + 3) // 4
    return {
        "logprob_mean": mean,
        "logprob_sum": total,
        "logprob_min": ordered[starts],
        "logprob_tenth": ordered[starts + (lengths - 1) // 10],
        "logprob_quarter": ordered[starts + (lengths - 1) // 4],
        "logprob_std": np.sqrt(spread),
        "logprob_first": values[starts],
        "logprob_last_quarter": np.add.reduceat(np.where(in_tail, values, 0.0), starts)
        / ((lengths + 3) // 4),
        "logprob_share_below_half": np.add.reduceat(values < _LOG_HALF, starts, dtype=np.float64)
        / lengths,
        "logprob_share_below_tenth": np.add.reduceat(values < _LOG_TENTH, starts, dtype=np.float64)
        / lengths,
        "logprob_longest_low_run": _longest_runs(values < _LOG_HALF, place, segment, lengths.size),
    }


def _longest_runs(
    low: NDArray[np.bool_],
    place: NDArray[np.int64],
    segment: NDArray[np.int64],
    count: int,
) -> NDArray[np.float64]:
    """Length of the longest run of marked tokens of each draft."""
    index = np.arange(low.size)
    # The last unmarked token at or before each one; a run never reaches over a draft's start.
    barrier = np.maximum.accumulate(np.where(low, -1, index))
    run = np.minimum(index - barrier, place + 1) * low
    longest = np.zeros(count)
    np.maximum.at(longest, segment, run.astype(np.float64))
    return longest
