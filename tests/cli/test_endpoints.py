"""``translate`` and ``calibrate`` with a model behind a server, whatever goes wrong with it."""

from __future__ import annotations

import os
import signal
import time

import endpoint_server
import pytest
from endpoint_server import KEY, Endpoint, serve
from made_up import SOURCES, rows_of, write_card, write_tsv

from routelmt_cli.errors import MidRunError
from routelmt_cli.run.journal import Journal
from routelmt_cli.translators import endpoint_patience

PRICE = (1.0, 4.0)
SMALL_PRICE = (0.1, 0.2)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with serve(Endpoint(), tmp_path_factory.mktemp("behind")) as server:
        yield server


@pytest.fixture
def server(running, shell, monkeypatch):
    """A server without faults or past, whose refusals are waited for in no time."""
    running.faults, running.seconds, running.hang_seconds = {}, 0.0, 1.0
    running.bill, running.asked, running.headers = [], [], []
    monkeypatch.setattr(endpoint_patience, "_FIRST_WAIT_SECONDS", 0.005)
    shell.environment |= {"STUB_API_KEY": KEY, "NO_PROXY": "127.0.0.1"}
    running.card(shell.folder / "large.toml")
    write_card(shell.folder / "small.toml", "small")
    write_tsv(shell.folder / "in.tsv")
    return running


@pytest.fixture
def translate(server, shell, stand_ins):
    """Return the command that translates ``in.tsv`` with the server as the large model."""

    def command(*options, budget="1", small="small.toml", large="large.toml"):
        return [
            *("translate", "in.tsv", "--small", small, "--large", large, "-o", "out.tsv"),
            *("--router", stand_ins.router, "--force-router", "--budget", budget, *options),
        ]

    return command


@pytest.fixture
def ledger(shell, read_ledger):
    return lambda: read_ledger(shell.folder / "out.tsv.routelmt")


@pytest.fixture
def report(shell, read_report):
    return lambda: read_report(shell.folder / "out.tsv.routelmt")


def nanousd(bill, price=PRICE):
    """Return what a provider would charge, rounded up once a request."""
    return sum(round(i * price[0] * 1000 + o * price[1] * 1000) for i, o in bill)


def test_a_large_model_behind_a_server(server, shell, translate, ledger, report):
    result = shell.run(*translate())
    assert result.code == 0, result.stderr
    assert "'stub' sends segments to 127.0.0.1" in result.stderr
    assert [row["source"] for row in rows_of(shell.folder / "out.tsv")] == SOURCES
    spent = ledger()
    assert spent.count("large") == len(server.bill) > 0
    assert spent.totals["large"] == (nanousd(server.bill), 0)
    assert report()["unmetered"] == 0
    assert all(one["Authorization"] == f"Bearer {KEY}" for one in server.headers)


def test_a_second_run_asks_nothing(server, shell, translate):
    assert shell.run(*translate()).code == 0
    before, text = len(server.asked), (shell.folder / "out.tsv").read_bytes()
    assert shell.run(*translate()).code == 0
    assert len(server.asked) == before
    assert (shell.folder / "out.tsv").read_bytes() == text


def test_a_small_model_behind_a_server(server, shell, translate, ledger):
    server.card(shell.folder / "stub-small.toml", name="stub-small", price=SMALL_PRICE)
    write_card(shell.folder / "big.toml", "large")
    result = shell.run(*translate(small="stub-small.toml", large="big.toml"))
    assert result.code == 0, result.stderr
    spent = ledger()
    assert spent.count("small") == len({one for one in SOURCES if one.strip()}) == len(server.bill)
    assert spent.totals["small"] == (nanousd(server.bill, SMALL_PRICE), 0)
    assert spent.count("large") > 0


def test_a_pair_with_a_server_is_calibrated(server, shell, little_training, translate):
    calibrate = ["calibrate", "in.tsv", "--from", "en", "--to", "de", "--folds", "3"]
    calibrate += ["--small", "small.toml", "--large", "large.toml", "-o", "pair.router"]
    result = shell.run(*calibrate)
    assert result.code == 0, result.stderr
    distinct = len({one for one in SOURCES if one.strip()})
    assert len(server.bill) == distinct
    command = [one for one in translate("--router", "pair.router") if one != "--force-router"]
    result = shell.run(*command)
    assert result.code == 0, result.stderr
    assert "router forced" not in result.stderr


