"""``--tier``: more than two models, one budget, and who translates what."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from made_routers import prior_of, with_chooser
from made_up import rows_of, write_card
from tier_ladder import NAMES

from routelmt_cli.gain.blending import Blend
from routelmt_cli.gain.bundle import load_bundle, save_bundle
from routelmt_cli.gain.ladder import Ladder, load_ladder, save_ladder
from routelmt_cli.translators.stand_in import StandInTranslator

BUDGET = "0.003"


@pytest.fixture
def translate(shell, corpus, ladder):
    """Translate the corpus with all tiers."""

    def run(*arguments, budget=BUDGET, tiers=None):
        command = ["translate", "in.tsv", "-o", "out.tsv", *(tiers or ladder.options())]
        return shell.run(*command, "--budget", budget, "--quiet", *arguments)

    return run


@pytest.fixture
def folder(shell):
    """Give the run folder."""
    return shell.folder / "out.tsv.routelmt"


def test_every_tier_gets_its_part_within_the_budget(
    translate, shell, folder, read_ledger, read_report
):
    result = translate()
    assert result.code == 0, result.stderr
    rows = rows_of(shell.folder / "out.tsv")
    assert [row["source"] for row in rows] == [
        row["source"] for row in rows_of(shell.folder / "in.tsv")
    ]
    ledger, report = read_ledger(folder), read_report(folder)
    assert 0 < ledger.spend == report["spend_nanousd"] <= 3_000_000
    counted = {name: sum(row["tier"] == name for row in rows) for name in NAMES}
    assert counted == report["segments_by_tier"]
    assert all(counted.values())
    assert list(report["models"]) == NAMES and list(report["routers"]) == NAMES[1:]
    # One tier at most: nobody paid for a segment twice beside its draft.
    retranslated = [item for tier, item in ledger.bought if tier != "nano"]
    assert len(set(retranslated)) == len(retranslated) == report["retranslated"]
    text_of = {(tier, item): row[0] for (tier, item), row in ledger.bought.items()}
    for row in rows:
        assert row["tier"] == "none" or row["translation"] in [
            text for (tier, _), text in text_of.items() if tier == row["tier"]
        ]


def test_the_plan_says_where_everything_goes(translate, folder, read_ledger):
    assert translate().code == 0
    table = pq.read_table(folder / "plan.parquet")
    facts = json.loads(table.schema.metadata[b"routelmt"])
    assert [route["tier"] for route in facts["routes"]] == ["mid", "top"]
    assert facts["value"] <= facts["bound"] and 0 <= facts["gap"] < 0.1
    columns = {name: table.column(name).to_numpy() for name in table.column_names}
    gains = np.stack([columns["predicted_gain.mid"], columns["predicted_gain.top"]])
    costs = np.stack([columns["cost_nanousd.mid"], columns["cost_nanousd.top"]])
    items = np.flatnonzero(columns["chosen"])
    target = columns["target"][items]
    value = (gains[target, items] * columns["weight"][items]).sum()
    assert value == pytest.approx(facts["value"])
    assert int(costs[target, items].sum()) == facts["cost_nanousd"]
    bought = read_ledger(folder).bought
    planned = {(NAMES[1 + where], item) for item, where in zip(items, target, strict=True)}
    # The last ones' worst cases may not fit any more.
    assert len(planned - set(bought)) <= 3


def test_mixing_is_predicted_to_gain_more_than_any_pair(translate, folder, ladder, shell):
    assert translate().code == 0
    facts = json.loads(pq.read_schema(folder / "plan.parquet").metadata[b"routelmt"])
    for name in NAMES[1:]:
        pair = ladder.options("nano", name)
        result = translate("--overwrite", "--restart", tiers=pair)
        assert result.code == 0, result.stderr
        own = json.loads(pq.read_schema(folder / "plan.parquet").metadata[b"routelmt"])
        assert own["value"] < facts["value"]


def test_the_same_run_again_buys_nothing_and_writes_the_same(translate, shell, folder, read_ledger):
    assert translate("--deterministic").code == 0
    before, output = read_ledger(folder), (shell.folder / "out.tsv").read_bytes()
    assert translate("--deterministic").code == 0
    assert read_ledger(folder) == before
    assert (shell.folder / "out.tsv").read_bytes() == output


def test_a_larger_budget_goes_on_and_may_send_higher(translate, folder, read_ledger, read_report):
    assert translate().code == 0
    first = read_ledger(folder)
    assert translate(budget="1").code == 0
    second = read_ledger(folder)
    assert first.bought.items() <= second.bought.items()
    assert second.spend <= 10**9
    twice = {item for tier, item in second.bought if tier == "mid"} & {
        item for tier, item in second.bought if tier == "top"
    }
    # With money for everything, what gains more at the top goes there after all.
    assert twice
    report = read_report(folder)
    assert report["segments_by_tier"]["top"] > report["segments_by_tier"]["mid"]


def test_a_run_that_was_cut_off_anywhere_ends_as_if_undisturbed(translate, check_cut_off_anywhere):
    check_cut_off_anywhere(translate, 4)


def test_explain_gives_the_figures_of_the_tier_that_it_is_of(translate, shell, folder):
    assert translate("--explain").code == 0
    table = pq.read_table(folder / "plan.parquet")
    gain = {name: table.column(f"predicted_gain.{name}").to_pylist() for name in NAMES[1:]}
    for row in rows_of(shell.folder / "out.tsv"):
        if row["tier"] in gain:
            assert row["reason"] == "retranslated"
            own = float(row["predicted_gain"])
            assert min(abs(own - one) for one in gain[row["tier"]]) < 1e-3
    assert {row["reason"] for row in rows_of(shell.folder / "out.tsv")} >= {"empty", "retranslated"}


def test_a_retranslation_that_is_kept_out_leaves_the_draft(translate, shell, ladder, folder):
    whole = load_ladder(ladder.router)
    mid, top = whole.routers
    careful = [with_chooser(mid, keeps=True), with_chooser(top, keeps=False)]
    save_ladder(Ladder(careful, whole.blends), shell.folder / "careful.router")
    tiers = ladder.tiers()
    result = translate("--explain", tiers=[*tiers, "--router", "careful.router"])
    assert result.code == 0, result.stderr
    rows = rows_of(shell.folder / "out.tsv")
    kept = [row for row in rows if row["reason"] == "guard: chooser"]
    assert kept and all(row["tier"] == "nano" for row in kept)
    assert not [row for row in rows if row["tier"] == "mid"]
    assert [row for row in rows if row["tier"] == "top"]


def test_pins_name_tiers(translate, shell, corpus, folder):
    lines = corpus.read_text("utf-8").splitlines()
    pins = {3: "top", 5: "mid", 8: "nano"}
    lines = [
        f"{line}\t{'pin' if not place else pins.get(place, '')}" for place, line in enumerate(lines)
    ]
    corpus.write_text("\n".join(lines) + "\n", "utf-8")
    result = translate("--pin", "column:pin", "--explain")
    assert result.code == 0, result.stderr
    rows = rows_of(shell.folder / "out.tsv")
    for place, name in pins.items():
        assert (rows[place - 1]["tier"], rows[place - 1]["reason"]) == (name, "pinned")
    lines[3] = lines[3].replace("\ttop", "\thuge")
    corpus.write_text("\n".join(lines) + "\n", "utf-8")
    failed = translate("--pin", "column:pin", "--restart", "--overwrite")
    assert failed.code == 2
    assert "a pin is nano, mid, top or empty" in failed.stderr


def test_pins_of_every_tier_are_honoured_however_tight_the_budget(
    translate, shell, corpus, folder, read_ledger
):
    lines = corpus.read_text("utf-8").splitlines()
    pins = ["pin", *(NAMES[1 + place % 2] for place in range(len(lines) - 1))]
    seen = {}
    for place, line in enumerate(lines[1:], 1):  # what is the same is pinned alike
        pins[place] = seen.setdefault(line.split("\t")[1], pins[place])
    corpus.write_text("\n".join(map("\t".join, zip(lines, pins, strict=True))) + "\n", "utf-8")
    refused = translate("--pin", "column:pin", budget="0.0001")
    assert refused.code == 3
    refused = translate("--pin", "column:pin", budget="0.003")
    assert refused.code == 3 and "pinned to 'mid' and 'top'" in refused.stderr
    enough = refused.stderr.partition("--budget ")[2].split()[0]
    assert translate("--pin", "column:pin", budget=enough).code == 0
    bought = read_ledger(folder).bought
    sources = [line.split("\t")[1] for line in lines[1:]]
    items = list(dict.fromkeys(source for source in sources if source.strip()))
    assert {(seen[source], item) for item, source in enumerate(items)} <= set(bought)


def test_a_dry_run_and_a_plan_know_all_tiers(shell, corpus, ladder):
    command = ["in.tsv", "-o", "out.tsv", *ladder.options()]
    dry = shell.run("translate", *command, "--budget", "1", "--dry-run", "--json")
    assert dry.code == 0, dry.stderr
    costs = json.loads(dry.text)["cost_by_tier_nanousd"]
    assert list(costs) == NAMES[1:] and costs["mid"] < costs["top"]
    planned = shell.run("plan", *command, "--budget", "1", "--json")
    assert planned.code == 0, planned.stderr
    found = json.loads(planned.text)
    assert found["interval_level"] is None
    assert "several tiers" in found["remarks"][0]
    gains = [offer["gain"] for offer in found["offers"]]
    assert gains == sorted(gains) and gains[-1] > 0
    again = shell.run("translate", *command, "--budget", "1", "--dry-run", "--json")
    assert json.loads(again.text)["plan"]["retranslations"] > 0
    auto = shell.run("translate", *command, "--budget", "auto:1", "--quiet")
    assert auto.code == 0, auto.stderr
    report = json.loads((shell.folder / "out.tsv.routelmt" / "report.json").read_text())
    assert report["spend_nanousd"] <= report["budget_nanousd"] < 10**9


def test_the_report_and_the_page_name_all_tiers(translate, shell, folder):
    assert translate().code == 0
    said = shell.run("report", "out.tsv")
    assert said.code == 0
    for name in NAMES:
        assert f"\n{name} " in said.text
    page = (folder / "report.html").read_text("utf-8")
    assert "retranslation (mid)" in page and "retranslation (top)" in page


def test_a_run_with_tiers_is_a_memory(translate, shell, folder, ladder):
    assert translate().code == 0
    before = {row["source"]: row["translation"] for row in rows_of(shell.folder / "out.tsv")}
    command = ["translate", "in.tsv", "-o", "again.tsv", *ladder.options(), "--budget", "1"]
    result = shell.run(*command, "--memory", "out.tsv.routelmt", "--quiet")
    assert result.code == 0, result.stderr
    for row in rows_of(shell.folder / "again.tsv"):
        assert row["tier"] == ("memory" if row["source"].strip() else "none")
        assert row["translation"] == before[row["source"]]


def test_calibrate_reports_each_tier_and_writes_a_ladder(shell, corpus, ladder, little_training):
    tiers = ladder.tiers()
    command = ["calibrate", "in.tsv", "--from", "en", "--to", "de", "-o", "new.router", *tiers]
    result = shell.run(*command, "--folds", "3", "--quiet")
    assert result.code == 0, result.stderr
    assert result.text.startswith("mid:\n") and "\n\ntop:\n" in result.text
    for router, name in zip(
        load_ladder(shell.folder / "new.router").routers, NAMES[1:], strict=True
    ):
        assert (router.metadata.small.name, router.metadata.large.name) == ("nano", name)
    assert shell.run(*command).code == 2  # it exists
    again = shell.run(*command, "--folds", "3", "--overwrite", "--json", "--quiet")
    assert again.code == 0
    assert list(json.loads(again.text)["tiers"]) == NAMES[1:]
    # A part of the ladder is a router of its own.
    pair = ["--small", ladder.cards["nano"], "--large", ladder.cards["top"]]
    alone = ["translate", "in.tsv", *pair, "--budget", "1", "-o", "-", "--quiet", "--router"]
    first = shell.run(*alone, "new.router/tier-2.router")
    assert first.code == 0, first.stderr
    assert shell.run(*alone, "new.router").stdout == first.stdout


BAD = {
    "one": (["--tier", "NANO"], "--tier is given once"),
    "nine": (["--tier", "NANO"] * 9, "--tier is given 9 times"),
    "twice": (["--tier", "NANO", "--tier", "NANO"], "two tiers are named 'nano'"),
    "small": (["--small", "NANO", "--tier", "NANO", "--tier", "TOP"], "--small and --tier"),
    "share": (
        ["--tier", "NANO", "--tier", "MID", "--tier", "TOP", "--share", "30%"],
        "--share does not go with more than two tiers",
    ),
    "other": (["--tier", "MID", "--tier", "TOP"], "calibrated for 'top' after 'mid'"),
    "stranger": (["--tier", "NANO", "--tier", "MID", "--tier", "ODD"], "calibrated for 'odd'"),
    "reserved": (["--tier", "NANO", "--tier", "NONE"], "cannot be named 'none'"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_choice_of_tiers_is_refused(fails, shell, corpus, ladder, name):
    options, expected = BAD[name]
    cards = {key.upper(): path for key, path in ladder.cards.items()}
    for odd in ("odd", "none"):
        cards[odd.upper()] = write_card(shell.folder / f"{odd}.toml", "large", name=odd)
    options = [cards.get(one, one) for one in options]
    error, hint = fails("translate", "in.tsv", *options, "--router", ladder.router, "--budget", "1")
    assert expected in error
    assert hint


def test_without_a_router_for_each_tier_nothing_is_spent(fails, shell, corpus, ladder):
    tiers = ladder.tiers()
    languages = ["--from", "en", "--to", "de"]
    error, hint = fails("translate", "in.tsv", *tiers, *languages, "--budget", "1")
    assert "no router for en-de with nano + mid" in error and "calibrate" in hint
    save_bundle(prior_of(load_ladder(ladder.router).routers[0]), shell.folder / "prior.router")
    command = ["translate", "in.tsv", *tiers, *languages, "--budget", "1"]
    error, hint = fails(*command, "--router", "prior.router")
    assert "a prior says the same of every model" in error
    assert "--tier nano --tier mid --tier top" in hint


def test_a_dearer_model_first_is_remarked(shell, corpus, ladder):
    tiers = ["--tier", ladder.cards["top"], "--tier", ladder.cards["mid"]]
    router = ["--router", ladder.router / "tier-1.router", "--force-router"]
    result = shell.run("translate", "in.tsv", *tiers, *router, "--budget", "1", "--dry-run")
    assert result.code == 0, result.stderr
    assert "'top' drafts every segment although 'mid' costs less" in result.stderr


def test_given_hypotheses_have_no_tiers(fails, shell, corpus, ladder):
    tiers = ladder.tiers()
    error, _ = fails(
        "calibrate", "in.tsv", *tiers, "--from", "en", "--to", "de", "-o", "r.router",
        "--draft-column", "source", "--retranslation-column", "reference",
    )  # fmt: skip
    assert "--tier does not go with hypotheses that are given" in error


TWO = (
    '{"format": "routelmt ladder", "format_version": 1, '
    '"routers": ["tier-1.router", "tier-2.router"]'
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "is not JSON"),
        ("[]", "does not describe a ladder"),
        ('{"format": "routelmt ladder", "format_version": 2}', "is not of version 1"),
        (
            '{"format": "routelmt ladder", "format_version": 1, "routers": ["../x", "../y"]}',
            "a name of no known kind",
        ),
        (
            '{"format": "routelmt ladder", "format_version": 1, "routers": ["tier-1.router"]}',
            "not a list of 2 to 7",
        ),
        (
            '{"format": "routelmt ladder", "format_version": 1,'
            ' "routers": ["tier-1.router", "tier-3.router"]}',
            "tier-2.router: is not listed",
        ),
        ("x" * 5000, "is larger than"),
        (f'{TWO}, "blends": []}}', "does not hold a blend for each router"),
        (f"{TWO}}}", "does not hold a blend for each router"),
        (f'{TWO}, "blends": [{{"weights": [1], "intercept": 0}}]}}', "a number for each router"),
        (f'{TWO}, "blends": [{{"weights": [1, NaN], "intercept": 0}}]}}', "a number for each"),
        (f'{TWO}, "blends": [{{"weights": [1, 1e9], "intercept": 0}}]}}', "a number for each"),
    ],
)
def test_a_damaged_ladder_is_refused(translate_fails, shell, corpus, ladder, content, expected):
    own = shell.folder / "own.router"
    save_ladder(load_ladder(ladder.router), own)
    (own / "ladder.json").write_text(content)
    error, hint = translate_fails("in.tsv", "--router", own)
    assert expected in error and hint


def test_a_ladder_of_different_drafts_is_refused(translate_fails, shell, corpus, ladder, stand_ins):
    whole = load_ladder(ladder.router)
    odd = Ladder([whole.routers[0], load_bundle(stand_ins.router)], whole.blends)
    save_ladder(odd, shell.folder / "odd.router")
    error, _ = translate_fails("in.tsv", "--router", "odd.router")
    assert "several models that draft" in error


def test_what_is_pinned_is_bought_before_what_others_would_spend(
    shell, corpus, ladder, folder, read_ledger
):
    long = " ".join(["lantern"] * 800)
    rows = [*(f"the ticket {number} of winter\t" for number in range(300)), f"{long}\tmid"]
    corpus.write_text("source\tpin\n" + "\n".join(rows) + "\n", "utf-8")
    command = ["translate", "in.tsv", "-o", "out.tsv", *ladder.options(), "--pin", "column:pin"]
    refused = shell.run(*command, "--budget", "0.0025", "--quiet")
    assert refused.code == 3 and "pinned to 'mid'" in refused.stderr
    least = float(refused.stderr.partition("--budget ")[2].split()[0])
    result = shell.run(*command, "--budget", f"{least * 1.02:.9f}", "--quiet")
    assert result.code == 0, result.stderr
    assert ("mid", 300) in read_ledger(folder).bought


def test_tiers_in_another_order_are_another_run(translate, ladder):
    assert translate().code == 0
    swapped = translate(tiers=ladder.options("nano", "top", "mid"))
    assert swapped.code == 2
    assert "order of the tiers" in swapped.stderr


def test_requests_that_failed_at_a_better_tier_are_told_and_tried_again(
    translate, shell, folder, read_report, read_ledger, monkeypatch
):
    assert translate().code == 0
    honest = StandInTranslator.translate

    def failing(self, requests):
        for commit in honest(self, requests):
            yield [
                replace(one, text="", failure="it is out of order") if self._seed == "2" else one
                for one in commit
            ]

    monkeypatch.setattr(StandInTranslator, "translate", failing)
    before = read_ledger(folder).count("top")
    broken = translate(budget="1")
    assert broken.code == 5
    failed = {
        item
        for (tier, item), (_, _, failure) in read_ledger(folder).bought.items()
        if tier == "top" and failure is not None
    }
    assert len(failed) == read_ledger(folder).count("top") - before > 0
    assert read_report(folder)["failed"] >= len(failed)
    monkeypatch.setattr(StandInTranslator, "translate", honest)
    again = translate(budget="1")
    assert again.code == 0, again.stderr
    bought = read_ledger(folder).bought
    assert all(bought["top", item][2] is None for item in failed)


def test_typed_tiers_go_before_a_files_models_and_the_other_way_round(shell, corpus, ladder):
    (shell.folder / "routelmt.toml").write_text("small = 'nowhere.toml'\n")
    typed = ["translate", "in.tsv", "-o", "out.tsv", *ladder.options(), "--budget", "1", "-q"]
    assert shell.run(*typed).code == 0
    tiers = ", ".join(f"'{ladder.cards[name]}'" for name in NAMES)
    (shell.folder / "routelmt.toml").write_text(f"tier = [{tiers}]\n")
    pair = ["--small", ladder.cards["nano"], "--large", ladder.cards["top"]]
    rest = ["--router", ladder.router, "--budget", "1", "-q"]
    assert shell.run("translate", "in.tsv", "-o", "pair.tsv", *pair, *rest).code == 0
    assert {row["tier"] for row in rows_of(shell.folder / "pair.tsv")} == {"none", "small", "large"}
    assert shell.run("translate", "in.tsv", "-o", "three.tsv", *rest).code == 0
    assert {row["tier"] for row in rows_of(shell.folder / "three.tsv")} >= {"nano", "top"}


def test_a_ladder_is_no_router_where_one_is_asked_for(fails, shell, corpus, ladder):
    error, hint = fails(
        "evaluate", "in.tsv", "--router", ladder.router, "--from", "en", "--to", "de",
        "--draft-column", "source", "--retranslation-column", "reference",
    )  # fmt: skip
    assert "is a ladder" in error and "tier-1.router" in hint


def test_a_blend_predicts_each_tier_from_all_routers(translate, shell, ladder, folder):
    whole = load_ladder(ladder.router)
    assert len(whole.blends) == len(whole.routers) == 2
    swapped = [Blend((0.0, 1.0), 0.0), Blend((1.0, 0.0), 0.0)]
    alone = [Blend((1.0, 0.0), 0.0), Blend((0.0, 1.0), 0.0)]
    gains = {}
    for name, blends in (("swapped", swapped), ("alone", alone)):
        save_ladder(Ladder(whole.routers, blends), shell.folder / f"{name}.router")
        tiers = ladder.tiers()
        options = [*tiers, "--router", f"{name}.router"]
        assert translate("--restart", "--overwrite", tiers=options).code == 0
        table = pq.read_table(folder / "plan.parquet")
        gains[name] = [table.column(f"predicted_gain.{n}").to_pylist() for n in NAMES[1:]]
    assert gains["swapped"] == gains["alone"][::-1] != gains["alone"]
    # In another order the same routers say the same of the same tiers.
    tiers = ladder.tiers("nano", "top", "mid")
    assert translate("-o", "other.tsv", tiers=[*tiers, "--router", "swapped.router"]).code == 0
    table = pq.read_table(shell.folder / "other.tsv.routelmt" / "plan.parquet")
    other = [table.column(f"predicted_gain.{n}").to_pylist() for n in NAMES[1:]]
    assert other == gains["swapped"]
