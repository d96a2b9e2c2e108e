"""Budgets, the ledger, the report, and running again."""

from __future__ import annotations

import os

import pytest
from made_up import SOURCES, rows_of, write_card, write_tsv

from routelmt_cli.run.folder import RunFolder, beside
from routelmt_cli.translators.stand_in import StandInTranslator

BUDGET = ("--budget", "0.004")


@pytest.fixture
def translate(shell, stand_ins, corpus):
    """Translate ``in.tsv`` into ``out.tsv`` with the pair of stand-ins."""

    def run(*arguments):
        return shell.run("translate", "in.tsv", *stand_ins.options(), "-o", "out.tsv", *arguments)

    return run


@pytest.fixture
def folder(shell):
    """Name the run folder of ``out.tsv``."""
    return shell.folder / "out.tsv.routelmt"


@pytest.fixture
def output(shell):
    """Name the output."""
    return shell.folder / "out.tsv"


def test_a_run_keeps_order_and_stays_within_its_budget(
    translate, folder, output, read_ledger, read_report
):
    result = translate(*BUDGET)
    assert (result.code, result.stdout) == (0, b"")
    rows = rows_of(output)
    assert [row["source"] for row in rows] == SOURCES
    assert {row["tier"] for row in rows} == {"small", "large", "none"}
    assert all((row["tier"] == "none") == (not row["source"].strip()) for row in rows)
    ledger = read_ledger(folder)
    report = read_report(folder)
    assert ledger.spend == report["spend_nanousd"] <= report["budget_nanousd"] == 4_000_000
    assert all(outstanding == 0 for _, outstanding in ledger.totals.values())
    assert oct(folder.stat().st_mode)[-3:] == "700"


def test_the_report_has_what_it_promises(translate, folder, read_report):
    translate(*BUDGET)
    report = read_report(folder)
    assert report["segments"] == len(SOURCES)
    distinct = {source for source in SOURCES if source.strip()}
    assert report["distinct_segments"] == report["drafted"] == len(distinct)
    assert 0 < report["retranslated"] < report["drafted"]
    assert sum(report["spend_by_tier_nanousd"].values()) == report["spend_nanousd"]
    assert report["predicted_gain"] > 0
    assert 0 <= report["knapsack_gap"] < 0.1
    assert report["seconds"] > 0
    assert list(report["models"]) == ["small", "large"] and list(report["routers"]) == ["large"]
    for one in [*report["models"].values(), *report["routers"].values()]:
        assert len(one["fingerprint"]) >= 32


def test_the_same_command_again_spends_nothing(translate, folder, output, read_ledger, read_report):
    assert translate(*BUDGET).code == 0
    ledger, written, report = read_ledger(folder), output.read_bytes(), read_report(folder)
    assert translate(*BUDGET).code == 0
    assert read_ledger(folder) == ledger
    assert output.read_bytes() == written
    assert read_report(folder)["spend_nanousd"] == report["spend_nanousd"]


def test_a_larger_budget_continues_and_pays_the_difference_alone(
    translate, folder, output, read_ledger
):
    translate("--budget", "0.002")
    first, tiers = read_ledger(folder), [row["tier"] for row in rows_of(output)]
    result = translate("--budget", "0.006", "-v")
    assert result.code == 0
    assert "drafting" not in result.stderr
    second = read_ledger(folder)
    assert first.bought.items() < second.bought.items()
    assert second.charges == first.charges
    assert second.spend <= 6_000_000
    after = [row["tier"] for row in rows_of(output)]
    assert tiers.count("large") < after.count("large")
    assert all(new == "large" for old, new in zip(tiers, after, strict=True) if old == "large")


def test_a_budget_that_buys_all_leaves_only_what_cannot_gain(translate, output):
    assert translate("--budget", "1", "--explain").code == 0
    rows = [row for row in rows_of(output) if row["tier"] != "none"]
    assert {row["reason"] for row in rows if row["tier"] == "large"} == {"retranslated"}
    for row in rows:
        if row["reason"] == "no predicted gain":
            assert float(row["predicted_gain"]) <= 0


def test_explain_says_why_each_segment_has_its_tier(translate, output):
    assert translate(*BUDGET, "--explain").code == 0
    rows = rows_of(output)
    assert list(rows[0])[-3:] == ["predicted_gain", "cost_usd", "reason"]
    for row in rows:
        if row["tier"] == "none":
            assert (row["predicted_gain"], row["reason"]) == ("", "empty")
        elif row["tier"] == "large":
            assert (float(row["predicted_gain"]) > 0, row["reason"]) == (True, "retranslated")
        else:
            assert row["reason"] in ("over budget", "no predicted gain", "guard: chooser")
    assert {"over budget", "retranslated"} <= {row["reason"] for row in rows}
    cost = sum(float(row["cost_usd"]) for row in rows if row["reason"] == "retranslated")
    assert 0 < cost < 0.004


