"""A run folder that is damaged, newer, locked away or out of time: one line, and a way out."""

from __future__ import annotations

import os
import time

import pytest
from journal_db import journal_db
from made_up import SOURCES, write_tsv

from routelmt_cli.run.journal_file import JOURNAL_VERSION
from routelmt_cli.run.spending import Spender

PAGE = 4096


@pytest.fixture
def finished(shell, stand_ins, corpus):
    """Finish a run; give its command, its journal and its output."""
    command = ["translate", "in.tsv", *stand_ins.options(), "--budget", "0.003", "-o", "out.tsv"]
    command.append("--quiet")
    assert shell.run(*command).code == 0
    return command, shell.folder / "out.tsv.routelmt" / "journal.sqlite", shell.folder / "out.tsv"


def refused(shell, command, names, code=2):
    """Run a command that must be refused in one line with a hint; return both."""
    result = shell.run(*command)
    assert (result.code, result.stdout, len(result.error_lines)) == (code, b"", 2), result.stderr
    error, hint = result.error_lines
    assert error.startswith("error: ") and hint.startswith("hint: ")
    assert names in error
    return error, hint


def test_a_damaged_page_of_the_journal(shell, finished, corpus):
    command, journal, output = finished
    whole, written, source = journal.read_bytes(), output.read_bytes(), corpus.read_bytes()
    kinds = set()
    for page in range(len(whole) // PAGE):
        fill = bytes([(0xA5, 0x00, 0x61)[page % 3]])
        begin = page * PAGE + (0, 2048)[page % 2]
        journal.write_bytes(whole[:begin] + fill * (PAGE // 2) + whole[begin + PAGE // 2 :])
        result = shell.run(*command)
        if result.code:
            assert (result.code, len(result.error_lines)) == (2, 2), result.stderr
            kinds.add(result.error_lines[0].rpartition(": ")[2][:9])
        # What is refused is not written, and what is not noticed is nothing that is written.
        assert output.read_bytes() == written
        for name in ("journal.sqlite-wal", "journal.sqlite-shm"):
            journal.with_name(name).unlink(missing_ok=True)
    assert len(kinds) >= 3
    assert corpus.read_bytes() == source
    journal.write_bytes(whole)
    assert shell.run(*command).code == 0


def test_a_single_character_of_a_hypothesis_that_changed(shell, finished):
    command, journal, output = finished
    with journal_db(journal) as db:
        db.execute("UPDATE hypotheses SET text = replace(text, 'e', 'a') WHERE item = 7")
    written = output.read_bytes()
    _, hint = refused(shell, command, "journal.sqlite: damaged journal: the ")
    assert "--restart" in hint
    assert output.read_bytes() == written


@pytest.mark.parametrize("size", [0, 100, PAGE, 5 * PAGE + 17])
def test_a_torn_journal_and_the_way_out(shell, finished, size):
    command, journal, output = finished
    written = output.read_bytes()
    os.truncate(journal, size)
    _, hint = refused(shell, command, "journal.sqlite: damaged journal")
    assert "--restart" in hint
    assert output.read_bytes() == written
    _, hint = refused(shell, [*command, "--restart"], "out.tsv: the output exists")
    assert "--overwrite" in hint
    assert shell.run(*command, "--restart", "--overwrite").code == 0
    assert output.read_bytes() == written


def test_a_journal_of_a_newer_routelmt(shell, finished):
    command, journal, _ = finished
    with journal_db(journal) as db:
        db.execute(f"PRAGMA user_version = {JOURNAL_VERSION + 1}")
    before = journal.read_bytes()
    _, hint = refused(shell, command, f"journal version {JOURNAL_VERSION + 1}")
    assert "--restart" in hint
    assert journal.read_bytes() == before


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b'{"version": 99}', b"[1]"])
def test_a_damaged_description(shell, finished, damage):
    command, journal, output = finished
    journal.with_name("run.json").write_bytes(damage)
    written = output.read_bytes()
    _, hint = refused(shell, command, "run.json: cannot continue this run")
    assert "--restart" in hint
    assert shell.run(*command, "--restart").code == 0
    assert output.read_bytes() == written


def test_a_plan_with_a_changed_byte(shell, finished):
    command, journal, _ = finished
    plan = journal.with_name("plan.parquet")
    data = bytearray(plan.read_bytes())
    data[700] ^= 1  # in a column
    plan.write_bytes(data)
    _, hint = refused(shell, command, "plan.parquet: damaged plan")
    assert "remove it" in hint
    plan.unlink()
    assert shell.run(*command).code == 0


def test_a_clock_that_was_set_back(shell, finished, monkeypatch):
    command, journal, output = finished
    written = output.read_bytes()
    tomorrow = time.time() + 86_400
    for path in (*journal.parent.iterdir(), output):
        os.utime(path, (tomorrow, tomorrow))
    monkeypatch.setattr(time, "time", lambda: 86_400.0)  # 1970
    assert shell.run(*command).code == 0
    assert output.read_bytes() == written
    listed = shell.run("runs", "list").text.splitlines()
    assert listed[1].split()[-2:] == ["0", "s"]


@pytest.fixture
def permissions(tmp_path):
    """Skip where they hinder nobody, as for root."""
    probe = tmp_path.with_name("probe")
    probe.mkdir(mode=0o500, exist_ok=True)
    if os.access(probe, os.W_OK):
        pytest.skip("this user may write everywhere")


@pytest.mark.parametrize("name", ["out.tsv.routelmt", "out.tsv.routelmt/journal.sqlite"])
def test_a_run_folder_that_became_read_only(permissions, shell, finished, name):
    command, journal, output = finished
    written = output.read_bytes()
    place = shell.folder / name
    place.chmod(0o500 if place.is_dir() else 0o400)
    result = shell.run(*command)
    for path in (journal.parent, *journal.parent.iterdir()):  # SQLite gives its log the mode
        path.chmod(0o700)
    assert result.code in (2, 4)
    assert len(result.error_lines) == 2
    assert "out.tsv.routelmt" in result.error_lines[0]
    assert output.read_bytes() == written
    assert shell.run(*command).code == 0


def change(corpus):
    write_tsv(corpus, ["a new first row", *SOURCES[:-2]])


def remove(corpus):
    corpus.unlink(missing_ok=True)


@pytest.mark.parametrize("how", [change, remove])
def test_an_input_that_changes_while_it_is_translated(shell, stand_ins, corpus, monkeypatch, how):
    command = ["translate", "in.tsv", *stand_ins.options(), "--budget", "0.003", "-o", "out.tsv"]
    before = corpus.read_bytes()
    buy = Spender.buy

    def change_then_buy(*arguments, **options):
        how(corpus)
        buy(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Spender, "buy", change_then_buy)
        _, hint = refused(shell, command, "in.tsv: changed while it was being translated", 4)
    assert not (shell.folder / "out.tsv").exists()
    assert "put the old file back" in hint
    corpus.write_bytes(before)
    assert shell.run(*command).code == 0


def test_an_input_that_is_written_again_as_it_was_is_the_same(
    shell, stand_ins, corpus, monkeypatch
):
    command = ["translate", "in.tsv", *stand_ins.options(), "--budget", "0.003", "-o", "out.tsv"]
    buy = Spender.buy

    def touch_then_buy(*arguments, **options):
        corpus.write_bytes(corpus.read_bytes())
        buy(*arguments, **options)

    monkeypatch.setattr(Spender, "buy", touch_then_buy)
    assert shell.run(*command).code == 0


def test_a_refused_first_run_leaves_nothing(shell, stand_ins, corpus):
    command = ["translate", "in.tsv", *stand_ins.options(), "-o", "out.tsv", "--budget"]
    assert shell.run(*command, "0.0001").code == 3
    assert [path.name for path in shell.folder.iterdir()] == ["in.tsv"]
    (shell.folder / "out.tsv.routelmt").mkdir()
    (shell.folder / "out.tsv.routelmt" / "notes.txt").write_text("mine")
    assert shell.run(*command, "0.0001").code == 3
    assert (shell.folder / "out.tsv.routelmt" / "notes.txt").read_text() == "mine"


def test_a_run_folder_is_private(shell, finished):
    command, journal, _ = finished
    journal.parent.chmod(0o755)
    assert shell.run(*command).code == 0
    assert oct(journal.parent.stat().st_mode)[-3:] == "700"
