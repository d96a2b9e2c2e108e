"""How many tokens a translation may have, and how long a source may be for both to fit.

In: a model card, the context, the tokens of the prompt around a source. Always: a source of
``longest_source`` tokens and its cap fit, and one of a token more does not.
"""

from __future__ import annotations

import math

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.card import DecodingCard, ModelCard

# Any one character, whatever stands before it in the prompt, and a word or two.
_SHORTEST_SOURCE = 8


def token_cap(decoding: DecodingCard, source_tokens: int) -> int:
    """Return the most tokens to sample for a source of so many tokens."""
    return math.ceil(decoding.cap_ratio * source_tokens) + decoding.cap_extra


def longest_source(card: ModelCard, context_limit: int, prompt_tokens: int) -> int:
    """Return the most tokens of a source that fit a context with their prompt and cap.

    Raises
    ------
    UsageError
        Where the prompt leaves no room worth having.
    """
    room, decoding = context_limit - prompt_tokens, card.decoding
    longest = max(0, math.floor((room - decoding.cap_extra) / (1 + decoding.cap_ratio)))
    while longest + 1 + token_cap(decoding, longest + 1) <= room:  # where rounding took one
        longest += 1
    while longest and longest + token_cap(decoding, longest) > room:
        longest -= 1
    if longest < _SHORTEST_SOURCE:
        raise UsageError(
            f"{card.card_path}: the prompt takes {prompt_tokens} of the context's {context_limit} "
            "tokens, which leaves too few for a source and its translation",
            hint="raise context_tokens, lower cap_extra or give fewer examples",
        )
    return longest
