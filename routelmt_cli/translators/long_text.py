"""Cut a text that is too long for a model into parts that fit: at sentences, or else finer.

In: a line of text, a count of tokens, the most of them that fit. Out: its parts in order, each with
the separator after it. Always: no part is blank or too long, and parts and separators joined are
the text. Where sentences end is known by sentencex; a sentence that is too long is cut behind
commas and the like, then between words, then between characters. What is short enough is not cut.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

Count = Callable[[str], int]
Part = tuple[str, str]
"""A part, and the separator after it."""

# Behind a mark that parts clauses: with a blank in scripts that have one, at once in those without.
_CLAUSES = re.compile(r"(?<=[,;:،؛·—–])(?=\s)|(?<=[、，；：。！？…・་།၊။។])")
WORD = re.compile(r"\S+\s*")
_JOINERS = "\u200c\u200d"
_WINDOW = 8192  # sentencex takes quadratic time for very many sentences
_LONGEST_CLUSTER = 16  # characters that are kept together; a longer run of accents is no letter


def parts_that_fit(text: str, count: Count, most: int, language: str) -> list[Part]:
    """Cut a text into parts that fit, of about the same length.

    Parameters
    ----------
    text
        One line, without blanks at its ends.
    count
        Counts the tokens of a text.
    most
        The most tokens of a part, enough for any one character.
    language
        BCP 47 code of the text.
    """
    if count(text) <= most:
        return [(text, "")]
    units = list(_units(text, count, most, language))
    parts = []
    for part in _packed(units, count, most):
        body = part.rstrip()
        parts.append((body, part[len(body) :]))
    return parts


def sentences(text: str, language: str) -> list[str]:
    """Return the sentences of a text with the blanks that follow them; joined they are the text."""
    import sentencex

    primary, start, size = language.split("-")[0], 0, _WINDOW
    whole: list[str] = []
    while start < len(text):
        found: list[str] = sentencex.segment(primary, text[start : start + size])
        if start + size < len(text):
            if len(found) == 1:
                size *= 2
                continue
            found.pop()  # it may go on behind the window
        whole += found
        start += sum(map(len, found))
        size = _WINDOW
    return whole


def _clauses(text: str, language: str) -> list[str]:
    return _CLAUSES.split(text)


def _words(text: str, language: str) -> list[str]:
    return WORD.findall(text)


_LEVELS = (sentences, _clauses, _words)


def _units(text: str, count: Count, most: int, language: str, level: int = 0) -> Iterable[str]:
    """Cut a text no finer than it must be for every unit to fit."""
    if count(text.rstrip()) <= most:
        yield text
    elif level == len(_LEVELS):
        yield from _pieces_of_a_word(text, count, most)
    else:
        for unit in _whole_units(_LEVELS[level](text, language)):
            yield from _units(unit, count, most, language, level + 1)


def _whole_units(units: Iterable[str]) -> Iterable[str]:
    """Put blanks at a unit's beginning behind the one before, so that none is blank."""
    last = ""
    for unit in units:
        body = unit.lstrip()
        last += unit[: len(unit) - len(body)]
        if body:
            if last:
                yield last
            last = body
    yield last


def _pieces_of_a_word(text: str, count: Count, most: int) -> Iterable[str]:
    """Halve what has no blanks until it fits, accents kept with their letters."""
    if count(text.rstrip()) <= most or len(text.rstrip()) < 2:
        yield text
        return
    middle = _boundary(text, len(text.rstrip()) // 2)
    yield from _pieces_of_a_word(text[:middle], count, most)
    yield from _pieces_of_a_word(text[middle:], count, most)


def _boundary(text: str, middle: int) -> int:
    """Return the next place, from the middle to the left, that is not within a letter."""
    for place in range(middle, max(0, middle - _LONGEST_CLUSTER), -1):
        joined = text[place] in _JOINERS or text[place - 1] in _JOINERS
        if not joined and not unicodedata.category(text[place]).startswith("M"):
            return place
    return middle


def _packed(units: Sequence[str], count: Count, most: int) -> Iterable[str]:
    """Join neighbours to parts that fit, filled alike so that no short rest is left alone."""
    sizes = [count(unit.rstrip()) for unit in units]
    target = sum(sizes) / -(-sum(sizes) // most)
    start = 0
    while start < len(units):
        end, size = start + 1, sizes[start]
        while end < len(units) and size < target and size + sizes[end] <= most:
            size += sizes[end]
            end += 1
        # Tokens of neighbours can depend on each other, so only the joined text's count is exact.
        while end > start + 1 and count("".join(units[start:end]).rstrip()) > most:
            end -= 1
        yield "".join(units[start:end])
        start = end
