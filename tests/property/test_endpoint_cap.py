"""The hard cap with 64 requests under way at a server that loses answers, and a run that crashes.

The server's own bill is what counts: it never exceeds what the journal has spent or put aside, and
that never exceeds the budget, whatever befalls the answers and wherever the process ends.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import pytest
from endpoint_server import BUSY, KEY, LOST, Endpoint, serve
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import write_card

from routelmt_cli.errors import MidRunError
from routelmt_cli.gain.bundle import load_bundle
from routelmt_cli.gain.ladder import Ladder
from routelmt_cli.run import pipeline, setup
from routelmt_cli.run.folder import RunFiles, beside
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.options import CorpusOptions, PairOptions, TranslateOptions
from routelmt_cli.run.tiers import LARGE
from routelmt_cli.translators import adaptive_limit, endpoint_connection, endpoint_patience
from routelmt_cli.translators import endpoint as endpoint_module

PRICE = (1.0, 4.0)
SEGMENTS = 150
# What may happen to a request; mostly nothing does.
FAULTS = st.sampled_from(
    [None] * 20 + [*LOST, *BUSY, "dropped", "no usage", "filter", "no money", "no markers"]
)


FINISHED, STOPPED, CRASHED = "finished", "stopped", "crashed"


class Crash(BaseException):
    """The process is gone: nothing below may catch it."""


@pytest.fixture(scope="module", autouse=True)
def world(stand_ins, tmp_path_factory):
    """A server with 64 places and a router read once; nothing is waited for."""
    router, server = load_bundle(stand_ins.router), Endpoint(hang_seconds=0.4, seconds=0.05)
    with pytest.MonkeyPatch.context() as patch, serve(server, tmp_path_factory.mktemp("behind")):
        patch.setenv("STUB_API_KEY", KEY)
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setattr(setup, "load_ladder", lambda _: Ladder([router]))
        patch.setattr(adaptive_limit, "_FIRST", 64)
        patch.setattr(endpoint_patience, "_FIRST_WAIT_SECONDS", 0.001)
        patch.setattr(endpoint_module, "_CLOSING_SECONDS", 0.2)
        patch.setattr(endpoint_connection, "_CONNECT_SECONDS", 1.0)
        yield server, patch


@given(
    faults=st.lists(FAULTS, min_size=1, max_size=60),
    budgets=st.lists(st.integers(4, 40), min_size=2, max_size=3).map(sorted),
    crashes=st.lists(st.none() | st.integers(0, 120), min_size=2, max_size=2),
)
@settings(max_examples=4, deadline=None)
def test_the_bill_never_exceeds_the_spend_nor_the_spend_the_budget(world, faults, budgets, crashes):
    server, patch = world
    server.bill, server.asked = [], []
    server.faults = lambda number, _: faults[number % len(faults)]
    folder = Path(tempfile.mkdtemp())
    try:
        write_card(folder / "small.toml", "small", skill=0.1)
        server.card(folder / "large.toml", timeout=0.2, tries=3, price=PRICE)
        # Every third has a placeholder, so that it may take a second try.
        lines = [f"lantern number{n} of {'{x}' * (n % 3 == 0)} rivers" for n in range(SEGMENTS)]
        (folder / "in.txt").write_text("\n".join(lines) + "\n", "utf-8")
        budget = 0
        for share, crash in zip(budgets, [*crashes, None], strict=False):
            budget = share * 10**6
            ended = run(folder, budget, crash, patch)
            check(folder, server, budget, is_whole=ended != CRASHED)
        server.faults = {}
        assert run(folder, budget, None, patch) == FINISHED
        assert check(folder, server, budget, is_whole=True) == 0
    finally:
        shutil.rmtree(folder)


def test_64_requests_are_under_way_when_the_process_ends(world, tmp_path):
    server, patch = world
    server.bill, server.asked, server.faults = [], [], {}
    write_card(tmp_path / "small.toml", "small", skill=0.1)
    server.card(tmp_path / "large.toml", price=PRICE)
    lines = [f"lantern number{n} of {n * 7} rivers" for n in range(SEGMENTS)]
    (tmp_path / "in.txt").write_text("\n".join(lines) + "\n", "utf-8")
    with patch.context() as here:
        here.setattr(server, "seconds", 3.0)

        def all_there():
            end = time.monotonic() + 2.0
            while len(server.asked) < 63 and time.monotonic() < end:
                time.sleep(0.01)

        assert run(tmp_path, 10**9, 63, patch, all_there) == CRASHED
        assert len(server.asked) >= 48  # on a busy machine the last ones may be late
        check(tmp_path, server, 10**9, is_whole=False)
    with Journal(RunFiles(beside(tmp_path / "out.txt")).journal) as journal:
        wave = journal.unsettled_wave(LARGE)
        assert len(journal.unanswered(wave)) == 64
    assert run(tmp_path, 10**9, None, patch) == FINISHED
    assert check(tmp_path, server, 10**9, is_whole=True) == 0
    with Journal(RunFiles(beside(tmp_path / "out.txt")).journal) as journal:
        assert journal.unmetered(LARGE)[0] == 64
        assert journal.failed(LARGE) == []


def run(folder, budget, crash, patch, before_crash=lambda: None):
    """Run the command and crash after a number of marks; say how it ended."""
    options = TranslateOptions(
        corpus=CorpusOptions(folder / "in.txt"),
        pair=PairOptions("en", "de", str(folder / "small.toml"), str(folder / "large.toml")),
        budget_nanousd=budget,
        output=folder / "out.txt",
        router=folder / "router",
        force_router=True,
    )
    marks, mark = [], Journal.mark_sent

    def marking(journal, tier, item):
        mark(journal, tier, item)
        marks.append(item)
        if crash is not None and len(marks) > crash:
            before_crash()
            raise Crash

    with patch.context() as here:
        here.setattr(Journal, "mark_sent", marking)
        try:
            pipeline.translate(options)
        except Crash:
            return CRASHED
        except MidRunError:
            return STOPPED
    return FINISHED


def check(folder, server, budget, *, is_whole):
    """Compare the server's bill with the journal; return what is put aside, in nanodollars.

    ``is_whole`` says that the run came to an end of its own, so that all that is billed is settled.
    """
    end = time.monotonic() + 10
    while server.under_way and time.monotonic() < end:
        time.sleep(0.01)
    billed = sum(round(i * PRICE[0] * 1000 + o * PRICE[1] * 1000) for i, o in server.bill)
    with Journal(RunFiles(beside(folder / "out.txt")).journal) as journal:
        journal.audit()
        outstanding = journal.outstanding_nanousd()
        put_aside = 0 if is_whole else journal.outstanding_nanousd(LARGE)
        assert billed <= journal.spend_nanousd(LARGE) + put_aside
        assert journal.committed_nanousd() <= budget
    return outstanding
