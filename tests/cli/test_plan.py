"""``routelmt plan``, and ``translate --budget auto:MAX`` which follows its recommendation."""

from __future__ import annotations

import json
import re
from itertools import groupby

import pytest
from made_routers import with_limits, with_risk_of_long_segments
from made_up import SOURCES, rows_of, write_card, write_tsv

from routelmt_cli.gain.bundle import load_bundle, save_bundle

DRAFTS = "0.002"  # covers the worst case of drafting the small corpus


@pytest.fixture
def command(shell, stand_ins, corpus):
    """Run a subcommand on the small corpus."""

    def run(name, *arguments, **options):
        return shell.run(name, "in.tsv", *stand_ins.options(), *arguments, **options)

    return run


@pytest.fixture
def planned(command):
    """Run a plan and return its JSON."""

    def run(*arguments, budget=DRAFTS):
        result = command("plan", "--json", "--budget", budget, *arguments)
        assert result.code == 0, result.stderr
        return json.loads(result.stdout)

    return run


@pytest.fixture
def folder(shell):
    return shell.folder / "in.de.tsv.routelmt"


def usd(nanousd):
    return f"{nanousd / 1e9:.9f}"


def test_it_pays_for_drafts_alone_and_translate_does_not_pay_them_again(
    planned, command, folder, read_ledger
):
    found = planned()
    ledger = read_ledger(folder)
    assert ledger.count("small") == found["distinct_segments"] and ledger.count("large") == 0
    assert ledger.spend == found["spend_nanousd"] <= 2_000_000
    drafts = {key: row for key, row in ledger.bought.items() if key[0] == "small"}
    assert command("translate", "--budget", "0.004").code == 0
    after = read_ledger(folder)
    assert {key: row for key, row in after.bought.items() if key[0] == "small"} == drafts
    assert after.count("large") > 0 and after.spend <= 4_000_000


def test_translate_after_a_plan_is_translate_alone(shell, stand_ins, planned, command):
    planned()
    assert command("translate", "--budget", "0.004").code == 0
    alone = ("translate", "in.tsv", *stand_ins.options(), "-o", "other.tsv")
    assert shell.run(*alone, "--budget", "0.004").code == 0
    assert (shell.folder / "in.de.tsv").read_bytes() == (shell.folder / "other.tsv").read_bytes()


def test_planning_again_pays_nothing_and_needs_no_budget(planned, command, folder, read_ledger):
    first, ledger = planned(), read_ledger(folder)
    again = command("plan", "--json")
    assert (again.code, json.loads(again.stdout)) == (0, first)
    assert read_ledger(folder) == ledger
    assert json.loads((folder / "run.json").read_text())["budget_nanousd"] == 2_000_000


def test_without_a_budget_nothing_is_spent(fails, shell, stand_ins, corpus):
    error, hint = fails("plan", "in.tsv", *stand_ins.options())
    assert "drafts are missing" in error and "--budget" in hint
    assert not (shell.folder / "in.de.tsv.routelmt").exists()
    allowed = hint.split("--budget ")[1].split(";")[0]
    result = shell.run("plan", "in.tsv", *stand_ins.options(), "--budget", allowed)
    assert result.code == 0, result.stderr


def test_a_budget_that_may_not_cover_the_drafts_is_refused(fails, shell, stand_ins, corpus):
    error, _ = fails("plan", "in.tsv", *stand_ins.options(), "--budget", "0.0001", code=3)
    assert "drafting with 'stand-in-small' may cost up to" in error
    assert not (shell.folder / "in.de.tsv.routelmt").exists()


def test_more_money_never_buys_less(planned):
    found = planned()
    for offers in (found["offers"], found["points"]):
        for name in ("budget_nanousd", "cost_nanousd", "segments", "share", "gain"):
            values = [offer[name] for offer in offers]
            assert values == sorted(values)
    assert found["offers"][0]["segments"] == 0 and found["offers"][-1]["usd_per_point"] is None
    knee = found["recommended"]
    assert found["offers"][0]["gain"] < knee["gain"] < found["offers"][-1]["gain"]
    assert knee["low"] < knee["gain"] < knee["high"]


@pytest.mark.parametrize(
    ("arguments", "name", "wanted"),
    [(["--target-gain", "8"], "gain", 8), (["--target-share", "30%"], "share", 0.3)],
)
def test_a_target_is_reached_by_the_budget_that_it_asks_for(
    planned, command, folder, read_report, arguments, name, wanted
):
    target = planned(*arguments)["target"]
    assert target[name] >= wanted
    assert command("translate", "--budget", usd(target["budget_nanousd"]), "--explain").code == 0
    report = read_report(folder)
    assert report["spend_nanousd"] <= target["budget_nanousd"]
    # Lengths are predicted, so the last of the segments may be too dear after all.
    assert report["predicted_gain"] + sum(report["kept_drafts"].values()) >= target["gain"] * 0.95


