"""Localisation files and subtitles through ``translate``: only texts change, in place."""

from __future__ import annotations

import difflib
import gzip
import sys

import pytest
from made_up import write_card

pytest.importorskip("lxml", reason="the extra formats is not installed")
pytest.importorskip("translate", reason="the extra formats is not installed")

PO = r"""# A translator's remark
msgid ""
msgstr ""
"Language: de\n"
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

#. For the window
#: src/window.c:12
#, c-format
msgctxt "title"
msgid "The captain opened %s\n"
msgstr ""

msgid "quiet harbour"
msgstr "ruhiger Hafen"

#, fuzzy
#| msgid "Old lantern"
msgid "new lantern"
msgstr "alte Laterne"

#, c-format
msgid "%d ticket"
msgid_plural "%d tickets"
msgstr[0] ""
msgstr[1] ""

#~ msgid "gone"
#~ msgstr "weg"
"""
XLIFF = """<?xml version="1.0" encoding="UTF-8"?>
<xliff xmlns="urn:oasis:names:tc:xliff:document:1.2" version="1.2">
 <file original="a" source-language="en" target-language="de" datatype="html"><body>
  <trans-unit id="1" approved="yes">
   <source>The <g id="1">captain</g> opened <x id="2"/> it.</source>
   <note>Keep</note></trans-unit>
  <trans-unit id="2"><source>Done</source><target state="final">Fertig</target></trans-unit>
  <trans-unit id="3" translate="no"><source>NEVER</source></trans-unit>
 </body></file>
</xliff>
"""
XLIFF_2 = """<xliff xmlns="urn:oasis:names:tc:xliff:document:2.0" version="2.0" srcLang="en">
 <file id="f"><unit id="u"><segment state="initial">
  <source>The <pc id="1">captain</pc> &amp; I</source></segment></unit></file>
</xliff>
"""
TMX = """<?xml version="1.0" encoding="UTF-8"?>
<tmx version="1.4"><header srclang="en"/><body>
 <tu><prop type="p">x</prop><tuv xml:lang="en-US"><seg>The captain opened it</seg></tuv></tu>
 <tu><tuv xml:lang="en"><seg>Winter</seg></tuv><tuv xml:lang="de"><seg>Winter</seg></tuv></tu>
</body></tmx>
"""
SRT = (
    "1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>The captain opened\r\nthe window</i>\r\n\r\n"
    "2\r\n00:00:03,000 --> 00:00:04,000 X1:5\r\n- Captain?\r\n- Ticket!\r\n"
)
VTT = (
    "WEBVTT - Title\n\nNOTE The captain\n\nSTYLE\n::cue {}\n\nid1\n00:01.000 --> 00:02.000 "
    "align:start\n<v Ann>Captain &amp; crew\n"
)


@pytest.fixture
def translate(shell, stand_ins):
    """Write a file, translate it word by word backwards; return the result and the output."""
    pair = []
    for role in ("small", "large"):
        pair += [f"--{role}", write_card(shell.folder / f"{role}.toml", role, skill=0)]

    def run(name, content, *arguments, output=None):
        path = shell.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        stem, _, ending = name.partition(".")
        target = shell.folder / (output or f"{stem}.de.{ending}")
        command = ["translate", name, *pair, "--router", stand_ins.router, "--force-router"]
        languages = ["--from", "en", "--to", "de"]
        result = shell.run(*command, *languages, "--budget", "1", *arguments)
        return result, target.read_bytes() if result.code == 0 else None

    return run


def changes(content, output):
    """Return the lines that an output took away and added."""
    before, after = content.splitlines(), output.decode().splitlines()
    return [line for line in difflib.ndiff(before, after) if line[0] in "+-"]


def test_po_gets_its_missing_translations_and_nothing_else(translate):
    result, output = translate("m.po", PO)
    assert (
        "1 translated (--units all" in result.stderr and "1 fuzzy (--units fuzzy" in result.stderr
    )
    changed = changes(PO, output)
    assert [line for line in changed if line[0] == "-"] == [
        '- msgstr ""', '- msgstr[0] ""', '- msgstr[1] ""',
    ]  # fmt: skip
    added = [line for line in changed if line[0] == "+"]
    assert added == [
        '+ msgstr "ehT niatpac denepo %s\\n"',
        '+ msgstr[0] "%d tekcit"',
        '+ msgstr[1] "%d stekcit"',
    ]  # fmt: skip
    assert 'msgid "gone"' in output.decode()


def test_fuzzy_units_lose_their_mark_with_their_old_translation(translate):
    _, output = translate("m.po", PO, "--units", "fuzzy")
    text = output.decode()
    assert "#, fuzzy" not in text and "Old lantern" not in text and "alte Laterne" not in text
    assert 'msgstr "ruhiger Hafen"' in text
    _, output = translate("all.po", PO, "--units", "all")
    assert "ruhiger Hafen" not in output.decode()


def test_a_template_becomes_a_po_file_of_the_language(translate):
    template = PO.replace('"Language: de\\n"\n', "").replace(
        "nplurals=2; plural=(n != 1)", "nplurals=INTEGER; plural=EXPRESSION"
    )
    _, output = translate("m.pot", template, output="m.de.po")
    assert '"Language: de\\n"' in output.decode()
    assert "nplurals=2" in output.decode()


