"""XLIFF 1.x and 2.x by lxml.

Rows are the stretches of text, between inline tags, of the units that are to be translated.
Always: whatever is not such a unit's target is kept: notes, alternatives, skeletons, extensions.
Units and groups with ``translate="no"`` are left alone. A new target has the state ``translated``,
in XLIFF 1.2 with the qualifier ``mt-suggestion``, and is not approved; in 2.x nobody has reviewed
it either, which is what its ``translated`` says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.units import State, UnitCount
from routelmt_cli.corpus.xml_text import (
    child,
    children,
    fill,
    local_name,
    parse_xml,
    same_language,
    stretches,
    write_xml,
)
from routelmt_cli.errors import UsageError

# Inline elements that hold text of the unit; others stand for codes.
_TRANSPARENT = frozenset({"g", "mrk", "pc"})
_UNSURE = ("new", "initial", "needs-")


class XliffDocument:
    """A ``Document`` of XLIFF units.

    Parameters
    ----------
    data
        The file's content.
    layout
        Which units are taken, and the languages that were asked for.
    display_name
        The file's name in errors.

    Raises
    ------
    UsageError
        It is no XLIFF, or is for other languages.
    """

    def __init__(self, data: bytes, layout: Layout, display_name: str) -> None:
        self._data = data
        self._layout = layout
        self._name = display_name
        self._tree = parse_xml(data, display_name, "XLIFF")
        root = self._tree.getroot()
        version = root.get("version", "")
        if local_name(root) != "xliff" or version[:2] not in ("1.", "2."):
            raise UsageError(f"{display_name} is not XLIFF 1 or 2")
        self._is_new = version.startswith("2.")
        self._count = UnitCount(layout.units)
        self._check_languages(root)
        self.texts: list[str] = []
        self.references: list[str] = []
        self._places: list[tuple[Any, int]] = []  # what holds source and target; its stretches
        for holder in self._segments(root) if self._is_new else self._trans_units(root):
            self._take(holder)

    def remarks(self) -> list[str]:
        """Say what is left alone; see ``Document.remarks``."""
        return self._count.remarks(self._name)

    def write(self, translations: Sequence[str]) -> bytes:
        """Fill the targets; see ``Document.write``."""
        at, filled = 0, False
        for holder, number in self._places:
            own = translations[at : at + number]
            at += number
            if all(text.strip() for text in own):
                self._fill(holder, own)
                filled = True
        root = self._tree.getroot()
        if filled and self._is_new and not root.get("trgLang") and self._layout.target_language:
            root.set("trgLang", self._layout.target_language)
        return write_xml(self._tree, self._data)

    def _take(self, holder: Any) -> None:
        source, target = child(holder, "source"), child(holder, "target")
        if source is None or not (texts := stretches(source, _TRANSPARENT)):
            return
        state = self._state(holder, source, target)
        if not self._count.takes(state):
            return
        known = [] if target is None else stretches(target, _TRANSPARENT)
        if state is not State.TRANSLATED or len(known) != len(texts):
            known = [""] * len(texts)
        self.texts += texts
        self.references += known
        self._places.append((holder, len(texts)))

    def _state(self, holder: Any, source: Any, target: Any) -> State:
        if target is None or not "".join(target.itertext()).strip():
            return State.NEW
        said = (holder if self._is_new else target).get("state", "")
        if not said.startswith(_UNSURE):
            return State.TRANSLATED
        copied = "".join(target.itertext()) == "".join(source.itertext())
        return State.NEW if copied else State.FUZZY

    def _fill(self, holder: Any, translations: Sequence[str]) -> None:
        source, target = child(holder, "source"), child(holder, "target")
        if target is None:
            target = source.makeelement(source.tag.replace("source", "target"))
            before = child(holder, "seg-source")
            before = source if before is None else before
            target.tail = before.tail
            before.addnext(target)
        fill(target, source, _TRANSPARENT, translations)
        if self._is_new:
            holder.set("state", "translated")
            holder.attrib.pop("subState", None)
            return
        target.set("state", "translated")
        target.set("state-qualifier", "mt-suggestion")
        if holder.get("approved") == "yes":
            holder.set("approved", "no")

    def _trans_units(self, root: Any) -> Iterator[Any]:
        for element in _translatable(root, translated=True):
            if local_name(element) == "trans-unit":
                yield element

    def _segments(self, root: Any) -> Iterator[Any]:
        for element in _translatable(root, translated=True):
            if local_name(element) == "unit":
                yield from children(element, "segment")

    def _check_languages(self, root: Any) -> None:
        """Refuse a file that says it is for other languages than those that were asked for."""
        files = [root] if self._is_new else children(root, "file")
        names = ("srcLang", "trgLang") if self._is_new else ("source-language", "target-language")
        asked = (self._layout.source_language, self._layout.target_language)
        for file in files:
            for name, language, option in zip(names, asked, ("--from", "--to"), strict=True):
                own = file.get(name)
                if own and language is not None and not same_language(own, language):
                    raise UsageError(
                        f"{self._name}: its {name} is {own!r}, not {language!r}",
                        hint=f"give {option} {own}, or correct the file",
                    )


def parse_xliff(data: bytes, layout: Layout, display_name: str) -> XliffDocument:
    """Take an XLIFF file apart; see ``document.Parser``."""
    return XliffDocument(data, layout, display_name)


def _translatable(element: Any, *, translated: bool) -> Iterator[Any]:
    """Yield an element and those below it that are not marked ``translate="no"``."""
    said = element.get("translate")
    translated = translated if said is None else said != "no"
    name = local_name(element)
    if name in ("trans-unit", "unit"):
        if translated:
            yield element
        return
    for inner in element:
        if local_name(inner) in ("file", "body", "group", "trans-unit", "unit"):
            yield from _translatable(inner, translated=translated)
