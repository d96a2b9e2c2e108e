"""``translate`` with a server's batches: half the price, days of waiting, nothing paid twice."""

from __future__ import annotations

import pytest
from endpoint_server import KEY, Endpoint, serve
from made_up import SOURCES, rows_of, write_card, write_tsv

from routelmt_cli.run.journal import Journal
from routelmt_cli.translators import endpoint_patience
from routelmt_cli.translators.endpoint_connection import EndpointConnection

PRICE = (0.5, 2.0)
BATCH = "[endpoint.batch]\nmost_requests = {most}\nat_once = {at_once}\npoll_seconds = 0.01"
DISTINCT = len({one for one in SOURCES if one.strip()})


@pytest.fixture
def server(shell, monkeypatch, tmp_path_factory):
    """A server with batches of ten, three at once."""
    monkeypatch.setattr(endpoint_patience, "_FIRST_WAIT_SECONDS", 0.005)
    with serve(Endpoint(), tmp_path_factory.mktemp("behind")) as running:
        shell.environment |= {"STUB_API_KEY": KEY, "NO_PROXY": "127.0.0.1"}
        write_batch_card(shell, running)
        write_card(shell.folder / "small.toml", "small")
        write_tsv(shell.folder / "in.tsv")
        yield running


def write_batch_card(shell, server, most=10, at_once=3, **values):
    batch = BATCH.format(most=most, at_once=at_once)
    server.card(shell.folder / "large.toml", batch=batch, price=PRICE, **values)


@pytest.fixture
def translate(server, shell, stand_ins):
    def command(*options, budget="1"):
        return [
            *("translate", "in.tsv", "--small", "small.toml", "--large", "large.toml"),
            *("--router", stand_ins.router, "--force-router", "--budget", budget),
            *("-o", "out.tsv", *options),
        ]

    return command


@pytest.fixture
def ledger(shell, read_ledger):
    return lambda: read_ledger(shell.folder / "out.tsv.routelmt")


@pytest.fixture
def report(shell, read_report):
    return lambda: read_report(shell.folder / "out.tsv.routelmt")


def nanousd(bill):
    return sum(round(i * PRICE[0] * 1000 + o * PRICE[1] * 1000) for i, o in bill)


def requests_in(server):
    """Count the requests in all files that batches were begun of, those refused left out."""
    begun = [one for one in server.batches.begun.values() if one["status"] != "failed"]
    return sum(server.batches.files[one["input_file_id"]].count(b"\n") for one in begun)


def test_a_large_model_in_batches(server, shell, translate, ledger, report):
    result = shell.run(*translate())
    assert result.code == 0, result.stderr
    assert [row["source"] for row in rows_of(shell.folder / "out.tsv")] == SOURCES
    spent = ledger()
    assert spent.totals["large"] == (nanousd(server.bill), 0)
    assert spent.count("large") == len(server.bill) == requests_in(server) > 30
    assert report()["unmetered"] == 0
    sizes = [
        server.batches.files[one["input_file_id"]].count(b"\n")
        for one in server.batches.begun.values()
    ]
    assert max(sizes) == 10 and len(sizes) > 3
    assert {one["endpoint"] for one in server.batches.begun.values()} == {"/v1/chat/completions"}
    assert {one["completion_window"] for one in server.batches.begun.values()} == {"24h"}
    assert not server.headers  # no request went by itself


def test_the_same_texts_as_without_batches(server, shell, translate):
    assert shell.run(*translate()).code == 0
    batched = (shell.folder / "out.tsv").read_bytes()
    server.card(shell.folder / "large.toml", price=PRICE)
    assert shell.run(*translate("--restart", "--overwrite")).code == 0
    assert (shell.folder / "out.tsv").read_bytes() == batched


def test_a_small_model_in_batches(server, shell, stand_ins, translate, ledger):
    (shell.folder / "large.toml").rename(shell.folder / "cheap.toml")
    write_card(shell.folder / "large.toml", "large")
    result = shell.run(*translate("--small", "cheap.toml"))
    assert result.code == 0, result.stderr
    assert ledger().count("small") == DISTINCT == len(server.bill)
    assert ledger().totals["small"] == (nanousd(server.bill), 0)


