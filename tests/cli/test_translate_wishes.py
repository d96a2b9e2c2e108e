"""``--share``, ``--pin``, ``--weight column:NAME`` and ``--max-hours``, as their user sees them."""

from __future__ import annotations

import json
import re
from functools import partial
from itertools import count

import pytest
from made_up import SOURCES, rows_of, write_tsv

from routelmt_cli.run import pipeline
from routelmt_cli.run.deadline import Deadline

BUDGET, DRAFTS = "0.0016", "0.0008"
ROWS = [source for source in dict.fromkeys(SOURCES) if source.strip()][:42]


@pytest.fixture
def corpus(shell):
    """Write a smaller corpus than other tests have, as ``in.tsv``."""
    return write_tsv(shell.folder / "in.tsv", ["", *ROWS, ROWS[3]])


@pytest.fixture
def write(shell):
    """Write distinct sources with a column that a function of the row's number fills."""

    def to(name, column, value):
        rows = [f"{source}\t{value(row)}\n" for row, source in enumerate(ROWS)]
        (shell.folder / name).write_text(f"source\t{column}\n{''.join(rows)}", "utf-8")

    return to


@pytest.fixture
def translate(shell, stand_ins):
    """Translate ``in.tsv``; the command must succeed."""

    def run(*arguments, name="in.tsv"):
        result = shell.run("translate", name, *stand_ins.options(), *arguments)
        assert result.code == 0, result.stderr
        return result

    return run


@pytest.fixture
def folder(shell):
    return shell.folder / "in.de.tsv.routelmt"


@pytest.fixture
def output(shell):
    """Read the output's rows."""
    return lambda: rows_of(shell.folder / "in.de.tsv")


# -- a share ------------------------------------------------------------------------------------


def test_a_share_bounds_the_tokens_and_may_be_raised(
    translate, corpus, folder, read_report, read_ledger, translate_fails
):
    result = translate("--share", "30%")
    assert "no budget" in result.stderr and "at most 30.0% allowed" in result.stderr
    report, ledger = read_report(folder), read_ledger(folder)
    assert 0.28 < report["retranslated_share"] <= 0.3
    assert (report["share"], report["budget_is_given"]) == (0.3, False)
    translate("--share", "0.6")
    after = read_ledger(folder)
    assert 0.57 < read_report(folder)["retranslated_share"] <= 0.6
    assert ledger.bought.items() < after.bought.items()
    error, hint = translate_fails("in.tsv", "--share", "30%")
    assert "were retranslated before, more than --share 30.00%" in error
    assert "larger --share" in hint
    assert read_ledger(folder) == after


def test_a_share_bounds_what_costs_nothing(shell, stand_ins, corpus, folder, read_report):
    cards = []
    for card in (stand_ins.small, stand_ins.large):
        cards.append(shell.folder / card.name)
        cards[-1].write_text(re.sub(r"(?<=put = )[\d.]+", "0", card.read_text()))
        assert "{ input = 0, output = 0 }" in cards[-1].read_text()
    command = ["translate", "in.tsv", "--small", cards[0], "--large", cards[1]]
    result = shell.run(*command, "--router", stand_ins.router, "--share", "30%")
    assert result.code == 0, result.stderr
    report = read_report(folder)
    assert report["spend_nanousd"] == 0 and 0.28 < report["retranslated_share"] <= 0.3


def test_a_share_and_a_budget_are_both_kept(translate, corpus, folder, read_report):
    translate("--share", "90%", "--budget", "0.001")
    report = read_report(folder)
    assert report["spend_nanousd"] <= 1_000_000 and report["retranslated_share"] < 0.8
    translate("--share", "10%", "--budget", "1", "-o", "few.tsv", "--explain")
    few = read_report(folder.with_name("few.tsv.routelmt"))
    assert 0.08 < few["retranslated_share"] <= 0.1
    page = (folder.with_name("few.tsv.routelmt") / "report.html").read_text("utf-8")
    assert "of at most 10.0%" in page
    reasons = {row["reason"] for row in rows_of(folder.with_name("few.tsv"))}
    assert "over budget or share" in reasons


