"""Cut a source at its line breaks and tabs, and join the hypotheses of the parts again.

A stop rule such as "end at a newline" would cut the translation of a source that itself holds
newlines, so each line is decoded on its own. Separators are kept exactly. Nothing else is cut here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# Every character that str.splitlines() breaks at, and the tab; blanks around them go along.
_BREAKS = re.compile(r"(\s*[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]\s*)")


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
    stripped = source.strip()
    if _BREAKS.search(stripped) is None:
        return Pieces((stripped,), (None,)) if stripped else Pieces((), ())
    parts = _BREAKS.split(stripped)
    texts = tuple(part for part in parts[::2] if part)
    template: list[str | None] = []
    for index, part in enumerate(parts):
        if index % 2:
            template.append(part)
        elif part:
            template.append(None)
    return Pieces(texts, tuple(template))
