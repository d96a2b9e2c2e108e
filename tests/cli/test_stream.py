"""``translate --stream``: lines in, lines out, as they come, within a budget that lasts."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import time

import pytest
from endpoint_server import KEY, Endpoint, serve
from journal_db import journal_db
from made_up import SOURCES, write_card

from routelmt_cli.budget.money import format_usd
from routelmt_cli.run import stream
from routelmt_cli.run.journal import Journal

TEXT = "".join(f"{source}\n" for source in SOURCES).encode()
WORDS = " ".join(SOURCES).split()
DRAFTS = 0.0005  # dollars: what drafting SOURCES costs, and a little more


def traffic(count, seed=5):
    """Make a long stream of segments of mixed lengths, none twice."""
    luck = random.Random(seed)
    lines = [
        " ".join(luck.choice(WORDS) for _ in range(luck.randint(2, 24))) + f" {n}"
        for n in range(count)
    ]
    return "".join(f"{line}\n" for line in lines).encode()


@pytest.fixture
def command(stand_ins):
    def make(*options, span="120", budget="0.003"):
        pair = [*stand_ins.options(), "--from", "en", "--to", "de"]
        return ["translate", "-", *pair, "--budget", budget, "--stream", span, *options]

    return make


@pytest.fixture
def report(shell):
    """Read the report of the only stream."""

    def read():
        (path,) = shell.cache.glob("runs/*/stream.json")
        return json.loads(path.read_text("utf-8"))

    return read


@pytest.fixture
def totals(shell):
    """Read the ledger of the only stream: settled and outstanding, in nanodollars."""

    def read():
        (path,) = shell.cache.glob("runs/*/journal.sqlite")
        with Journal(path) as journal:
            journal.audit()
            return journal.spend_nanousd(), journal.outstanding_nanousd()

    return read


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(stream, "MOST_LINES", 16)


def test_every_line_is_one_line_in_order(shell, command, report, totals):
    result = shell.run(*command(), stdin=TEXT)
    assert result.code == 0, result.stderr
    lines = result.text.split("\n")
    assert len(lines) == len(SOURCES) + 1 and lines[-1] == ""
    for source, line in zip(SOURCES, lines, strict=False):
        assert bool(source.strip()) == bool(line.strip())
        assert len(source.split()) == len(line.split())
    told = report()
    assert told["segments"] == len(SOURCES)
    assert told["blank_segments"] == 3
    assert 0 < told["retranslated"] < len(SOURCES)
    assert 0 < told["spend_nanousd"] <= 3 * 10**6
    assert totals() == (told["spend_nanousd"], 0)
    assert f"spent {format_usd(told['spend_nanousd'])}" in result.stderr


def test_a_line_is_answered_before_the_next_one_comes(shell, command):
    with shell.start(*command("--quiet"), stdin=subprocess.PIPE) as process:
        for line in (b"The quiet harbour opens.\n", b"A station in winter.\n", b"\n"):
            process.stdin.write(line)
            process.stdin.flush()
            answer = process.stdout.readline()
            assert answer.endswith(b"\n") and bool(answer.strip()) == bool(line.strip())
        process.stdin.close()
        assert process.wait(60) == 0
        assert process.stdout.read() == b""


def test_tables_and_json_lines(shell, command, small_chunks):
    table = "id\tsource\n" + "".join(f"{n}\t{source}\n" for n, source in enumerate(SOURCES))
    result = shell.run(*command("--format", "tsv", "--explain"), stdin=table.encode())
    assert result.code == 0, result.stderr
    header, *rows = result.text.splitlines()
    names = ["id", "source", "translation", "tier", "predicted_gain", "cost_usd", "reason"]
    assert header.split("\t") == names
    assert [row.split("\t")[0] for row in rows] == [str(n) for n in range(len(SOURCES))]
    assert {row.split("\t")[3] for row in rows} == {"small", "large", "none", "memory"}
    objects = "".join(json.dumps({"n": n, "source": s}) + "\n" for n, s in enumerate(SOURCES))
    result = shell.run(*command("--format", "jsonl"), stdin=objects.encode())
    assert result.code == 0, result.stderr
    assert [json.loads(line)["n"] for line in result.text.splitlines()] == [*range(len(SOURCES))]


def test_an_empty_line_is_no_json_line_in_a_stream_either(shell, command):
    lines = [json.dumps({"source": source}) for source in SOURCES[:12]]
    lines.insert(7, "")
    stdin = "".join(f"{line}\n" for line in lines).encode()
    result = shell.run(*command("--format", "jsonl"), stdin=stdin)
    assert result.code == 2 and "(after 7 lines) line 1 is blank" in result.stderr
    assert len(result.text.splitlines()) == 7


def test_what_came_before_costs_nothing(shell, command, report, small_chunks):
    result = shell.run(*command(span="3000", budget="0.01"), stdin=TEXT * 3)
    assert result.code == 0, result.stderr
    lines = result.text.splitlines()
    assert lines[: len(SOURCES)] == lines[len(SOURCES) : 2 * len(SOURCES)]
    assert report()["repeated"] >= 2 * (len(SOURCES) - 3)
    assert report()["spend_by_tier_nanousd"]["small"] < DRAFTS * 1e9


@pytest.mark.parametrize("budget", ["0.008", "0.02", "0.06"])
def test_the_budget_lasts_and_is_used(shell, command, report, small_chunks, budget):
    count = 1500
    result = shell.run(*command(span=str(count), budget=budget), stdin=traffic(count))
    assert result.code == 0, result.stderr
    told = report()
    assert told["segments"] == count
    spent = told["spend_nanousd"] / 1e9 / float(budget)
    assert spent <= 1
    assert spent > 0.97 or told["dual_price"] is None or told["dual_price"] == 0


def test_a_stream_buys_nearly_what_a_plan_of_the_whole_buys(
    shell, command, stand_ins, small_chunks
):
    """Of the same budget; compared by what each retranslated, under the same predictions."""
    count, budget = 1500, "0.02"
    lines = traffic(count)
    whole = [*stand_ins.options(), "--from", "en", "--to", "de", "--budget", budget, "--explain"]
    table = b"source\n" + lines
    planned = shell.run("translate", "-", *whole, "--format", "tsv", stdin=table)
    streamed = shell.run(
        *command("--explain", "--format", "tsv", span=str(count), budget=budget), stdin=table
    )
    assert planned.code == streamed.code == 0, planned.stderr + streamed.stderr

    def gained(result):
        rows = [line.split("\t") for line in result.text.splitlines()[1:]]
        return sum(
            float(gain) * len(source.split())
            for source, _, tier, gain, *_ in rows
            if tier == "large"
        )

    assert gained(streamed) > 0.95 * gained(planned)


def test_money_is_spent_evenly(shell, command, small_chunks, monkeypatch):
    spent, count = [], stream._Stream._count

    def counting(running, *arguments):
        spent.append((running._pace.seen, running._journal.spend_nanousd("large")))
        count(running, *arguments)

    monkeypatch.setattr(stream._Stream, "_count", counting)
    result = shell.run(*command(span="1500", budget="0.02"), stdin=traffic(1500))
    assert result.code == 0, result.stderr
    total = spent[-1][1]
    for seen, so_far in spent:
        assert abs(so_far / total - seen / 1500) < 0.1


def test_hours_count_from_the_rate(shell, command, report):
    result = shell.run(*command(span="100h"), stdin=TEXT)
    assert result.code == 0, result.stderr
    assert report()["retranslated"] == 0  # at this rate the drafts alone would take it all
    result = shell.run(*command(span="0.000001h"), stdin=TEXT)
    assert result.code == 0, result.stderr
    assert int(re.search(r"(\d+) retranslated", result.stderr)[1]) > 0


def test_a_budget_that_is_used_up_is_told_with_the_line(shell, command, small_chunks, totals):
    result = shell.run(*command(budget="0.0002"), stdin=TEXT)
    assert result.code == 3
    done = len(result.text.splitlines())
    assert 0 < done < len(SOURCES)
    assert f"does not bear line {done + 1} any more" in result.stderr
    spend, outstanding = totals()
    assert spend <= 200_000 and outstanding == 0
    rest = "".join(f"{source}\n" for source in SOURCES[done:]).encode()
    again = shell.run(*command(budget="0.003"), stdin=rest)
    assert again.code == 0, again.stderr
    assert len(again.text.splitlines()) == len(SOURCES) - done
    assert totals()[0] <= 3 * 10**6


def test_a_stream_that_was_killed_goes_on_with_what_is_left(shell, command, totals):
    write_card(shell.folder / "slow.toml", "large", seconds_per_request=1.0)
    options = ["--large", "slow.toml", "--force-router"]
    with shell.start(*command(*options), stdin=subprocess.PIPE) as process:
        process.stdin.write(TEXT)
        process.stdin.flush()
        wait_for_reservation(shell)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    spent, outstanding = totals()
    assert outstanding > 0
    again = shell.run(*command(*options), stdin=b"\n")
    assert again.code == 0, again.stderr
    assert f"is charged in full: {format_usd(outstanding)}" in again.stderr
    assert totals() == (spent + outstanding, 0)


def wait_for_reservation(shell):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for path in shell.cache.glob("runs/*/journal.sqlite"):
            with journal_db(f"file:{path}?mode=ro", uri=True) as db:
                rows = db.execute("SELECT tier, outstanding_nanousd FROM totals").fetchall()
            if dict(rows).get("large"):
                return
        time.sleep(0.05)
    pytest.fail("nothing was reserved")


@pytest.mark.parametrize("after", [1, 2, 5, 9])
def test_a_stream_that_is_cut_off_goes_on_with_what_is_left(
    shell, command, totals, report, small_chunks, monkeypatch, after
):
    settle, calls = Journal.settle, []

    def cut_off(journal, wave, hypotheses):
        calls.append(wave)
        if len(calls) > after:
            raise KeyboardInterrupt
        settle(journal, wave, hypotheses)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "settle", cut_off)
        first = shell.run(*command(), stdin=TEXT)
    assert first.code == 130
    spent, outstanding = totals()
    assert outstanding > 0
    again = shell.run(*command(), stdin=TEXT)
    assert again.code == 0, again.stderr
    assert f"what was under way is charged in full: {format_usd(outstanding)}" in again.stderr
    assert spent + outstanding < totals()[0] <= 3 * 10**6
    assert report()["segments"] == len(first.text.splitlines()) + len(SOURCES)
    third = shell.run(*command(), stdin=TEXT)  # the second one came to its end: this one is new
    assert third.code == 0
    assert report()["segments"] == len(SOURCES)


def test_an_output_that_nobody_reads_ends_the_stream(shell, command, totals):
    with shell.start(*command("--quiet"), stdin=subprocess.PIPE) as process:
        process.stdout.close()
        process.stdin.write(TEXT)
        process.stdin.close()
        error = process.stderr.read().decode()
        assert process.wait(60) == 4
    assert "standard output: cannot be written" in error and "Traceback" not in error


@pytest.mark.parametrize("budget", ["0.0002", "0.003"])
def test_a_stream_ends_though_its_producer_is_still_there(shell, command, budget):
    """By its budget or a signal, with nothing but the line about it."""
    with shell.start(*command("--quiet", budget=budget), stdin=subprocess.PIPE) as process:
        process.stdin.write(TEXT)
        process.stdin.flush()
        if budget == "0.003":
            for _ in SOURCES:
                process.stdout.readline()
            process.send_signal(signal.SIGTERM)
        error = process.stderr.read().decode()
        assert process.wait(60) == (143 if budget == "0.003" else 3)
        process.stdin.close()
    assert "Fatal" not in error and "Traceback" not in error
    assert len(error.splitlines()) <= 2


def test_a_server_may_lose_answers(shell, command, tmp_path_factory, totals, report):
    with serve(Endpoint(), tmp_path_factory.mktemp("behind")) as server:
        server.faults = {3: "silence", 5: "no usage"}
        server.card(shell.folder / "served.toml")
        shell.environment |= {"STUB_API_KEY": KEY, "NO_PROXY": "127.0.0.1"}
        options = ["--large", "served.toml", "--force-router"]
        result = shell.run(*command(*options, budget="0.02"), stdin=TEXT)
        billed = sum(i * 1000 + o * 4000 for i, o in server.bill)
    assert result.code == 0, result.stderr
    assert report()["unmetered"] == 2
    assert billed <= report()["spend_by_tier_nanousd"]["large"]
    assert totals()[0] <= 2 * 10**7


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--pin", "column:x"], "--pin"),
        (["--share", "30%"], "--share"),
        (["-o", "out.txt"], "--output"),
        (["--deterministic"], "--deterministic"),
        (["--max-hours", "3"], "--max-hours"),
        (["--memory", "x.tmx"], "--memory"),
        (["--weight", "column:x"], "--weight column"),
        (["--dry-run"], "--dry-run"),
        (["--format", "parquet"], "--stream reads no parquet"),
        (["--stream", "0"], "invalid value for '--stream'"),
        (["--stream", "1d"], "invalid value for '--stream'"),
        (["--stream", "-3h"], "invalid value for '--stream'"),
    ],
)
def test_what_a_stream_cannot_do_is_refused(command, fails, options, words):
    error, hint = fails(*command(*options), stdin=TEXT)
    assert words in error and hint is not None


def test_a_file_is_no_stream(shell, command, fails, corpus):
    arguments = ["in.tsv" if one == "-" else one for one in command()]
    assert "an input file" in fails(*arguments)[0]


def test_a_row_that_cannot_be_read_is_named(shell, command, small_chunks):
    broken = b"One line.\n" * 40 + b"caf\xe9\n" + b"Another.\n"
    result = shell.run(*command(), stdin=broken)
    assert result.code == 2
    assert "- (after 40 lines) line 1 is not valid UTF-8" in result.stderr
    assert len(result.text.splitlines()) == 40
    result = shell.run(*command("--on-invalid", "replace", "--restart"), stdin=broken)
    assert result.code == 0 and len(result.text.splitlines()) == 42


def test_a_stream_has_figures_and_no_page(shell, command, fails):
    assert shell.run(*command(), stdin=TEXT).code == 0
    (folder,) = (shell.cache / "runs").iterdir()
    error, hint = fails("report", folder)
    assert "a stream has no page" in error and hint.endswith("stream.json")
    listed = shell.run("runs", "list", shell.cache / "runs", "--json")
    assert [one["state"] for one in json.loads(listed.text)] == ["finished"]
    assert shell.run("runs", "clean", shell.cache / "runs", "--yes").code == 0
    assert not folder.exists()


@pytest.mark.parametrize(
    ("kind", "lines", "answered"),
    [
        ("jsonl", ['{"source": "one word"}'] * 5 + ['{"source": "x", "tier": 1}'], 5),
        ("jsonl", ['{"source": "one word"}'] * 3 + ["{"], 3),
        ("tsv", ["source\ttranslation", "one\ttwo"], 0),
        ("tsv", ["id\tsource", "1\tone", "2"], 2),
    ],
)
def test_what_cannot_be_written_is_refused_before_it_is_paid(
    shell, command, report, kind, lines, answered
):
    text = "".join(f"{line}\n" for line in lines).encode()
    result = shell.run(*command("--format", kind), stdin=text)
    assert result.code == 2, result.stderr
    assert len(result.text.splitlines()) == answered
    assert report()["segments"] == (answered if kind == "jsonl" else max(0, answered - 1))


def test_no_input_is_no_output(shell, command, report):
    result = shell.run(*command(), stdin=b"")
    assert (result.code, result.stdout) == (0, b"")
    assert report()["segments"] == 0
