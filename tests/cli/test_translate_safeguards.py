"""The guard, the drift warning, the chooser and hidden states in a ``translate``."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest
from journal_db import journal_db
from made_routers import (
    prior_of,
    with_chooser,
    with_limits,
    with_probe,
    with_risk_of_long_segments,
    without_chooser,
    without_probe,
)
from made_up import SOURCES, rows_of, write_card, write_tsv

from routelmt_cli.gain.bundle import load_bundle, save_bundle
from routelmt_cli.gain.drift import drift
from routelmt_cli.run import choice, prediction

BUDGET = ("--budget", "0.004")


@pytest.fixture
def router(stand_ins):
    """Load the router of the pair of stand-ins; it has no probe."""
    return without_probe(load_bundle(stand_ins.router))


@pytest.fixture
def translate(shell, stand_ins, corpus):
    """Translate ``in.tsv`` with a router."""
    command = ["translate", "in.tsv", "--small", stand_ins.small, "--large", stand_ins.large]
    command += ["--from", "en", "--to", "de", "-o", "out.tsv", "--router", "own.router"]

    def run(router, *arguments):
        save_bundle(router, shell.folder / "own.router", overwrite=True)
        return shell.run(*command, *(arguments if "--budget" in arguments else BUDGET + arguments))

    return run


@pytest.fixture
def plan(shell):
    """Read the plan's columns."""

    def read():
        table = pq.read_table(shell.folder / "out.tsv.routelmt" / "plan.parquet")
        return {name: table.column(name).to_numpy() for name in table.column_names}

    return read


@pytest.fixture
def report(shell, read_report):
    """Read the report."""
    return lambda: read_report(shell.folder / "out.tsv.routelmt")


def test_the_risk_is_reported_without_a_guard(translate, router, plan, report):
    result = translate(without_chooser(router))
    assert result.code == 0
    found, columns = report(), plan()
    assert ((columns["regression_risk"] >= 0) & (columns["regression_risk"] <= 1)).all()
    assert found["severe_gain"] == -10
    assert 0 <= found["expected_severe_share"] <= 1
    share = f"{found['expected_severe_share']:.1%}"
    said = "severe regressions (-10 points or worse) expected among the retranslations: "
    assert said + share in result.error_lines
    assert found["guard"] is None
    assert "guard" not in result.stderr


def test_a_guard_lets_only_what_it_allows_be_retranslated(translate, router, plan, report, shell):
    router = with_risk_of_long_segments(router)
    assert translate(router, "--budget", "1").code == 0
    risk, gain = plan()["regression_risk"], plan()["predicted_gain"]
    limit = 0.5
    assert 0 < (risk[gain > 0] > limit).sum() < (gain > 0).sum()
    guarded = with_limits(router, (0.02, None), (0.1, limit), (0.3, 1.0))
    # 0.2 was not calibrated: the next stricter one counts.
    result = translate(guarded, "--guard", "0.2", "--budget", "1", "--restart", "--explain")
    assert result.code == 0
    chosen = plan()["chosen"]
    assert np.array_equal(plan()["regression_risk"], risk)
    assert np.array_equal(chosen, (gain > 0) & (risk <= limit))
    assert (plan()["rank"] >= 0).sum() == chosen.sum() == report()["retranslated"]
    assert report()["guard"]["alpha"] == 0.1
    promised = "guard: severe regressions in at most 10% of the retranslations expected, with 90%"
    assert any(line.startswith(promised) for line in result.error_lines)
    reasons = [row["reason"] for row in rows_of(shell.folder / "out.tsv")]
    assert reasons.count("too risky") > 0
    assert "over budget" not in reasons


def test_a_guard_that_allows_nothing_drafts_and_says_so(translate, router, report, shell):
    result = translate(with_limits(router, (0.05, None)), "--guard", "0.05", "--budget", "1")
    assert result.code == 0
    assert sum("the guard leaves nothing to route" in line for line in result.error_lines) == 1
    assert {row["tier"] for row in rows_of(shell.folder / "out.tsv")} == {"small", "none"}
    assert (report()["retranslated"], report()["expected_severe_share"]) == (0, None)