@pytest.mark.parametrize("after", [0, 1, 2, 3, 5, 8, 13, 21, 40])
def test_a_run_that_is_cut_off_finds_its_batches_again(
    server, shell, translate, ledger, monkeypatch, after
):
    """Whatever was being done with the server: looked for, uploaded, begun, asked for, fetched."""
    calls, exchange = [], EndpointConnection.exchange

    async def cut_off(connection, *arguments, **options):
        reply = await exchange(connection, *arguments, **options)
        calls.append(arguments)
        if len(calls) > after:
            raise KeyboardInterrupt  # the server has done it, and nobody was told
        return reply

    with monkeypatch.context() as patch:
        patch.setattr(EndpointConnection, "exchange", cut_off)
        assert shell.run(*translate()).code == 130
    result = shell.run(*translate())
    assert result.code == 0, result.stderr
    assert ledger().totals["large"] == (nanousd(server.bill), 0)
    assert requests_in(server) == len(server.bill) == ledger().count("large")
    assert len(rows_of(shell.folder / "out.tsv")) == len(SOURCES)


def test_a_run_that_dies_while_it_settles_charges_nothing_twice(
    server, shell, translate, ledger, monkeypatch
):
    settle, settled = Journal.settle, []

    def dying(journal, wave, hypotheses):
        if wave.tier == "large" and hypotheses:
            settled.append(wave)
            if len(settled) == 2:
                raise KeyboardInterrupt
        settle(journal, wave, hypotheses)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "settle", dying)
        assert shell.run(*translate()).code == 130
    assert shell.run(*translate()).code == 0
    assert requests_in(server) == len(server.bill) == ledger().count("large")
    assert ledger().totals["large"] == (nanousd(server.bill), 0)


def test_hours_end_while_a_batch_is_waited_for(server, shell, translate, ledger):
    server.batches.looks = 10**6
    result = shell.run(*translate("--max-hours", "0.0003"))
    assert result.code == 4 and "--max-hours" in result.stderr
    assert not server.bill and server.batches.begun
    for batch in server.batches.begun.values():
        batch["looks"] = 1
    server.batches.looks = 1
    assert shell.run(*translate()).code == 0
    assert ledger().totals["large"] == (nanousd(server.bill), 0)
    assert requests_in(server) == len(server.bill)


def test_a_batch_whose_beginning_was_lost_is_found(server, shell, translate, ledger):
    server.batches.faults = {1: "lost"}
    result = shell.run(*translate())
    assert result.code == 0, result.stderr
    assert requests_in(server) == len(server.bill)
    assert ledger().totals["large"] == (nanousd(server.bill), 0)


def test_a_batch_that_is_refused_for_the_moment_is_begun_later(server, shell, translate, ledger):
    server.batches.faults = {0: "refused", 2: "full", 3: "full"}
    result = shell.run(*translate())
    assert result.code == 0, result.stderr
    assert requests_in(server) == len(server.bill) == ledger().count("large")


def test_a_file_above_the_accounts_limit_is_cut_smaller(server, shell, translate, ledger):
    class Limit(dict):
        """A server that takes no more than four requests in a file."""

        def get(self, number, default=None):
            last = list(server.batches.files.values())[-1]
            return "full" if last.count(b"\n") > 4 else default

    server.batches.faults = Limit()
    write_batch_card(shell, server, at_once=1)
    result = shell.run(*translate())
    assert result.code == 0, result.stderr
    assert requests_in(server) == len(server.bill) == ledger().count("large")


def test_one_request_above_the_accounts_limit_ends_the_run(server, shell, translate):
    server.batches.faults = dict.fromkeys(range(1000), "full")
    result = shell.run(*translate())
    assert result.code == 4 and "is refused: it is full" in result.stderr
    assert len(server.batches.begun) < 20


