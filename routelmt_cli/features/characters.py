"""Character statistics of many texts at once.

A column of texts goes in; out comes a :class:`Texts` with all code points in one array, so that
a count is one pass of numpy over a whole column instead of a Python loop over every segment.
What always holds: nothing here depends on other rows, on the locale or on a language code, and
any ``str`` is accepted, lone surrogates included. What lies after the first 1,048,576 characters
of a text is not looked at. It does not normalise text and does not split it into words
(:mod:`routelmt_cli.features.words` does).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features.rows import sum_rows
from routelmt_cli.features.scripts import SCRIPTS as SCRIPTS
from routelmt_cli.features.scripts import SCRIPTS_WITHOUT_SPACES, script_of

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
CASED = 2048
"""A letter whose script writes names with another form of it."""
KNOWN = 1 << 15

MAX_CHARACTERS = 1 << 20
"""Characters of a text that are looked at."""

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
_digits = np.zeros(_CODE_POINTS, dtype=np.uint8)
_folded = np.zeros(_CODE_POINTS, dtype=np.uint16)
_scattered = np.zeros(_CODE_POINTS, dtype=np.uint64)

# Three counters of 21 bits in one integer: a sum over a text counts three classes in one pass,
# and no text is long enough for one counter to run into the next.
_COUNTER_BITS = 21
_COUNTER_MASK = np.uint64((1 << _COUNTER_BITS) - 1)
_COUNTED = ((LETTER, DIGIT, PUNCTUATION), (UPPER, QUOTE, SPACE))
_COUNTER_OF = {
    bit: (group, np.uint64(place * _COUNTER_BITS))
    for group, bits in enumerate(_COUNTED)
    for place, bit in enumerate(bits)
}
_counters = tuple(np.zeros(_CODE_POINTS, dtype=np.uint64) for _ in _COUNTED)


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter integers over 64 bits (the finisher of splitmix64).

    Parameters
    ----------
    values
        uint64 of any shape.
    """
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = values ^ (values >> np.uint64(31))
    return mixed


