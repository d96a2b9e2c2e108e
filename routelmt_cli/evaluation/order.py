"""An order of segments with its ties, and sums along it, for one sample or for many at once.

Scores go in, running sums over the order come out. What always holds: segments of equal score
are one step that is taken whole, so no figure made of these sums depends on the order of a file;
and a resampled corpus is a column of counts (how often each segment was drawn), for which the
order need not be sorted again.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class Order:
    """Segments from the highest score down, equal scores being one step.

    Parameters
    ----------
    scores
        float (n,) without NaN; infinities stand at the ends.

    Attributes
    ----------
    segments
        int64 (n,): the segments in their order; inside a step in that of the file.
    ends
        int64 (d,): after how many segments each of the d steps ends, rising to n.
    step_of
        int64 (n,): the step of each segment, from 0.
    """

    def __init__(self, scores: npt.ArrayLike) -> None:
        values = np.asarray(scores, dtype=np.float64)
        self.segments: IntArray = np.argsort(-values, kind="stable")
        ordered = values[self.segments]
        last = np.append(ordered[1:] != ordered[:-1], True)[: len(ordered)]
        self.ends: IntArray = np.flatnonzero(last) + 1
        self.step_of: IntArray = np.empty(len(values), np.int64)
        steps = np.diff(self.ends, prepend=0)
        self.step_of[self.segments] = np.repeat(np.arange(len(self.ends)), steps)

    def running(self, values: npt.ArrayLike) -> FloatArray:
        """Sum values along the order.

        Parameters
        ----------
        values
            float (..., n): one or many samples.

        Returns
        -------
        numpy.ndarray of float64, (..., d + 1)
            The sum before the first step, which is 0, and after each.
        """
        ordered = np.asarray(values, dtype=np.float64)[..., self.segments]
        sums = np.cumsum(ordered, axis=-1)[..., self.ends - 1]
        return np.concatenate([np.zeros((*sums.shape[:-1], 1)), sums], axis=-1)


def interpolate(position: FloatArray, at: npt.ArrayLike, *columns: FloatArray) -> list[FloatArray]:
    """Read columns where a rising position reaches a value, by straight lines between steps.

    Parameters
    ----------
    position
        float (..., k), rising along the last axis, such as what was spent after each step.
    at
        Values of ``position``, of its shape without the last axis or one that broadcasts to it.
    columns
        float (..., k), such as what was bought after each step.

    Returns
    -------
    list of numpy.ndarray of float64, (...)
        One a column. Where several steps stand at one position (segments that cost nothing), the
        last of them; past the last position, the last value.
    """
    target = np.broadcast_to(np.asarray(at, dtype=np.float64), position.shape[:-1])[..., None]
    before = np.maximum((position <= target).sum(axis=-1, keepdims=True) - 1, 0)
    after = np.minimum(before + 1, position.shape[-1] - 1)
    low, high = (np.take_along_axis(position, index, -1) for index in (before, after))
    width = high - low
    fraction = np.where(width > 0, (target - low) / np.where(width > 0, width, 1.0), 0.0)
    fraction = np.clip(fraction, 0.0, 1.0)
    read = []
    for column in columns:
        first, second = (np.take_along_axis(column, index, -1) for index in (before, after))
        read.append((first + fraction * (second - first))[..., 0])
    return read
