"""What can be set for speed without changing what a model is: how its context is laid out.

Which settings are fastest on a machine is found by ``llama_bench``, once, and kept in the user's
cache for these weights, this build of llama.cpp and this machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from routelmt_cli.translators.cache import recall, remember
from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.demand import MOST_SEQUENCES
from routelmt_cli.translators.machine import machine_facts

CacheType = Literal["f16", "q8_0"]
FlashAttention = Literal["auto", "on", "off"]
_FACTS = "settings.json"
_LARGEST = 1 << 16


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
    return LlamaSettings(card.decoding.parallel_sequences, _usable_threads())


def settings_for(card: ModelCard, weights_sha256: str | None, threads: int | None) -> LlamaSettings:
    """Return what a model is opened with.

    Parameters
    ----------
    card
        The card, whose numbers hold where no others are known.
    weights_sha256
        Whose fastest settings are looked for; None for the card's numbers alone.
    threads
        How many threads there may be; None for all.
    """
    known = None if weights_sha256 is None else kept_settings(weights_sha256)
    settings = known or default_settings(card)
    return settings if threads is None else replace(settings, threads=threads)


def uses_gpus() -> bool:
    """Say whether the library here can run models on GPUs."""
    import llama_cpp

    return bool(llama_cpp.llama_supports_gpu_offload())


def keep_settings(weights_sha256: str, settings: LlamaSettings) -> Path:
    """Keep what is fastest for some weights on this machine; return the file that holds it."""
    return remember(_FACTS, _about(weights_sha256), asdict(settings))


def kept_settings(weights_sha256: str) -> LlamaSettings | None:
    """Return what was found fastest for some weights on this machine, None where nothing was."""
    known = recall(_FACTS, _about(weights_sha256))
    if not isinstance(known, dict) or set(known) != set(_VALID):
        return None
    if not all(valid(known[name]) for name, valid in _VALID.items()):
        return None
    return LlamaSettings(**known)


def _about(weights_sha256: str) -> list[object]:
    return [weights_sha256, _usable_threads(), machine_facts()]


def _usable_threads() -> int:
    return len(os.sched_getaffinity(0))


def _whole(most: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and 0 < value <= most


# A damaged or older file is no reason to fail.
_VALID: dict[str, Callable[[Any], bool]] = {
    "sequences": _whole(MOST_SEQUENCES),
    "threads": _whole(_LARGEST),
    "batch_tokens": _whole(_LARGEST),
    "cache_type": lambda value: value in ("f16", "q8_0"),
    "flash_attention": lambda value: value in ("auto", "on", "off"),
}