def test_a_server_that_breaks_when_it_has_begun_a_batch_begins_no_other(
    server, shell, translate, ledger
):
    server.batches.faults = {0: "broken", 2: "broken"}
    result = shell.run(*translate())
    assert result.code == 0, result.stderr
    assert requests_in(server) == len(server.bill) == ledger().count("large")
    assert ledger().totals["large"] == (nanousd(server.bill), 0)


def test_a_batch_that_is_invalid_ends_the_run(server, shell, translate, ledger):
    server.batches.faults = {1: "invalid"}
    result = shell.run(*translate())
    assert result.code == 4
    assert "batch batch-1 is refused: it is invalid" in result.stderr
    server.batches.faults = {}
    assert shell.run(*translate()).code == 0
    assert requests_in(server) == len(server.bill)
    assert ledger().totals["large"] == (nanousd(server.bill), 0)


@pytest.mark.parametrize("fault", ["expired", "cancelled"])
def test_what_a_batch_did_not_come_to_is_free_and_tried_by_the_next_run(
    server, shell, translate, ledger, report, fault
):
    server.batches.faults = {0: fault}
    assert shell.run(*translate()).code == 5
    failed = {key for key, (_, _, reason) in ledger().bought.items() if reason is not None}
    assert len(failed) == 5 and report()["unmetered"] == 0
    assert ledger().totals["large"] == (nanousd(server.bill), 0)
    result = shell.run(*translate())
    assert result.code == 0, result.stderr
    assert "trying 5 failed requests again" in result.stderr
    assert ledger().totals["large"] == (nanousd(server.bill), 0)


def test_results_that_are_gone_are_charged_in_full_and_asked_for_again(
    server, shell, translate, ledger, report
):
    server.batches.faults = {0: "gone"}
    result = shell.run(*translate())
    assert result.code == 0, result.stderr
    assert report()["unmetered"] == 10
    assert ledger().totals["large"][0] > nanousd(server.bill)
    assert len(server.bill) == ledger().count("large") + 10


@pytest.mark.parametrize("fault", ["bad request", "left out", "no usage", "filter"])
def test_what_goes_wrong_with_single_requests(server, shell, translate, ledger, report, fault):
    server.faults = {4: fault, 7: fault}
    result = shell.run(*translate())
    assert result.code == (5 if fault in ("bad request", "filter") else 0), result.stderr
    assert report()["unmetered"] == (2 if fault in ("left out", "no usage") else 0)
    assert nanousd(server.bill) <= ledger().totals["large"][0]


def test_the_budget_is_kept_with_batches(server, shell, translate, ledger):
    for budget in ("0.002", "0.004", "0.02"):
        assert shell.run(*translate(budget=budget)).code == 0
        begun = len(server.batches.begun)
        assert shell.run(*translate(budget=budget)).code == 0
        assert len(server.batches.begun) == begun
        spent = ledger()
        assert spent.spend <= float(budget) * 1e9
        assert spent.totals["large"] == (nanousd(server.bill), 0)


def test_the_same_body_is_sent_once(server, shell, translate, ledger):
    lines = [f"Press {{{name}}} to open the lantern orchard." for name in ("a", "b", "c", "d")]
    write_tsv(shell.folder / "in.tsv", lines)
    pins = [*(f"{line}\tlarge\n" for line in lines)]
    (shell.folder / "in.tsv").write_text("source\tpin\n" + "".join(pins), "utf-8")
    result = shell.run(*translate("--pin", "column:pin"))
    assert result.code == 0, result.stderr
    bodies = [str(body) for body in server.asked]
    assert len(bodies) == len(set(bodies))
    assert ledger().count("large") == 4
    assert ledger().totals["large"] == (nanousd(server.bill), 0)


def test_other_runs_batches_are_left_alone(server, shell, translate, ledger):
    server.batches.looks = 10**6
    assert shell.run(*translate("--max-hours", "0.0003")).code == 4
    others = list(server.batches.begun)
    server.batches.looks = 1
    assert shell.run(*translate(), "-o", "other.tsv").code == 0
    assert all(server.batches.begun[name]["status"] == "in_progress" for name in others)