def test_a_guard_is_part_of_the_run(translate, router, read_ledger, shell):
    guarded = with_limits(router, (0.1, 1.0), (0.3, 1.0))
    assert translate(guarded, "--guard", "0.1").code == 0
    ledger = read_ledger(shell.folder / "out.tsv.routelmt")
    for other in (("--guard", "0.3"), ()):
        result = translate(guarded, *other)
        assert (result.code, result.stdout) == (2, b"")
        assert "another guard (--guard)" in result.error_lines[0]
    assert translate(guarded, "--guard", "0.1").code == 0
    assert read_ledger(shell.folder / "out.tsv.routelmt") == ledger


@pytest.mark.parametrize("alpha", ["0", "1", "-0.1", "5", "nan", "inf"])
def test_a_guard_that_is_no_share(translate, router, shell, alpha):
    result = translate(router, f"--guard={alpha}")
    assert (result.code, result.stdout) == (2, b"")
    assert "is no share between 0 and 1" in result.error_lines[0]
    assert not (shell.folder / "out.tsv.routelmt").exists()


def test_a_guard_stricter_than_any(translate, router):
    result = translate(with_limits(router, (0.1, 1.0)), "--guard", "0.05")
    assert result.code == 2
    assert "stricter than any" in result.error_lines[0]


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_guard_needs_a_router_that_promises(translate, router, shell, dry):
    result = translate(prior_of(router), "--guard", "0.1", *dry)
    assert (result.code, result.stdout) == (2, b"")
    error, hint = result.error_lines[-2:]
    assert error.startswith("error: --guard needs a router that was calibrated on en-de")
    assert hint.startswith("hint: leave --guard out")
    assert not (shell.folder / "out.tsv.routelmt").exists()


def test_a_guard_promises_nothing_for_other_models(translate, router, shell):
    write_card(shell.folder / "other.toml", "large", skill=0.95)
    guarded = with_limits(router, (0.1, 1.0))
    result = translate(guarded, "--large", "other.toml", "--force-router", "--guard", "0.1")
    assert result.code == 2
    assert "calibrated on en-de with these models" in result.error_lines[-2]


def test_a_dry_run_of_drafted_segments_keeps_to_the_guard(translate, router):
    guarded = with_limits(router, (0.1, None))
    assert translate(guarded, "--guard", "0.1").code == 0
    result = translate(guarded, "--guard", "0.1", "--budget", "1", "--dry-run")
    assert result.code == 0
    assert "retranslations planned 0" in " ".join(result.text.split())


def test_a_corpus_of_another_kind_is_warned_of(translate, router, report, shell):
    words = ["4711", "!!!", "X9-Z8", "(1.234,56)", "example.org/a?b=1", "####", "00:17", "<br/>"]
    luck = np.random.default_rng(0)
    sources = [" ".join(luck.permutation(words)) + f" {number}" for number in range(150)]
    write_tsv(shell.folder / "in.tsv", sources)
    result = translate(router, "--budget", "1")
    assert result.code == 0
    drift = report()["drift"]
    assert drift["shifted"]
    names = [
        name.replace("_", " ").replace("logprob", "log-probability") for name, _ in drift["worst"]
    ]
    warning = (
        f"warning: this corpus differs from the calibration's ({', '.join(names[:3])}): "
        "predictions may be off; calibrate on segments like these"
    )
    assert result.error_lines.count(warning) == 1
    # The plan knows it, so that a run that goes on says it as well.
    again = translate(router, "--budget", "1")
    assert again.error_lines.count(warning) == 1
    assert report()["drift"] == drift
    dry = translate(router, "--budget", "2", "--dry-run")
    assert dry.error_lines.count(warning) == 1


def test_the_calibrations_own_corpus_is_not_warned_of(translate, router, report):
    result = translate(router)
    assert "differs from the calibration" not in result.stderr
    assert report()["drift"]["shifted"] is False


def test_a_chooser_that_keeps_drafts_is_counted(translate, router, report, shell):
    assert translate(with_chooser(router, keeps=False), "--explain").code == 0
    taken = report()["segments_by_tier"]["large"]
    assert taken > 0 and report()["kept_drafts"] == {}
    result = translate(with_chooser(router, keeps=True), "--explain", "--restart")
    assert result.code == 0
    assert report()["kept_drafts"] == {"chooser": taken}
    assert report()["segments_by_tier"]["large"] == 0
    assert report()["expected_severe_share"] is None
    assert f"retranslations not used: {taken} (chooser {taken})" in result.error_lines
    rows = rows_of(shell.folder / "out.tsv")
    kept = [row for row in rows if row["reason"] == "guard: chooser"]
    assert len(kept) == taken
    assert all(row["tier"] == "small" and row["translation"] for row in kept)


