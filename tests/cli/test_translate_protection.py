"""Placeholders, tags and the like in a ``translate``: they come through, or the source stays."""

from __future__ import annotations

import pytest
from made_up import SOURCES, rows_of, write_card

from routelmt_cli.protection.check import is_intact, protected

BUDGET = ("--budget", "0.004")
SPANS = ["%s", "{name}", "<b>", "</b>", "https://example.org/a?b=1", "&amp;"]


@pytest.fixture
def corpus(shell):
    """Write segments every third of which has placeholders in it."""
    words = [source.split() for source in SOURCES if source.strip()]
    for number, segment in enumerate(words):
        if number % 3 == 0:
            segment.insert(1 + number % 2, SPANS[number // 3 % len(SPANS)])
            segment.append("(%d)")
    texts = [" ".join(segment) for segment in words]
    (shell.folder / "in.tsv").write_text("source\n" + "\n".join(texts) + "\n", "utf-8")
    return texts


@pytest.fixture
def translate(shell, stand_ins):
    return lambda *more: shell.run("translate", "in.tsv", *stand_ins.options(), *BUDGET, *more)


def test_every_placeholder_comes_through_and_is_counted(translate, corpus, shell, read_report):
    result = translate()
    assert result.code == 0, result.stderr
    rows = rows_of(shell.folder / "in.de.tsv")
    spans = [row for row in rows if protected(row["source"])]
    assert len(spans) > 30
    assert all(is_intact(row["source"], row["translation"]) for row in rows)
    assert {row["tier"] for row in spans} == {"small", "large"}
    report = read_report(shell.folder / "in.de.tsv.routelmt")
    assert (report["protected"], report["left"]) == (len(spans), 0)
    assert f"checked: {len(spans)}" in result.stderr
    assert report["spend_nanousd"] <= report["budget_nanousd"]


def test_without_protection_they_are_words_like_others(translate, corpus, shell, read_report):
    result = translate("--no-protect")
    assert result.code == 0
    rows = rows_of(shell.folder / "in.de.tsv")
    assert not all(is_intact(row["source"], row["translation"]) for row in rows)
    assert read_report(shell.folder / "in.de.tsv.routelmt")["protected"] is None
    refused = translate()
    assert refused.code == 2
    assert "--no-protect" in refused.stderr


def test_deterministic_runs_protect_alike(translate, corpus, shell):
    outputs = []
    for _ in range(2):
        assert translate("--deterministic", "--restart", "--overwrite").code == 0
        outputs.append((shell.folder / "in.de.tsv").read_bytes())
    assert outputs[0] == outputs[1]


def test_what_no_model_keeps_stays_as_the_source(shell, stand_ins, read_report):
    small = write_card(shell.folder / "small.toml", "small", skill=0)
    large = write_card(shell.folder / "large.toml", "large", skill=0)
    # Reversed, its last word holds a placeholder too many, which a program would trip over.
    lines = ["Open %s with the captain a}b{c", "Open %s with the captain", "Nothing here"]
    (shell.folder / "in.txt").write_text("\n".join(lines) + "\n", "utf-8")
    pair = ["--small", small, "--large", large, "--from", "en", "--to", "de"]
    router = ["--router", stand_ins.router, "--force-router"]
    result = shell.run("translate", "in.txt", *pair, *router, "--budget", "1")
    assert result.code == 0, result.stderr
    assert (shell.folder / "in.de.txt").read_text("utf-8").splitlines() == [
        lines[0], "nepO %s htiw eht niatpac", "gnihtoN ereh",
    ]  # fmt: skip
    assert "1 left as the source" in result.stderr
    assert "none (left as the source)" in result.stderr
    report = read_report(shell.folder / "in.de.txt.routelmt")
    assert (report["protected"], report["left"]) == (2, 1)
    assert sum(report["segments_by_tier"].values()) == 2
    assert report["faults"] == {}


def test_a_calibration_protects_what_it_drafts(shell, stand_ins, corpus, read_ledger):
    texts = [f"{text}\t{text}" for text in corpus]
    content = "source\treference\n" + "\n".join(texts) + "\n"
    (shell.folder / "cal.tsv").write_text(content, "utf-8")
    pair = ["--small", stand_ins.small, "--large", stand_ins.large, "--from", "en", "--to", "de"]
    result = shell.run("calibrate", "cal.tsv", *pair, "-o", "own.router", "--folds", "2")
    assert result.code == 0, result.stderr
    bought = read_ledger(shell.folder / "own.router.routelmt").bought
    sources = list(dict.fromkeys(corpus))
    assert len(bought) == 2 * len(sources)
    assert all(is_intact(sources[item], text) for (_, item), (text, _, _) in bought.items())
