"""``routelmt report``, and the page that every finished run leaves: structure and escaping."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import unicodedata
import webbrowser
from html.parser import HTMLParser

import pytest
from hostile import SOURCES as HOSTILE
from made_up import write_tsv

from routelmt_cli.run.options import CorpusOptions, PairOptions, TranslateOptions
from routelmt_cli.run.pipeline import translate

VOID = {"meta", "input", "link", "br", "img", "hr"}
ATTACKS = [
    "<script>alert(1)</script> harbour lantern orchard quiet yellow winter",
    "</dd></dl></main><h1>copper letter bridge carries opens remembers</h1>",
    '" onfocus="alert(1)" \' onload=\'alert(2) painted window station seven',
    "{{ 7 * 7 }} {% raw %} {# market #} ${river} evening answered nobody",
    "gardener \u202eticket believes\u202c stone \u2067narrow because although",
    "</title></style></script><img src=x onerror=alert(3)> morning captain",
    "&lt;b&gt; &amp;amp; island promised kitchen number signal thousand",
    "<!-- paper engine silver --> <![CDATA[ already company ]]> without",
    "javascript:alert(4) http://example.com/mountain travels history",
    "\x00\x07\x1b[31m yesterday little school\x85 harbour \ufeff lantern",
]


class Page(HTMLParser):
    """What a page holds; raises where a tag is not closed in its order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.open = [], [], []
        self.scripts, self.cards, self.policy = [], [], ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attributes]
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"]
        if tag == "article":
            self.cards.append({"group": values["data-group"]})
        if tag == "dd" and "text" in values.get("class", ""):
            self.cards[-1][values["class"].split()[-1]] = ""
        if tag not in VOID:
            self.open.append((tag, values))

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if not self.open:
            return
        if self.open[-1][0] in ("script", "style"):
            self.scripts.append((self.open[-1][0], data))
        for tag, values in self.open:
            if tag == "dd" and "text" in values.get("class", ""):
                self.cards[-1][values["class"].split()[-1]] += data


@pytest.fixture
def translated(shell, stand_ins):
    """Translate sources; return the page's text."""

    def run(sources, budget="1"):
        lines = "".join(json.dumps({"source": source}) + "\n" for source in sources)
        (shell.folder / "in.jsonl").write_text(lines, "utf-8")
        result = shell.run("translate", "in.jsonl", *stand_ins.options(), "--budget", budget)
        assert result.code == 0, result.stderr
        return (shell.folder / "in.de.jsonl.routelmt" / "report.html").read_text("utf-8")

    return run


@pytest.fixture(scope="module")
def made_run(tmp_path_factory, stand_ins):
    """Translate the small corpus once."""
    folder = tmp_path_factory.mktemp("made")
    translate(
        TranslateOptions(
            corpus=CorpusOptions(write_tsv(folder / "in.tsv")),
            pair=PairOptions(small=str(stand_ins.small), large=str(stand_ins.large)),
            budget_nanousd=4_000_000,
            router=stand_ins.router,
        )
    )
    return folder


@pytest.fixture
def run_folder(shell, made_run):
    """Copy the run of the small corpus into the shell's folder."""
    shutil.copytree(made_run, shell.folder, dirs_exist_ok=True)
    return shell.folder / "in.de.tsv.routelmt"


def shown(text):
    """Say how a page shows a text: what cannot be seen is named."""
    return "".join(
        f"U+{ord(sign):04X}"
        if unicodedata.category(sign) in {"Cc", "Cf", "Zl", "Zp"} and sign not in "\u200c\u200d"
        else sign
        for sign in text
    )


def test_the_page_of_a_run(run_folder):
    text = (run_folder / "report.html").read_text("utf-8")
    page = Page(text)
    report = json.loads((run_folder / "report.json").read_text("utf-8"))
    assert text.startswith("<!DOCTYPE html>") and '<html lang="en">' in text
    assert page.tags.count("svg") == 2 and page.tags.count("h1") == 1
    assert f"{report['predicted_gain']:+.2f} points" in text
    assert "prefers-color-scheme: dark" in text
    groups = [card["group"] for card in page.cards]
    large = report["segments_by_tier"]["large"]
    assert 0 < groups.count("most") <= large and set(groups) <= {"most", "least", "kept"}
    sources = (run_folder.parent / "in.tsv").read_text("utf-8")
    assert all(card["source"] in sources for card in page.cards)
    # Reasons are there, and sum to what is said above them.
    for block in re.findall(r"<details>.*?</details>", text, re.S)[:5]:
        said, *parts = [
            float(value) for value in re.findall(r"[+-]\d+\.\d\d(?= points|</span>)", block)
        ]
        assert sum(parts) == pytest.approx(said, abs=0.05)


