"""How much memory a model's context takes, and how large its cache may be.

In: a loaded model, settings, what a corpus demands, what is free. Out: how many tokens the cache
is made to hold. Always: as many as the corpus can need at once, or as many as fit; and where not
even the longest sequence fits, an error that says what is missing. Estimates are upper bounds that
were checked against what llama.cpp reports (its log, -vv).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from routelmt_cli.errors import MidRunError
from routelmt_cli.translators.demand import Demand
from routelmt_cli.translators.llama_settings import LlamaSettings

if TYPE_CHECKING:
    from routelmt_cli.translators.llama_library import LlamaModel

_VALUE_BYTES = {"f16": 2.0, "q8_0": 34 / 32}
_FLOAT = 4
_SHARE = 0.9  # of what is free: other processes go on allocating
_MB = 10**6


@dataclass(frozen=True)
class Footprint:
    """Bytes of a context: some for each token that it can hold, and others."""

    cell_bytes: float
    fixed_bytes: float

    def bytes(self, cells: int) -> int:
        """Return what a context for so many tokens takes."""
        return int(self.fixed_bytes + cells * self.cell_bytes)

    def cells(self, room: float) -> int:
        """Return for how many tokens a room is enough; 0 for none."""
        return max(0, int((room - self.fixed_bytes) / self.cell_bytes))


def footprint(model: LlamaModel, settings: LlamaSettings, outputs: int) -> Footprint:
    """Estimate what a context takes.

    Parameters
    ----------
    model
        The model, loaded.
    settings
        Of the context.
    outputs
        The most tokens of a batch whose logits are wanted.
    """
    batch = settings.batch_tokens
    layers, heads, width = model.layers, model.heads, model.number("embedding_length")
    head = -(-width // max(1, heads))
    of_a_token = model.number("attention.head_count_kv", heads) * (
        model.number("attention.key_length", head) + model.number("attention.value_length", head)
    )
    mask = batch * _FLOAT
    scores = 0 if settings.flash_attention != "off" else batch * heads * _FLOAT
    activations = batch * _FLOAT * (8 * width + 4 * model.number("feed_forward_length", 4 * width))
    return Footprint(
        cell_bytes=layers * of_a_token * _VALUE_BYTES[settings.cache_type] + mask + scores,
        # Logits are written once by the graph, and once more where they are read.
        fixed_bytes=activations + 2 * outputs * model.vocabulary_size * _FLOAT,
    )


def cache_cells(
    demand: Demand,
    settings: LlamaSettings,
    size: Footprint,
    *,
    name: str,
    card_path: Path,
    weights_bytes: int,
    free: int | None,
    all_at_once: bool,
) -> int:
    """Return how many tokens a cache should hold.

    Parameters
    ----------
    demand, settings, size
        What the corpus asks for, and what that takes.
    name, card_path
        The model, for a message.
    weights_bytes
        The size of its weights.
    free
        Bytes that were free before the weights were loaded; None if unknown.
    all_at_once
        Whether all ``settings.sequences`` must fit, since the output depends on it.

    Raises
    ------
    MidRunError
        Where the memory is not enough.
    """
    wanted = demand.cells(settings.sequences)
    least = wanted if all_at_once else demand.longest
    if free is None:
        return wanted
    fitting = size.cells(free * _SHARE - weights_bytes)
    if fitting >= least:
        return min(wanted, fitting)
    what = f"{settings.sequences} sequences" if all_at_once else "one sequence"
    raise MidRunError(
        f"model '{name}' needs {_megabytes(weights_bytes)} for its weights and "
        f"{_megabytes(size.bytes(least))} for {what} of up to {demand.longest} tokens, but only "
        f"{free // _MB:,} MB of memory are free",
        hint=f"free some memory, or lower parallel_sequences in {card_path}"
        if all_at_once
        else f"free some memory, or lower context_tokens in {card_path}",
    )


def _megabytes(number: float) -> str:
    return f"{-(-int(number) // _MB):,} MB"
