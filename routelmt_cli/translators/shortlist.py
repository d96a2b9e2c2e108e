"""Choose the tokens that a pruned vocabulary keeps.

In: a vocabulary and how often its tokens occur in texts. Out: the tokens to keep, in order. Always:
what is kept holds all that the tokenizer makes on the way to a kept token, so texts whose tokens
are kept are tokenized as before; bytes, special tokens and single punctuation marks, digits and
letters of the texts' scripts are kept, so any text can be read and written.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np
import numpy.typing as npt

from routelmt_cli.translators.token_table import BYTE, NORMAL, UNUSED, TokenTable

ROWS_TOGETHER = 64
"""llama.cpp's fastest kernels take rows in groups, of which this is a multiple."""

_LEAST_SCRIPT_SHARE = 0.01
# Gemma has 6,242 of these, of the kind of <bos>; nothing was ever trained on them.
_PLACEHOLDER = re.compile(r"[<\[]\|?(unused|reserved_special_token)_?\d+\|?[>\]]")


@dataclass(frozen=True)
class Shortlist:
    """The tokens to keep.

    Attributes
    ----------
    tokens
        int64 of shape (kept,), ascending; a multiple of `ROWS_TOGETHER` if there are as many.
    needed
        How many of them are kept whatever the limit is.
    """

    tokens: npt.NDArray[np.int64]
    needed: int


def choose_tokens(
    table: TokenTable, counts: Mapping[int, int], special: Collection[int], keep: int
) -> Shortlist:
    """Choose the tokens to keep.

    Parameters
    ----------
    table
        The vocabulary.
    counts
        How often each token occurs in the texts; those that occur are kept.
    special
        Tokens that the file's metadata name.
    keep
        How many tokens to keep where the texts need fewer: the most common ones in the texts'
        scripts are added. (Other spellings of the texts' tokens first was worse: docs/log.md.)
    """
    scripts = seen_scripts(table, counts)
    kept: set[int] = set()
    always = (token for token in range(len(table.texts)) if _is_always_kept(table, token, scripts))
    for token in chain(special, always, counts):
        _add(kept, table, token)
    needed = len(kept)
    size = min(max(needed, keep), len(table.texts))
    size = min(-(-size // ROWS_TOGETHER) * ROWS_TOGETHER, len(table.texts))
    written = (token for token in table.order if _is_written_in(table, token, scripts))
    for token in chain(written, table.order):
        if len(kept) + len(new := _with_joined(table, token) - kept) <= size:
            kept |= new
        if len(kept) == size:
            break
    return Shortlist(np.array(sorted(kept), np.int64), needed)


def seen_scripts(table: TokenTable, counts: Mapping[int, int]) -> set[str]:
    """Return the scripts that at least one in a hundred letters of the texts belongs to."""
    letters: Counter[str] = Counter()
    for token, times in counts.items():
        for script in _letter_scripts(_text(table, token) or ""):
            letters[script] += times
    least = _LEAST_SCRIPT_SHARE * letters.total()
    return {script for script, times in letters.items() if times >= least}


def _with_joined(table: TokenTable, token: int) -> set[int]:
    return {token, *(table.joined(token) if table.types[token] != BYTE else ())}


def _add(kept: set[int], table: TokenTable, token: int) -> None:
    if token not in kept:
        kept |= _with_joined(table, token)


def _is_always_kept(table: TokenTable, token: int, scripts: Collection[str]) -> bool:
    if table.types[token] != NORMAL:
        return table.types[token] != UNUSED and not _PLACEHOLDER.fullmatch(table.texts[token])
    if len(table.texts[token]) == 1 and len(table.spelled[token]) == 1:
        return True  # a byte of byte-level BPE, or an ASCII character
    text = (_text(table, token) or "").removeprefix(" ")
    if len(text) != 1:
        return False
    category = unicodedata.category(text)
    if category[0] in "LM":
        return set(_letter_scripts(text)) <= set(scripts)
    return category in ("Nd", "Sc", "Zs") or category[0] == "P"


def _is_written_in(table: TokenTable, token: int, scripts: Collection[str]) -> bool:
    text = _text(table, token)
    return (
        table.types[token] == NORMAL and bool(text) and set(_letter_scripts(text)) <= set(scripts)
    )


def _text(table: TokenTable, token: int) -> str | None:
    """Return what a token stands for; None for parts of characters."""
    try:
        return table.spelled[token].decode("utf-8")
    except UnicodeDecodeError:
        return None


def _letter_scripts(text: str | None) -> Iterator[str]:
    for character in text or "":
        if (script := _script(character)) is not None:
            yield script


@lru_cache(maxsize=1 << 17)
def _script(character: str) -> str | None:
    """Name the script of a letter by the first word of its Unicode name; None for others."""
    if unicodedata.category(character)[0] not in "LM":
        return None
    first = unicodedata.name(character, "UNKNOWN").split()[0].split("-")[0]
    # Accents that stand alone, and letters that are signs (º, µ), belong to any script.
    return None if first in ("COMBINING", "MODIFIER", "FEMININE", "MASCULINE", "MICRO") else first
