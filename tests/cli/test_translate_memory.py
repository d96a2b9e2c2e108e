"""``--memory``: what is known already costs nothing and is not translated again."""

from __future__ import annotations

import json

import numpy as np
import pytest
from made_up import SOURCES, rows_of

BUDGET = "0.004"
KNOWN = list(dict.fromkeys(source for source in SOURCES if source.strip()))[::3]


@pytest.fixture
def translate(shell, stand_ins):
    """Translate ``in.tsv`` with what else is given."""

    def run(*arguments, name="in.tsv", budget=BUDGET):
        command = ["translate", name, *stand_ins.options(), "--budget", budget]
        return shell.run(*command, *arguments)

    return run


def write_memory(shell, pairs, name="known.tsv"):
    lines = "".join(f"{source}\t{target}\n" for source, target in pairs)
    (shell.folder / name).write_text(f"source\ttranslation\n{lines}", "utf-8")


def test_exact_matches_are_free(shell, translate, corpus, read_report, read_ledger):
    write_memory(shell, [(source, f"<{source}>") for source in KNOWN])
    result = translate("--memory", "known.tsv", "--explain")
    assert result.code == 0, result.stderr
    rows = rows_of(shell.folder / "in.de.tsv")
    assert [row["source"] for row in rows] == SOURCES
    for row in rows:
        if row["source"] in KNOWN:
            wanted = (f"<{row['source']}>", "memory", "memory")
            assert (row["translation"], row["tier"], row["reason"]) == wanted
        else:
            assert row["tier"] in ("small", "large", "none")
    folder = shell.folder / "in.de.tsv.routelmt"
    report = read_report(folder)
    assert report["remembered"] == sum(source in KNOWN for source in SOURCES)
    assert report["blank_segments"] == sum(not source.strip() for source in SOURCES)
    distinct = {source for source in SOURCES if source.strip()} - set(KNOWN)
    assert read_ledger(folder).count("small") == len(distinct) == report["drafted"]
    assert any(line.split()[:1] == ["memory"] for line in result.error_lines)
    assert "answered by the memory" in (folder / "report.html").read_text("utf-8")


def test_a_memory_of_everything_spends_nothing(shell, translate, corpus, read_report):
    write_memory(shell, [(source, source[::-1]) for source in SOURCES if source.strip()])
    result = translate("--memory", "known.tsv", budget="0.000000001")
    assert result.code == 0, result.stderr
    assert read_report(shell.folder / "in.de.tsv.routelmt")["spend_nanousd"] == 0
    for row in rows_of(shell.folder / "in.de.tsv"):
        assert row["translation"] == (
            row["source"][::-1] if row["source"].strip() else row["source"]
        )


def test_a_finished_run_is_a_memory(shell, translate, corpus, read_report, read_ledger):
    assert translate("-o", "first.tsv").code == 0
    before = {row["source"]: row["translation"] for row in rows_of(shell.folder / "first.tsv")}
    ledger = read_ledger(shell.folder / "first.tsv.routelmt")
    more = ["A new segment.", *reversed(SOURCES)]
    (shell.folder / "more.txt").write_text("\n".join(more) + "\n", "utf-8")
    result = translate("--memory", "first.tsv.routelmt", name="more.txt", budget="0.001")
    assert result.code == 0, result.stderr
    output = (shell.folder / "more.de.txt").read_text("utf-8").split("\n")
    assert output[1:-1] == [before[source] for source in more[1:]]
    assert read_ledger(shell.folder / "more.de.txt.routelmt").count("small") == 1
    assert read_ledger(shell.folder / "first.tsv.routelmt") == ledger


def test_the_last_of_several_counts_and_blank_ones_do_not(shell, translate, corpus):
    first, second, third = KNOWN[:3]
    write_memory(shell, [(first, "old"), (first, "new"), (second, ""), (third, "a")])
    write_memory(shell, [(third, "b")], name="later.tsv")
    result = translate("--memory", "known.tsv", "--memory", "later.tsv")
    assert "known.tsv: 1 sources have several translations" in result.stderr
    found = {row["source"]: row for row in rows_of(shell.folder / "in.de.tsv")}
    assert found[first]["translation"] == "new"
    assert found[second]["tier"] != "memory"
    assert found[third]["translation"] == "b"


