"""Text of a corpus as pieces that a page can show: what changed, and what nobody could see.

Strings go in, pieces come out whose texts, put together, are the string again (or its beginning,
where it is long), but for signs that would not be seen or would act on what stands beside them:
control characters, signs that turn the reading direction, halves of characters. Those become
pieces that name the character. Escaping is the template's.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

MAX_CHARACTERS = 4_000
"""Of a text that is shown."""

_MAX_WORDS = 1_500
"""Longer texts are not compared: that takes quadratic time."""

# Scripts without blanks are compared character by character.
_WORD = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]|\w+|\s+|.")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")  # spelling of Persian, Hindi, emoji


@dataclass(frozen=True)
class Piece:
    """A run of characters that are shown alike.

    Attributes
    ----------
    text
        The characters, or the name of one that cannot be shown.
    changed
        Whether the other hypothesis lacks it.
    hidden
        Whether it names a character that cannot be shown.
    """

    text: str
    changed: bool = False
    hidden: bool = False


def shown(text: str) -> list[Piece]:
    """Return a text as pieces of which none is changed."""
    return _pieces([(text[:MAX_CHARACTERS], False)], cut=len(text) > MAX_CHARACTERS)


def in_plain_sight(text: str) -> str:
    """Return a text in which signs that cannot be seen are named, such as ``U+202E``."""
    return "".join(piece.text for piece in _pieces([(text, False)], cut=False))


def compared(draft: str, retranslation: str) -> tuple[list[Piece], list[Piece]]:
    """Return two hypotheses as pieces that tell where they differ."""
    texts = (draft, retranslation)
    words = [_WORD.findall(text[:MAX_CHARACTERS]) for text in texts]
    marks = [[False] * len(own) for own in words]
    if max(map(len, words)) <= _MAX_WORDS:
        matcher = difflib.SequenceMatcher(None, words[0], words[1], autojunk=False)
        for kind, *bounds in matcher.get_opcodes():
            if kind != "equal":
                for own, (first, end) in zip(marks, (bounds[:2], bounds[2:]), strict=True):
                    own[first:end] = [True] * (end - first)
    left, right = (
        _pieces(zip(own, mark, strict=True), cut=len(text) > MAX_CHARACTERS)
        for own, mark, text in zip(words, marks, texts, strict=True)
    )
    return left, right


def _pieces(parts: Iterable[tuple[str, bool]], *, cut: bool) -> list[Piece]:
    signs = [(sign, changed, _is_hidden(sign)) for part, changed in parts for sign in part]
    pieces = list(_joined(signs))
    return [*pieces, Piece("…", hidden=True)] if cut else pieces


def _joined(signs: Sequence[tuple[str, bool, bool]]) -> Iterator[Piece]:
    for (changed, hidden), group in groupby(signs, key=lambda sign: sign[1:]):
        characters = [sign for sign, *_ in group]
        if hidden:
            yield from (Piece(f"U+{ord(sign):04X}", changed, True) for sign in characters)
        else:
            yield Piece("".join(characters), changed)


def _is_hidden(sign: str) -> bool:
    return unicodedata.category(sign) in _HIDDEN and sign not in _JOINERS
