"""What can be set for speed without changing what a model is: how its context is laid out.

Which settings are fastest on a machine is found by ``llama_bench``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from routelmt_cli.translators.card import ModelCard

CacheType = Literal["f16", "q8_0"]
FlashAttention = Literal["auto", "on", "off"]


@dataclass(frozen=True)
class LlamaSettings:
    """Settings of a decoding context.

    Attributes
    ----------
    sequences
        How many are decoded together, beside the one of the shared prefix.
    threads
        Threads for decoding and for prompts.
    batch_tokens
        The most tokens evaluated in one call, at least ``sequences``.
    cache_type
        How keys and values are stored; ``q8_0`` takes half of the memory.
    flash_attention
        Whether attention is computed in one operation; ``auto`` leaves it to llama.cpp.
    """

    sequences: int
    threads: int
    batch_tokens: int = 512
    cache_type: CacheType = "f16"
    flash_attention: FlashAttention = "auto"


def default_settings(card: ModelCard) -> LlamaSettings:
    """Return a card's settings, with all threads that this process may use."""
    return LlamaSettings(card.decoding.parallel_sequences, len(os.sched_getaffinity(0)))
