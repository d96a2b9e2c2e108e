"""Measure how fast a model evaluates made-up segments, and find the settings that are fastest.

In: a loaded model, a shape of segments, a time limit. Out: rates of tokens, and the trials they
come from. Always: bounded in time; a setting is only preferred to the one before it for a clear
gain, so that noise chooses nothing. Nothing is sampled and no text is made: it measures what
llama.cpp takes, not what routelmt adds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from routelmt_cli.errors import MidRunError
from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.demand import Demand
from routelmt_cli.translators.free_memory import free_bytes
from routelmt_cli.translators.llama_library import LlamaContext, LlamaModel
from routelmt_cli.translators.llama_memory import cache_cells, footprint
from routelmt_cli.translators.llama_settings import LlamaSettings

_CLEAR_GAIN = 1.05


@dataclass(frozen=True)
class Shape:
    """How long segments are, in tokens: the shared prefix, the rest of the prompt, the output."""

    prefix: int = 128
    prompt: int = 48
    output: int = 40


@dataclass(frozen=True)
class Rates:
    """Tokens a second, of prompts and of outputs."""

    input: float
    output: float

    def segments(self, shape: Shape) -> float:
        """Return segments a second."""
        return 1 / (shape.prompt / self.input + shape.output / self.output)


@dataclass(frozen=True)
class Trial:
    """One setting and its rates."""

    settings: LlamaSettings
    rates: Rates


def measure(context: LlamaContext, sequences: int, shape: Shape, seconds: float) -> Rates:
    """Measure the rates of a context.

    Parameters
    ----------
    context
        With room for the sequences; cleared before and after.
    sequences
        How many are evaluated together.
    shape
        Of each.
    seconds
        After which no more prompts, and then no more outputs, are begun.
    """
    vocabulary = context.model.vocabulary_size
    tokens = np.random.default_rng(0).integers(0, vocabulary, 4096).astype(np.int32)
    numbers = np.arange(sequences, dtype=np.int32)
    context.clear()
    context.evaluate(0, tokens[: shape.prefix].tolist())  # which warms up as well
    for number in numbers.tolist():
        context.copy_sequence(0, number + 1)

    def prompts() -> Iterator[int]:
        rows = np.arange(sequences * shape.prompt, dtype=np.int32)
        for start in range(0, len(rows), context.batch_tokens):
            number, place = divmod(rows[start : start + context.batch_tokens], shape.prompt)
            yield fill(number, shape.prefix + place, place == shape.prompt - 1)

    def outputs(held: npt.NDArray[np.int32]) -> Iterator[int]:
        for step in range(shape.output):
            yield fill(numbers, shape.prefix + held + step, True)

    def fill(
        number: npt.NDArray[np.int32],
        position: npt.NDArray[np.int32],
        wanted: npt.NDArray[np.bool_] | bool,
    ) -> int:
        count = len(number)
        context.token[:count] = np.resize(tokens, count)
        context.position[:count] = position
        context.sequence[:count] = number + 1
        context.wants_logits[:count] = wanted
        return count

    try:
        read, input_rate = _rate(context, prompts(), seconds)
        held = np.clip(read - numbers * shape.prompt, 0, shape.prompt)
        _, output_rate = _rate(context, outputs(held), seconds)
    finally:
        context.clear()
    return Rates(input_rate, output_rate)


def _rate(context: LlamaContext, batches: Iterator[int], seconds: float) -> tuple[int, float]:
    """Evaluate batches as long as there is time; return how many tokens, and how many a second."""
    begun, done = time.perf_counter(), 0
    for count in batches:
        context.decode(count)
        done += count
        if time.perf_counter() - begun > seconds:
            break
    return done, done / (time.perf_counter() - begun)


def search(
    model: LlamaModel,
    first: LlamaSettings,
    shape: Shape,
    *,
    seconds: float,
    card: ModelCard,
    watch: Callable[[Trial], None],
) -> Trial:
    """Try settings one by one, each beside the best so far; return the best one's trial.

    Parameters
    ----------
    model, card
        The model, loaded, and its card.
    first
        The settings to begin with.
    shape
        Of the segments.
    seconds
        For the whole search; a trial that has begun is finished.
    watch
        Told of every trial.

    Raises
    ------
    MidRunError
        Where the memory is not enough for the first settings.
    """
    ends = time.monotonic() + seconds
    # Half of a trial for the prompts, half for the outputs.
    share = seconds / (1 + sum(len(vary(first)) for vary in _VARIATIONS)) / 2
    best = Trial(first, _try(model, first, shape, share, card))
    watch(best)
    for vary in _VARIATIONS:
        for settings in vary(best.settings):
            if time.monotonic() > ends:
                return best
            with suppress(MidRunError):  # not enough memory for more
                trial = Trial(settings, _try(model, settings, shape, share, card))
                watch(trial)
                if trial.rates.segments(shape) > _CLEAR_GAIN * best.rates.segments(shape):
                    best = trial
    return best


def _try(
    model: LlamaModel, settings: LlamaSettings, shape: Shape, seconds: float, card: ModelCard
) -> Rates:
    of_one = shape.prompt + shape.output
    cells = cache_cells(
        Demand(shape.prefix, shape.prefix + of_one, np.full(settings.sequences, of_one)),
        settings,
        footprint(model, settings, settings.sequences),
        name=card.name,
        card_path=card.card_path,
        weights_bytes=0,  # loaded already
        free=None if model.on_another_device else free_bytes(),
        all_at_once=True,
    )
    context = LlamaContext(model, settings, cells=cells, outputs=settings.sequences)
    with closing(context):
        return measure(context, settings.sequences, shape, seconds)


def _sequences(best: LlamaSettings) -> list[LlamaSettings]:
    numbers = [number for number in (8, 32, 64) if number != best.sequences]
    return [replace(best, sequences=number) for number in numbers]


def _threads(best: LlamaSettings) -> list[LlamaSettings]:
    """Half of them, which are the cores where each has two hardware threads."""
    return [replace(best, threads=best.threads // 2)] if best.threads > 1 else []


def _batches(best: LlamaSettings) -> list[LlamaSettings]:
    sizes = [size for size in (256, 1024) if size >= best.sequences]
    return [replace(best, batch_tokens=size) for size in sizes]


def _attention(best: LlamaSettings) -> list[LlamaSettings]:
    return [replace(best, flash_attention="off")]


def _cache_types(best: LlamaSettings) -> list[LlamaSettings]:
    # llama.cpp stores no values in 8 bits without flash attention.
    return [] if best.flash_attention == "off" else [replace(best, cache_type="q8_0")]


_VARIATIONS = (_sequences, _threads, _batches, _attention, _cache_types)