def test_a_compressed_file_is_one_too(translate):
    _, plain = translate("m.po", PO)
    _, output = translate("n.po.gz", gzip.compress(PO.encode()))
    assert gzip.decompress(output) == plain


def test_a_text_that_no_model_keeps_whole_stays_untranslated(translate, shell, monkeypatch):
    from routelmt_cli.run import shielding

    monkeypatch.setattr(shielding, "is_intact", lambda source, text: False)
    result, output = translate("m.po", PO)
    assert "left as the source" in result.stderr
    assert 'msgid "The captain opened %s\\n"\nmsgstr ""' in output.decode()


def test_xliff_1(translate):
    _, output = translate("m.xlf", XLIFF)
    assert 'approved="no"' in output.decode()
    target = 'state="translated" state-qualifier="mt-suggestion"'
    filled = 'ehT <g id="1">niatpac</g> denepo <x id="2"/> .ti'
    assert f"<target {target}>{filled}</target>" in output.decode()
    assert len(changes(XLIFF, output)) == 3


def test_xliff_2(translate):
    _, output = translate("m.xliff", XLIFF_2)
    text = output.decode()
    assert 'trgLang="de"' in text and 'state="translated"' in text
    assert text.count('<pc id="1">') == 2 and text.count("&amp;") == 2


def test_tmx(translate):
    result, output = translate("m.tmx", TMX)
    changed = changes(TMX, output)
    assert len(changed) == 2 and '<tuv xml:lang="de"><seg>' in changed[1]
    assert "1 translated" in result.stderr


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [("m.srt", SRT, 4), ("m.vtt", VTT, 1)],
)
def test_subtitles_keep_every_byte_but_what_is_said(translate, name, content, said):
    result, output = translate(name, content, "--units", "new")
    assert result.code == 0, result.stderr
    before, after = content.splitlines(), output.decode().splitlines()
    assert len(before) == len(after)
    changed = [at for at, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
    assert 0 < len(changed) <= said
    assert not any("-->" in before[at] or before[at].startswith("NOTE") for at in changed)
    assert output.count(b"\r\n") == content.count("\r\n")


def test_a_memory_is_a_corpus_with_references(shell, stand_ins, made_sources=60):
    units = "".join(
        f'<tu><tuv xml:lang="en"><seg>harbour {n} letter captain</seg></tuv>'
        f'<tuv xml:lang="de"><seg>harbour {n} letter captain</seg></tuv></tu>'
        for n in range(made_sources)
    )
    (shell.folder / "m.tmx").write_text(
        f'<tmx version="1.4"><header srclang="en"/><body>{units}</body></tmx>', "utf-8"
    )
    options = [*stand_ins.options()[:4], "--from", "en", "--to", "de", "--budget", "0.000001"]
    result = shell.run("calibrate", "m.tmx", *options, "-o", "own.router")
    # Read, counted and found too dear: nothing is trained for this.
    assert result.code == 3, result.stderr
    assert "budget" in result.stderr


def test_a_memory_in_tmx_answers_what_it_knows(translate, shell):
    known = TMX.replace(">Winter</seg></tuv></tu>", ">Schnee</seg></tuv></tu>")
    (shell.folder / "known.tmx").write_text(known, "utf-8")
    result, output = translate("m.txt", "Winter\nletter\n", "--memory", "known.tmx")
    assert output == b"Schnee\nrettel\n", result.stderr


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + ']><xliff version="1.2"><file source-language="en"><body><trans-unit id="1"><source>&i;'
    + "</source></trans-unit></body></file></xliff>"
)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.xlf", "<xliff", "m.xlf is not XLIFF that can be read"),
        ("m.xlf", "<a/>", "m.xlf is not XLIFF 1 or 2"),
        ("m.xlf", XLIFF.replace('"de"', '"fr"'), "its target-language is 'fr', not 'de'"),
        ("m.tmx", "<tmx/>", "m.tmx is not TMX"),
        ("m.srt", "hello\n", "m.srt has no cue"),
        ("m.srt", b"1\n00:00:01,000 --> 00:00:02,000\n\xff\n", "m.srt line 3 is not valid UTF-8"),
        ("m.vtt", "hello\n", "m.vtt is not WebVTT"),
        ("m.po", "", "m.po is empty"),
        ("m.po", 'msgid "a"\nmsgstr "b', "m.po is not a PO file that can be read"),
    ],
)
def test_a_broken_file_is_one_line(translate, name, content, message):
    result, _ = translate(name, content)
    assert result.code == 2
    assert message in result.stderr and "Traceback" not in result.stderr


def test_entities_are_not_expanded(translate):
    result, output = translate("m.xlf", BOMB)
    assert result.code == 2 or len(output) < 10_000


def test_columns_are_not_for_documents(translate):
    result, _ = translate("m.po", PO, "--source-column", "x")
    assert (result.code, "no columns" in result.stderr) == (2, True)
    result, _ = translate("m.tsv", "source\na\n", "--units", "all")
    assert (result.code, "--units is for" in result.stderr) == (2, True)


def test_the_extra_is_named_where_it_is_missing(translate, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] in ("lxml", "translate")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "lxml", None)
    monkeypatch.setitem(sys.modules, "translate", None)
    for name, content in (("m.po", PO), ("m.xlf", XLIFF)):
        result, _ = translate(name, content)
        assert result.code == 2
        assert "routelmt[formats]" in result.stderr
