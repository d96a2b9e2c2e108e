"""Cut a source into the parts that are decoded one by one, and join their hypotheses again.

A stop rule such as "end at a newline" would cut the translation of a source that itself holds
newlines, so each line is decoded on its own; a line that is too long for the model is cut further
(see ``long_text``). Separators are kept exactly, those at the ends included; blanks at the ends
that hold no break are dropped. Where nothing separated two parts of a line in a script without
blanks, a language with blanks gets one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from routelmt_cli.translators.languages import has_blanks
from routelmt_cli.translators.long_text import WORD, Count, Part, parts_that_fit, sentences

# Every character that str.splitlines() breaks at, and the tab.
_BREAK = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
_BLANKS = re.compile(r"\s+")
_EXTRA_TOKENS = 16  # more than a tokenizer adds to one token for each byte


@dataclass(frozen=True, slots=True)
class Pieces:
    """The parts of one source.

    Attributes
    ----------
    texts
        The parts to translate, none of them blank.
    template
        Separators and places in turn: ``None`` stands for the next translated part.
    """

    texts: tuple[str, ...]
    template: tuple[str | None, ...]

    def join(self, hypotheses: Sequence[str]) -> str:
        """Put the hypotheses of the parts, in order, where the parts were."""
        rest = iter(hypotheses)
        return "".join(next(rest) if part is None else part for part in self.template)


@dataclass(frozen=True)
class Limit:
    """How long a part may be.

    Attributes
    ----------
    count
        Counts the tokens of a source.
    most
        The most tokens of a part.
    source_language, target_language
        BCP 47 codes.
    """

    count: Count
    most: int
    source_language: str
    target_language: str

    def parts(self, line: str) -> list[Part]:
        """Cut a line into parts that fit, each with what stands after it in a translation."""
        if len(line.encode("utf-8")) + _EXTRA_TOKENS <= self.most:
            return [(line, "")]  # without counting: no token is shorter than a byte
        parts = parts_that_fit(line, self.count, self.most, self.source_language)
        if has_blanks(self.source_language) or not has_blanks(self.target_language):
            return parts
        following = [part for part, _ in parts[1:]] + [""]
        return [
            (part, separator or _missing_blank(part, after))
            for (part, separator), after in zip(parts, following, strict=True)
        ]


def _missing_blank(before: str, after: str) -> str:
    # A long word of another script that had to be cut stays one word.
    one_word = before[-1].isascii() and after[:1].isascii()
    return "" if not after or one_word else " "


def cut(source: str, limit: Limit | None = None) -> Pieces:
    """Cut a source into the parts that are decoded one by one, none longer than ``limit``."""
    texts: list[str] = []
    template: list[str | None] = []
    for line, line_break in _lines(source):
        parts = limit.parts(line) if limit and line else [(line, "")] * bool(line)
        for part, separator in [*parts, ("", line_break)]:
            if part:
                texts.append(part)
                template.append(None)
            if separator:
                template.append(separator)
    return Pieces(tuple(texts), tuple(template))


def pair(source: str, draft: str, limit: Limit | None = None) -> list[tuple[str, str]]:
    """Pair the parts of a source with those of its draft, in order; at least one pair.

    Where the numbers of lines differ, each text is one line with blanks for its breaks. The parts
    of a line that is longer than ``limit`` get shares of its draft, cut where sentences end.
    """
    sources, drafts = cut(source).texts, cut(draft).texts
    if not drafts or len(sources) != len(drafts):
        sources, drafts = (" ".join(sources),), (" ".join(drafts),)
    if limit is None:
        return list(zip(sources, drafts, strict=True))
    pairs: list[tuple[str, str]] = []
    for line, its_draft in zip(sources, drafts, strict=True):
        parts = [part for part, _ in limit.parts(line)]
        pairs += zip(parts, _shares(its_draft, parts, limit.target_language), strict=True)
    return pairs


def _shares(draft: str, parts: Sequence[str], language: str) -> list[str]:
    """Cut a draft into one share a part, each as large in its text as the part is in its own."""
    if len(parts) == 1:
        return [draft]
    units = sentences(draft, language)
    for finer in (WORD.findall, list):
        if len(units) < len(parts):
            units = finer(draft)
    scale = sum(map(len, units)) / sum(map(len, parts))
    ends = [end * scale for end in accumulate(map(len, parts))]
    shares, part, position = [""] * len(parts), 0, 0
    for unit in units:
        middle = position + len(unit) / 2
        while part < len(parts) - 1 and middle > ends[part]:
            part += 1
        shares[part] += unit
        position += len(unit)
    return [share.strip() for share in shares]


def _lines(source: str) -> Iterator[tuple[str, str]]:
    """Yield (line, the break after it): blanks around a break go along with it."""
    start = 0
    for blanks in _BLANKS.finditer(source):
        if _BREAK.search(blanks[0]) is not None:
            yield source[start : blanks.start()].strip(), blanks[0]
            start = blanks.end()
    yield source[start:].strip(), ""