def test_a_cheaper_budget_buys_less_than_the_target(planned):
    found = planned("--target-gain", "8")
    cheaper = [
        offer
        for offer in found["points"]
        if offer["budget_nanousd"] < found["target"]["budget_nanousd"] * 0.97
    ]
    assert cheaper and all(offer["gain"] < 8 for offer in cheaper)


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["--target-gain", "80"], 3, "no budget reaches 80 points"),
        (["--target-share", "100%"], 3, "no budget reaches 100.0%"),
        (["--target-gain", "-1"], 2, "--target-gain -1 is no gain"),
        (["--target-gain", "nan"], 2, "--target-gain nan is no gain"),
        (["--target-share", "130%"], 2, "--target-share 1.3 is no share"),
        (["--target-share", "nan"], 2, "--target-share nan is no share"),
        (["--target-share", "much"], 2, "--target-share 'much' is no share"),
        (["--target-share", "3%", "--target-gain", "1"], 2, "both given"),
        (["--budget", "0"], 2, "--budget '0' is zero"),
        (["--sample", "1"], 2, "--sample"),
    ],
)
def test_what_cannot_be_asked(fails, stand_ins, corpus, arguments, code, named):
    budget = [] if "--budget" in arguments else ["--budget", DRAFTS]
    result = fails("plan", "in.tsv", *stand_ins.options(), *budget, *arguments, code=code)
    assert named in result[0]


def test_a_sample_says_how_far_it_may_be_off(planned, folder, read_ledger, command):
    sampled = planned("--sample", "40")
    assert sampled["sampled_segments"] == 40 == read_ledger(folder).count("small")
    assert sampled["sampling_error"] > 0
    larger = planned("--sample", "70")
    # Every sample is part of a larger one: only the difference is drafted.
    assert read_ledger(folder).count("small") == 70
    assert larger["sampling_error"] < sampled["sampling_error"]
    whole = planned()
    assert whole["sampling_error"] is None
    knees = [one["recommended"] for one in (sampled, whole)]
    error = 4 * sampled["sampling_error"]
    assert abs(knees[0]["gain"] - knees[1]["gain"]) < error
    assert knees[0]["high"] - knees[0]["low"] > knees[1]["high"] - knees[1]["low"]
    least = sampled["offers"][0]["budget_nanousd"]
    assert command("translate", "--budget", usd(least)).code == 0


def test_a_sample_larger_than_the_corpus_is_the_corpus(planned):
    assert planned("--sample", "4000") == planned()


def test_a_plan_of_a_pipe_is_continued_from_the_cache(shell, stand_ins, read_ledger):
    text = "".join(f"{source}\n" for source in SOURCES).encode()
    options = ["-", *stand_ins.options(), "--format", "text"]
    assert shell.run("plan", *options, "--budget", DRAFTS, stdin=text).code == 0
    (folder,) = (shell.cache / "runs").iterdir()
    before = read_ledger(folder)
    result = shell.run("translate", *options, "--budget", "0.004", stdin=text)
    assert result.code == 0 and result.stdout.count(b"\n") == len(SOURCES)
    after = read_ledger(folder)
    assert after.count("small") == before.count("small") and after.count("large") > 0


def test_a_planned_run_is_not_finished(planned, shell, folder):
    planned()
    assert shell.run("runs", "clean", "--yes").code == 0
    assert folder.exists()


def test_no_interval_where_the_calibration_says_nothing(shell, stand_ins, corpus, tmp_path):
    other = write_card(tmp_path / "other.toml", "large", skill=0.8)
    options = ["--small", stand_ins.small, "--large", other, "--router", stand_ins.router]
    result = shell.run("plan", "in.tsv", *options, "--force-router", "--json", "--budget", DRAFTS)
    found = json.loads(result.stdout)
    assert (found["interval_level"], found["recommended"]["low"]) == (None, None)
    assert any("no interval" in line for line in found["remarks"])
    assert "unknown" in shell.run("plan", "in.tsv", *options, "--force-router").text


def test_a_guard_bounds_what_can_be_bought(shell, stand_ins, planned, corpus, tmp_path):
    free = planned("-o", "free.tsv")["offers"][-1]
    router = with_risk_of_long_segments(load_bundle(stand_ins.router))
    cards = ["--small", stand_ins.small, "--large", stand_ins.large, "--guard", "0.1"]

    def most(name, limit):
        save_bundle(with_limits(router, (0.1, limit)), tmp_path / f"{name}.router")
        command = ["plan", "in.tsv", *cards, "--router", f"{name}.router", "-o", f"{name}.tsv"]
        result = shell.run(*command, "--json", "--budget", DRAFTS)
        assert result.code == 0, result.stderr
        return json.loads(result.stdout)["offers"][-1]

    assert most("strict", None)["segments"] == 0
    assert 0 < most("short", 0.5)["segments"] < free["segments"]