def test_the_page_needs_nothing_outside_itself(run_folder):
    page = Page((run_folder / "report.html").read_text("utf-8"))
    assert not {"link", "img", "iframe", "object", "base", "form"} & set(page.tags)
    names = {name for _, name, _ in page.attributes}
    assert not {"src", "style", "action", "srcset"} & names
    assert not [name for name in names if name.startswith("on")]
    links = [value for _, name, value in page.attributes if name == "href"]
    assert all(value.startswith("#") for value in links)
    assert not re.search(r"url\(|@import", "".join(text for _, text in page.scripts))


def test_the_policy_allows_its_own_script_and_style_alone(run_folder):
    page = Page((run_folder / "report.html").read_text("utf-8"))
    assert [kind for kind, _ in page.scripts] == ["style", "script"]
    for kind, text in page.scripts:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in page.policy
    assert page.policy.startswith("default-src 'none'")


def test_hostile_segments_are_text(shell, translated):
    page = Page(translated([*ATTACKS, *HOSTILE[::8]]))
    assert page.tags.count("script") == page.tags.count("h1") == 1 and "img" not in page.tags
    sources = {card["source"] for card in page.cards}
    assert sources <= {shown(source) for source in [*ATTACKS, *HOSTILE[::8]]}
    output = (shell.folder / "in.de.jsonl").read_bytes().split(b"\n")[:-1]
    bought = [row["source"] for row in map(json.loads, output) if row["tier"] == "large"]
    assert {shown(source) for source in bought} <= sources and len(bought) > 3
    for card in page.cards:
        for kind in ("source", "draft", "retranslation"):
            assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x1b]", card[kind])


def test_a_hostile_name_of_the_input(shell, stand_ins):
    name = "a<script>alert(1)<\u202eb>\"'.txt"
    (shell.folder / name).write_text("harbour lantern orchard quiet\n", "utf-8")
    result = shell.run("translate", name, *stand_ins.options(), "--budget", "1", "-o", "out.txt")
    assert result.code == 0, result.stderr
    text = (shell.folder / "out.txt.routelmt" / "report.html").read_text("utf-8")
    assert "<script>alert" not in text and "\u202e" not in text
    Page(text)


def test_nothing_retranslated_has_a_page_too(translated):
    page = Page(translated(["Quiet harbour letter.", ""], budget="0.0000065"))
    assert page.cards == []


def test_no_text_at_all_has_a_page_too(translated):
    assert Page(translated(["", " "])).cards == []


def test_the_same_run_has_the_same_page_but_for_its_times(shell, stand_ins, run_folder):
    def without_times():
        command = ("translate", "in.tsv", *stand_ins.options(), "--budget", "0.004")
        assert shell.run(*command).code == 0
        text = (run_folder / "report.html").read_text("utf-8")
        return re.sub(r"(?m)^<dt>Seconds</dt>.*$", "", text)

    assert without_times() == without_times()


# -- the command ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["in.de.tsv", "in.de.tsv.routelmt", "./in.de.tsv"])
def test_it_shows_the_table_and_names_the_page(shell, run_folder, name):
    result = shell.run("report", name)
    assert result.code == 0
    assert result.text.startswith("tier") and "predicted gain" in result.text
    assert result.error_lines == ["page: in.de.tsv.routelmt/report.html"]


def test_it_prints_json_or_the_page(shell, run_folder):
    found = shell.run("report", "in.de.tsv", "--json", "-q")
    assert (found.stdout, found.stderr) == ((run_folder / "report.json").read_bytes(), "")
    page = shell.run("report", "in.de.tsv", "-o", "-")
    assert (page.stdout, page.stderr) == ((run_folder / "report.html").read_bytes(), "")


