"""What a request can tell a model beside its source: earlier segments, similar ones, terms.

A card's templates and the notes of a request go in, the text in front of the source comes out.
Always: it is made for the card's place for notes and stands behind the shared prefix; every break
of a line in it becomes a blank, so that no note can continue the examples of a prompt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from routelmt_cli.translators.card import NOTES, PromptCard
from routelmt_cli.translators.languages import language_name

_PLACE = re.compile(r"\{(?:source|target)\}")
CONTEXT, NEAR, TERMS = NOTES


@dataclass(frozen=True, slots=True)
class Notes:
    """The notes of one request.

    Attributes
    ----------
    context
        The segments before it, the nearest last.
    terms
        (source term, target term) that occur in it.
    near
        (source, translation) of what is similar to it.
    """

    context: tuple[str, ...] = ()
    terms: tuple[tuple[str, str], ...] = ()
    near: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.context or self.terms or self.near)

    def shorter(self) -> Notes:
        """Leave out the farthest segment or, where there is none, a similar one, the last term."""
        if self.context:
            return Notes(self.context[1:], self.terms, self.near)
        if self.near:
            return Notes((), self.terms, self.near[:-1])
        return Notes((), self.terms[:-1])


NO_NOTES = Notes()


class NoteWriter:
    """Writes notes as a card wants them, no longer than they may be.

    Parameters
    ----------
    card
        The prompt's section of the model card.
    source_language, target_language
        BCP 47 codes; ``{source_language}`` and ``{target_language}`` become English names.
    count
        Counts the tokens of a text.
    most
        The most tokens of all notes of a request.
    """

    def __init__(
        self,
        card: PromptCard,
        source_language: str,
        target_language: str,
        count: Callable[[str], int],
        most: int,
    ) -> None:
        self._templates = card.notes
        self._languages = {
            "{source_language}": language_name(source_language),
            "{target_language}": language_name(target_language),
        }
        self._count, self._most = count, most

    def text(self, notes: Notes) -> str:
        """Write notes; as many as fit, the nearest segments and the first terms."""
        while notes:
            text = "".join(self._parts(notes))
            if self._count(text) <= self._most:
                return text
            notes = notes.shorter()
        return ""

    def _parts(self, notes: Notes) -> Iterator[str]:
        if notes.context and CONTEXT in self._templates:
            yield self._filled(CONTEXT, [(segment, "") for segment in notes.context])
        if notes.near and NEAR in self._templates:
            yield self._filled(NEAR, list(notes.near))
        if notes.terms and TERMS in self._templates:
            yield self._filled(TERMS, list(notes.terms))

    def _filled(self, kind: str, rows: list[tuple[str, str]]) -> str:
        template = self._templates[kind]
        item, around = (self._named(text) for text in (template.item, template.around))
        items = "".join(_with_texts(item, *row) for row in rows)
        head, _, tail = around.partition("{items}")
        return head + items + tail

    def _named(self, text: str) -> str:
        for place, name in self._languages.items():
            text = text.replace(place, name)
        return text


def _with_texts(item: str, source: str, target: str) -> str:
    """Fill an item at once: what stands in a text is never taken for a place."""
    texts = {"{source}": _one_line(source), "{target}": _one_line(target)}
    return _PLACE.sub(lambda match: texts[match[0]], item)


def _one_line(text: str) -> str:
    return " ".join(text.split())