def _learn(code: int) -> None:
    """Fill the tables for one code point."""
    character = chr(code)
    category = unicodedata.category(character)
    script = script_of(code)
    flags = KNOWN
    if category[0] == "L":
        flags |= LETTER
        _scripts[code] = script
        if category in ("Lu", "Lt"):
            flags |= UPPER
        if character.title() != character.lower():
            flags |= CASED
        if SCRIPTS[script] in SCRIPTS_WITHOUT_SPACES:
            flags |= ALONE
    elif category[0] == "M":
        flags |= MARK
    elif category == "Nd":
        flags |= DIGIT
        _digits[code] = unicodedata.decimal(character)
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
    for bit, (group, place) in _COUNTER_OF.items():
        if flags & bit:
            _counters[group][code] |= np.uint64(1) << place
    lower = character.lower()
    _lowered[code] = ord(lower) if len(lower) == 1 else code
    if flags & (LETTER | MARK | DIGIT):
        _scattered[code] = mix(_lowered[code : code + 1].astype(np.uint64) + np.uint64(1))[0]
    folded = ord(unicodedata.normalize("NFD", lower)[0])
    # Rare planes share their numbers with others: a run of several characters still tells them.
    _folded[code] = folded if folded < 1 << 16 else (folded * 0x9E3779B1 >> 12) & 0xFFFF
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
        int64, all code points one text after the other.
    bounds
        int64, shape (n + 1,); text ``i`` is ``codes[bounds[i]:bounds[i + 1]]``.
    flags
        uint16, the class bits of every code point.
    """

    rows: Sequence[str]
    codes: NDArray[np.int64]
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
        lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
        if lengths.size and int(lengths.max()) > MAX_CHARACTERS:
            return cls.of([row[:MAX_CHARACTERS] for row in rows])
        joined = "".join(rows).encode("utf-32-le", "surrogatepass")
        # Indices of the machine's own width: numpy would convert others at every look-up.
        codes = np.frombuffer(joined, dtype="<u4").astype(np.int64)
        bounds = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(lengths, out=bounds[1:])
        flags = _flags.take(codes)
        if not flags.all():
            for code in np.unique(codes[flags == 0]).tolist():
                _learn(code)
            flags = _flags.take(codes)
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
    def places(self) -> NDArray[np.int64]:
        """Place of each code point in its text, from 0."""
        starts = np.repeat(self.bounds[:-1], np.diff(self.bounds))
        return np.subtract(np.arange(self.codes.size, dtype=np.int64), starts, out=starts)

    @cached_property
    def lowered(self) -> NDArray[np.uint32]:
        """Code points in lower case, where that is one code point."""
        return _lowered.take(self.codes)

    @cached_property
    def scattered(self) -> NDArray[np.uint64]:
        """A 64-bit hash of each letter, mark and digit in lower case; 0 for anything else."""
        return _scattered.take(self.codes)

    @cached_property
    def folded(self) -> NDArray[np.uint16]:
        """Code points in lower case and without diacritics, in 16 bits."""
        return _folded.take(self.codes)

    def digits_at(self, positions: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Give the values of the digits at some positions of ``codes``."""
        return _digits.take(self.codes[positions])

    def is_any(self, bits: int) -> NDArray[np.bool_]:
        """Tell for every code point whether it has one of the class bits."""
        marked: NDArray[np.bool_] = (self.flags & np.uint16(bits)) != 0
        return marked

    def sum(self, values: NDArray[Any]) -> NDArray[Any]:
        """Add up one value a code point over each text.

        Parameters
        ----------
        values
            Integers or floats; the sums are of their type.
        """
        return sum_rows(values, self.bounds)

    def count(self, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Count the marked code points of each text.

        Parameters
        ----------
        mask
            bool, one value a code point.
        """
        counts: NDArray[np.int64] = self.sum(mask.astype(np.int64))
        return counts.astype(np.float64)

    @cached_property
    def _counted(self) -> tuple[NDArray[np.uint64], ...]:
        """Sums of the packed counters of each text."""
        return tuple(self.sum(table.take(self.codes)) for table in _counters)

    def count_any(self, bits: int) -> NDArray[np.float64]:
        """Count the code points of each text that have one of the class bits."""
        if bits == LETTER | DIGIT:
            return self.count_any(LETTER) + self.count_any(DIGIT)
        if bits not in _COUNTER_OF:
            return self.count(self.is_any(bits))
        group, place = _COUNTER_OF[bits]
        counts: NDArray[np.uint64] = (self._counted[group] >> place) & _COUNTER_MASK
        return counts.astype(np.float64)

    def count_from(self, positions: NDArray[np.int64]) -> tuple[NDArray[np.uint64], ...]:
        """Count letters, digits and upper-case letters from each position on to the next one.

        Parameters
        ----------
        positions
            int64, ascending: the starts of all words, so that nothing lies between them that a
            counter could run over with.
        """
        if not positions.size:
            return (np.zeros(0, dtype=np.uint64),) * 3
        sums = [np.add.reduceat(table.take(self.codes), positions) for table in _counters]
        places = (_COUNTER_OF[bit] for bit in (LETTER, DIGIT, UPPER))
        return tuple((sums[group] >> place) & _COUNTER_MASK for group, place in places)

    @cached_property
    def script_counts(self) -> NDArray[np.float64]:
        """Letters of each script, shape (n, number of scripts); never counts a common sign."""
        width, latin = len(SCRIPTS), SCRIPTS.index("latin")
        scripts = _scripts.take(self.codes)
        # Latin letters are what is left: counting each would cost most of the time.
        others = np.flatnonzero(scripts > latin)
        cells = self.segment_of[others] * width + scripts[others]
        counts = np.bincount(cells, minlength=len(self.rows) * width).reshape(-1, width)
        counts[:, latin] = self.count_any(LETTER) - counts.sum(axis=1)
        return counts.astype(np.float64)

    def last_visible(self) -> NDArray[np.int64]:
        """Last code point of each text that is no white space, 0 where there is none."""
        last = np.zeros(len(self.rows), dtype=np.int64)
        filled = np.flatnonzero(self.bounds[1:] > self.bounds[:-1])
        ends = self.bounds[filled + 1] - 1
        last[filled] = self.codes[ends]
        for row in filled[(self.flags[ends] & np.uint16(SPACE)) != 0].tolist():
            visible = self.rows[row].rstrip()
            last[row] = ord(visible[-1]) if visible else 0
        return last

    @cached_property
    def sentence_ends(self) -> NDArray[np.int64]:
        """Positions in ``codes`` of the signs that end a sentence, ascending."""
        signs = np.flatnonzero(self.is_any(TERMINAL | WIDE_TERMINAL))
        # The end of a text ends a sentence too: what follows is another row.
        at_end = signs + 1 == self.bounds[self.segment_of[signs] + 1]
        following = self.flags[np.minimum(signs + 1, self.codes.size - 1)]
        ends = at_end | ((following & np.uint16(SPACE | QUOTE)) != 0)
        ends |= (self.flags[signs] & np.uint16(WIDE_TERMINAL)) != 0
        found: NDArray[np.int64] = signs[ends]
        return found

    def sentences(self) -> NDArray[np.float64]:
        """Count sentence ends of each text; at least 1 where the text has any letter."""
        ends = np.bincount(self.segment_of[self.sentence_ends], minlength=len(self.rows))
        return np.maximum(ends, self.count_any(LETTER) > 0).astype(np.float64)