def test_explain_may_be_added_to_a_finished_run(translate, output, folder, read_ledger):
    translate(*BUDGET)
    ledger = read_ledger(folder)
    assert translate(*BUDGET, "--explain").code == 0
    assert read_ledger(folder) == ledger
    assert "reason" in rows_of(output)[0]


def test_weights_by_segment_prefer_other_segments(shell, stand_ins, corpus, translate, output):
    translate("--budget", "0.002")
    by_length = [row for row in rows_of(output) if row["tier"] == "large"]
    command = ["translate", "in.tsv", *stand_ins.options(), "-o", "other.tsv", "--budget", "0.002"]
    assert shell.run(*command, "--weight", "segment").code == 0
    by_segment = [row for row in rows_of(shell.folder / "other.tsv") if row["tier"] == "large"]
    assert len(by_segment) > len(by_length)


def test_the_default_output_is_named_on_stderr(shell, stand_ins, corpus):
    result = shell.run("translate", "in.tsv", *stand_ins.options(), "--budget", "1")
    assert result.error_lines[0] == "writing to in.de.tsv"
    assert (shell.folder / "in.de.tsv").exists()


def test_the_output_is_not_named_where_the_user_did(translate):
    assert "writing to" not in translate(*BUDGET).stderr


def test_quiet_says_nothing(translate):
    result = translate(*BUDGET, "--quiet")
    assert (result.code, result.stdout, result.stderr) == (0, b"", "")


def test_verbose_names_the_stages(translate):
    lines = translate(*BUDGET, "-v").error_lines
    assert any(line.startswith("drafting 117 segments") for line in lines)
    assert any(line.startswith("retranslating ") for line in lines)


def test_deterministic_runs_give_the_same_bytes_and_spend(shell, stand_ins, corpus, read_report):
    outputs = []
    for name in ("one.tsv", "two.tsv"):
        command = ["translate", "in.tsv", *stand_ins.options(), "-o", name, *BUDGET]
        assert shell.run(*command, "--deterministic").code == 0
        report = read_report(shell.folder / f"{name}.routelmt")
        outputs.append(((shell.folder / name).read_bytes(), report["spend_nanousd"]))
    assert outputs[0] == outputs[1]


def test_restart_pays_again(translate, folder, output, read_ledger):
    translate("--budget", "0.006")
    assert translate("--budget", "0.002").code == 2
    result = translate("--budget", "0.002", "--restart", "-v")
    assert result.code == 0
    assert "drafting 117" in result.stderr
    assert read_ledger(folder).spend <= 2_000_000


def test_restart_does_not_forget_what_it_may_not_replace(translate, folder, output, read_ledger):
    translate(*BUDGET)
    ledger = read_ledger(folder)
    output.write_text("mine\n")
    result = translate(*BUDGET, "--restart")
    assert (result.code, result.error_lines[0]) == (2, "error: out.tsv: the output exists")
    assert read_ledger(folder) == ledger
    assert output.read_text() == "mine\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--budget", "0.003"], "more than the budget of $0.003"),
        ([*BUDGET, "--weight", "segment"], "another weight rule (--weight)"),
        ([*BUDGET, "--deterministic"], "another decoding mode (--deterministic)"),
        ([*BUDGET, "--source-column", "reference"], "another input layout"),
    ],
)
def test_what_changed_is_named(translate, folder, read_ledger, arguments, named):
    translate(*BUDGET)
    ledger = read_ledger(folder)
    result = translate(*arguments)
    assert (result.code, result.stdout) == (2, b"")
    assert named in result.error_lines[0]
    assert "--restart" in result.error_lines[1]
    assert len(result.error_lines) == 2
    assert read_ledger(folder) == ledger


def test_a_changed_input_is_named(shell, translate):
    translate(*BUDGET)
    write_tsv(shell.folder / "in.tsv", [*SOURCES, "one more"])
    result = translate(*BUDGET)
    assert result.code == 2
    assert "another input file" in result.error_lines[0]


def test_a_changed_model_is_named(shell, stand_ins, translate):
    translate(*BUDGET)
    write_card(shell.folder / "other.toml", "large", skill=0.95)
    other = ["--large", "other.toml", "--force-router"]
    result = translate(*BUDGET, *other)
    assert result.code == 2
    assert "another large model" in result.stderr


def test_a_first_command_that_bought_nothing_binds_nobody(translate, folder, output):
    assert translate("--budget", "0.0001").code == 3
    assert not output.exists()
    assert translate("--budget", "0.00009").code == 3
    assert translate(*BUDGET, "--weight", "segment").code == 0


