"""Write a card for a GGUF file of the user's, from what the file says of itself.

The file's path goes in; a card in the user's model folder comes out, which names the file where it
lies. Always: the card that is written can be read, its prompt can be rendered, and no card of the
user's is replaced unasked; the name of a shipped card is not taken. No model is run.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from routelmt_cli.budget.money import parse_price
from routelmt_cli.budget.price import Price
from routelmt_cli.errors import UsageError
from routelmt_cli.run.new_model import whole
from routelmt_cli.translators.card import (
    DecodingCard,
    ModelCard,
    PromptCard,
    WeightsCard,
    load_card,
)
from routelmt_cli.translators.card_text import card_text
from routelmt_cli.translators.catalogue import shipped_card
from routelmt_cli.translators.llama_library import LlamaModel
from routelmt_cli.translators.llama_selfcheck import refuse_broken_vocabulary
from routelmt_cli.translators.prompt import render_prompt
from routelmt_cli.translators.user_folder import user_models_folder
from routelmt_cli.translators.weights import Weights, find_weights

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_PART = re.compile(r"-\d{5}-of-\d{5}\.gguf$")
_MOST_CONTEXT_TOKENS, _LEAST_CONTEXT_TOKENS = 4096, 64
_ASK = (
    "Translate the following text from {source_language} into {target_language}. "
    "Answer with the translation alone.\n\n{source}"
)
_CONTINUE = "{source_language}: {source}\n{target_language}: {target}\n\n"
_THINKING = "enable_thinking"


@dataclass(frozen=True)
class AddOptions:
    """A whole ``models add``.

    Attributes
    ----------
    file
        The GGUF file.
    name
        What the card is called; None to go by the file's name.
    input_usd, output_usd
        Prices of a million tokens.
    overwrite
        Replace a card of the user's of this name.
    """

    file: Path
    name: str | None = None
    input_usd: str = "0"
    output_usd: str = "0"
    overwrite: bool = False


@dataclass(frozen=True)
class AddedModel:
    """The new card.

    Attributes
    ----------
    prompt
        In words, how the model is asked.
    remarks
        What the user should look at.
    """

    name: str
    card: str
    weights: str
    sha256: str
    license: str
    prompt: str
    context_tokens: int
    remarks: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return everything, as JSON knows it."""
        return asdict(self)


@dataclass(frozen=True)
class _Said:
    """What a file says of itself."""

    title: str
    license: str
    chat_template: str | None
    context_tokens: int
    bos: str
    eos: str


def add_model(options: AddOptions) -> AddedModel:
    """Write the card of a GGUF file.

    Raises
    ------
    UsageError
        Where the file is no model, or the name is taken.
    MidRunError
        Where the disk refuses.
    """
    price = Price(
        parse_price(options.input_usd, option="--input-usd"),
        parse_price(options.output_usd, option="--output-usd"),
    )
    name = _free_name(options)
    path = options.file.absolute()
    if not path.is_file():
        raise UsageError(f"{options.file}: no such file", hint="name a GGUF file")
    if _PART.search(path.name):  # its checksum would not be the model's
        raise UsageError(
            f"{options.file}: one part of a model in several files",
            hint="join them with 'llama-gguf-split --merge' first",
        )
    card_path = user_models_folder() / f"{name}.toml"
    blank = _card(name, path, card_path, price)
    weights = find_weights(blank)
    said = _read(weights)
    prompt, in_words, remarks = _prompt(said)
    if price == Price(0, 0):
        remarks.append(
            "no price is named, so the model counts as free: give --input-usd and --output-usd, "
            f"or find them with 'routelmt models bench {name} --usd-per-hour USD'"
        )
    card = _card(name, path, card_path, price, said=said, prompt=prompt, sha256=weights.sha256)
    _write(card)
    return AddedModel(
        name=name,
        card=str(card_path),
        weights=str(path),
        sha256=weights.sha256,
        license=said.license,
        prompt=in_words,
        context_tokens=card.decoding.context_tokens,
        remarks=tuple(remarks),
    )