def test_the_chooser_is_not_asked_about_failed_drafts(translate, router, shell, stand_ins):
    card = stand_ins.small.read_text() + 'fail_on = "engine"\n'
    (shell.folder / "small.toml").write_text(card)
    chooser = with_chooser(router, keeps=True)
    arguments = ("--small", "small.toml", "--force-router", "--budget", "1", "--explain")
    assert translate(chooser, *arguments).code == 0  # the large model stands in
    rows = rows_of(shell.folder / "out.tsv")
    assert {row["reason"] for row in rows if row["tier"] == "large"} == {"retranslated"}
    assert all("engine" in row["source"] for row in rows if row["tier"] == "large")


def test_a_probe_sees_the_states_of_the_drafts(translate, router, plan, shell):
    assert translate(router).code == 0
    without = plan()["predicted_gain"]
    assert not _states(shell).any()
    assert translate(with_probe(router), "--restart").code == 0
    assert _states(shell).all()
    assert np.ptp(plan()["predicted_gain"] - without) > 1


def test_states_that_a_journal_lacks_are_done_without(translate, router, plan, shell, read_ledger):
    probing = with_probe(router)
    assert translate(probing, "--budget", "0.002").code == 0
    before, with_states = read_ledger(shell.folder / "out.tsv.routelmt"), plan()["predicted_gain"]
    with journal_db(shell.folder / "out.tsv.routelmt" / "journal.sqlite") as db:
        db.execute("UPDATE hypotheses SET state = NULL")
    db.close()
    result = translate(probing)
    assert (result.code, result.stdout) == (0, b"")
    after = read_ledger(shell.folder / "out.tsv.routelmt")
    assert before.bought.items() < after.bought.items()
    assert np.isfinite(plan()["predicted_gain"]).all()
    assert not np.array_equal(plan()["predicted_gain"], with_states)


def test_states_of_another_width_are_not_shown_to_a_probe(translate, router, plan):
    assert translate(with_probe(router, weight=0.0)).code == 0
    expected = plan()["predicted_gain"]
    assert translate(with_probe(router, width=9), "--restart").code == 0
    assert np.allclose(plan()["predicted_gain"], expected)


def _states(shell):
    with journal_db(shell.folder / "out.tsv.routelmt" / "journal.sqlite") as db:
        rows = db.execute("SELECT state IS NOT NULL FROM hypotheses WHERE tier = 'small'")
        found = np.array([row[0] for row in rows], bool)
    db.close()
    assert len(found) == len({source for source in SOURCES if source.strip()})
    return found


@pytest.mark.parametrize("prior", [False, True])
def test_blocks_change_nothing(translate, router, shell, report, monkeypatch, prior):
    router = with_probe(router)
    router = prior_of(router) if prior else router
    ends = []
    for size in (8192, 7):
        for module in (prediction, choice):
            monkeypatch.setattr(module, "_BLOCK_ITEMS", size)
        assert translate(router, "--explain", "--restart").code == 0
        counted = {key: value for key, value in report().items() if "seconds" not in key}
        ends.append(((shell.folder / "out.tsv").read_bytes(), counted))
    assert ends[0] == ends[1]


def test_drift_is_measured_on_evenly_spaced_segments(translate, router, report, monkeypatch):
    monkeypatch.setattr(prediction, "MAX_DRIFT_SEGMENTS", 9)
    monkeypatch.setattr(prediction, "_BLOCK_ITEMS", 10)
    counts = []

    def counted(features, quantiles, **options):
        counts.append(len(features))
        return drift(features, quantiles, **options)

    monkeypatch.setattr(prediction, "drift", counted)
    assert translate(router).code == 0
    assert counts == [9]
    assert report()["drift"]["shifted"] is False


def test_a_plan_of_an_older_routelmt_is_read(translate, router, shell, report):
    assert translate(router).code == 0
    spent = report()["spend_nanousd"]
    path = shell.folder / "out.tsv.routelmt" / "plan.parquet"
    table = pq.read_table(path)
    facts = table.schema.metadata[b"routelmt"].replace(b'"drift"', b'"other"')
    table = table.drop_columns(["regression_risk"]).replace_schema_metadata({b"routelmt": facts})
    pq.write_table(table, path)
    assert translate(router).code == 0
    assert report()["spend_nanousd"] == spent
    assert (report()["expected_severe_share"], report()["drift"]) == (None, None)
