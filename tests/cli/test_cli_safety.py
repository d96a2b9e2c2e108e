"""What belongs to the user stays: bought hypotheses, notes in the run folder, linked files."""

from __future__ import annotations

import shutil

import pytest
from made_up import rows_of, write_card


@pytest.fixture
def finished(shell, stand_ins, corpus):
    """Finish a run; return its command without a budget, and its run folder."""
    command = ["translate", "in.tsv", *stand_ins.options(), "-o", "out.tsv"]
    assert shell.run(*command, "--budget", "0.003").code == 0
    return command, shell.folder / "out.tsv.routelmt"


@pytest.mark.parametrize("fault", ["budget", "row"])
def test_a_restart_that_cannot_be_done_forgets_nothing(shell, finished, corpus, fault, read_ledger):
    command, folder = finished
    before = read_ledger(folder)
    budget = "0.0000001" if fault == "budget" else "0.003"
    if fault == "row":
        corpus.write_bytes(corpus.read_bytes() + b"\xff\n")
    assert shell.run(*command, "--budget", budget, "--restart").code in (2, 3)
    assert read_ledger(folder) == before
    assert before.spend > 0


def test_files_of_others_in_the_run_folder_stay(shell, finished):
    command, folder = finished
    (folder / "notes.txt").write_text("mine")
    assert shell.run(*command, "--budget", "0.003", "--restart").code == 0
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_damaged_plan_is_named(fails, finished):
    command, folder = finished
    data = (folder / "plan.parquet").read_bytes()
    (folder / "plan.parquet").write_bytes(data[: len(data) // 2])
    error, hint = fails(*command, "--budget", "0.003")
    assert error.endswith("plan.parquet: damaged plan")
    assert "remove it" in hint


def test_a_link_is_not_replaced(fails, shell, stand_ins, corpus):
    (shell.folder / "target.tsv").write_text("mine")
    (shell.folder / "link.tsv").symlink_to("target.tsv")
    command = ["translate", "in.tsv", *stand_ins.options(), "--budget", "1", "--overwrite"]
    assert "a symbolic link" in fails(*command, "-o", "link.tsv")[0]
    assert "no regular file" in fails(*command, "-o", "/dev/null")[0]
    assert (shell.folder / "target.tsv").read_text() == "mine"
    (shell.folder / "out.tsv.routelmt").symlink_to(shell.folder)
    assert "the run folder is a symbolic link" in fails(*command, "-o", "out.tsv")[0]


@pytest.mark.parametrize("name", [".out.tsv.writing", "out.tsv.routelmt"])
def test_a_link_that_lies_in_the_way_is_never_written_through(shell, stand_ins, corpus, name):
    """Such as one that another user laid into a shared folder."""
    (shell.folder / "mine").mkdir()
    target = shell.folder / "mine" / "target"
    target.mkdir() if name.endswith(".routelmt") else target.write_text("mine")
    (shell.folder / name).symlink_to(target)
    command = ["translate", "in.tsv", *stand_ins.options(), "--budget", "1", "-o", "out.tsv"]
    result = shell.run(*command)
    if target.is_dir():
        assert result.code == 2
        assert "the run folder is a symbolic link" in result.stderr
        assert not list(target.iterdir())
    else:
        assert result.code == 0
        assert target.read_text() == "mine"
        assert not (shell.folder / "out.tsv").is_symlink()


def test_a_dry_run_refuses_an_output_as_the_run_would(fails, shell, stand_ins, corpus):
    (shell.folder / "out.tsv").write_text("mine")
    command = ["translate", "in.tsv", *stand_ins.options(), "--budget", "1", "-o", "out.tsv"]
    assert fails(*command, "--dry-run") == fails(*command)


def test_a_segment_that_fails_twice_is_one_failure(shell, stand_ins, corpus, read_report):
    for name in ("small", "large"):
        write_card(shell.folder / f"{name}.toml", name, fail_on="engine")
    command = ["translate", "in.tsv", "--router", stand_ins.router, "--force-router"]
    command += ["--small", "small.toml", "--large", "large.toml", "-o", "out.tsv", "--explain"]
    assert shell.run(*command, "--budget", "1").code == 5
    rows = rows_of(shell.folder / "out.tsv")
    failed = [row for row in rows if row["reason"] == "failed"]
    assert {row["source"] for row in failed} == {
        r["source"] for r in rows if "engine" in r["source"]
    }
    assert read_report(shell.folder / "out.tsv.routelmt")["failed"] == len(failed) > 0


def test_a_failed_draft_that_was_retranslated_is_no_failure(shell, stand_ins, corpus, read_report):
    write_card(shell.folder / "small.toml", "small", fail_on="engine")
    command = ["translate", "in.tsv", *stand_ins.options(), "--small", "small.toml"]
    command += ["--force-router", "--budget", "1", "-o", "out.tsv", "--explain"]
    result = shell.run(*command)
    rows = [row for row in rows_of(shell.folder / "out.tsv") if "engine" in row["source"]]
    failed = [row for row in rows if row["reason"] == "failed"]
    assert all(row["tier"] == "large" for row in rows if row not in failed)
    assert result.code == (5 if failed else 0)
    assert read_report(shell.folder / "out.tsv.routelmt")["failed"] == len(failed)


def test_a_dry_run_in_a_half_drafted_run_counts_what_is_spent(shell, stand_ins, corpus):
    write_card(shell.folder / "small.toml", "small", die_on="engine")
    command = ["translate", "in.tsv", *stand_ins.options(), "--small", "small.toml"]
    command += ["--force-router", "--budget", "0.004", "-o", "out.tsv"]
    assert shell.run(*command).code == 4
    answer = shell.run(*command, "--dry-run").stdout.decode()
    assert "spent already" in answer
    shutil.rmtree(shell.folder / "out.tsv.routelmt")
    assert "spent already" not in shell.run(*command, "--dry-run").stdout.decode()


def test_a_budget_may_be_lowered_while_it_holds(shell, finished, read_ledger):
    command, folder = finished
    before = read_ledger(folder)
    assert before.spend < 3_000_000
    assert shell.run(*command, "--budget", f"{before.spend / 1e9:.9f}").code == 0
    assert read_ledger(folder) == before


def test_a_lowered_budget_still_covers_the_drafts(shell, stand_ins, corpus, read_ledger):
    write_card(shell.folder / "small.toml", "small", die_on="engine")
    command = ["translate", "in.tsv", *stand_ins.options(), "--small", "small.toml"]
    command += ["--force-router", "-o", "out.tsv"]
    assert shell.run(*command, "--budget", "0.004").code == 4
    folder = shell.folder / "out.tsv.routelmt"
    before = read_ledger(folder)
    result = shell.run(*command, "--budget", "0.0005")
    assert result.code in (2, 3)
    assert read_ledger(folder) == before


def test_translations_that_look_wrong_are_counted_by_segments(shell, finished, read_report):
    _, folder = finished
    rows = rows_of(shell.folder / "out.tsv")
    letters = [sum(map(str.isalpha, row["source"])) for row in rows]
    copies = [
        row["translation"] == row["source"] and count >= 24
        for row, count in zip(rows, letters, strict=True)
    ]
    assert read_report(folder)["faults"] == {"copied": sum(copies)}
    assert sum(copies) > 0
