"""Damaged localisation files: refused in one line, or every text of them gets its translation."""

from __future__ import annotations

import pytest
from fuzz_cases import cases, edited, edits, refusal
from hypothesis import given

from routelmt_cli.corpus.format import Format
from routelmt_cli.corpus.layout import Layout

pytest.importorskip("lxml", reason="the extra formats is not installed")
pytest.importorskip("translate", reason="the extra formats is not installed")
from routelmt_cli.corpus.reader import _PARSERS

WHOLE = {
    Format.PO: r"""msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=3; plural=n>2;\n"

#, c-format
msgid "a %s\n"
msgstr ""

#, fuzzy
#| msgid "z"
msgid "y"
msgstr "x"

msgctxt "ü"
msgid "%d c"
msgid_plural "%d cs"
msgstr[0] ""
msgstr[1] ""
msgstr[2] ""
""",
    Format.XLIFF: '<?xml version="1.0"?><xliff version="1.2"><file source-language="en"><body>'
    '<trans-unit id="1"><source>a <g id="1">b</g> &amp; c</source></trans-unit><group '
    'translate="no"><trans-unit id="2"><source>d</source><target/></trans-unit></group>'
    "</body></file></xliff>",
    Format.TMX: '<?xml version="1.0" encoding="UTF-8"?>\r\n<tmx version="1.4">'
    '<header srclang="en"/><body><tu><tuv xml:lang="en">'
    "<seg>a <ph>x</ph> ü</seg></tuv></tu></body></tmx>\r\n",
    Format.SRT: "1\n00:00:01,000 --> 00:00:02,000\n<i>a\nb</i>\n\n2\n"
    "0:0:3,0 --> 0:0:4,0\n- c\n- d\n",
    Format.VTT: "WEBVTT\n\nNOTE x\n\n00:01.000 --> 00:02.000 line:0\n<v A>a &lt; b\n\n",
}


@pytest.mark.parametrize("format", WHOLE)
@cases(60)
@given(changes=edits())
def test_a_damaged_document(format, changes):
    layout = Layout(format, source_language="en", target_language="de")
    data = edited(WHOLE[format].encode(), changes)
    found = []
    if refusal(lambda: found.append(_PARSERS[format](data, layout, "x"))):
        return
    (document,) = found
    assert all(text.strip() for text in document.texts)
    if document.references is not None:
        assert len(document.references) == len(document.texts)
    written = document.write([f"{text} ü\n--> <&" for text in document.texts])
    again = _PARSERS[format](written, layout, "x")
    if format.has_units:
        assert again.texts == []
    else:
        assert len(again.texts) == len(document.texts)


@pytest.mark.parametrize("format", WHOLE)
def test_nothing_translated_changes_nothing(format):
    layout = Layout(format, source_language="en", target_language="de")
    data = WHOLE[format].encode()
    document = _PARSERS[format](data, layout, "x")
    assert document.texts
    assert document.write([""] * len(document.texts)) == data
