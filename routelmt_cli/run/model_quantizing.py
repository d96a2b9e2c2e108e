"""``models quantize``: a model with its weights in another type, and its card.

In: a card and a type. Out: a GGUF file and a card beside it. Always: before the files get their
names, llama.cpp has evaluated the new model once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from routelmt_cli.errors import UsageError
from routelmt_cli.run.new_model import card_beside, whole
from routelmt_cli.translators.card import ModelCard, WeightsCard, load_card
from routelmt_cli.translators.card_text import card_text
from routelmt_cli.translators.checksum import file_sha256
from routelmt_cli.translators.llama_selfcheck import extra_buffers_work, refuse_broken_vocabulary
from routelmt_cli.translators.quantizing import TYPES, quantize_file
from routelmt_cli.translators.weights import find_weights


@dataclass(frozen=True)
class QuantizedModel:
    """What was made; ``bytes`` and ``bytes_before`` are sizes of the files."""

    name: str
    card: str
    weights: str
    sha256: str
    bytes: int
    bytes_before: int

    def as_json(self) -> dict[str, Any]:
        """Return everything, as JSON knows it."""
        return asdict(self)


def quantize_model(
    card: ModelCard, type_name: str, output: Path, *, overwrite: bool = False
) -> QuantizedModel:
    """Write a model with its weights in another type, and its card.

    Parameters
    ----------
    card
        Of a llama.cpp model.
    type_name
        One of ``quantizing.TYPES``, in any case.
    output
        The GGUF file.
    overwrite
        Replace files that are there.

    Raises
    ------
    UsageError
        Where the model, the type or the output do not allow it.
    MidRunError
        Where the disk refuses.
    """
    chosen = type_name.upper()
    if chosen not in TYPES:
        raise UsageError(f"there is no type {type_name!r}", hint=f"one of {', '.join(TYPES)}")
    weights = find_weights(card)
    card_path = card_beside(output, weights.path, overwrite=overwrite)
    # In a child process first: a damaged file can abort llama.cpp.
    refuse_broken_vocabulary(weights.path, weights.sha256)
    extra_buffers_work(weights.path, weights.sha256)
    with whole(card_path) as temporary_card, whole(output) as temporary:
        quantize_file(weights.path, temporary, chosen)
        sha256 = file_sha256(temporary)
        refuse_broken_vocabulary(temporary, sha256)
        extra_buffers_work(temporary, sha256)
        new = replace(
            card,
            name=f"{card.name}-{chosen.lower()}",
            description=f"{card.description or card.name}; weights requantised to {chosen}",
            weights=WeightsCard(output.name, None, None, (), sha256),
        )
        temporary_card.write_text(card_text(new, output.name), "utf-8")
        load_card(temporary_card)
    return QuantizedModel(
        name=new.name,
        card=str(card_path),
        weights=str(output),
        sha256=sha256,
        bytes=output.stat().st_size,
        bytes_before=weights.path.stat().st_size,
    )
