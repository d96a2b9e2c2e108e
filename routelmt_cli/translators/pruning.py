"""Drop rows of a model's vocabulary: embedding, output, tokens, scores, types, merges, ids.

In: a GGUF file and the tokens to keep. Out: the same file with those alone. Always: rows are copied
as they are, quantised blocks included; every entry that is about tokens is about the same ones
afterwards. What may be about tokens and is not known is refused rather than left as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.gguf_file import GgufFile, Tensor, Value, decode
from routelmt_cli.translators.token_table import MERGES, TOKENS, split_merge

EMBEDDING = "token_embd.weight"
_BY_TOKEN = (EMBEDDING, "output.weight", "output.bias", "per_layer_token_embd.weight")
_ONE_ID, _LIST_OF_IDS = "_token_id", "tokenizer.ggml.suppress_tokens"
_COPY_OF_TOKENIZER = "tokenizer.huggingface.json"  # llama.cpp does not read it
_PARTS = "split.count"


def special_tokens(file: GgufFile) -> set[int]:
    """Return the tokens that the metadata name: begin, end, unknown and the like."""
    size = len(file.metadata[TOKENS].value)
    return {
        entry.value
        for key, entry in file.metadata.items()
        if _is_id(key, entry) and 0 <= entry.value < size
    }


def refuse_unknown_layout(file: GgufFile, name: str) -> None:
    """Refuse a file in which more depends on tokens than is known here.

    Parameters
    ----------
    file
        With a vocabulary.
    name
        What errors call it.

    Raises
    ------
    UsageError
        Naming what is in the way.
    """
    size = len(file.metadata[TOKENS].value)
    parts = file.metadata.get(_PARTS)
    if parts is not None and parts.value > 1:
        raise UsageError(
            f"{name}: a model in {parts.value} files cannot be pruned",
            hint="join them with llama.cpp's llama-gguf-split --merge",
        )
    for key in file.metadata:
        if "token_ids" in key:
            raise UsageError(f"{name}: '{key}' lists tokens in a way that cannot be pruned")
    if not any(tensor.name == EMBEDDING for tensor in file.tensors):
        raise UsageError(f"{name}: no tensor '{EMBEDDING}', so it is no language model to prune")
    for tensor in file.tensors:
        known = tensor.name in _BY_TOKEN
        if known and tensor.dimensions[0] != size:
            raise UsageError(
                f"{name}: tensor '{tensor.name}' has {tensor.dimensions[0]} rows for {size} tokens"
            )
        if not known and size in tensor.dimensions:
            raise UsageError(
                f"{name}: tensor '{tensor.name}' may have a row for each token, and it is not "
                "known how to prune it"
            )


def prune_file(file: GgufFile, kept: npt.NDArray[np.int64]) -> GgufFile:
    """Drop all tokens but some.

    Parameters
    ----------
    file
        That ``refuse_unknown_layout`` lets through.
    kept
        int64 of shape (kept,), ascending; `special_tokens` among them.
    """
    size = len(file.metadata[TOKENS].value)
    numbers = {int(old): new for new, old in enumerate(kept.tolist())}
    metadata = {
        key: _prune_value(key, entry, size, numbers)
        for key, entry in file.metadata.items()
        if key != _COPY_OF_TOKENIZER
    }
    if MERGES in metadata:
        texts = {decode(text) for text in metadata[TOKENS].value}
        metadata[MERGES] = replace(
            metadata[MERGES], value=_prune_merges(file.metadata[MERGES].value, texts)
        )
        if not metadata[MERGES].value:
            del metadata[MERGES]
    return GgufFile(metadata, [_prune_tensor(tensor, kept) for tensor in file.tensors])


def _is_id(key: str, entry: Value) -> bool:
    return key.endswith(_ONE_ID) and isinstance(entry.value, int)


def _prune_value(key: str, entry: Value, size: int, numbers: dict[int, int]) -> Value:
    if _is_id(key, entry):
        # One that names no token stays as it was.
        return replace(entry, value=numbers.get(entry.value, entry.value))
    if key.endswith(".vocab_size"):
        return replace(entry, value=len(numbers))
    if key == _LIST_OF_IDS:
        return replace(entry, value=[numbers[old] for old in entry.value if old in numbers])
    by_token = key.startswith("tokenizer.ggml.") and key != MERGES
    if by_token and isinstance(entry.value, list) and len(entry.value) == size:
        return replace(entry, value=[entry.value[old] for old in numbers])
    return entry


def _prune_merges(merges: Sequence[bytes], texts: set[str]) -> list[bytes]:
    """Keep the merges of which nothing was dropped, in their order."""
    kept = []
    for merge in merges:
        left, right = split_merge(decode(merge))
        if left in texts and right in texts and left + right in texts:
            kept.append(merge)
    return kept


def _prune_tensor(tensor: Tensor, kept: npt.NDArray[np.int64]) -> Tensor:
    if tensor.name not in _BY_TOKEN:
        return tensor
    return replace(tensor, rows=tensor.rows[kept], dimensions=(len(kept), *tensor.dimensions[1:]))
