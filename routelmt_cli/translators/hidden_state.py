"""A draft's hidden state: the one that the draft starts from, and the mean over its own tokens.

In: hidden states of tokens, rows of one width. Out: one float32 vector of twice that width. A mean
over the source's tokens is not part of it: llama.cpp evaluates the whole vocabulary for every
token whose state it hands out, so states come only of tokens whose logits are needed anyway.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


class StateAverage:
    """The state of one prompt's last token, and the running mean of its draft's tokens."""

    def __init__(self) -> None:
        self._prompt: npt.NDArray[np.float32] | None = None
        self._sum = np.zeros(0, np.float64)
        self._tokens = 0

    def add(self, states: npt.NDArray[np.float32]) -> None:
        """Take the next tokens' states, of shape (n, width); the very first is the prompt's."""
        if self._prompt is None:
            self._prompt, states = states[0].copy(), states[1:]
            self._sum = np.zeros(len(self._prompt), np.float64)
        self._sum += states.sum(axis=0)
        self._tokens += len(states)

    def result(self) -> npt.NDArray[np.float32]:
        """Return both, float32 of shape (2 x width,).

        A draft without a token of its own stands where its prompt ends: the prompt's twice.

        Raises
        ------
        ValueError
            Where no state was added.
        """
        if self._prompt is None:
            raise ValueError("no hidden state was added")
        mean = self._sum / self._tokens if self._tokens else self._prompt
        return np.concatenate([self._prompt, mean.astype(np.float32)])


def mean_state(parts: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32] | None:
    """Return the mean of the states of a text's parts, or None where it has none."""
    return np.mean(parts, axis=0, dtype=np.float32) if parts else None


def prompt_state(states: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Take the first half of states, which is that of the prompt: what a probe is.

    Parameters
    ----------
    states
        float32 of shape (..., 2 x width).
    """
    return states[..., : states.shape[-1] // 2]
