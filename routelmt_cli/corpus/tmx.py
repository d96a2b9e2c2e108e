"""TMX translation memories by lxml.

Rows are the stretches of text, between inline tags, of the units that have a variant in the source
language and none in the target language. Always: whatever is not a new target variant is kept. A
variant's language matches one that was asked for exactly, or else whatever its region.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.units import State, UnitCount
from routelmt_cli.corpus.xml_text import (
    XML_LANG,
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

_TRANSPARENT = frozenset({"hi"})


class TmxDocument:
    """A ``Document`` of TMX units.

    Parameters
    ----------
    data
        The file's content.
    layout
        The languages, and which units are taken.
    display_name
        The file's name in errors.

    Raises
    ------
    UsageError
        It is no TMX, or it is not known between which languages to translate.
    """

    def __init__(self, data: bytes, layout: Layout, display_name: str) -> None:
        self._data = data
        self._name = display_name
        self._tree = parse_xml(data, display_name, "TMX")
        root = self._tree.getroot()
        body = child(root, "body")
        if local_name(root) != "tmx" or body is None:
            raise UsageError(f"{display_name} is not TMX")
        self._source, self._target = self._languages(layout, child(root, "header"))
        self._count = UnitCount(layout.units)
        self.texts: list[str] = []
        self.references: list[str] = []
        self._places: list[tuple[Any, Any, int]] = []  # unit, source segment, stretches
        for unit in children(body, "tu"):
            self._take(unit)

    def remarks(self) -> list[str]:
        """Say what is left alone; see ``Document.remarks``."""
        return self._count.remarks(self._name)

    def write(self, translations: Sequence[str]) -> bytes:
        """Add target variants; see ``Document.write``."""
        at = 0
        for unit, source, number in self._places:
            own = translations[at : at + number]
            at += number
            if all(text.strip() for text in own):
                fill(self._target_segment(unit, source), source, _TRANSPARENT, own)
        return write_xml(self._tree, self._data)

    def _take(self, unit: Any) -> None:
        source, target = (_segment(unit, code) for code in (self._source, self._target))
        if source is None or not (texts := stretches(source, _TRANSPARENT)):
            return
        known = [] if target is None else stretches(target, _TRANSPARENT)
        if not self._count.takes(State.TRANSLATED if known else State.NEW):
            return
        self.texts += texts
        self.references += known if len(known) == len(texts) else [""] * len(texts)
        self._places.append((unit, source, len(texts)))

    def _target_segment(self, unit: Any, source: Any) -> Any:
        found = _segment(unit, self._target)
        if found is not None:
            return found
        before = source.getparent()
        variant = before.makeelement(before.tag, {XML_LANG: self._target})
        variant.text = before.text
        segment = source.makeelement(source.tag)
        segment.tail = before[-1].tail
        variant.append(segment)
        last = children(unit, "tuv")[-1]
        variant.tail = last.tail
        if last is not before:
            last.tail = before.tail
        else:
            last.tail = unit.text if unit.text and not unit.text.strip() else last.tail
        last.addnext(variant)
        return segment

    def _languages(self, layout: Layout, header: Any) -> tuple[str, str]:
        source = layout.source_language
        if source is None and header is not None and header.get("srclang") != "*all*":
            source = header.get("srclang")
        if source is None or layout.target_language is None:
            raise UsageError(
                f"{self._name}: a TMX file can hold many languages",
                hint="add --from and --to, such as --from es --to en",
            )
        if same_language(source, layout.target_language, exactly=True):
            raise UsageError(
                f"{self._name}: source and target language are both {source!r}",
                hint="name them with --from and --to",
            )
        return source, layout.target_language


def parse_tmx(data: bytes, layout: Layout, display_name: str) -> TmxDocument:
    """Take a TMX file apart; see ``document.Parser``."""
    return TmxDocument(data, layout, display_name)


def _segment(unit: Any, language: str) -> Any:
    """Give the segment of a unit's variant in a language, or None."""
    variants = [(_language(one), child(one, "seg")) for one in children(unit, "tuv")]
    for exactly in (True, False):
        for code, segment in variants:
            if segment is not None and same_language(code, language, exactly=exactly):
                return segment
    return None


def _language(variant: Any) -> str:
    # TMX 1.1 had an attribute without a namespace.
    return str(variant.get(XML_LANG) or variant.get("lang") or "")
