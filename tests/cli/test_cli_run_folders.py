"""``runs list`` and ``runs clean``: what there is, and what may go."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from made_up import write_card

from routelmt_cli.run.folder import RunFolder


@pytest.fixture
def translate(shell, stand_ins, corpus):
    """Translate ``in.tsv`` into a file of a name."""

    def run(name, *options, budget="0.003"):
        command = ["translate", "in.tsv", *stand_ins.options(), "-o", name, "--budget", budget]
        return shell.run(*command, "--quiet", *options).code

    return run


@pytest.fixture
def four(shell, stand_ins, translate):
    """Leave a finished, a broken-off, a damaged and a failed run."""
    assert translate("done.tsv") == 0
    write_card(shell.folder / "dies.toml", "large", die_on="captain")
    assert translate("cut.tsv", "--large", "dies.toml", "--force-router", budget="1") == 4
    assert translate("torn.tsv") == 0
    os.truncate(shell.folder / "torn.tsv.routelmt" / "journal.sqlite", 5000)
    write_card(shell.folder / "fails.toml", "large", fail_on="engine")
    assert translate("failed.tsv", "--large", "fails.toml", "--force-router", budget="1") == 5


def listed(shell, *arguments):
    """List the runs as programs do, by output."""
    result = shell.run("runs", "list", *arguments, "--json")
    assert (result.code, result.stderr) == (0, "")
    return {one["output"]: one for one in json.loads(result.text)}


def folders(shell):
    return sorted(path.name for path in shell.folder.glob("*.routelmt"))


def test_what_is_listed(shell, four, corpus, read_ledger):
    runs = listed(shell)
    assert list(runs) == ["cut.tsv", "done.tsv", "failed.tsv", "torn.tsv"]
    states = {name: one["state"] for name, one in runs.items()}
    assert states == {
        "cut.tsv": "in progress",
        "done.tsv": "finished",
        "failed.tsv": "finished",
        "torn.tsv": "damaged",
    }
    done, cut, torn = (runs[name] for name in ("done.tsv", "cut.tsv", "torn.tsv"))
    assert done["input"] == str(corpus)
    assert done["folder"] == "done.tsv.routelmt"
    assert done["spend_nanousd"] == read_ledger(shell.folder / "done.tsv.routelmt").spend
    assert done["budget_nanousd"] == 3_000_000
    assert done["bytes"] > 10_000
    assert 0 <= done["age_seconds"] < 60
    assert (done["process"], done["problem"], done["output_exists"]) == (None, None, True)
    assert cut["output_exists"] is False
    assert cut["spend_nanousd"] > 0
    assert torn["spend_nanousd"] is None
    assert "damaged journal" in torn["problem"]


def test_the_table(shell, four):
    (shell.folder / "done.tsv").unlink()
    result = shell.run("runs", "list")
    assert result.code == 0
    rows = [line.split() for line in result.text.splitlines()]
    assert rows[0] == ["output", "input", "state", "spend", "size", "age"]
    assert rows[1][:4] == ["cut.tsv", "in.tsv", "in", "progress"]
    assert rows[2][:4] == ["done.tsv", "(gone)", "in.tsv", "finished"]
    assert rows[2][4].startswith("$0.0029")
    assert rows[4][:4] == ["torn.tsv", "in.tsv", "damaged", "unknown"]
    assert len(result.error_lines) == 1
    assert "torn.tsv.routelmt/journal.sqlite: damaged journal" in result.error_lines[0]


def test_looking_changes_nothing(shell, four):
    def state():
        return {
            path: (path.stat().st_mtime_ns, path.stat().st_size)
            for path in shell.folder.glob("*.routelmt/*")
        }

    before = state()
    listed(shell)
    assert state() == before


def test_where_there_is_nothing(shell, fails):
    result = shell.run("runs", "list")
    assert (result.code, result.stdout) == (0, b"")
    assert result.error_lines == [f"no run folders in {shell.folder}"]
    assert listed(shell) == {}
    cleaned = shell.run("runs", "clean")
    assert (cleaned.code, cleaned.error_lines) == (0, ["nothing to remove"])
    for command in ("list", "clean"):
        assert fails("runs", command, "nowhere")[0] == (
            "error: nowhere: cannot be read: No such file or directory"
        )


def test_another_folder(shell, translate, monkeypatch):
    (shell.folder / "sub").mkdir()
    assert translate("sub/out.tsv") == 0
    assert listed(shell) == {}
    assert list(listed(shell, "sub")) == ["sub/out.tsv"]
    assert shell.run("runs", "list", "sub").text.splitlines()[1].startswith("sub/out.tsv  in.tsv")


def test_a_run_from_a_pipe_to_a_pipe(shell, stand_ins):
    command = ["translate", "-", *stand_ins.options(), "--budget", "1", "--quiet"]
    assert shell.run(*command, stdin=b"the captain\n").code == 0
    (run,) = listed(shell, str(shell.cache / "runs")).values()
    assert (run["input"], run["output"], run["output_exists"]) == ("-", "-", None)
    assert run["state"] == "finished"


def test_a_calibration_is_listed_too(shell, stand_ins):
    run = listed(shell, stand_ins.router.parent)[str(stand_ins.router)]
    assert (run["state"], run["output_exists"]) == ("finished", True)


def test_a_run_that_goes_on_is_listed_with_its_process_and_never_removed(shell, four):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys\nfrom pathlib import Path\nfrom routelmt_cli.run.folder import RunFolder\n"
            "folder = RunFolder(Path('done.tsv.routelmt'))\nprint(1, flush=True)\n"
            "sys.stdin.read()",
        ],
        cwd=shell.folder,
        env=shell.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout.readline()
        run = listed(shell)["done.tsv"]
        assert (run["state"], run["process"]) == ("running", holder.pid)
        assert f"running (process {holder.pid})" in shell.run("runs", "list").text
        assert shell.run("runs", "clean", "--unfinished", "--yes").code == 0
        holder.stdin.close()
    assert folders(shell) == ["done.tsv.routelmt"]
    assert listed(shell)["done.tsv"]["state"] == "finished"


def test_only_finished_runs_go_and_only_after_a_yes(shell, four, translate):
    before = folders(shell)
    answers = [shell.run("runs", "clean", stdin=answer) for answer in (b"n\n", b"\n", b"")]
    assert [answer.code for answer in answers] == [0, 0, 2]
    assert "hint: add --yes" in answers[2].stderr
    for answer in answers:
        assert answer.stdout == b""
        assert "done.tsv" in answer.stderr and "failed.tsv" in answer.stderr
        assert "cut.tsv" not in answer.stderr and "torn.tsv" not in answer.stderr
        assert "remove 2 run folders (" in answer.stderr
    assert folders(shell) == before
    assert shell.run("runs", "clean", stdin=b"y\n").code == 0
    assert folders(shell) == ["cut.tsv.routelmt", "torn.tsv.routelmt"]
    assert (shell.folder / "done.tsv").exists()  # outputs stay


def test_unfinished_ones_go_where_asked(shell, four):
    (shell.folder / ".cut.tsv.writing").write_text("half an output")
    result = shell.run("runs", "clean", "--unfinished", "--yes")
    assert (result.code, result.stdout) == (0, b"")
    assert "cut.tsv" in result.stderr
    assert folders(shell) == []
    assert not (shell.folder / ".cut.tsv.writing").exists()
    assert (shell.folder / "in.tsv").exists()


def test_files_of_others_stay(shell, translate):
    assert translate("out.tsv") == 0
    notes = shell.folder / "out.tsv.routelmt" / "notes.txt"
    notes.write_text("mine")
    (shell.folder / "other.routelmt").write_text("a file")
    result = shell.run("runs", "clean", "--yes")
    assert result.code == 0
    kept = "kept out.tsv.routelmt: it holds files that are not the run's"
    assert result.error_lines[-1] == kept
    assert notes.read_text() == "mine"
    assert [path.name for path in notes.parent.iterdir()] == ["notes.txt"]
    assert (shell.folder / "other.routelmt").read_text() == "a file"


def test_a_run_that_is_continued_before_it_is_removed_stays(shell, translate, monkeypatch):
    assert translate("out.tsv") == 0
    from routelmt_cli.run import inventory

    look = inventory.list_runs

    def look_then_continue(folder):
        found = look(folder)
        with RunFolder(shell.folder / "out.tsv.routelmt") as held:
            os.truncate(held.journal, 5000)
        return found

    monkeypatch.setattr(inventory, "list_runs", look_then_continue)
    result = shell.run("runs", "clean", "--yes")
    assert result.error_lines[-1] == "kept out.tsv.routelmt: it was continued in the meantime"
    assert folders(shell) == ["out.tsv.routelmt"]


def test_names_are_shown_without_control_characters(shell, stand_ins, corpus, translate):
    assert translate("out\x1b[31m.tsv") == 0
    assert "\x1b" not in shell.run("runs", "list").text
