"""A ``calibrate`` that cannot be done says so before anything is spent."""

from __future__ import annotations

import pytest


@pytest.fixture
def calibrate_fails(fails, stand_ins):
    """Run a ``calibrate`` that must fail, with the pair of stand-ins."""

    def run(name, *arguments, languages=("--from", "en", "--to", "de"), **options):
        pair = ["--small", stand_ins.small, "--large", stand_ins.large, *languages]
        return fails("calibrate", name, *pair, "-o", "new.router", *arguments, **options)

    return run


def test_calibrate_needs_its_languages(calibrate_fails, corpus):
    assert "languages are not given" in calibrate_fails("in.tsv", languages=())[0]


def test_calibrate_needs_references(shell, calibrate_fails, corpus):
    error, _ = calibrate_fails("in.tsv", "--reference-column", "nope")
    assert "in.tsv has no column 'nope'" in error
    (shell.folder / "in.txt").write_text("quiet\n")
    assert "in.txt is plain text and has no column" in calibrate_fails("in.txt")[0]
    (shell.folder / "blank.tsv").write_text("source\treference\na\t\n")
    assert "no segment has both a source and a reference" in calibrate_fails("blank.tsv")[0]


def test_calibrate_needs_enough_segments_and_says_so_before_spending(
    shell, calibrate_fails, corpus
):
    error, hint = calibrate_fails("in.tsv", "--limit", "20")
    assert error == "error: in.tsv: 20 segments are too few to calibrate a router"
    assert "at least 50" in hint
    assert not (shell.folder / "new.router.routelmt" / "journal.sqlite").exists()


def test_calibrate_keeps_its_budget(shell, calibrate_fails, corpus):
    error, hint = calibrate_fails("in.tsv", "--budget", "0.001", code=3)
    assert "calibrating on 112 segments may cost up to $" in error
    assert "--limit" in hint
    assert not (shell.folder / "new.router.routelmt" / "journal.sqlite").exists()


def test_calibrate_replaces_a_router_only_where_asked(shell, calibrate_fails, corpus):
    (shell.folder / "new.router").mkdir()
    assert calibrate_fails("in.tsv")[0] == "error: new.router: this router exists"
    error, _ = calibrate_fails("in.tsv", "--overwrite")
    assert error == "error: new.router: exists and is no router bundle"
    assert not (shell.folder / "new.router.routelmt").exists()


def test_calibrate_needs_a_folder_to_write_to(calibrate_fails, corpus):
    error, hint = calibrate_fails("in.tsv", "-o", "no/new.router")
    assert error == "error: no/new.router: its folder does not exist"
    assert "mkdir -p no" in hint