def test_a_model_that_breaks_ends_the_run_and_it_can_be_continued(
    shell, stand_ins, corpus, read_ledger, monkeypatch
):
    middle = sorted(filter(str.strip, SOURCES), key=len)[len(SOURCES) // 2]
    write_card(shell.folder / "large.toml", "large", die_on=middle)
    command = ["translate", "in.tsv", *stand_ins.options(), "--large", "large.toml"]
    command += ["--force-router", "--budget", "1", "-o", "out.tsv"]
    broken = shell.run(*command)
    assert (broken.code, broken.stdout) == (4, b"")
    assert broken.error_lines[-2] == "error: the stand-in model broke, as its card asks"
    assert broken.error_lines[-1].startswith("hint: run the same command again")
    folder = shell.folder / "out.tsv.routelmt"
    before = read_ledger(folder)
    assert 0 < before.count("large") < before.count("small") == 112
    assert not (shell.folder / "out.tsv").exists()

    assert shell.run(*command).code == 4  # still broken: nothing is bought twice
    assert before.bought.items() <= read_ledger(folder).bought.items()

    outcome = StandInTranslator._outcome

    def repaired(translator, request):
        translator._die_on = ""
        return outcome(translator, request)

    monkeypatch.setattr(StandInTranslator, "_outcome", repaired)
    assert shell.run(*command).code == 0
    after = read_ledger(folder)
    assert before.bought.items() < after.bought.items()
    assert [row["source"] for row in rows_of(shell.folder / "out.tsv")] == SOURCES


def test_failed_segments_keep_their_draft(shell, stand_ins, corpus, read_report):
    write_card(shell.folder / "large.toml", "large", fail_on="engine")
    command = ["translate", "in.tsv", *stand_ins.options(), "--large", "large.toml"]
    command += ["--force-router", "--budget", "1", "-o", "out.tsv", "--explain"]
    result = shell.run(*command)
    assert (result.code, result.stdout) == (5, b"")
    rows = rows_of(shell.folder / "out.tsv")
    failed = [row for row in rows if row["reason"] == "failed"]
    assert failed
    assert all("engine" in row["source"] and row["tier"] == "small" for row in failed)
    assert all(row["translation"] for row in failed)
    assert read_report(shell.folder / "out.tsv.routelmt")["failed"] == len(failed)
    assert f"failed segments, which keep what they had: {len(failed)} (" in result.stderr


def test_a_failed_draft_ends_with_5_too(shell, stand_ins, corpus, read_report):
    write_card(shell.folder / "small.toml", "small", fail_on="engine")
    command = ["translate", "in.tsv", *stand_ins.options(), "--small", "small.toml"]
    command += ["--force-router", "--budget", "0.0011166", "-o", "out.tsv"]
    assert shell.run(*command).code == 5
    rows = rows_of(shell.folder / "out.tsv")
    assert [row["source"] for row in rows] == SOURCES
    assert read_report(shell.folder / "out.tsv.routelmt")["failed"] > 0


def test_two_runs_on_one_output_exclude_each_other(shell, translate, output):
    with RunFolder(beside(output)):
        result = translate(*BUDGET)
    assert (result.code, result.stdout) == (2, b"")
    assert f"another routelmt (process {os.getpid()}) is working on" in result.error_lines[0]
    assert result.error_lines[1].startswith("hint: ")
    assert translate(*BUDGET).code == 0


def test_an_output_of_another_is_replaced_only_where_asked(translate, output, folder):
    output.write_text("mine\n")
    result = translate(*BUDGET)
    assert (result.code, result.error_lines[0]) == (2, "error: out.tsv: the output exists")
    assert "--overwrite" in result.error_lines[1]
    assert output.read_text() == "mine\n"
    assert not folder.exists()
    assert translate(*BUDGET, "--overwrite").code == 0
    assert [row["source"] for row in rows_of(output)] == SOURCES


def test_an_edited_output_is_not_replaced_unasked(translate, output):
    translate(*BUDGET)
    output.write_text(output.read_text("utf-8") + "edited\n")
    assert translate(*BUDGET).code == 2
    assert translate(*BUDGET, "--overwrite").code == 0
    assert "edited" not in output.read_text("utf-8")


def test_a_damaged_journal_is_named_and_restart_gets_past_it(translate, folder):
    translate(*BUDGET)
    for name in ("journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"):
        (folder / name).unlink(missing_ok=True)
    (folder / "journal.sqlite").write_bytes(b"not a database, but long enough to be read as one")
    result = translate(*BUDGET)
    assert result.code == 2
    assert "journal.sqlite: damaged journal: file is not a database" in result.error_lines[0]
    assert translate(*BUDGET, "--restart").code == 2  # nothing says that the output is this run's
    assert translate(*BUDGET, "--restart", "--overwrite").code == 0


def test_a_router_for_other_models_can_be_forced(shell, stand_ins, corpus):
    command = ["translate", "in.tsv", *stand_ins.options(), "--to", "fr", "--budget", "1"]
    assert shell.run(*command).code == 2
    result = shell.run(*command, "--force-router")
    assert result.code == 0
    forced = "router forced although it is for another language pair"
    assert result.error_lines[0].startswith(forced)
    assert (shell.folder / "in.fr.tsv").exists()
