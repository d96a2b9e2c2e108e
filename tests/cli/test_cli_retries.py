"""What failed is tried again when a finished run is run again, as far as the money goes."""

from __future__ import annotations

import pytest
from made_up import SOURCES, rows_of, write_card

from routelmt_cli.translators.stand_in import StandInTranslator

WORD = "engine"
FAILING = {source for source in SOURCES if WORD in source}


@pytest.fixture
def run(shell, stand_ins, corpus):
    """Translate with a model that fails on a word; return the result and the rows."""

    def translate(failing, budget):
        write_card(shell.folder / "card.toml", failing, fail_on=WORD)
        command = ["translate", "in.tsv", *stand_ins.options(), f"--{failing}", "card.toml"]
        command += ["--force-router", "--budget", budget, "-o", "out.tsv", "--explain"]
        result = shell.run(*command)
        return result, rows_of(shell.folder / "out.tsv")

    return translate


@pytest.fixture
def repaired(monkeypatch):
    """Let nothing fail from now on, with the same card."""
    trouble = StandInTranslator._trouble

    def no_trouble(translator, item, source):
        translator._fail_on = ""
        return trouble(translator, item, source)

    return lambda: monkeypatch.setattr(StandInTranslator, "_trouble", no_trouble)


@pytest.fixture
def ledger(shell, read_ledger):
    """Read the ledger of the run."""
    return lambda: read_ledger(shell.folder / "out.tsv.routelmt")


def failed_in(ledger):
    return {key for key, (_, _, failure) in ledger.bought.items() if failure is not None}


def test_what_failed_is_bought_by_a_second_run(run, repaired, ledger):
    assert run("large", "1")[0].code == 5
    before = ledger()
    failed = failed_in(before)
    assert {tier for tier, _ in failed} == {"large"}
    repaired()
    result, rows = run("large", "1")
    assert result.code == 0
    assert f"trying {len(failed)} failed requests again" in result.error_lines
    assert "failed" not in {row["reason"] for row in rows}
    after = ledger()
    assert not failed_in(after)
    # What was good stays as it was bought, and what the failed requests used stays charged.
    kept = {key: row for key, row in before.bought.items() if key not in failed}
    assert kept.items() < after.bought.items()
    used = sum(before.bought[key][1] for key in failed)
    assert after.charges["large"] == before.charges["large"] + used > before.charges["large"]
    assert after.spend == before.spend + sum(after.bought[key][1] for key in failed)
    assert run("large", "1")[0].code == 0
    assert ledger() == after


def test_failed_drafts_are_drafted_again_and_planned_anew(run, repaired, ledger):
    first, rows = run("small", "0.0013")
    assert first.code == 5
    assert {row["reason"] for row in rows if row["source"] in FAILING} >= {"failed"}
    before = ledger()
    repaired()
    second, rows = run("small", "0.004")
    assert second.code == 0
    assert all(row["translation"] for row in rows if row["source"].strip())
    assert before.spend < ledger().spend <= 4_000_000
    assert not failed_in(ledger())


def test_without_money_nothing_is_tried_again(run, repaired, ledger):
    run("large", "0.004")
    before = ledger()
    assert failed_in(before)
    spent = f"{before.spend / 1e9:.9f}"
    repaired()
    result, _ = run("large", spent)
    assert result.code == 5
    assert "again" not in result.error_lines[-2]
    assert ledger() == before


def test_as_many_are_tried_again_as_the_money_is_for(run, repaired, ledger):
    run("large", "1")
    before = ledger()
    failed = failed_in(before)
    repaired()
    result, _ = run("large", f"{(before.spend + 450_000) / 1e9:.9f}")
    after = ledger()
    assert 0 < len(failed_in(after)) < len(failed)
    assert (result.code, after.spend <= before.spend + 450_000) == (5, True)
    assert run("large", "1")[0].code == 0


def test_a_model_that_goes_on_failing_goes_on_being_charged_within_the_budget(run, ledger):
    totals = []
    for _ in range(3):
        assert run("large", "0.0068")[0].code == 5
        totals.append(ledger().spend)
    assert totals == sorted(totals)
    assert totals[0] < totals[-1] <= 6_800_000


def test_a_larger_budget_tries_again_too(run, repaired, ledger):
    run("large", "0.004")
    failed = failed_in(ledger())
    repaired()
    result, rows = run("large", "1")
    assert (result.code, failed_in(ledger())) == (0, set())
    assert len(failed) > 0
    assert "failed" not in {row["reason"] for row in rows}


def test_a_run_that_was_cut_off_ends_as_an_undisturbed_one(
    shell, stand_ins, corpus, ledger, monkeypatch
):
    write_card(shell.folder / "card.toml", "large", fail_on=WORD, die_on="captain")
    command = ["translate", "in.tsv", *stand_ins.options(), "--large", "card.toml"]
    command += ["--force-router", "--budget", "1", "-o", "out.tsv"]
    assert shell.run(*command).code == 4
    before = ledger()
    assert failed_in(before)
    trouble = StandInTranslator._trouble

    def alive(translator, item, source):
        translator._die_on = ""
        return trouble(translator, item, source)

    monkeypatch.setattr(StandInTranslator, "_trouble", alive)
    result = shell.run(*command)
    assert result.code == 5
    assert "again" not in result.error_lines[1]
    assert before.bought.items() <= ledger().bought.items()
    assert failed_in(before) < failed_in(ledger())
