"""PO files (gettext), taken apart and written by translate-toolkit.

Rows are the sources of the units that are to be translated: of a unit with plural forms both its
sources. Always: comments, contexts, flags and the order of units are kept, and an untouched unit
byte for byte; obsolete units and the header are no rows. A unit that gets its translation is not
fuzzy any more; but where a language has more than two plural forms, only two of them can come from
the sources, so such a unit is marked fuzzy for a person to look at.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from routelmt_cli.corpus.document import with_line_ends_of
from routelmt_cli.corpus.extra import needing_formats
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.units import State, UnitCount
from routelmt_cli.errors import UsageError

_TWO_FORMS = 2
_MOST_FORMS = 6  # Arabic


class PoDocument:
    """A ``Document`` of PO units.

    Parameters
    ----------
    data
        The file's content.
    layout
        Which units are taken, and the target language, which a template has not.
    display_name
        The file's name in errors.

    Raises
    ------
    UsageError
        It is no PO file.
    """

    def __init__(self, data: bytes, layout: Layout, display_name: str) -> None:
        with needing_formats(display_name, "PO"):
            from translate.storage.pypo import pofile
        self._data = data
        self._language = layout.target_language
        self._name = display_name
        try:
            self._store = pofile.parsestring(data)
        except (ValueError, LookupError, AttributeError, TypeError) as error:
            raise UsageError(
                f"{display_name} is not a PO file that can be read: "
                f"{' '.join(str(error).split()) or type(error).__name__}",
                hint="msgfmt --check FILE says more",
            ) from None
        self._forms = self._number_of_forms()
        self._count = UnitCount(layout.units)
        self.texts: list[str] = []
        self.references: list[str] = []
        # One entry a text: its unit, and which of the unit's forms it is the source of.
        self._places: list[tuple[Any, range]] = []
        for unit in self._store.units:
            if not unit.isheader() and not unit.isobsolete() and unit.source:
                self._take(unit)

    def remarks(self) -> list[str]:
        """Say what is left alone; see ``Document.remarks``."""
        return self._count.remarks(self._name)

    def write(self, translations: Sequence[str]) -> bytes:
        """Fill the units; see ``Document.write``."""
        filled: dict[int, tuple[Any, dict[int, str]]] = {}
        for text, translation, (unit, forms) in zip(
            self.texts, translations, self._places, strict=True
        ):
            if translation.strip():
                _, found = filled.setdefault(id(unit), (unit, {}))
                found.update(dict.fromkeys(forms, _with_breaks_of(text, translation)))
        for unit, found in filled.values():
            self._fill(unit, found)
        if filled:
            self._complete_header()
        sink = io.BytesIO()
        self._store.serialize(sink)
        return with_line_ends_of(self._data, sink.getvalue())

    def _take(self, unit: Any) -> None:
        targets = _forms(unit.target)
        if unit.isfuzzy():
            state = State.FUZZY if any(targets) else State.NEW
        else:
            state = State.TRANSLATED if targets and all(targets) else State.NEW
        if not self._count.takes(state):
            return
        sources = _forms(unit.source)
        if not unit.hasplural():
            places = [(sources[0], range(1))]
        elif self._forms == 1:
            places = [(sources[-1], range(1))]
        else:
            places = [(sources[0], range(1)), (sources[-1], range(1, self._forms))]
        for source, forms in places:
            if source.strip():
                self.texts.append(source)
                known = targets[forms.start] if forms.start < len(targets) else ""
                self.references.append("" if state is State.FUZZY else known)
                self._places.append((unit, forms))

    def _fill(self, unit: Any, found: dict[int, str]) -> None:
        # What a fuzzy unit was made from, such as "#| msgid", speaks of the old translation.
        for name in ("prev_msgctxt", "prev_msgid", "prev_msgid_plural"):
            setattr(unit, name, [])
        if not unit.hasplural():
            unit.target = found[0]
            unit.markfuzzy(False)
            return
        known = dict(enumerate(_forms(unit.target)))
        unit.target = [found.get(form, known.get(form, "")) for form in range(self._forms)]
        unit.markfuzzy(self._forms > _TWO_FORMS)

    def _number_of_forms(self) -> int:
        """Tell how many plural forms the file's language has: from its header, or from --to."""
        number = self._store.getheaderplural()[0]
        if number is None and self._language is not None:
            number = _plural(self._language)[0]
        if number is None:
            return _TWO_FORMS
        known = str(number).strip()
        if not known.isdecimal() or not 1 <= int(known) <= _MOST_FORMS:
            raise UsageError(
                f"{self._name}: its header names {known[:20]!r} plural forms",
                hint="correct nplurals in its Plural-Forms",
            )
        return int(known)

    def _complete_header(self) -> None:
        """Write down what a template leaves open, and that the file is UTF-8."""
        header = self._store.parseheader()
        changes: dict[str, str] = {}
        if self._language is not None and not header.get("Language", "").strip():
            changes["Language"] = self._language.replace("-", "_")
        if self._language is not None and None in self._store.getheaderplural():
            number, rule = _plural(self._language)
            if number is not None:
                changes["Plural_Forms"] = f"nplurals={number}; plural={rule};"
        if "utf-8" not in header.get("Content-Type", "").lower():
            changes["Content_Type"] = "text/plain; charset=UTF-8"
        self._store.encoding = "utf-8"
        if changes and self._store.header() is not None:
            self._store.updateheader(add=True, **changes)


def parse_po(data: bytes, layout: Layout, display_name: str) -> PoDocument:
    """Take a PO file apart; see ``document.Parser``."""
    return PoDocument(data, layout, display_name)


def _forms(text: Any) -> list[str]:
    """Give the strings of a source or target, which of a unit with plurals are several."""
    return [str(one) for one in getattr(text, "strings", [text or ""])]


def _plural(language: str) -> tuple[int | None, str]:
    """Look up how many plural forms a language has, and the rule that picks one."""
    from translate.lang.data import languages

    code = language.replace("-", "_")
    for name in (code, code.partition("_")[0]):
        if name in languages:
            return int(languages[name][1]), str(languages[name][2])
    return None, ""


def _with_breaks_of(source: str, translation: str) -> str:
    """Begin and end with a line break where the source does: msgfmt refuses what does not."""
    text = translation.strip("\n")
    return (
        ("\n" if source.startswith("\n") else "") + text + ("\n" if source.endswith("\n") else "")
    )
