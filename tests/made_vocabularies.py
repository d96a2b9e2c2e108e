"""Models of one layer with vocabularies of both kinds that can be pruned, and cards for them."""

from __future__ import annotations

from made_gguf import (
    BYTES,
    FLOAT32,
    INT32,
    SPECIAL,
    STRING,
    UINT32,
    WORDS,
    Value,
    gguf,
    model_tensors,
)

BLANK = "\u2581"
LEARNT = [
    "ab", "op", f"{BLANK}a", "abc", "mn", "cd", "mnop", "ef", "gh", "efgh", "fg", f"{BLANK}ab",
    f"{BLANK}abc", "ij", "kl", "ijkl", "abcd", f"{BLANK}efgh", "bc", "de",
]  # fmt: skip
"""Learnt tokens of the SentencePiece vocabulary, the best first."""

OTHERS = [f"\u0436{first}{second}" for first in "abcdefghij" for second in "abcdefghij"]
"""Tokens of another script."""

PLACEHOLDERS = [(f"<unused{number}>", 3) for number in range(20)]

_SHOWN = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_HIDDEN = [byte for byte in range(256) if byte not in _SHOWN]
BYTE_CHARACTERS = [*map(chr, _SHOWN), *(chr(0x100 + place) for place in range(len(_HIDDEN)))]
PAIRS = [
    ("a", "b"), ("o", "p"), ("\u0120", "a"), ("ab", "c"), ("m", "n"), ("mn", "op"), ("e", "f"),
    ("g", "h"), ("ef", "gh"), ("\u0120", "ab"), ("\u0120", "abc"), ("c", "d"), ("b", "c"),
]  # fmt: skip
"""Merges of the byte-level vocabulary, in their order."""

_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWX"
OTHER_PAIRS = [(first, second) for first in _CAPITALS for second in _CAPITALS]
"""More merges, of letters that the others do not have."""


def sentencepiece_model(*, tied=True, **changes):
    """Write a model whose tokenizer joins by scores; its last token is the end of text."""
    vocabulary = [
        *SPECIAL[:2],
        *PLACEHOLDERS,
        *BYTES,
        *WORDS,
        *((word, 1) for word in (*LEARNT, *OTHERS)),
        ("[", 1),
        ("]", 1),
        ("<note>", 4),
        SPECIAL[2],
    ]
    learnt = {word: float(-place) for place, word in enumerate([*LEARNT, *OTHERS])}
    given = {
        "tokenizer__ggml__scores": Value(
            FLOAT32, [learnt.get(word, -1000.0) for word, _ in vocabulary]
        ),
        "tokenizer__ggml__eos_token_id": Value(UINT32, len(vocabulary) - 1),
        "tokenizer__ggml__add_space_prefix": None,
        **changes,
    }
    return gguf(vocabulary, model_tensors(len(vocabulary), tied=tied), **given)


def bpe_model(*, tied=True, **changes):
    """Write a model whose tokenizer joins by a list of merges."""
    pairs = [*OTHER_PAIRS, *PAIRS]
    joined = [left + right for left, right in pairs]
    vocabulary = [
        ("<end>", 3),
        *((character, 1) for character in BYTE_CHARACTERS),
        *((word, 1) for word in joined),
        ("<start>", 3),
    ]
    size = len(vocabulary)
    given = {
        "llama__vocab_size": Value(UINT32, size),
        "tokenizer__ggml__model": Value(STRING, "gpt2"),
        "tokenizer__ggml__pre": Value(STRING, "gpt-2"),
        "tokenizer__ggml__scores": None,
        "tokenizer__ggml__merges": Value(STRING, [" ".join(pair) for pair in pairs]),
        "tokenizer__ggml__bos_token_id": Value(UINT32, size - 1),
        "tokenizer__ggml__eos_token_id": Value(UINT32, 0),
        "tokenizer__ggml__unknown_token_id": None,
        "tokenizer__ggml__suppress_tokens": Value(INT32, [size - 1, size - 2]),
        **changes,
    }
    return gguf(vocabulary, model_tensors(size, tied=tied), **given)


def write_model(folder, data, name="model"):
    """Write a model and its card; return the card's path."""
    (folder / f"{name}.gguf").write_bytes(data)
    card = folder / f"{name}.toml"
    card.write_text(
        f'name = "tiny"\ndescription = "made"\n[weights]\npath = "{name}.gguf"\n'
        '[price]\nusd_per_million_tokens = { input = 0.1, output = 0.25 }\nusd_per_hour = "0.08"\n'
        '[decoding]\ncap_ratio = 1.5\ncontext_tokens = 256\nstop = ["\\n", "\\u007f\\"]"]\n'
        '[prompt]\nkind = "completion"\ntemplate = "a: {source}\\nb: {target}\\n"\n'
        '[prompt.examples]\nes-en = [["ab \\"c\\"", "cd é \\\\ 😀"], ["", "x\\ty"]]\nde-en = []\n',
        "utf-8",
    )
    return card