def test_what_is_said_of_a_run_without_a_budget(translate, corpus, shell, stand_ins):
    translate("--share", "30%")
    shown = shell.run("report", "in.de.tsv")
    assert shown.code == 0 and "no budget" in shown.text
    (listed,) = json.loads(shell.run("runs", "list", "--json").stdout)
    assert listed["budget_nanousd"] is None
    # A plan finds the drafts of such a run.
    assert shell.run("plan", "in.tsv", *stand_ins.options()).code == 0


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "neither --budget nor --share is given"),
        (["--share", "0"], "--share 0 is no share"),
        (["--share", "130%"], "--share 1.3 is no share"),
        (["--share", "nan"], "--share nan is no share"),
        (["--share", "a third"], "--share 'a third' is no share"),
        (["--share", "3%", "--budget", "auto:1"], "--share and --budget auto"),
        (["--budget", "1", "--max-hours", "0"], "--max-hours 0 is no time"),
        (["--budget", "1", "--max-hours", "nan"], "--max-hours nan is no time"),
        (["--budget", "1", "--weight", "lenght"], "invalid value for '--weight': 'lenght'"),
        (["--budget", "1", "--weight", "column:"], "invalid value for '--weight': 'column:'"),
        (["--budget", "1", "--pin", "tier"], "invalid value for '--pin': 'tier'"),
        (["--budget", "1", "--pin", "column:tier"], "in.tsv has no column 'tier'"),
        (["--budget", "1", "--weight", "column:views"], "in.tsv has no column 'views'"),
        (["--budget", "1", "--weight", "column:source"], "in.tsv line 3 has no number"),
    ],
)
def test_what_cannot_be_wished(fails, stand_ins, corpus, folder, arguments, named):
    assert named in fails("translate", "in.tsv", *stand_ins.options(), *arguments)[0]
    assert not folder.exists()


@pytest.mark.parametrize("option", ["--pin", "--weight"])
def test_plain_text_has_no_columns(translate_fails, shell, option):
    (shell.folder / "in.txt").write_text("one\ntwo\n")
    error, _ = translate_fails("in.txt", option, "column:2")
    assert "plain text" in error


# -- pins ---------------------------------------------------------------------------------------

PINS = ("large", "", "small", "", " large ", "")


@pytest.fixture
def pinned(write):
    """Write ``in.tsv`` with pins in a column ``tier of mine``."""
    write("in.tsv", "mine", lambda row: PINS[row % len(PINS)])
    return ["--pin", "column:mine"]


def test_pins_are_kept_under_every_budget(
    pinned, translate, translate_fails, shell, folder, read_ledger, read_report, output
):
    error, hint = translate_fails("in.tsv", *pinned, budget="0.0006", code=3)
    assert "the segments pinned to 'large' may cost up to $" in error
    assert "but the budget is $0.0006" in error and not folder.exists()
    least = hint.split("--budget ")[1].split(" ")[0]
    less = f"{float(least) - 1e-9:.9f}"
    translate_fails("in.tsv", *pinned, budget=less, code=3)
    for budget in (least, "1"):
        result = translate(*pinned, "--budget", budget, "--explain")
        tiers = [row["tier"] for row in output()]
        assert {tiers[row] for row in range(len(ROWS)) if PINS[row % 6].strip() == "large"} == {
            "large"
        }
        assert {tiers[row] for row in range(2, len(ROWS), 6)} == {"small"}
        assert [row["reason"] == "pinned" for row in output()] == [
            bool(row["mine"]) for row in output()
        ]
        assert read_ledger(folder).spend <= round(float(budget) * 1e9)
    assert "pinned: small " in result.stderr
    assert read_report(folder)["pinned"]["large"] == sum(
        PINS[row % 6].strip() == "large" for row in range(len(ROWS))
    )
    assert all(("large", item) not in read_ledger(folder).bought for item in range(2, len(ROWS), 6))
    assert "to large" in (folder / "report.html").read_text("utf-8")


def test_pins_count_in_the_share(pinned, translate, fails, stand_ins, folder, read_report):
    command = ["translate", "in.tsv", *stand_ins.options(), *pinned, "--share"]
    error, hint = fails(*command, "20%", code=3)
    assert "need" in error and "more than --share 20.00%" in error
    enough = hint.split("--share ")[1].split(" ")[0]
    translate(*pinned, "--share", enough)
    large = read_report(folder)["segments_by_tier"]["large"]
    assert large >= read_report(folder)["pinned"]["large"]


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ("One two.\tbig\n", "in.tsv line 2 has 'big' in column 'mine'"),
        (
            "One two.\tlarge\nSix.\tsmall\nOne two.\tsmall\n",
            "in.tsv line 2 is pinned to 'large', but line 4 holds the same text and is pinned to "
            "'small'",
        ),
    ],
)
def test_pins_that_say_nothing_or_two_things(translate_fails, shell, folder, rows, named):
    (shell.folder / "in.tsv").write_text(f"source\tmine\n{rows}")
    assert named in translate_fails("in.tsv", "--pin", "column:mine")[0]
    assert not folder.exists()


