"""What a request costs at a model's token prices.

Token counts go in, nanodollars come out, rounded up once per request, so that a sum of requests
is never below what they cost. The scalar and the array form agree exactly, by integer arithmetic
throughout. Where prices come from (a card, an hourly rate) and how a shared prompt is charged are
not decided here.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

TOKENS_PER_PRICE = 10**6
"""The number of tokens that a price is for."""

_LARGEST_INT64 = 2**63 - 1


@dataclass(frozen=True)
class Price:
    """Prices of a model's input and output tokens.

    Parameters
    ----------
    input_nanousd_per_million_tokens
        Nanodollars for a million prompt tokens, zero or more.
    output_nanousd_per_million_tokens
        Nanodollars for a million generated tokens, zero or more.

    Raises
    ------
    ValueError
        If a price is negative.
    """

    input_nanousd_per_million_tokens: int
    output_nanousd_per_million_tokens: int

    def __post_init__(self) -> None:
        for name in ("input_nanousd_per_million_tokens", "output_nanousd_per_million_tokens"):
            # A numpy integer would overflow silently in `request`; a Python one cannot.
            price = operator.index(getattr(self, name))
            if price < 0:
                raise ValueError(f"{name} cannot be negative: {price}")
            object.__setattr__(self, name, price)

    def request(self, prompt_tokens: int, output_tokens: int) -> int:
        """Price one request.

        Parameters
        ----------
        prompt_tokens, output_tokens
            Tokens read and generated, zero or more.

        Returns
        -------
        int
            Nanodollars, rounded up.

        Raises
        ------
        ValueError
            If a count is negative.
        """
        prompt, output = operator.index(prompt_tokens), operator.index(output_tokens)
        if prompt < 0 or output < 0:
            raise ValueError(f"token counts cannot be negative: {prompt}, {output}")
        return -(-self._numerator(prompt, output) // TOKENS_PER_PRICE)

    def requests(
        self, prompt_tokens: npt.ArrayLike, output_tokens: npt.ArrayLike
    ) -> npt.NDArray[np.int64]:
        """Price many requests, each as `request` does.

        Parameters
        ----------
        prompt_tokens, output_tokens
            Integers of shapes that broadcast together, zero or more.

        Returns
        -------
        numpy.ndarray of int64
            Nanodollars per request, of the broadcast shape.

        Raises
        ------
        TypeError
            If the counts are not integers.
        ValueError
            If a count is negative.
        OverflowError
            If a request costs more than 64 bits hold.
        """
        prompt, output = _token_counts(prompt_tokens), _token_counts(output_tokens)
        shape = np.broadcast_shapes(prompt.shape, output.shape)
        if 0 in shape:
            return np.zeros(shape, dtype=np.int64)
        worst = self._numerator(int(prompt.max()), int(output.max()))
        prices = (self.input_nanousd_per_million_tokens, self.output_nanousd_per_million_tokens)
        if max(worst, *prices) <= _LARGEST_INT64:
            total = prompt * prices[0] + output * prices[1]
            priced: npt.NDArray[np.int64] = -(-total // TOKENS_PER_PRICE)
            return priced
        # The two maxima need not meet in one request, so each is priced in exact Python integers.
        exact = [
            self.request(one_prompt, one_output)
            for one_prompt, one_output in zip(
                np.broadcast_to(prompt, shape).ravel().tolist(),
                np.broadcast_to(output, shape).ravel().tolist(),
                strict=True,
            )
        ]
        if max(exact) > _LARGEST_INT64:
            raise OverflowError(f"a request costs more than {_LARGEST_INT64} nanodollars")
        return np.array(exact, dtype=np.int64).reshape(shape)

    def _numerator(self, prompt_tokens: int, output_tokens: int) -> int:
        """Price a request in millionths of a nanodollar."""
        return (
            prompt_tokens * self.input_nanousd_per_million_tokens
            + output_tokens * self.output_nanousd_per_million_tokens
        )


def _token_counts(counts: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Check that counts are whole and not negative, and hold them as int64."""
    array = np.asarray(counts)
    if array.size == 0:
        return array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"token counts must be integers, not {array.dtype}")
    if array.min() < 0:
        raise ValueError(f"token counts cannot be negative: {array.min()}")
    if int(array.max()) > _LARGEST_INT64:
        raise OverflowError(f"a token count is above {_LARGEST_INT64}")
    return array.astype(np.int64, copy=False)