@pytest.mark.parametrize("fault", ["silence", "garbage", "gateway", "cut"])
def test_a_lost_answer_is_charged_in_full_reported_and_asked_for_again(
    server, shell, translate, ledger, report, fault
):
    server.faults = {3: fault, 8: fault}
    result = shell.run(*translate())
    assert result.code == 0, result.stderr
    spent, told = ledger(), report()
    assert told["unmetered"] == 2
    assert told["failed"] == 0
    answered = sum(spend for (tier, _), (_, spend, _) in spent.bought.items() if tier == "large")
    assert answered + told["unmetered_nanousd"] == spent.totals["large"][0]
    assert spent.charges["large"] == told["unmetered_nanousd"]
    assert nanousd(server.bill) < spent.totals["large"][0]
    line = "charged in full, since the server did not say what they used: 2 requests, $"
    assert line in result.stderr


def test_what_is_lost_every_time_keeps_its_draft(server, shell, translate, ledger, report):
    server.faults = lambda _, source: "silence" if "lantern" in source else None
    result = shell.run(*translate())
    assert result.code == 5
    lost = {one for one in SOURCES if "lantern" in one}
    asked = [body["messages"][-1]["content"] for body in server.asked]
    assert max(asked.count(one) for one in lost) == 3
    assert report()["unmetered"] == sum(one in lost for one in asked)
    assert nanousd(server.bill) <= ledger().totals["large"][0]
    assert len(rows_of(shell.folder / "out.tsv")) == len(SOURCES)


def test_an_answer_without_usage_is_charged_in_full(server, shell, translate, report, ledger):
    server.faults = lambda *_: "no usage"
    assert shell.run(*translate()).code == 0
    assert report()["unmetered"] == ledger().count("large") == len(server.bill)
    assert report()["unmetered_nanousd"] == ledger().totals["large"][0] > nanousd(server.bill)


@pytest.mark.parametrize(
    ("fault", "words"),
    [("no money", "You exceeded your quota"), ("redirect", "307"), ("patience", "86400 s")],
)
def test_trouble_ends_the_run_and_the_same_command_goes_on(
    server, shell, translate, ledger, fault, words
):
    server.faults = lambda number, _: fault if number >= 20 else None
    result = shell.run(*translate())
    assert result.code == 4
    assert "error: large.toml: 127.0.0.1" in result.stderr and words in result.stderr
    assert not (shell.folder / "out.tsv").exists()
    assert ledger().totals["large"][0] == nanousd(server.bill)
    server.faults = {}
    assert shell.run(*translate()).code == 0
    assert ledger().totals["large"] == (nanousd(server.bill), 0)
    asked = [body["messages"][-1]["content"] for body in server.asked]
    assert len(server.bill) == len(set(asked))  # nothing was paid twice


def test_more_tokens_than_can_be_are_refused_and_nothing_is_overspent(
    server, shell, translate, ledger
):
    server.faults = {2: "greedy"}
    result = shell.run(*translate(budget="0.01"))
    assert result.code == 4
    assert "more than it was allowed" in result.stderr
    assert "hint: raise 'template_tokens'" in result.stderr
    assert sum(ledger().totals["large"]) <= 10**7


def test_a_card_that_is_corrected_after_an_overrun_goes_on(server, shell, translate, ledger):
    server.faults = lambda number, _: "greedy" if number >= 2 else None
    assert shell.run(*translate()).code == 4
    server.faults = {}
    text = (shell.folder / "large.toml").read_text()
    (shell.folder / "large.toml").write_text(
        text.replace("[endpoint.body]", "template_tokens = 2000\n[endpoint.body]")
    )
    result = shell.run(*translate())
    assert result.code == 0, result.stderr
    assert ledger().totals["large"][1] == 0