def test_identical_segments_share_one_pin(translate, shell, output):
    (shell.folder / "in.tsv").write_text("source\tmine\nOne two.\t\nSix.\t\nOne two.\tlarge\n")
    translate("--pin", "column:mine", "--budget", "1")
    assert [row["tier"] for row in output()][::2] == ["large", "large"]


def test_a_plan_counts_pins_in(pinned, shell, stand_ins, translate, folder, read_ledger):
    command = ["plan", "in.tsv", *stand_ins.options(), *pinned, "--json"]
    result = shell.run(*command, "--budget", DRAFTS)
    assert result.code == 0, result.stderr
    found = json.loads(result.stdout)
    least, most = found["offers"][0], found["offers"][-1]
    pins = [PINS[row % 6].strip() for row in range(len(ROWS))]
    # That budget covers the pins at their worst, so that more is bought with what they leave.
    assert least["segments"] >= pins.count("large")
    assert most["segments"] <= len(ROWS) - pins.count("small")
    drafts = read_ledger(folder).bought
    translate(*pinned, "--budget", f"{least['budget_nanousd'] / 1e9:.9f}")
    assert drafts.items() < read_ledger(folder).bought.items()
    assert "--sample cannot tell" in shell.run(*command, "--sample", "9").stderr


def test_auto_covers_the_pins(pinned, translate, folder, read_report):
    translate(*pinned, "--budget", "auto:1")
    report = read_report(folder)
    assert report["segments_by_tier"]["large"] >= report["pinned"]["large"]
    assert report["spend_nanousd"] <= report["budget_nanousd"] < 10**9


@pytest.mark.parametrize("again", [["--pin", "column:other"], []])
def test_other_pins_are_another_run(translate, translate_fails, shell, again):
    (shell.folder / "in.tsv").write_text("source\tmine\tother\nOne two.\tlarge\t\nSix.\t\tlarge\n")
    translate("--pin", "column:mine", "--budget", "1")
    error, hint = translate_fails("in.tsv", *again)
    assert "pins (--pin)" in error and "--restart" in hint


# -- weights ------------------------------------------------------------------------------------


def test_weights_of_a_column_say_what_counts(write, translate, output, folder, read_report):
    write("in.tsv", "views", lambda row: ["0", "1e-4", "3e-3"][row % 3])
    translate("--weight", "column:views", "--budget", "0.001")
    tiers = [row["tier"] for row in output()]
    large = [row % 3 for row, tier in enumerate(tiers) if tier == "large"]
    assert large.count(2) > large.count(1) and large.count(0) == 0
    # Whatever is worth looking at is retranslated, and gain is one of a mean view.
    assert read_report(folder)["predicted_gain"] > 5


def test_other_weights_are_another_run(write, translate, translate_fails):
    write("in.tsv", "views", lambda row: row)
    translate("--weight", "column:views", "--budget", BUDGET)
    assert "weight rule (--weight)" in translate_fails("in.tsv")[0]


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ("1 -3 2", "in.tsv line 3 has -3 in column 'views'"),
        ("1 inf 2", "in.tsv line 3 has inf in column 'views'"),
        ("1 2 -", "in.tsv line 4 has no number in column 'views' but '-'"),
        ("1 2 ", "in.tsv line 4 has no number in column 'views'"),
        ("0 0 0", "in.tsv: every weight in column 'views' is 0"),
    ],
)
def test_weights_that_are_none(translate_fails, shell, folder, values, named):
    rows = [f"Text {row}.\t{value}\n" for row, value in enumerate(values.split(" "))]
    (shell.folder / "in.tsv").write_text(f"source\tviews\n{''.join(rows)}")
    assert named in translate_fails("in.tsv", "--weight", "column:views")[0]
    assert not folder.exists()