def test_the_large_model_is_told_of_the_nearest_match(shell, translate, told, read_report):
    texts = ["the captain carries a letter", "quiet winter", "the captain carries two letters now"]
    rows = "".join(f"{text}\tlarge\n" for text in texts)
    (shell.folder / "in.tsv").write_text(f"source\tpin\n{rows}", "utf-8")
    known = [("the captain carries letters", "K1"), ("the captain carried a letter", "K2")]
    write_memory(shell, known)
    arguments = ["--memory", "known.tsv", "--pin", "column:pin"]
    result = translate(*arguments, budget="1")
    assert result.code == 0, result.stderr
    near = {text: [notes.near for notes in heard] for text, heard in told.items()}
    assert near == {texts[0]: [(), (known[1],)], texts[1]: [(), ()], texts[2]: [(), (known[0],)]}
    report = read_report(shell.folder / "in.de.tsv.routelmt")
    assert (report["near_matches"], report["remembered"]) == (2, 0)
    assert "with a near match of the memory: 2" in result.stderr
    spend = report["spend_by_tier_nanousd"]["large"]
    told.clear()
    result = translate(*arguments, "--near", "0", "-o", "without.tsv", budget="1")
    assert result.code == 0, result.stderr
    assert not any(notes for heard in told.values() for notes in heard)
    report = read_report(shell.folder / "without.tsv.routelmt")
    assert report["near_matches"] == 0
    assert report["spend_by_tier_nanousd"]["large"] < spend
    result = translate(*arguments, "--near", "0.9", "-o", "without.tsv", budget="1")
    assert (result.code, "--near" in result.stderr) == (2, True)
    result = translate(*arguments, "--near", "1", budget="1")
    assert (result.code, "no similarity below 1" in result.stderr) == (2, True)


def test_a_changed_memory_is_another_run(shell, translate, corpus):
    write_memory(shell, [(KNOWN[0], "one")])
    assert translate("--memory", "known.tsv").code == 0
    write_memory(shell, [(KNOWN[0], "two")])
    for arguments in (["--memory", "known.tsv"], []):
        result = translate(*arguments)
        assert (result.code, "--memory" in result.stderr) == (2, True)


def test_a_dry_run_counts_it(shell, translate, corpus):
    write_memory(shell, [(source, "x") for source in KNOWN])
    result = translate("--memory", "known.tsv", "--dry-run", "--json")
    assert json.loads(result.text)["remembered"] == sum(source in KNOWN for source in SOURCES)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.txt", "a\n", "m.txt: text does not hold sources with their translations"),
        ("m.tsv", "source\tother\na\tb\n", "m.tsv has no column of translations"),
        ("m.tsv", "text\ttranslation\na\tb\n", "no column 'source'"),
        ("m.xyz", "a\n", "cannot tell the format of m.xyz"),
        ("gone.tsv", None, "gone.tsv"),
    ],
)
def test_a_wrong_memory_is_one_line(shell, translate, corpus, name, content, message):
    if content is not None:
        (shell.folder / name).write_text(content, "utf-8")
    result = translate("--memory", name)
    assert result.code == 2
    assert message in result.stderr and "Traceback" not in result.stderr


def test_a_run_must_be_finished_and_of_these_languages(shell, stand_ins, translate, corpus):
    (shell.folder / "empty").mkdir()
    assert "empty: is no run folder" in translate("--memory", "empty").stderr
    assert translate("-o", "first.tsv").code == 0
    (shell.folder / "first.tsv.routelmt" / "tiers.npy").write_bytes(b"\x93NUMPY")
    result = translate("--memory", "first.tsv.routelmt", "-o", "second.tsv")
    assert (result.code, "not finished" in result.stderr) == (2, True)
    result = translate(
        "--memory", "first.tsv.routelmt", "--to", "fr", "--from", "en", "--force-router"
    )
    assert (result.code, "no memory for en to fr" in result.stderr) == (2, True)


def test_a_run_of_the_time_of_two_models_is_a_memory(shell, translate, corpus):
    assert translate("-o", "first.tsv").code == 0
    before = {row["source"]: row["translation"] for row in rows_of(shell.folder / "first.tsv")}
    folder = shell.folder / "first.tsv.routelmt"
    tiers = np.load(folder / "tiers.npy")
    np.save(folder / "choice.npy", np.where(tiers == -1, 3, tiers).astype(np.int8))
    (folder / "tiers.npy").unlink()
    assert translate("--memory", "first.tsv.routelmt", "-o", "second.tsv").code == 0
    after = {row["source"]: row["translation"] for row in rows_of(shell.folder / "second.tsv")}
    assert after == before
    assert set(tiers.tolist()) == {0, 1}