@pytest.mark.parametrize("after", [1, 5, 12])
def test_a_mark_that_cannot_be_written_ends_the_run_and_loses_nothing(
    server, shell, translate, ledger, monkeypatch, after
):
    marks, mark = [], Journal.mark_sent

    def failing(journal, tier, item):
        marks.append(item)
        if len(marks) == after:
            raise MidRunError("journal.sqlite: cannot write the journal: disk full")
        mark(journal, tier, item)

    server.seconds = 0.1
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "mark_sent", failing)
        result = shell.run(*translate())
    assert result.code == 4 and "disk full" in result.stderr
    assert ledger().totals["large"][0] == nanousd(server.bill)
    server.seconds = 0.0
    assert shell.run(*translate()).code == 0
    assert ledger().totals["large"] == (nanousd(server.bill), 0)


def test_a_missing_key_is_named_before_anything_is_done(server, shell, translate, fails):
    del shell.environment["STUB_API_KEY"]
    os.environ.pop("STUB_API_KEY", None)
    error, hint = fails(*translate())
    assert "STUB_API_KEY, which is not set" in error
    assert hint == "hint: export STUB_API_KEY=..."
    assert not (shell.folder / "out.tsv.routelmt").exists()


def test_a_wrong_key_is_refused_and_not_shown(server, shell, translate):
    shell.environment["STUB_API_KEY"] = "sk-another-secret"
    result = shell.run(*translate())
    assert result.code == 4
    assert "answers 401" in result.stderr and "another-secret" not in result.stderr
    for path in (shell.folder / "out.tsv.routelmt").rglob("*"):
        assert b"another-secret" not in path.read_bytes()


def test_what_a_server_cannot_promise_is_refused(server, translate, fails):
    error, hint = fails(*translate("--deterministic"))
    assert "cannot be promised to be the same" in error
    assert "leave --deterministic out" in hint


def test_models_check_and_list(server, shell, fails):
    result = shell.run("models", "check", "large.toml")
    assert result.code == 0, result.stderr
    assert "127.0.0.1" in result.text + result.stderr
    assert not server.bill
    server.card(shell.folder / "wrong.toml").write_text(
        (shell.folder / "large.toml").read_text().replace('model = "stub-1"', 'model = "gpt"')
    )
    error, hint = fails("models", "check", "wrong.toml")
    assert "has no model 'gpt'" in error and "stub-1" in hint


def test_a_killed_run_counts_what_was_under_way_as_charged(
    server, shell, translate, ledger, report
):
    server.faults = lambda number, _: "hang" if number >= 30 else None
    server.hang_seconds = 30
    process = shell.start(*translate("--quiet"))
    end = time.monotonic() + 60
    while len(server.asked) < 36 and time.monotonic() < end and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    known = len(server.asked) - len([n for n in range(len(server.asked)) if n >= 30])
    hanging = len(server.asked) - known
    assert hanging >= 6
    server.faults = {}
    result = shell.run(*translate())
    assert result.code == 0, result.stderr
    told = report()
    # A mark may be written for a request that did not reach the server.
    assert hanging <= told["unmetered"] <= hanging + 64
    assert nanousd(server.bill) <= ledger().totals["large"][0]
    assert f"{told['unmetered']:,} requests, $" in result.stderr
    assert told["failed"] == 0


def test_a_deadline_waits_for_what_is_under_way(server, shell, translate, ledger):
    server.seconds = 0.3
    result = shell.run(*translate("--max-hours", "0.0002"))
    assert result.code == 4
    spent = ledger()
    assert spent.totals["large"][0] == nanousd(server.bill) > 0
    server.seconds = 0.0
    assert shell.run(*translate()).code == 0
    assert ledger().totals["large"] == (nanousd(server.bill), 0)


def test_every_fault_at_once_and_the_bill_stays_below_the_spend(
    server, shell, translate, ledger, report
):
    faults = [*endpoint_server.LOST, *endpoint_server.BUSY, "no usage", "filter", "lines", None]
    server.faults = lambda number, _: None if number % 3 else faults[number // 3 % len(faults)]
    result = shell.run(*translate())
    assert result.code in (0, 5), result.stderr
    assert nanousd(server.bill) <= ledger().totals["large"][0] <= 10**9
    assert ledger().totals["large"][1] == 0
    assert report()["unmetered"] > 0