def test_segments_may_all_count_alike(planned):
    by_length = planned("-o", "length.tsv")["offers"][-1]
    by_segment = planned("-o", "segment.tsv", "--weight", "segment")["offers"][-1]
    assert by_length["segments"] == by_segment["segments"]
    assert by_length["gain"] != by_segment["gain"]


def test_a_corpus_without_text(shell, stand_ins):
    write_tsv(shell.folder / "in.tsv", ["", "  "])
    result = shell.run("plan", "in.tsv", *stand_ins.options(), "--json")
    assert result.code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["segments"] == 0 and found["recommended"]["gain"] == 0
    assert shell.run("plan", "in.tsv", *stand_ins.options()).code == 0


def test_the_table(command, golden, mask_figures):
    result = command("plan", "--budget", DRAFTS, "--target-share", "30%")
    assert result.code == 0
    lines = [line for line in result.text.splitlines() if not set(line) & set("▁▂▃▄▅▆▇█│▲")]
    # Where the marked rows stand depends on LightGBM's version too.
    rows = [re.sub(r"\s+(target, knee|target|knee)?\s*$", "", line) for line in lines]
    golden("plan", "\n".join(row for row, _ in groupby(map(mask_figures, rows))) + "\n")
    assert all(mark in result.text for mark in ("knee", "target", "▲", "█"))


def test_the_table_in_a_terminal_of_plain_ascii(shell, stand_ins, corpus):
    shell.environment["PYTHONIOENCODING"] = "ascii"
    result = shell.process("plan", "in.tsv", *stand_ins.options(), "--budget", DRAFTS)
    assert result.code == 0, result.stderr
    assert "####" in result.stdout.decode("ascii")


# -- auto ---------------------------------------------------------------------------------------


def test_auto_spends_up_to_the_knee(planned, command, folder, read_report):
    knee = planned()["recommended"]
    result = command("translate", "--budget", "auto:1")
    assert result.code == 0
    assert "budget $" in result.stderr and "the knee of the curve" in result.stderr
    report = read_report(folder)
    assert report["budget_nanousd"] == knee["budget_nanousd"]
    assert report["spend_nanousd"] <= knee["budget_nanousd"]
    assert report["segments_by_tier"]["large"] >= 0.8 * knee["segments"]
    again = command("translate", "--budget", "auto:1")
    assert again.code == 0 and read_report(folder)["spend_nanousd"] == report["spend_nanousd"]


@pytest.mark.parametrize("most", ["0.0012", "0.002", "0.0031"])
def test_auto_never_exceeds_its_limit(command, folder, read_report, read_ledger, most):
    result = command("translate", "--budget", f"auto:{most}")
    assert result.code == 0 and "the limit, which the knee lies beyond" in result.stderr
    assert read_report(folder)["budget_nanousd"] == round(float(most) * 1e9)
    assert read_ledger(folder).spend <= round(float(most) * 1e9)


def test_a_raised_limit_goes_on_to_the_knee(command, folder, read_report):
    assert command("translate", "--budget", "auto:0.002").code == 0
    before = read_report(folder)
    assert command("translate", "--budget", "auto:1").code == 0
    after = read_report(folder)
    assert before["spend_nanousd"] < after["spend_nanousd"] <= after["budget_nanousd"] < 10**9


def test_auto_covers_the_drafts_too(fails, stand_ins, corpus):
    error, _ = fails("translate", "in.tsv", *stand_ins.options(), "--budget", "auto:0.0001", code=3)
    assert "the budget is $0.0001" in error


@pytest.mark.parametrize(
    ("budget", "named"),
    [
        ("auto", "--budget auto needs the most that may be spent"),
        ("auto:", "--budget auto needs the most that may be spent"),
        ("auto:much", "--budget auto: 'much' is not an amount of US dollars"),
        ("auto:0", "--budget auto: '0' is zero"),
        ("car:5", "--budget 'car:5' is not an amount of US dollars"),
    ],
)
def test_auto_needs_an_amount(translate_fails, corpus, budget, named):
    assert named in translate_fails("in.tsv", budget=budget)[0]


def test_a_dry_run_of_auto_says_that_it_may_be_less(command, planned):
    for _ in range(2):
        result = command("translate", "--budget", "auto:1", "--dry-run")
        assert result.code == 0 and "auto may spend less" in result.stderr
        planned()


def test_rows_come_out_in_order_after_a_sampled_plan(planned, command, shell):
    planned("--sample", "30")
    assert command("translate", "--budget", "auto:0.004").code == 0
    rows = rows_of(shell.folder / "in.de.tsv")
    assert [row["source"] for row in rows] == SOURCES
