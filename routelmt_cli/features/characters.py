"""Character statistics of many texts at once.

A column of texts goes in; out comes a :class:`Texts` with all code points in one array, so that
a count is one pass of numpy over a whole column instead of a Python loop over every segment.
What always holds: nothing here depends on other rows, on the locale or on a language code, and
any ``str`` is accepted, lone surrogates included. It does not normalise text and does not split
it into words (:mod:`routelmt_cli.features.words` does).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

LETTER = 1
MARK = 2
DIGIT = 4
PUNCTUATION = 8
SPACE = 16
UPPER = 32
ALONE = 64
"""A letter of a script written without spaces: a word of its own."""
TRIGGER = 128
"""May begin a URL, a placeholder or markup, so the row is worth a regular expression."""
TERMINAL = 256
"""Ends a sentence where a space or nothing follows."""
WIDE_TERMINAL = 512
"""Ends a sentence whatever follows."""
QUOTE = 1024
KNOWN = 1 << 15

SCRIPTS: tuple[str, ...] = (
    "common",
    "latin",
    "greek",
    "cyrillic",
    "armenian",
    "hebrew",
    "arabic",
    "indic",
    "thai",
    "lao",
    "tibetan",
    "myanmar",
    "georgian",
    "hangul",
    "ethiopic",
    "khmer",
    "kana",
    "han",
    "other",
)
# First code point of each run of blocks and the script of its letters.
_SCRIPT_RUNS: tuple[tuple[int, str], ...] = (
    (0x0000, "latin"),
    (0x0370, "greek"),
    (0x0400, "cyrillic"),
    (0x0530, "armenian"),
    (0x0590, "hebrew"),
    (0x0600, "arabic"),
    (0x0780, "other"),
    (0x0900, "indic"),
    (0x0E00, "thai"),
    (0x0E80, "lao"),
    (0x0F00, "tibetan"),
    (0x1000, "myanmar"),
    (0x10A0, "georgian"),
    (0x1100, "hangul"),
    (0x1200, "ethiopic"),
    (0x13A0, "other"),
    (0x1780, "khmer"),
    (0x1800, "other"),
    (0x1C80, "cyrillic"),
    (0x1C90, "georgian"),
    (0x1CC0, "other"),
    (0x1D00, "latin"),
    (0x1F00, "greek"),
    (0x2000, "latin"),
    (0x2C60, "latin"),
    (0x2C80, "other"),
    (0x2D00, "georgian"),
    (0x2D30, "other"),
    (0x2D80, "ethiopic"),
    (0x2DE0, "cyrillic"),
    (0x2E00, "han"),
    (0x3040, "kana"),
    (0x3100, "han"),
    (0x3130, "hangul"),
    (0x3190, "han"),
    (0x31F0, "kana"),
    (0x3200, "han"),
    (0xA000, "other"),
    (0xA640, "cyrillic"),
    (0xA6A0, "other"),
    (0xA720, "latin"),
    (0xA800, "other"),
    (0xA8E0, "indic"),
    (0xA900, "other"),
    (0xA960, "hangul"),
    (0xA980, "other"),
    (0xAB30, "latin"),
    (0xAB70, "other"),
    (0xAC00, "hangul"),
    (0xD800, "other"),
    (0xF900, "han"),
    (0xFB00, "latin"),
    (0xFB13, "armenian"),
    (0xFB1D, "hebrew"),
    (0xFB50, "arabic"),
    (0xFE00, "other"),
    (0xFE70, "arabic"),
    (0xFF00, "latin"),
    (0xFF66, "kana"),
    (0xFFA0, "hangul"),
    (0xFFE0, "other"),
    (0x1B000, "kana"),
    (0x1B170, "other"),
    (0x20000, "han"),
    (0x323B0, "other"),
)
_RUN_STARTS = np.array([start for start, _ in _SCRIPT_RUNS], dtype=np.uint32)
_RUN_SCRIPTS = np.array([SCRIPTS.index(name) for _, name in _SCRIPT_RUNS], dtype=np.uint8)
_SCRIPTS_WITHOUT_SPACES = frozenset({"thai", "lao", "tibetan", "myanmar", "khmer", "kana", "han"})

_TRIGGERS = frozenset("{%<@&#/")
_TERMINALS = frozenset(".!?…؟۔।")
_WIDE_TERMINALS = frozenset("。！？｡")
_QUOTES = frozenset('"“”„‟«»「」『』＂')

_CODE_POINTS = 0x110000
# Filled when a character is first seen: asking unicodedata for all 1.1 million would cost more
# than most runs do, and a corpus uses a few thousand.
_flags = np.zeros(_CODE_POINTS, dtype=np.uint16)
_scripts = np.zeros(_CODE_POINTS, dtype=np.uint8)
_lowered = np.zeros(_CODE_POINTS, dtype=np.uint32)
_folded = np.zeros(_CODE_POINTS, dtype=np.uint32)


def _learn(code: int) -> None:
    """Fill the tables for one code point."""
    character = chr(code)
    category = unicodedata.category(character)
    script = int(_RUN_SCRIPTS[np.searchsorted(_RUN_STARTS, code, side="right") - 1])
    flags = KNOWN
    if category[0] == "L":
        flags |= LETTER
        _scripts[code] = script
        if category in ("Lu", "Lt"):
            flags |= UPPER
        if SCRIPTS[script] in _SCRIPTS_WITHOUT_SPACES:
            flags |= ALONE
    elif category[0] == "M":
        flags |= MARK
    elif category == "Nd":
        flags |= DIGIT
    elif category[0] == "P":
        flags |= PUNCTUATION
    elif character.isspace():
        flags |= SPACE
    for characters, bit in (
        (_TRIGGERS, TRIGGER),
        (_TERMINALS, TERMINAL),
        (_WIDE_TERMINALS, WIDE_TERMINAL),
        (_QUOTES, QUOTE),
    ):
        if character in characters:
            flags |= bit
    lower = character.lower()
    _lowered[code] = ord(lower) if len(lower) == 1 else code
    _folded[code] = ord(unicodedata.normalize("NFD", lower)[0])
    # Last, so that another thread never takes a half-filled row for a known one.
    _flags[code] = flags


@dataclass(frozen=True)
class Texts:
    """A column of texts as one array of code points.

    Parameters
    ----------
    rows
        The texts, one a segment.
    codes
        uint32, all code points one text after the other.
    bounds
        int64, shape (n + 1,); text ``i`` is ``codes[bounds[i]:bounds[i + 1]]``.
    flags
        uint16, the class bits of every code point.
    """

    rows: Sequence[str]
    codes: NDArray[np.uint32]
    bounds: NDArray[np.int64]
    flags: NDArray[np.uint16]

    @classmethod
    def of(cls, rows: Sequence[str]) -> Texts:
        """Read a column of texts.

        Parameters
        ----------
        rows
            The texts, one a segment; may be empty strings.
        """
        joined = "".join(rows).encode("utf-32-le", "surrogatepass")
        codes = np.frombuffer(joined, dtype="<u4").astype(np.uint32, copy=False)
        bounds = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum([len(row) for row in rows], out=bounds[1:])
        flags = _flags[codes]
        unknown = codes[flags == 0]
        if unknown.size:
            for code in set(unknown.tolist()):
                _learn(code)
            flags = _flags[codes]
        return cls(rows, codes, bounds, flags)

    @cached_property
    def characters(self) -> NDArray[np.float64]:
        """Number of code points of each text."""
        return np.diff(self.bounds).astype(np.float64)

    @cached_property
    def segment_of(self) -> NDArray[np.int64]:
        """Row that each code point belongs to."""
        return np.repeat(np.arange(len(self.rows), dtype=np.int64), np.diff(self.bounds))

    @cached_property
    def lowered(self) -> NDArray[np.uint32]:
        """Code points in lower case, where that is one code point."""
        return _lowered[self.codes]

    @cached_property
    def folded(self) -> NDArray[np.uint32]:
        """Code points in lower case and without diacritics."""
        return _folded[self.codes]

    def is_any(self, bits: int) -> NDArray[np.bool_]:
        """Tell for every code point whether it has one of the class bits."""
        marked: NDArray[np.bool_] = (self.flags & np.uint16(bits)) != 0
        return marked

    def count(self, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Count the marked code points of each text.

        Parameters
        ----------
        mask
            bool, one value a code point.
        """
        total = np.zeros(mask.size + 1, dtype=np.int64)
        np.cumsum(mask, out=total[1:])
        return (total[self.bounds[1:]] - total[self.bounds[:-1]]).astype(np.float64)

    def count_any(self, bits: int) -> NDArray[np.float64]:
        """Count the code points of each text that have one of the class bits."""
        return self.count(self.is_any(bits))

    @cached_property
    def script_counts(self) -> NDArray[np.float64]:
        """Letters of each script, shape (n, number of scripts); never counts a common sign."""
        width = len(SCRIPTS)
        cells = self.segment_of * width + _scripts[self.codes]
        counts = np.bincount(cells, minlength=len(self.rows) * width).reshape(-1, width)
        counts[:, 0] = 0
        return counts.astype(np.float64)

    def last_visible(self) -> list[str]:
        """Last character of each text that is no white space, '' where there is none."""
        return [row.rstrip()[-1:] for row in self.rows]

    def sentences(self) -> NDArray[np.float64]:
        """Count sentence ends of each text; at least 1 where the text has any letter."""
        following = np.ones(self.codes.size + 1, dtype=np.bool_)
        following[:-1] = self.is_any(SPACE | QUOTE)
        # The end of a text ends a sentence too: what follows is another row.
        following[self.bounds] = True
        ends = (self.is_any(TERMINAL) & following[1:]) | self.is_any(WIDE_TERMINAL)
        return np.maximum(self.count(ends), self.count_any(LETTER) > 0)


def share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide, with NaN where the whole is zero.

    Parameters
    ----------
    part, whole
        float64, shape (n,).
    """
    result = np.full(part.shape, np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result
