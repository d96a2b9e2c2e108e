"""Small GGUF files, right and wrong: a header with metadata and a vocabulary, no tensors.

The format: "GGUF", version, number of tensors and of metadata, then name, type and value of each.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

UINT32, INT32, FLOAT32, STRING, ARRAY = 4, 5, 6, 8, 9
_PACKED = {UINT32: "<I", INT32: "<i", FLOAT32: "<f"}
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6

BYTES = [(f"<0x{byte:02X}>", _BYTE) for byte in range(256)]
SPECIAL = [("<unk>", _UNKNOWN), ("<s>", _CONTROL), ("</s>", _CONTROL)]
WORDS = [(word, _NORMAL) for word in "\u2581abcdefghijklmnop"]


@dataclass(frozen=True)
class Value:
    """A value of the metadata; of an array the type of its items."""

    kind: int
    value: Any

    def pack(self):
        """Write the value."""
        if isinstance(self.value, list):
            items = b"".join(Value(self.kind, item).pack() for item in self.value)
            return struct.pack("<IQ", self.kind, len(self.value)) + items
        if self.kind == STRING:
            data = self.value.encode()
            return struct.pack("<Q", len(data)) + data
        return struct.pack(_PACKED[self.kind], self.value)

    @property
    def type(self):
        """The number of its type."""
        return ARRAY if isinstance(self.value, list) else self.kind


def gguf(vocabulary=(*SPECIAL, *BYTES, *WORDS), **changes):
    """Write a file of architecture ``llama`` with a vocabulary and no tensors.

    ``changes`` are metadata by name with ``__`` for each dot, None to leave one out.
    """
    words = [word for word, _ in vocabulary]
    metadata = {
        "general.architecture": Value(STRING, "llama"),
        "llama.context_length": Value(UINT32, 512),
        "llama.embedding_length": Value(UINT32, 32),
        "llama.block_count": Value(UINT32, 1),
        "llama.feed_forward_length": Value(UINT32, 64),
        "llama.attention.head_count": Value(UINT32, 2),
        "llama.attention.layer_norm_rms_epsilon": Value(FLOAT32, 1e-5),
        "tokenizer.ggml.model": Value(STRING, "llama"),
        "tokenizer.ggml.tokens": Value(STRING, words),
        "tokenizer.ggml.scores": Value(FLOAT32, [0.0] * len(words)),
        "tokenizer.ggml.token_type": Value(INT32, [kind for _, kind in vocabulary]),
        "tokenizer.ggml.bos_token_id": Value(UINT32, 1),
        "tokenizer.ggml.eos_token_id": Value(UINT32, 2),
        "tokenizer.ggml.unknown_token_id": Value(UINT32, 0),
        **{name.replace("__", "."): value for name, value in changes.items()},
    }
    kept = {name: value for name, value in metadata.items() if value is not None}
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, len(kept))
    return head + b"".join(
        Value(STRING, name).pack() + struct.pack("<I", value.type) + value.pack()
        for name, value in kept.items()
    )
