"""``models bench``: the fastest settings of a model on this machine, and what a token costs on it.

In: a card. Out: every trial, the settings that are kept for later runs, prices. Always: nothing is
translated or spent; the output of ``--deterministic`` runs does not change.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from routelmt_cli.budget.hourly import hourly_price
from routelmt_cli.budget.money import usd_decimal
from routelmt_cli.budget.price import Price
from routelmt_cli.translators.card import ModelCard
from routelmt_cli.translators.llama_bench import Shape, Trial, search
from routelmt_cli.translators.llama_library import LlamaModel
from routelmt_cli.translators.llama_selfcheck import extra_buffers_work
from routelmt_cli.translators.llama_settings import default_settings, keep_settings
from routelmt_cli.translators.weights import find_weights

SHAPE = Shape()


@dataclass(frozen=True)
class ModelBench:
    """What was measured.

    Attributes
    ----------
    model
        The card's name.
    trials
        In the order in which they were made, the card's own settings first.
    best
        The one whose settings are kept.
    kept_in
        The file that holds them.
    price
        Of a machine that is paid by the hour; None where that is not known.
    """

    model: str
    trials: list[Trial]
    best: Trial
    kept_in: Path
    price: Price | None

    def price_line(self) -> str | None:
        """Return the line of a model card that states the price."""
        if self.price is None:
            return None
        input_usd, output_usd = map(usd_decimal, _sides(self.price))
        return f"usd_per_million_tokens = {{ input = {input_usd}, output = {output_usd} }}"

    def as_json(self) -> dict[str, Any]:
        """Return everything, as JSON knows it."""
        return {
            "model": self.model,
            "shape": asdict(SHAPE),
            "trials": [_as_json(trial) for trial in self.trials],
            "best": _as_json(self.best),
            "kept_in": str(self.kept_in),
            "usd_per_million_tokens": None
            if self.price is None
            else dict(zip(("input", "output"), map(_usd, _sides(self.price)), strict=True)),
        }


def bench_model(
    card: ModelCard,
    *,
    seconds: float,
    nanousd_per_hour: int | None,
    watch: Callable[[Trial], None],
) -> ModelBench:
    """Measure a model's settings and keep the fastest.

    Parameters
    ----------
    card
        Of a llama.cpp model.
    seconds
        About how long it may take.
    nanousd_per_hour
        What the machine costs; the card's by default, None for none.
    watch
        Told of every trial.

    Raises
    ------
    UsageError
        Where there is nothing to measure, or the weights are missing or wrong.
    MidRunError
        Where the memory is not enough.
    """
    weights = find_weights(card)
    trials: list[Trial] = []

    def note(trial: Trial) -> None:
        trials.append(trial)
        watch(trial)

    extra = extra_buffers_work(weights.path, weights.sha256)
    layers = card.decoding.n_gpu_layers
    opened = LlamaModel(weights.path, use_extra_buffers=extra, gpu_layers=layers)
    with closing(opened) as model:
        first = default_settings(card)
        best = search(model, first, SHAPE, seconds=seconds, card=card, watch=note)
    hourly = card.nanousd_per_hour if nanousd_per_hour is None else nanousd_per_hour
    return ModelBench(
        model=card.name,
        trials=trials,
        best=best,
        kept_in=keep_settings(weights.sha256, best.settings),
        price=None if hourly is None else hourly_price(hourly, best.rates.input, best.rates.output),
    )


def _sides(price: Price) -> tuple[int, int]:
    return price.input_nanousd_per_million_tokens, price.output_nanousd_per_million_tokens


def _usd(nanousd: int) -> float:
    return float(usd_decimal(nanousd))


def _as_json(trial: Trial) -> dict[str, Any]:
    return {
        **asdict(trial.settings),
        "input_tokens_per_second": round(trial.rates.input, 1),
        "output_tokens_per_second": round(trial.rates.output, 1),
        "segments_per_second": round(trial.rates.segments(SHAPE), 3),
    }
