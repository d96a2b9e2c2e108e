"""``--glossary`` and ``--context``: told to the models, paid for, and checked."""

from __future__ import annotations

import pytest
from made_routers import without_chooser
from made_up import SOURCES, rows_of, write_card

from routelmt_cli.gain.bundle import load_bundle, save_bundle

BUDGET = "0.006"


@pytest.fixture
def translate(shell, stand_ins):
    def run(*arguments, budget=BUDGET, name="in.tsv"):
        command = ["translate", name, *stand_ins.options(), "--budget", budget]
        return shell.run(*command, *arguments)

    return run


def glossary(shell, text, name="terms.tsv"):
    (shell.folder / name).write_text(text, "utf-8")
    return "--glossary", name


def test_terms_are_told_used_and_counted(shell, translate, corpus, told, read_report):
    options = glossary(shell, "captain\tKapitän\nengine\tMotor\nabsent\tfehlt\n")
    result = translate(*options)
    assert result.code == 0, result.stderr
    rows = rows_of(shell.folder / "in.de.tsv")
    with_term = [row for row in rows if " captain " in f" {row['source'].lower()} "]
    assert len(with_term) > 5
    # The stand-in knows a term as it is written, in the middle of a sentence.
    inside = [row for row in with_term if " captain " in row["source"]]
    assert inside and all("Kapitän" in row["translation"] for row in inside)
    for row in rows:
        lacks = "captain = Kapitän" in row["missing_terms"]
        assert lacks == (row in with_term and "kapitän" not in row["translation"].lower())
    report = read_report(shell.folder / "in.de.tsv.routelmt")["terms"]
    assert report["segments"] == sum(bool(_terms(row["source"])) for row in rows)
    missing = sum(len(row["missing_terms"].split("; ")) for row in rows if row["missing_terms"])
    assert report["missing"] == missing
    assert f"{report['missing']:,} missing" in result.stderr
    assert all(notes.context == () for heard in told.values() for notes in heard)


def _terms(source):
    words = "".join(sign if sign.isalnum() else " " for sign in source.lower()).split()
    return {"captain", "engine"} & set(words)


def test_notes_are_paid_for_within_the_budget(shell, translate, corpus, read_report):
    spends = []
    for arguments in ((), glossary(shell, "captain\tder sehr lange Kapitän von dem Schiff\n")):
        result = translate(*arguments, "-o", f"{len(spends)}.tsv", budget="1")
        assert result.code == 0, result.stderr
        report = read_report(shell.folder / f"{len(spends)}.tsv.routelmt")
        assert report["spend_nanousd"] <= report["budget_nanousd"]
        spends.append(report["spend_by_tier_nanousd"]["small"])
    assert spends[1] > spends[0]


def test_a_retranslation_without_the_terms_of_its_draft_is_not_taken(shell, stand_ins, read_report):
    small = write_card(shell.folder / "small.toml", "small", skill=1)
    large = write_card(shell.folder / "large.toml", "large", skill=0)
    text = "the captain opened it\nthe letter came\n"
    (shell.folder / "in.txt").write_text(text, "utf-8")
    pair = ["--small", small, "--large", large, "--from", "en", "--to", "de"]
    save_bundle(without_chooser(load_bundle(stand_ins.router)), shell.folder / "own.router")
    router = ["--router", "own.router", "--force-router", "--budget", "1"]
    # Told in capitals, so that the stand-in does not use it; found in any case.
    options = glossary(shell, "CAPTAIN\tcaptain\n")
    result = shell.run("translate", "in.txt", *pair, *router, *options)
    assert result.code == 0, result.stderr
    lines = (shell.folder / "in.de.txt").read_text("utf-8").splitlines()
    assert lines[0] == "the captain opened it"
    report = read_report(shell.folder / "in.de.txt.routelmt")
    assert report["retranslated"] == 2
    assert report["kept_drafts"] == {"glossary": 1}
    assert report["terms"] == {"segments": 1, "terms": 1, "missing": 0}


def test_context_is_told_to_the_large_model_within_documents(shell, stand_ins, told):
    texts = ["one two three", "captain engine", "four five", "captain letter", "six"]
    rows = [f"{doc}\t{text}\tlarge\n" for doc, text in zip("aabba", texts, strict=True)]
    (shell.folder / "in.tsv").write_text("doc\tsource\tpin\n" + "".join(rows), "utf-8")
    command = ["translate", "in.tsv", *stand_ins.options(), "--budget", "1", "--pin", "column:pin"]
    result = shell.run(*command, "--context", "2", "--document-column", "doc")
    assert result.code == 0, result.stderr
    context = {source: [notes.context for notes in heard] for source, heard in told.items()}
    assert context == {
        "one two three": [(), ()],
        "captain engine": [(), ("one two three",)],
        "four five": [(), ()],
        "captain letter": [(), ("four five",)],
        "six": [(), ()],
    }


def test_blank_lines_part_documents(shell, stand_ins, told):
    (shell.folder / "in.txt").write_text("one two\nthree\n\nfour five\nsix seven\n", "utf-8")
    result = shell.run(
        "translate", "in.txt", *stand_ins.options(), "--budget", "1", "--context", "3"
    )
    assert result.code == 0, result.stderr
    contexts = {notes.context for heard in told.values() for notes in heard if notes.context}
    assert contexts <= {("one two",), ("four five",)}


def test_what_is_told_is_part_of_the_run(shell, translate, corpus):
    assert translate(*glossary(shell, "captain\tKapitän\n")).code == 0
    for arguments in ((), glossary(shell, "captain\tHauptmann\n")):
        result = translate(*arguments)
        assert (result.code, "--glossary" in result.stderr) == (2, True)
    assert translate("--context", "1", "-o", "c.tsv").code == 0
    result = translate("--context", "2", "-o", "c.tsv")
    assert (result.code, "--context" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("captain\n", "terms.tsv has no column 2"),
        ("captain\t\n", "terms.tsv line 1 is no term"),
        ("a\tb\tc\n", "terms.tsv line 1 has the case rule 'c'"),
        ("source\ttarget\n", "terms.tsv: 0 terms"),
    ],
)
def test_a_wrong_glossary_is_one_line(shell, translate, corpus, content, message):
    result = translate(*glossary(shell, content))
    assert (result.code, message in result.stderr) == (2, True), result.stderr


def test_a_header_and_capitals(shell, translate, corpus):
    text = "Source\tTarget\tcase\nCaptain\tKapitän\tmatch\n"
    result = translate(*glossary(shell, text))
    assert result.code == 0, result.stderr
    rows = rows_of(shell.folder / "in.de.tsv")
    assert not any(row["missing_terms"] for row in rows if "Captain" not in row["source"])
    assert all(source == row["source"] for source, row in zip(SOURCES, rows, strict=True))


def test_context_needs_a_place_in_the_large_models_prompt(shell, corpus):
    pair = ["--small", "smollm2-135m", "--large", "gemma3-270m", "--from", "es", "--to", "en"]
    result = shell.run("translate", "in.tsv", *pair, "--budget", "1", "--context", "2", "--dry-run")
    assert result.code == 2
    if "no place for context" not in result.stderr:
        assert "not installed" in result.stderr  # the demo models are not here


def test_a_column_of_documents_is_for_context(shell, translate, corpus):
    result = translate("--document-column", "id")
    assert (result.code, "--context" in result.stderr) == (2, True)
