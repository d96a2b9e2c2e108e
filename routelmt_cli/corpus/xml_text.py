"""XML of translation formats: read without harm, its texts found, written as it came.

In go bytes, out comes lxml's tree and, of an element with inline markup, its stretches of text.
Always: no entity is expanded, nothing outside of the file is read, the declaration and line ends
come back as they were. Inline markup stays where it is between the stretches, each of which is
translated alone: so no tag can be lost or invented. It knows no format.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from routelmt_cli.corpus.document import with_line_ends_of
from routelmt_cli.corpus.extra import needing_formats
from routelmt_cli.errors import UsageError

XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
# XML cannot hold these at all; a model could say them.
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def parse_xml(data: bytes, display_name: str, format_name: str) -> Any:
    """Parse a file.

    Parameters
    ----------
    data
        Its content.
    display_name
        Its name in errors.
    format_name
        What it should be.

    Returns
    -------
    lxml.etree._ElementTree
        The whole document.

    Raises
    ------
    UsageError
        It is no well-formed XML, or lxml is not installed.
    """
    with needing_formats(display_name, format_name):
        from lxml import etree
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, strip_cdata=False
    )
    try:
        return etree.fromstring(data, parser).getroottree()
    except (etree.XMLSyntaxError, ValueError) as error:
        reason = " ".join(str(error).split()) or "no XML"
        raise UsageError(
            f"{display_name} is not {format_name} that can be read: {reason}"
        ) from None


def write_xml(tree: Any, data: bytes) -> bytes:
    """Write a document.

    Parameters
    ----------
    tree
        The document.
    data
        What it was parsed from.
    """
    from lxml import etree

    encoding = tree.docinfo.encoding or "UTF-8"
    end = data.find(b"?>") + 2
    declaration = data[:end] if data.startswith(b"<?xml") and end > 1 else b""
    # A declaration as bytes is ASCII's; of UTF-16 lxml writes its own.
    own = not declaration and not encoding.upper().startswith("UTF-8")
    text: bytes = etree.tostring(tree, encoding=encoding, xml_declaration=own)
    if declaration:
        rest = data[end:].replace(b"\r\n", b"\n")  # as the text is before its line ends return
        text = declaration + rest[: len(rest) - len(rest.lstrip())] + text
    if data.endswith(b"\n") and not own:
        text += b"\n"
    return with_line_ends_of(data, text)


def local_name(element: Any) -> str:
    """Give an element's name without its namespace; empty for comments, entities and the like."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def children(element: Any, name: str) -> list[Any]:
    """Give an element's children of a name, in any namespace."""
    return [child for child in element if local_name(child) == name]


def child(element: Any, name: str) -> Any:
    """Give an element's first child of a name, or None."""
    return next(iter(children(element, name)), None)


def stretches(element: Any, transparent: Collection[str]) -> list[str]:
    """Give the texts of an element that are to be translated.

    Parameters
    ----------
    element
        Such as a ``source``.
    transparent
        The names of inline elements whose content is text. Of others, which stand for codes of
        another format, only what follows them is.

    Returns
    -------
    list[str]
        Stretches between tags, none of them blank, without the blanks around them.
    """
    return [text.strip() for _, _, text in _slots(element, transparent)]


def fill(
    target: Any, source: Any, transparent: Collection[str], translations: Sequence[str]
) -> None:
    """Make an element's content that of another with its stretches translated.

    Parameters
    ----------
    target
        The element to fill; its attributes and what follows it stay.
    source
        Whose markup is copied.
    transparent
        As for ``stretches``.
    translations
        One for each stretch of the source.
    """
    filled = copy.deepcopy(source)
    for (owner, place, text), translation in zip(
        list(_slots(filled, transparent)), translations, strict=True
    ):
        before = text[: len(text) - len(text.lstrip())]
        after = text[len(text.rstrip()) :]
        setattr(owner, place, before + _NO_XML.sub("\ufffd", translation.strip()) + after)
    target.text = filled.text
    target[:] = list(filled)


def _slots(element: Any, transparent: Collection[str]) -> Iterator[tuple[Any, str, str]]:
    """Yield (element, ``text`` or ``tail``, the text) of every stretch, in the file's order."""
    if element.text and element.text.strip():
        yield element, "text", element.text
    for inner in element:
        is_kept = inner.get("translate") == "no" or inner.get("mtype") == "protected"
        if local_name(inner) in transparent and not is_kept:
            yield from _slots(inner, transparent)
        if inner.tail and inner.tail.strip():
            yield inner, "tail", inner.tail


def same_language(one: str, other: str, *, exactly: bool = False) -> bool:
    """Say whether two language codes name one language, whatever the region unless ``exactly``."""
    first, second = (code.replace("_", "-").lower() for code in (one, other))
    return first == second or (not exactly and first.partition("-")[0] == second.partition("-")[0])
