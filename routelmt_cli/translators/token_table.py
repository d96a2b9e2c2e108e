"""The vocabulary of a GGUF file: what its tokens stand for, and how its tokenizer joins them.

In: a file's metadata. Out: a ``TokenTable``. Of llama.cpp's tokenizers those are known that join
the best pair of neighbours first: SentencePiece's (``llama``), where a pair is as good as the score
of the token that it makes, and byte-level BPE (``gpt2``), where it is as good as its place in the
list of merges. Always: ``joined`` names what llama.cpp makes on the way to a token.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TypeAlias

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.gguf_file import GgufFile, decode

TOKENS = "tokenizer.ggml.tokens"
TOKEN_TYPES = "tokenizer.ggml.token_type"
SCORES = "tokenizer.ggml.scores"
MERGES = "tokenizer.ggml.merges"
_MODEL = "tokenizer.ggml.model"
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
_BLANK = "\u2581"  # how SentencePiece writes one
_BYTE_TEXT = re.compile("<0x[0-9A-Fa-f]{2}>")

Rank: TypeAlias = Callable[[str, str], float | None]
"""How good it is to join two neighbours: the lower the sooner, None for never."""


@dataclass(frozen=True)
class TokenTable:
    """A vocabulary.

    Attributes
    ----------
    texts
        The tokens as the file writes them.
    types
        The number of each one's type.
    spelled
        The bytes that each stands for.
    order
        Every token, the most common first as far as the tokenizer's training tells.
    """

    texts: Sequence[str]
    types: Sequence[int]
    spelled: Sequence[bytes]
    order: Sequence[int]
    _rank: Rank

    @cached_property
    def ids(self) -> dict[str, int]:
        """The token of a text; of equal ones the last, as in llama.cpp."""
        return {text: token for token, text in enumerate(self.texts)}

    @cached_property
    def normal(self) -> dict[bytes, int]:
        """The ordinary token that stands for some bytes."""
        return {
            self.spelled[token]: token for token, kind in enumerate(self.types) if kind == NORMAL
        }

    def joined(self, token: int) -> list[int]:
        """Return what is made on the way to a token, when its text is tokenized alone.

        Where a longer text is tokenized and this token comes out, the pairs that are joined inside
        it are the same ones: a pair across its ends is never joined, and of those inside it the
        best one is taken each time. So a vocabulary that has these makes the token again.
        """
        parts, made = list(self.texts[token]), list[int]()
        while True:
            ranked = [
                (rank, place)
                for place, pair in enumerate(pairwise(parts))
                if (rank := self._rank(*pair)) is not None
            ]
            if not ranked:
                return made
            _, place = min(ranked)
            parts[place : place + 2] = [parts[place] + parts[place + 1]]
            if (found := self.ids.get(parts[place])) is not None:
                made.append(found)


def read_token_table(file: GgufFile, name: str) -> TokenTable:
    """Read the vocabulary of a file.

    Parameters
    ----------
    file
        Its metadata.
    name
        What errors call it.

    Raises
    ------
    UsageError
        Where it has none, or one of another kind.
    """
    model = file.text(_MODEL)
    if model not in ("llama", "gpt2") or TOKENS not in file.metadata:
        raise UsageError(
            f"{name}: its tokenizer is of the kind '{model or 'none'}', which cannot be pruned",
            hint="SentencePiece ('llama') and byte-level BPE ('gpt2') can",
        )
    texts = [decode(text) for text in file.metadata[TOKENS].value]
    needed = (TOKEN_TYPES, SCORES) if model == "llama" else (TOKEN_TYPES,)
    for key in needed:
        if key not in file.metadata or len(file.metadata[key].value) != len(texts):
            raise UsageError(f"{name}: '{key}' does not have a value for each token")
    types = file.metadata[TOKEN_TYPES].value
    if model == "gpt2":
        if MERGES not in file.metadata:
            raise UsageError(f"{name}: '{MERGES}' is missing")
        merges = [split_merge(decode(merge)) for merge in file.metadata[MERGES].value]
        return _bpe(texts, types, merges)
    return _sentencepiece(texts, types, file.metadata[SCORES].value)


def split_merge(merge: str) -> tuple[str, str]:
    """Split an entry of the list of merges where llama.cpp does."""
    at = merge.find(" ", 1)
    return (merge, "") if at < 0 else (merge[:at], merge[at + 1 :])


def _bpe(
    texts: Sequence[str], types: Sequence[int], merges: Sequence[tuple[str, str]]
) -> TokenTable:
    ranks: dict[tuple[str, str], float] = {}
    for place, pair in enumerate(merges):
        ranks.setdefault(pair, place)
    known = _byte_of_character()

    def spell(text: str, kind: int) -> bytes:
        if kind == NORMAL and all(character in known for character in text):
            return bytes(known[character] for character in text)
        return text.encode("utf-8", "surrogateescape")

    spelled = [spell(text, kind) for text, kind in zip(texts, types, strict=True)]
    # Tokens are numbered as they were learnt.
    return TokenTable(
        texts, types, spelled, range(len(texts)), lambda left, right: ranks.get((left, right))
    )


def _sentencepiece(
    texts: Sequence[str], types: Sequence[int], scores: Sequence[float]
) -> TokenTable:
    score_of = dict(zip(texts, scores, strict=True))

    def rank(left: str, right: str) -> float | None:
        score = score_of.get(left + right)
        return None if score is None else -score

    def spell(text: str, kind: int) -> bytes:
        if kind == BYTE and _BYTE_TEXT.fullmatch(text):
            return bytes([int(text[3:5], 16)])
        return text.replace(_BLANK, " ").encode("utf-8", "surrogateescape")

    spelled = [spell(text, kind) for text, kind in zip(texts, types, strict=True)]
    order = sorted(range(len(texts)), key=lambda token: -scores[token])
    return TokenTable(texts, types, spelled, order, rank)


def _byte_of_character() -> dict[str, int]:
    """Map the printable characters that stand for bytes in GPT-2's tokenizer to them."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    table = {chr(byte): byte for byte in shown}
    return table | {chr(0x100 + place): byte for place, byte in enumerate(hidden)}
