"""A ``calibrate`` on given hypotheses that cannot be done says so in one line."""

from __future__ import annotations

import pytest
from made_given import COLUMNS, LANGUAGES, SCORES, given_rows, write_rows


@pytest.fixture
def given(shell):
    """Write the rows as ``given.tsv``."""
    return write_rows(shell.folder / "given.tsv", given_rows())


@pytest.fixture
def given_fails(fails):
    """Run a ``calibrate`` with given hypotheses that must fail."""

    def run(*arguments, columns=COLUMNS, languages=LANGUAGES, **options):
        return fails("calibrate", *columns, *languages, "-o", "new.router", *arguments, **options)

    return run


def test_a_budget_below_the_cost_of_scoring(shell, given, stand_ins):
    command = ["calibrate", "given.tsv", *COLUMNS, *LANGUAGES, "-o", "new.router"]
    result = shell.run(*command, "--score-with", stand_ins.small, "--budget", "0.000001")
    assert result.code == 3
    assert "error: scoring 70 drafts with stand-in-small may cost $" in result.error_lines[-2]
    assert "nothing has been spent" in result.error_lines[-1]
    assert not (shell.folder / "new.router").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget", "1"], "nothing is spent on hypotheses that are given"),
        (["--draft-column", "large"], "draft and retranslation are the same column 'large'"),
        (["--draft-score", "cx"], "only one of both score columns is named"),
        ([*SCORES, "--metric", "bleu"], "both a metric and score columns are given"),
        ([*SCORES[:2], "--retranslation-score", "cx"], "both scores are the same column 'cx'"),
        ([*SCORES[:3], "lp"], "given.tsv line 2 has no number in column 'lp' but 'en-fr'"),
        (["--reference-column", "nope"], "given.tsv has no column 'nope'"),
        (["--retranslation-column", "nope"], "given.tsv has no column 'nope'"),
        (["--document-column", "nope"], "given.tsv has no column 'nope'"),
        (["--language-column", "doc"], "given.tsv line 2 names no language pair in column 'doc'"),
        (["--metric", "meteor"], "unknown metric 'meteor'"),
        (["--metric", "comet"], "the metric 'comet' needs a checkpoint"),
        (["--from", "xx"], "--from is given 2 times for 1 corpora"),
        (["--limit", "5"], "given.tsv: 5 segments are too few to calibrate a router"),
        (["given.tsv"], "given.tsv is named twice"),
        (["--score-with", "nope"], "no model card is called 'nope'"),
        (["--prior", "nope.router"], "router nope.router does not exist"),
        (["--guard-threshold", "0"], "--guard-threshold must be below 0, not 0"),
        (["--guard-threshold", "nan"], "--guard-threshold must be below 0, not nan"),
        (["--small", "a\nb"], "--small cannot stand in a bundle"),
    ],
)
def test_what_cannot_be_calibrated(given_fails, given, arguments, message):
    error, _ = given_fails("given.tsv", *arguments)
    assert message in error


def test_both_columns_are_needed(given_fails, given):
    error, hint = given_fails("given.tsv", columns=COLUMNS[:2])
    assert error == "error: the columns of both hypotheses must be named"
    assert hint == "hint: add --retranslation-column NAME"
    assert "languages are not given" in given_fails("given.tsv", languages=[])[0]


@pytest.mark.parametrize(
    ("value", "what"), [("nan", "no score"), ("", "no score"), ("inf", "the score inf")]
)
def test_a_score_that_is_no_number(shell, given_fails, value, what):
    rows = given_rows()
    rows[6]["cy"] = value
    rows[3].update(source="", cy="nan")  # an unused row need not have a score
    write_rows(shell.folder / "given.tsv", rows)
    error, hint = given_fails("given.tsv", *SCORES)
    assert error == f"error: given.tsv line 8 has {what} in column 'cy'"
    assert hint == "hint: score the row, or remove it from the corpus"


def test_no_reference_at_all(shell, given_fails):
    write_rows(shell.folder / "given.tsv", [{**row, "reference": ""} for row in given_rows()])
    error, _ = given_fails("given.tsv")
    assert error == "error: given.tsv: no segment has both a source and a reference"


def test_the_same_hypotheses_in_both_columns(shell, given_fails):
    rows = [{**row, "small": row["large"]} for row in given_rows()]
    write_rows(shell.folder / "given.tsv", rows)
    error, hint = given_fails("given.tsv", "--prior", "none")
    assert ": the gain is the same for every segment" in error
    assert "same column" in hint


@pytest.mark.parametrize(
    "arguments", [["other.tsv"], SCORES, ["--language-column", "lp"], ["--score-with", "x"]]
)
def test_what_only_given_hypotheses_can_have(fails, stand_ins, given, arguments):
    pair = ["--small", stand_ins.small, "--large", stand_ins.large, *LANGUAGES]
    error, hint = fails("calibrate", "given.tsv", *arguments, *pair, "-o", "new.router")
    assert "can only be given for a corpus that has its hypotheses" in error
    assert "--draft-column" in hint
