"""Whatever is wrong with an ``evaluate`` is one line that says what to do."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from made_up import SOURCES

from routelmt_cli.run import evaluation

SCORES = ("--draft-score", "d", "--retranslation-score", "l")


@pytest.fixture
def corpus(shell):
    """Write a scored corpus of three segments, without references."""
    lines = [f"{source}\t{source}\t{source}\t1\t2" for source in SOURCES[1:4]]
    text = "\n".join(["source\tdraft\tretranslation\td\tl", *lines, ""])
    (shell.folder / "in.tsv").write_text(text, "utf-8")
    return text


@pytest.fixture
def evaluate_fails(fails, monkeypatch, corpus):
    """Run an ``evaluate`` that must fail before its router is asked anything."""
    router = SimpleNamespace(metadata=SimpleNamespace(pairs=(("en", "de"),)))
    monkeypatch.setattr(evaluation, "load_router", lambda path: router)

    def run(*arguments, name="in.tsv"):
        return fails("evaluate", name, "--router", "r", *arguments)

    return run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--share", "0"), "--share must be above 0 and at most 1, not 0"),
        (("--share", "30"), "--share must be above 0 and at most 1, not 30"),
        (("--share", "nan"), "--share must be above 0 and at most 1, not nan"),
        (("--metric", "rouge"), "unknown metric 'rouge'"),
        (("--draft-score", "d"), "only one of both score columns is named"),
        ((*SCORES, "--draft-column", "nothing"), "nothing"),
        ((*SCORES, "--source-column", "nothing"), "nothing"),
        (("--draft-score", "d", "--retranslation-score", "nothing"), "nothing"),
        ((), "reference"),
        (("--draft-score", "d", "--retranslation-score", "source"), "source"),
        ((*SCORES, "--large", "no-card"), "no model card is called 'no-card'"),
        ((*SCORES, "--plot", "p.pdf"), "p.pdf: a plot is an SVG or a PNG"),
        ((*SCORES, "--plot", "in.svg/p.svg"), "in.svg/p.svg: its folder does not exist"),
        ((*SCORES, "--html", "."), ".: is a folder"),
        ((*SCORES, "--html", "in.tsv"), "in.tsv: this is the input"),
        ((*SCORES, "--predictions", "./in.tsv"), "in.tsv: this is the input"),
        (
            (*SCORES, "--predictions", "a", "--html", "./a"),
            "a: both --predictions and --html would be written there",
        ),
        (("--samples", "0"), "--samples"),
    ],
)
def test_one_line(evaluate_fails, shell, corpus, arguments, words):
    before = sorted(path.name for path in shell.folder.iterdir())
    message, _ = evaluate_fails(*arguments)
    assert words in message
    assert sorted(path.name for path in shell.folder.iterdir()) == before
    assert (shell.folder / "in.tsv").read_text("utf-8") == corpus


def test_hypotheses_are_needed_beside_scores(evaluate_fails, shell):
    (shell.folder / "in.tsv").write_text("source\td\tl\na b\t1\t2\nc d\t1\t2\n", "utf-8")
    message, hint = evaluate_fails(*SCORES)
    assert "'draft'" in message
    assert hint == "hint: a router reads the drafts, scored or not: --draft-column NAME"
    message, hint = evaluate_fails(*SCORES, "--draft-column", "source")
    assert "'retranslation'" in message
    assert hint.endswith("scored or not: --retranslation-column NAME")


def test_one_segment_is_too_few(evaluate_fails, shell, corpus):
    (shell.folder / "in.tsv").write_text("\n".join(corpus.splitlines()[:2]) + "\n", "utf-8")
    message, hint = evaluate_fails(*SCORES)
    assert message == "error: in.tsv: 1 segment is too few to evaluate a router"
    assert hint == "hint: give at least 2, better 500 or more"


def test_no_router(fails, corpus, shell):
    assert "missing option '--router'" in fails("evaluate", "in.tsv")[0]
    (shell.folder / "empty.router").mkdir()
    for name in ("none.router", "empty.router", "in.tsv"):
        message, _ = fails("evaluate", "in.tsv", "--router", name, *SCORES)
        assert name in message


def test_a_link_is_not_replaced(evaluate_fails, shell):
    (shell.folder / "link.html").symlink_to(shell.folder / "elsewhere.html")
    message, _ = evaluate_fails(*SCORES, "--html", "link.html")
    assert message == "error: link.html: no regular file, and it would be replaced"
    assert not (shell.folder / "elsewhere.html").exists()


def test_no_such_input(evaluate_fails):
    assert "none.tsv" in evaluate_fails(*SCORES, name="none.tsv")[0]