def test_it_copies_the_page_and_replaces_an_earlier_copy_only(shell, run_folder, fails):
    for _ in range(2):
        assert shell.run("report", "in.de.tsv", "-o", "page.html").code == 0
    assert (shell.folder / "page.html").read_bytes() == (run_folder / "report.html").read_bytes()
    before = (shell.folder / "in.tsv").read_bytes()
    assert "in.tsv: exists and is no page" in fails("report", "in.de.tsv", "-o", "in.tsv")[0]
    assert (shell.folder / "in.tsv").read_bytes() == before
    assert "folder does not exist" in fails("report", "in.de.tsv", "-o", "no/page.html")[0]
    assert "is a folder" in fails("report", "in.de.tsv", "-o", ".")[0]


@pytest.mark.parametrize("copy", [[], ["-o", "page.html"]], ids=["own", "copy"])
@pytest.mark.parametrize("found", [True, False])
def test_it_opens_the_page(shell, run_folder, monkeypatch, copy, found):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda uri: opened.append(uri) or found)
    result = shell.run("report", "in.de.tsv", "--open", *copy)
    assert result.code == 0
    page = shell.folder / copy[1] if copy else run_folder / "report.html"
    assert opened == [page.as_uri()]
    assert ("no web browser was found" in result.stderr) is not found


def test_a_link_is_not_written_through(shell, run_folder, fails):
    (shell.folder / "page.html").symlink_to(shell.folder / "in.tsv")
    assert "page.html: exists" in fails("report", "in.de.tsv", "-o", "page.html")[0]


def test_no_run(shell, corpus, fails):
    assert "in.tsv: no run folder" in fails("report", "in.tsv")[0]
    assert "nothing.tsv: no run folder" in fails("report", "nothing.tsv")[0]
    assert "both print" in fails("report", "in.tsv", "--json", "-o", "-")[0]


def test_a_run_that_has_no_report_yet(shell, stand_ins, corpus, fails):
    command = ["plan", "in.tsv", *stand_ins.options(), "--budget", "0.002"]
    assert shell.run(*command).code == 0
    error, hint = fails("report", "in.de.tsv")
    assert "no report yet" in error and "nothing is paid twice" in hint


@pytest.mark.parametrize("damage", ["{", "[]", "{}", '{"segments": "many"}', "\udcff"], ids=ascii)
def test_a_damaged_report(run_folder, fails, damage):
    path = run_folder / "report.json"
    if damage.startswith('{"'):
        values = json.loads(path.read_text("utf-8"))
        path.write_text(json.dumps({**values, **json.loads(damage)}), "utf-8")
    else:
        path.write_bytes(damage.encode("utf-8", "surrogateescape"))
    assert "not a report of this routelmt" in fails("report", "in.de.tsv")[0]


def test_a_page_that_is_gone_is_made_again_by_the_same_command(shell, stand_ins, run_folder, fails):
    (run_folder / "report.html").unlink()
    assert "no page yet" in fails("report", "in.de.tsv", "-o", "page.html")[0]
    assert shell.run("report", "in.de.tsv").code == 0
    assert shell.run("translate", "in.tsv", *stand_ins.options(), "--budget", "0.004").code == 0
    assert (run_folder / "report.html").exists()


def test_cleaning_removes_the_page(shell, run_folder):
    assert shell.run("runs", "clean", "--yes").code == 0
    assert not run_folder.exists()


def test_an_output_of_yesterday_is_no_run(shell, run_folder, fails):
    shutil.rmtree(run_folder)
    write_tsv(shell.folder / "in.de.tsv")
    assert "no run folder" in fails("report", "in.de.tsv")[0]


def test_a_report_of_the_time_of_two_models_is_shown(translated, shell):
    translated(["The harbour is quiet.", "Nobody opens the window."])
    said = shell.run("report", "in.de.jsonl").text
    path = shell.folder / "in.de.jsonl.routelmt" / "report.json"
    values = json.loads(path.read_text("utf-8"))
    models, routers = values.pop("models"), values.pop("routers")
    path.write_text(json.dumps({**values, **models, "router": routers["large"]}))
    assert shell.run("report", "in.de.jsonl").text == said