def test_a_plan_weighs_alike(write, shell, stand_ins):
    write("in.tsv", "views", lambda row: 1e-3 * (row % 2))
    write("same.tsv", "views", lambda row: 7 * (row % 2))
    found = [
        json.loads(
            shell.run(
                "plan", name, *stand_ins.options(), "--json", "--weight", "column:views",
                "--budget", DRAFTS,
            ).stdout
        )["offers"]
        for name in ("in.tsv", "same.tsv")
    ]  # fmt: skip
    assert [one["gain"] for one in found[0]] == pytest.approx([one["gain"] for one in found[1]])
    assert found[0][-1]["gain"] > 5


@pytest.mark.parametrize(("ending", "separator"), [("tsv", "\t"), ("csv", ",")])
def test_without_a_header_columns_are_numbers(translate, shell, ending, separator):
    rows = [["3", "Under the lantern.", "large"], ["0", "Six winters.", "small"]]
    text = "".join(separator.join(row) + "\n" for row in rows)
    (shell.folder / f"in.{ending}").write_text(text)
    translate(
        "--no-header", "--source-column", "2", "--weight", "column:1", "--pin", "column:3",
        "--budget", "1", name=f"in.{ending}",
    )  # fmt: skip
    lines = (shell.folder / f"in.de.{ending}").read_text().splitlines()
    assert [line.split(separator)[-1] for line in lines] == ["large", "small"]


# -- time ---------------------------------------------------------------------------------------


@pytest.fixture
def hourly(monkeypatch):
    """Let an hour pass whenever a run looks at the clock."""
    ticks = count(0, 3600)
    monkeypatch.setattr(pipeline, "Deadline", partial(Deadline, clock=lambda: next(ticks)))


def test_hours_end_a_run_that_is_continued(
    hourly, shell, stand_ins, corpus, folder, read_ledger, translate
):
    command = ["translate", "in.tsv", *stand_ins.options(), "--budget", BUDGET]
    bought, ends = {}, []
    for _ in range(20):
        result = shell.run(*command, "--max-hours", "20")
        ends.append(result.code)
        if result.code == 0:
            break
        assert result.error_lines[-2:] == [
            "error: stopped after 20 hours, as --max-hours says",
            "hint: run the same command again to continue; what is bought is kept",
        ]
        ledger = read_ledger(folder)
        assert bought.items() < ledger.bought.items()
        bought = ledger.bought
    assert ends[-1] == 0 and set(ends[:-1]) == {4} and len(ends) > 2
    translate("--budget", BUDGET, "-o", "whole.tsv")
    assert (shell.folder / "whole.tsv").read_bytes() == (shell.folder / "in.de.tsv").read_bytes()
    assert read_ledger(folder).spend == read_ledger(shell.folder / "whole.tsv.routelmt").spend


def test_hours_end_a_plan_too(hourly, fails, stand_ins, corpus):
    command = ["plan", "in.tsv", *stand_ins.options(), "--budget", DRAFTS, "--max-hours", "3"]
    assert "stopped after 3 hours" in fails(*command, code=4)[0]


# -- all of them --------------------------------------------------------------------------------


def test_a_dry_run_knows_of_wishes(pinned, translate, folder, shell, stand_ins):
    wishes = [*pinned, "--share", "50%"]
    text = translate(*wishes, "--dry-run").text
    rows = {" ".join(line.split()[:-1]): line.split()[-1] for line in text.splitlines()}
    assert rows["budget"] == "none" and rows["share of the source tokens, at most"] == "50.0%"
    assert rows["share of the text that fits"] == "50%"
    assert float(rows["pinned to the large model, at most"][1:]) > 0
    assert not folder.exists()
    small = translate(*wishes, "--dry-run", "--budget", "0.0006")
    assert "the budget must be at least" in small.stderr
    assert translate(*wishes).code == 0
    assert "knapsack gap" in translate(*wishes, "--dry-run").text


def test_settings_know_of_wishes(pinned, shell, stand_ins, translate, folder, read_report):
    (shell.folder / "routelmt.toml").write_text(
        'pin = "column:mine"\nshare = "40%"\nmax-hours = 8\nweight = "segment"\n'
    )
    translate()
    report = read_report(folder)
    assert report["share"] == 0.4 and report["pinned"]
    shown = json.loads(shell.run("config", "plan", "--json").stdout)["options"]
    assert shown["pin"]["value"] == "column:mine" and "share" not in shown
    assert shown["max-hours"]["value"] == "8"
