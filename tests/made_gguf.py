"""Small GGUF files, right and wrong: a header with metadata and a vocabulary, and tensors if any.

The format: "GGUF", version, number of tensors and of metadata, then name, type and value of each;
name, dimensions, type and place of each tensor; their data, each at a multiple of 32.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

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


WIDTH, HIDDEN = 32, 64
F32, Q8_0 = 0, 8


def model_tensors(tokens, *, tied=True, seed=0):
    """Make the tensors of a model of one layer by name: (type, rows); the embedding is Q8_0."""
    random = np.random.default_rng(seed)

    def floats(*shape):
        return F32, (random.normal(0, 1 / math.sqrt(shape[-1]), shape)).astype(np.float32)

    def blocks(rows):  # of 32 numbers: a scale, then a byte for each
        made = np.zeros((rows, WIDTH // 32, 34), np.uint8)
        scale = np.full((rows, WIDTH // 32, 1), 0.01, np.float16)
        made[:, :, :2] = scale.view(np.uint8)
        made[:, :, 2:] = random.integers(0, 256, (rows, WIDTH // 32, 32), np.uint8)
        return Q8_0, made.reshape(rows, -1)

    layer = {
        "attn_norm": (F32, np.ones(WIDTH, np.float32)),
        "ffn_norm": (F32, np.ones(WIDTH, np.float32)),
        **{f"attn_{name}": floats(WIDTH, WIDTH) for name in ("q", "k", "v", "output")},
        "ffn_gate": floats(HIDDEN, WIDTH),
        "ffn_up": floats(HIDDEN, WIDTH),
        "ffn_down": floats(WIDTH, HIDDEN),
    }
    return {
        "token_embd.weight": blocks(tokens),
        "output_norm.weight": (F32, np.ones(WIDTH, np.float32)),
        **({} if tied else {"output.weight": floats(tokens, WIDTH)}),
        **{f"blk.0.{name}.weight": value for name, value in layer.items()},
    }


def _tensor_parts(tensors):
    """Write the heads of tensors, and their data."""
    heads, data = b"", b""
    for name, (kind, rows) in tensors.items():
        data += bytes(-len(data) % 32)
        dimensions = list(rows.shape)
        if kind == Q8_0:
            dimensions[-1] = dimensions[-1] // 34 * 32
        heads += Value(STRING, name).pack() + struct.pack("<I", len(dimensions))
        heads += struct.pack(f"<{len(dimensions)}Q", *reversed(dimensions))
        heads += struct.pack("<IQ", kind, len(data))
        data += rows.tobytes()
    return heads, data


def gguf(vocabulary=(*SPECIAL, *BYTES, *WORDS), tensors=None, **changes):
    """Write a file of architecture ``llama`` with a vocabulary; without tensors unless given some.

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
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors or {}), len(kept))
    head += b"".join(
        Value(STRING, name).pack() + struct.pack("<I", value.type) + value.pack()
        for name, value in kept.items()
    )
    if not tensors:
        return head
    heads, data = _tensor_parts(tensors)
    head += heads
    return head + bytes(-len(head) % 32) + data