def _free_name(options: AddOptions) -> str:
    name = options.name
    if name is None:
        name = re.sub(r"[^a-z0-9._-]+", "-", options.file.stem.lower()).strip("-._")
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a card",
            hint="choose one of a-z, 0-9, dots, dashes and underscores with --name",
        )
    if shipped_card(name):
        raise UsageError(f"a shipped card is called '{name}'", hint="choose another with --name")
    path = user_models_folder() / f"{name}.toml"
    if path.exists() and not options.overwrite:
        raise UsageError(
            f"{path} exists already", hint="choose another name with --name, or add --overwrite"
        )
    return name


def _read(weights: Weights) -> _Said:
    # In a child process first: a damaged file can abort llama.cpp.
    refuse_broken_vocabulary(weights.path, weights.sha256)
    model = LlamaModel(weights.path, vocabulary_only=True)
    try:
        return _Said(
            title=model.metadata("general.name") or weights.path.stem,
            license=model.metadata("general.license") or "unknown",
            chat_template=model.metadata("tokenizer.chat_template"),
            context_tokens=model.trained_context,
            bos=model.special_text(model.bos),
            eos=model.special_text(model.eos),
        )
    finally:
        model.close()


def _prompt(said: _Said) -> tuple[PromptCard, str, list[str]]:
    """Choose how the model is asked; say it in words, and what is to be looked at."""
    remarks = []
    if said.chat_template:
        options = {_THINKING: False} if _THINKING in said.chat_template else {}
        # In the user's turn, since not every template takes a system's.
        prompt = PromptCard("chat", "", _ASK, {}, options)
        try:
            render_prompt(
                prompt, "de", "en", chat_template=said.chat_template, bos=said.bos, eos=said.eos
            )
        except UsageError as error:
            remarks.append(f"{error.message}: prompted by completion instead")
        else:
            return prompt, f"chat in its own template{', thinking off' if options else ''}", remarks
    remarks.append(
        "no example translations are in the card: a base model needs some, as "
        "'routelmt models show gemma3-270m' has them"
    )
    return PromptCard("completion", "", _CONTINUE, {}), "completion", remarks


def _card(
    name: str,
    path: Path,
    card_path: Path,
    price: Price,
    *,
    said: _Said | None = None,
    prompt: PromptCard | None = None,
    sha256: str | None = None,
) -> ModelCard:
    context = _MOST_CONTEXT_TOKENS if said is None else said.context_tokens
    return ModelCard(
        name=name,
        description="" if said is None else f"{said.title}, added from {path.name}",
        license="" if said is None else said.license,
        backend="llama.cpp",
        weights=WeightsCard(path.name, path, None, (), sha256),
        prompt=prompt or PromptCard("completion", "", _CONTINUE, {}),
        decoding=DecodingCard(
            stop=("\n",),
            cap_ratio=2.0,
            cap_extra=16,
            context_tokens=max(_LEAST_CONTEXT_TOKENS, min(context, _MOST_CONTEXT_TOKENS)),
            parallel_sequences=16,
        ),
        price=price,
        price_note="" if price != Price(0, 0) else "none named; the model runs locally",
        charge_prefix="once",
        card_path=card_path,
    )


def _write(card: ModelCard) -> None:
    weights = card.weights
    if weights is None or weights.path is None:
        raise ValueError("a card is written for a file")
    try:
        data = card_text(card, str(weights.path)).encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{weights.path}: a card cannot hold this path, which is no UTF-8",
            hint="rename the file or its folder",
        ) from error
    try:
        card.card_path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{card.card_path.parent}: cannot make the folder: {error.strerror}",
            hint="set ROUTELMT_CONFIG to a folder of your own",
        ) from error
    with whole(card.card_path) as temporary:
        temporary.write_bytes(data)
        load_card(temporary)
