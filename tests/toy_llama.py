"""A language model of a few lines in llama.cpp's place: exact, whatever it is batched with.

Its next token is a hash of all tokens before it, so a row that is evaluated at the wrong place or
in the wrong sequence changes what comes out.
"""

from __future__ import annotations

import string
import zlib
from pathlib import Path

import numpy as np

from routelmt_cli.budget.price import Price
from routelmt_cli.translators.card import DecodingCard, ModelCard, PromptCard

WIDTH, BATCH = 5, 7
END, BLANK_LINE, BYTES = 0, 1, 2  # tokens: end of text, a newline twice, then one for each byte
_LIKELY = [END, BLANK_LINE, BYTES + 10, *(BYTES + ord(letter) for letter in string.ascii_letters)]


class ToyModel:
    """Tokens are bytes."""

    weights_bytes, layers, heads, on_another_device = 10**6, 2, 2, False
    add_bos, bos, eos, width, trained_context = False, -1, END, WIDTH, 1 << 20
    vocabulary_size = BYTES + 256

    def tokenize(self, text, *, parse_special):
        return [BYTES + byte for byte in text.encode("utf-8")]

    def piece(self, token):
        return {END: b"", BLANK_LINE: b"\n\n"}.get(token) or bytes([token - BYTES] * (token > 1))

    def ends_generation(self, token):
        return token == END

    def metadata(self, key):
        return None

    def number(self, key, default=0):
        return default

    def special_text(self, token):
        return ""

    def close(self):
        pass


class ToyContext:
    """Holds what was evaluated in each sequence; refuses rows out of place."""

    def __init__(self, model, settings, *, cells, outputs):
        self.model, self.batch_tokens, self.cells = model, BATCH, cells
        self._most_outputs = outputs
        self._held = [[] for _ in range(settings.sequences + 1)]
        self.token, self.position, self.sequence = np.zeros((3, BATCH), np.int32)
        self.wants_logits = np.zeros(BATCH, np.int8)
        self.outputs = 0
        self.closed = False

    @property
    def cells_held(self):
        """Count the tokens of all sequences, those of the shared prefix once."""
        return sum(map(len, self._held)) - len(self._held[0]) * sum(map(bool, self._held[1:]))

    def decode(self, tokens, *, with_states=False):
        assert 0 < tokens <= self.batch_tokens
        wanted = self.wants_logits[:tokens].astype(bool)
        assert wanted.all() or not with_states
        rows = []
        for row in range(tokens):
            held = self._held[self.sequence[row]]
            assert self.position[row] == len(held)
            held.append(int(self.token[row]))
            if wanted[row]:
                rows.append(tuple(held))
        assert len(rows) <= self._most_outputs
        assert self.cells_held <= self.cells
        self.outputs += len(rows)
        self._states = np.array([state_after(row) for row in rows], np.float32)
        return np.array([logits_after(row) for row in rows], np.float32)

    def states(self, rows):
        assert rows == len(self._states)
        return self._states

    def evaluate(self, sequence, tokens):
        assert not self._held[sequence]
        self._held[sequence] = list(tokens)

    def copy_sequence(self, source, target):
        assert not self._held[target]
        self._held[target] = list(self._held[source])

    def drop_sequence(self, sequence):
        if not self.closed:
            self._held[sequence] = []

    def clear(self):
        self._held = [[] for _ in self._held]

    def close(self):
        assert not any(self._held[1:])
        self.closed = True


def _luck(tokens):
    return np.random.default_rng(zlib.crc32(np.array(tokens, np.int32).tobytes()))


def logits_after(tokens):
    """Logits of the next token: a letter, or after the first one an end."""
    logits = np.full(ToyModel.vocabulary_size, -np.inf, np.float32)
    logits[_LIKELY] = _luck(tokens).normal(0, 3, len(_LIKELY))
    logits[_LIKELY[:3]] += -np.inf if tokens[-1] == BYTES + ord(":") else 3
    return logits


def state_after(tokens):
    """Hidden state of the last of some tokens."""
    return _luck(tokens).normal(0, 1, WIDTH).astype(np.float32)


def toy_card(*, context_tokens=400, slots=3):
    """Make a card: "a:b;" is a source and its translation."""
    return ModelCard(
        name="toy",
        description="",
        license="",
        backend="llama.cpp",
        weights=None,
        prompt=PromptCard("completion", "", "{source}:{target};", {"es-en": (("uno", "one"),)}),
        decoding=DecodingCard(("\n",), 2.0, 8, context_tokens, slots),
        price=Price(0, 0),
        price_note="",
        charge_prefix="once",
        card_path=Path("toy.toml"),
    )
