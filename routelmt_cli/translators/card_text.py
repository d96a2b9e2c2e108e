"""Write a model card as TOML.

In: a ``ModelCard`` of a llama.cpp model. Out: text from which ``load_card`` reads an equal one, the
place of the file apart. Comments of the card that it was read from are not in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from routelmt_cli.budget.money import usd_decimal
from routelmt_cli.translators.card import ModelCard, WeightsCard


def card_text(card: ModelCard, weights_path: str) -> str:
    """Write a card.

    Parameters
    ----------
    card
        With weights.
    weights_path
        Where the weights are, as seen from the card's folder.

    Returns
    -------
    str
        Its TOML.
    """
    if card.weights is None:
        raise ValueError(f"model '{card.name}' has no weights")
    price, decoding, prompt = card.price, card.decoding, card.prompt
    input_usd = usd_decimal(price.input_nanousd_per_million_tokens)
    output_usd = usd_decimal(price.output_nanousd_per_million_tokens)
    lines = [
        f"name = {_text(card.name)}",
        f"description = {_text(card.description)}",
        f"license = {_text(card.license)}",
        f"backend = {_text(card.backend)}",
        *_weights(card.weights, weights_path),
        "",
        "[price]",
        f"note = {_text(card.price_note)}",
        f'usd_per_million_tokens = {{ input = "{input_usd:f}", output = "{output_usd:f}" }}',
        f"shared_prefix = {_text(card.charge_prefix)}",
    ]
    if card.nanousd_per_hour is not None:
        lines.append(f'usd_per_hour = "{usd_decimal(card.nanousd_per_hour):f}"')
    lines += [
        "",
        "[decoding]",
        f"stop = [{', '.join(map(_text, decoding.stop))}]",
        f"cap_ratio = {decoding.cap_ratio!r}",
        f"cap_extra = {decoding.cap_extra}",
        f"context_tokens = {decoding.context_tokens}",
        f"parallel_sequences = {decoding.parallel_sequences}",
        *([] if decoding.n_gpu_layers < 0 else [f"n_gpu_layers = {decoding.n_gpu_layers}"]),
        "",
        "[prompt]",
        f"kind = {_text(prompt.kind)}",
        f"instruction = {_text(prompt.instruction)}",
        f"template = {_text(prompt.template)}",
        *_notes(card),
        *_options(card),
        *_examples(card),
    ]
    return "\n".join([*lines, ""])


def _weights(weights: WeightsCard, path: str) -> Iterator[str]:
    yield ""
    yield "[weights]"
    yield f"path = {_text(path)}"
    if weights.sha256 is not None:
        yield f"sha256 = {_text(weights.sha256)}"


def _notes(card: ModelCard) -> Iterator[str]:
    for kind, note in card.prompt.notes.items():
        yield ""
        yield f"[prompt.{kind}]"
        yield f"item = {_text(note.item)}"
        yield f"around = {_text(note.around)}"


def _options(card: ModelCard) -> Iterator[str]:
    if card.prompt.template_options:
        yield ""
        yield "[prompt.template_options]"
    for key, value in card.prompt.template_options.items():
        yield f"{_text(key)} = {json.dumps(value) if not isinstance(value, str) else _text(value)}"


def _examples(card: ModelCard) -> Iterator[str]:
    if card.prompt.examples:
        yield ""
        yield "[prompt.examples]"
    for pair, rows in card.prompt.examples.items():
        yield f"{_text(pair)} = ["
        for source, target in rows:
            yield f"  [{_text(source)}, {_text(target)}],"
        yield "]"


def _text(text: str) -> str:
    """Quote a text; TOML's escapes are JSON's, but DEL must be one too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
