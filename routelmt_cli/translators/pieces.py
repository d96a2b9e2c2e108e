"""Cut a source at its line breaks and tabs, and join the hypotheses of the parts again.

A stop rule such as "end at a newline" would cut the translation of a source that itself holds
newlines, so each line is decoded on its own. Separators are kept exactly, those at the ends
included; blanks at the ends that hold no break are dropped. Nothing else is cut here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Every character that str.splitlines() breaks at, and the tab.
_BREAK = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
_BLANKS = re.compile(r"\s+")


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


def cut(source: str) -> Pieces:
    """Cut a source into the parts that are decoded one by one."""
    if _BREAK.search(source) is None:
        stripped = source.strip()
        return Pieces((stripped,), (None,)) if stripped else Pieces((), ())
    texts: list[str] = []
    template: list[str | None] = []
    for part, separator in _parts(source):
        if part:
            texts.append(part)
            template.append(None)
        if separator:
            template.append(separator)
    return Pieces(tuple(texts), tuple(template))


def pair(source: str, draft: str) -> list[tuple[str, str]]:
    """Pair the parts of a source with those of its draft, in order; at least one pair.

    Where the numbers of parts differ, each text is one part with blanks for its breaks.
    """
    sources, drafts = cut(source).texts, cut(draft).texts
    if drafts and len(sources) == len(drafts):
        return list(zip(sources, drafts, strict=True))
    return [(" ".join(sources), " ".join(drafts))]


def _parts(source: str) -> Iterator[tuple[str, str]]:
    """Yield (part, the separator after it): blanks around a break go along with it."""
    start = 0
    for blanks in _BLANKS.finditer(source):
        if _BREAK.search(blanks[0]) is not None:
            yield source[start : blanks.start()].strip(), blanks[0]
            start = blanks.end()
    yield source[start:].strip(), ""
