"""Pipes, signals and start-up, in processes of their own."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from journal_db import journal_db
from made_up import SOURCES, write_card

SLOW_SECONDS = 0.01


def test_a_pipe_gives_as_many_lines_as_it_got(shell, stand_ins):
    text = "".join(f"{source}\n" for source in SOURCES)
    result = shell.process(
        "translate", "-", *stand_ins.options(), "--budget", "1", stdin=text.encode()
    )
    assert result.code == 0
    lines = result.text.split("\n")
    assert len(lines) == len(SOURCES) + 1
    for line, source in zip(lines[:-1], SOURCES, strict=True):
        assert len(line.split()) == len(source.split())
    assert result.error_lines[0].startswith("tier ")
    assert "\x1b" not in result.stderr


def test_a_file_goes_to_stdout_where_asked(shell, stand_ins, corpus):
    command = ["translate", "in.tsv", *stand_ins.options(), "--budget", "1", "-o", "-"]
    result = shell.run(*command, "--quiet")
    assert (result.code, result.stderr) == (0, "")
    lines = result.text.splitlines()
    assert lines[0] == "id\tsource\treference\ttranslation\ttier"
    assert len(lines) == 1 + len(SOURCES)
    assert [path.name for path in shell.folder.iterdir()] == ["in.tsv"]


def test_the_same_pipe_again_spends_nothing(shell, stand_ins):
    command = ["translate", "-", *stand_ins.options(), "--budget", "1", "-v"]
    first = shell.run(*command, stdin=b"the captain\nquiet\n")
    again = shell.run(*command, stdin=b"the captain\nquiet\n")
    assert again.stdout == first.stdout
    assert "drafting" in first.stderr
    assert "drafting" not in again.stderr
    assert not list(shell.cache.glob("stdin/*"))


def test_standard_input_may_go_to_a_file(shell, stand_ins):
    command = ["translate", "-", *stand_ins.options(), "--budget", "1", "-o", "out.txt"]
    result = shell.run(*command, stdin=b"the captain\nquiet\n")
    assert (result.code, result.stdout) == (0, b"")
    assert (shell.folder / "out.txt").read_bytes().count(b"\n") == 2
    assert (shell.folder / "out.txt.routelmt").is_dir()


def test_other_formats_come_through_a_pipe_where_declared(shell, stand_ins):
    command = ["translate", "-", *stand_ins.options(), "--budget", "1", "--quiet"]
    result = shell.run(*command, "--format", "jsonl", stdin=b'{"source": "the captain"}\n')
    assert result.code == 0
    assert result.stdout.startswith(b'{"source": "the captain", "translation": "')


def test_empty_standard_input_is_an_error(shell, stand_ins):
    result = shell.run("translate", "-", *stand_ins.options(), "--budget", "1")
    assert (result.code, result.stdout) == (2, b"")
    assert result.error_lines == ["error: - is empty: no segments"]


@pytest.mark.parametrize("lines", [1, 0])
def test_a_reader_that_has_seen_enough_is_no_error(shell, stand_ins, lines):
    (shell.folder / "in.txt").write_text("the captain\n" * 50_000)
    command = ["translate", "in.txt", *stand_ins.options(), "--budget", "1", "-o", "-", "--quiet"]
    with shell.start(*command) as process:
        assert all(process.stdout.readline().endswith(b"\n") for _ in range(lines))
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (0, b"")


def test_a_list_whose_reader_is_gone_is_no_error(shell):
    with shell.start("models", "show", "gemma3-270m") as process:
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (0, b"")


def test_commentary_without_a_reader_does_not_end_the_run(shell, stand_ins, corpus):
    command = ["translate", "in.tsv", *stand_ins.options(), "--budget", "1", "-v", "-o", "out.tsv"]
    with shell.start(*command) as process:
        process.stderr.close()
        assert process.stdout.read() == b""
    assert process.returncode == 0
    assert (shell.folder / "out.tsv").exists()


def _count_drafts(journal):
    try:
        with journal_db(f"file:{journal}?mode=ro", uri=True, timeout=5) as db:
            return db.execute("SELECT count(*) FROM hypotheses").fetchone()[0]
    except sqlite3.Error:
        return 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_stops_a_run_that_then_finishes(
    shell, stand_ins, corpus, read_ledger, number, code
):
    write_card(shell.folder / "slow.toml", "small", seconds_per_request=SLOW_SECONDS)
    command = ["translate", "in.tsv", *stand_ins.options(), "--small", "slow.toml"]
    command += ["--force-router", "--budget", "0.004", "-o", "out.tsv"]
    folder = shell.folder / "out.tsv.routelmt"
    with shell.start(*command) as process:
        ends = time.monotonic() + 30
        while _count_drafts(folder / "journal.sqlite") < 5 and time.monotonic() < ends:
            time.sleep(0.02)
        process.send_signal(number)
        sent = time.monotonic()
        out, errors = process.communicate(timeout=30)
        assert time.monotonic() - sent < 5
    lines = errors.decode().splitlines()
    assert process.returncode == code
    assert out == b""
    assert lines[-1].startswith("stopped; run the same command again to continue")
    assert "Traceback" not in errors.decode()
    assert not (shell.folder / "out.tsv").exists()
    before = read_ledger(folder)
    assert 0 < before.count("small") < 112

    assert shell.run(*command).code == 0
    after = read_ledger(folder)
    assert before.bought.items() < after.bought.items()
    assert after.count("small") == 112
    assert (shell.folder / "out.tsv").read_text("utf-8").count("\n") == len(SOURCES) + 1


def test_the_second_of_two_runs_is_told_who_holds_the_output(shell, stand_ins, corpus):
    write_card(shell.folder / "slow.toml", "small", seconds_per_request=SLOW_SECONDS)
    command = ["translate", "in.tsv", *stand_ins.options(), "--small", "slow.toml"]
    command += ["--force-router", "--budget", "1", "-o", "out.tsv"]
    with shell.start(*command) as process:
        while not _count_drafts(shell.folder / "out.tsv.routelmt" / "journal.sqlite"):
            assert process.poll() is None
            time.sleep(0.02)
        second = shell.run(*command)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert second.code == 2
    assert f"another routelmt (process {process.pid}) is working on" in second.stderr


def test_help_imports_nothing_heavy(shell):
    program = (
        "import sys\n"
        "from routelmt_cli.cli import main\n"
        "sys.argv = ['routelmt', '--help']\n"
        "try:\n    main.run()\n"
        "finally:\n    print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=shell.environment,
        cwd=shell.folder,
    )
    assert done.returncode == 0
    assert "translate" in done.stdout
    loaded = {name.split(".")[0] for name in done.stderr.split()}
    heavy = {"numpy", "pyarrow", "lightgbm", "sklearn", "scipy", "llama_cpp", "sentencepiece"}
    assert not loaded & (heavy | {"sacrebleu", "babel", "jinja2", "rich", "sqlite3"})
    assert "routelmt_cli.errors" in done.stderr
