"""``--route probe``: who is retranslated is decided before anything is drafted."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import endpoint_server
import numpy as np
import pyarrow.parquet as pq
import pytest
from made_routers import of_another_pair, with_chooser, with_limits
from made_up import rows_of, write_card, write_tsv

from routelmt_cli.errors import MidRunError
from routelmt_cli.gain.degenerate import is_copy
from routelmt_cli.gain.ladder import Ladder, load_ladder, save_ladder
from routelmt_cli.run.journal import Journal
from routelmt_cli.translators.stand_in import StandInProber, StandInTranslator

BUDGET = "0.003"
PROBE = ("--route", "probe")


@pytest.fixture
def corpus(shell):
    """Write the corpus that the routers were calibrated on."""
    return write_tsv(shell.folder / "in.tsv")


@pytest.fixture
def translate(shell, corpus, probing):
    """Translate the corpus by probes."""

    def run(*arguments, budget=BUDGET, route=PROBE, pair=None):
        command = ["translate", "in.tsv", "-o", "out.tsv", *(pair or probing.options()), *route]
        return shell.run(*command, "--budget", budget, "--quiet", *arguments)

    return run


@pytest.fixture
def folder(shell):
    """Give the run folder."""
    return shell.folder / "out.tsv.routelmt"


def items_of(ledger, tier):
    return {item for name, item in ledger.bought if name == tier}


def test_only_what_stays_small_is_drafted(translate, shell, folder, read_ledger, read_report):
    result = translate()
    assert result.code == 0, result.stderr
    rows = rows_of(shell.folder / "out.tsv")
    assert [row["source"] for row in rows] == [
        row["source"] for row in rows_of(shell.folder / "in.tsv")
    ]
    ledger, report = read_ledger(folder), read_report(folder)
    probed, drafted, sent = (items_of(ledger, name) for name in ("probe", "small", "large"))
    assert probed == drafted | sent
    assert len(probed) == report["distinct_segments"] == report["probed"]
    # Both were bought of what came back worthless, or when all drafts had left something.
    assert len(sent) > 20 and len(drafted & sent) < len(sent) / 2
    assert all(row[0] == "" for (tier, _), row in ledger.bought.items() if tier == "probe")
    assert 0 < ledger.spend == report["spend_nanousd"] <= 3_000_000
    assert report["spend_by_tier_nanousd"] == {
        tier: spend for tier, (spend, _) in sorted(ledger.totals.items(), reverse=True)
    } | {"probe": ledger.totals["probe"][0]}
    assert report["route_by"] == "probe"
    counted = {name: sum(row["tier"] == name for row in rows) for name in ("small", "large")}
    assert counted == report["segments_by_tier"] and all(counted.values())
    texts = {(tier, row[0]) for (tier, _), row in ledger.bought.items()}
    assert all((row["tier"], row["translation"]) in texts for row in rows if row["tier"] != "none")


def test_the_plan_spares_the_drafts_of_what_it_retranslates(translate, folder, read_ledger):
    assert translate().code == 0
    table = pq.read_table(folder / "plan.parquet")
    facts = json.loads(table.schema.metadata[b"routelmt"])
    chosen = table.column("chosen").to_numpy()
    cost = table.column("cost_nanousd").to_numpy()
    assert facts["cost_nanousd"] == int(cost[chosen].sum())
    probes = read_ledger(folder).totals["probe"][0]
    # All three parts are predicted to fill the budget, and not to exceed it.
    planned = probes + facts["cost_nanousd"] + facts["drafts_nanousd"]
    assert 0.9 * facts["budget_nanousd"] < planned <= facts["budget_nanousd"]
    assert facts["value"] <= facts["bound"]


def test_the_same_run_again_buys_nothing_and_writes_the_same(translate, shell, folder, read_ledger):
    assert translate("--deterministic").code == 0
    before, output = read_ledger(folder), (shell.folder / "out.tsv").read_bytes()
    assert translate("--deterministic").code == 0
    assert read_ledger(folder) == before
    assert (shell.folder / "out.tsv").read_bytes() == output


def test_a_larger_budget_goes_on_and_pays_nothing_twice(translate, folder, read_ledger):
    assert translate().code == 0
    first = read_ledger(folder)
    assert translate(budget="1").code == 0
    second = read_ledger(folder)
    assert first.bought.items() <= second.bought.items()
    assert second.count("large") > first.count("large")
    assert second.count("small") <= second.count("probe")


def test_a_run_that_was_cut_off_anywhere_ends_as_if_undisturbed(translate, check_cut_off_anywhere):
    check_cut_off_anywhere(translate, 3)


def test_what_fits_when_drafts_are_spared_is_bought_whether_cut_off_or_not(
    shell, corpus, probing, read_ledger, lights_out
):
    """Dear drafts: putting their worst case aside leaves nearly nothing to begin with."""
    dear = write_card(
        shell.folder / "dear.toml", "small", name="stand-in-small", price=(0.02, 2.0), skill=0.5
    )
    pair = ["--small", dear, "--large", probing.large, "--router", probing.router, *PROBE]
    command = ["translate", "in.tsv", "-o", "out.tsv", *pair, "--deterministic", "-q", "--budget"]
    refused = shell.run(*command, "0.0000001")
    enough = f"{float(refused.stderr.partition('--budget ')[2].split()[0]) * 1.002:.9f}"
    assert shell.run(*command, enough).code == 0
    folder = shell.folder / "out.tsv.routelmt"
    whole, output = read_ledger(folder), (shell.folder / "out.tsv").read_bytes()
    chosen = pq.read_table(folder / "plan.parquet").column("chosen").to_numpy()
    both = items_of(whole, "small") & items_of(whole, "large") & set(np.flatnonzero(chosen))
    assert len(both) < 0.3 * chosen.sum()
    for after in (30, 60, 90, 120):
        with lights_out(after):
            assert shell.run(*command, enough, "--overwrite", "--restart").code in (0, 4)
        assert shell.run(*command, enough, "--overwrite").code == 0
        assert read_ledger(folder) == whole
        assert (shell.folder / "out.tsv").read_bytes() == output


def test_what_was_cut_off_while_it_was_retranslated_is_not_drafted_first(
    translate, folder, read_ledger, monkeypatch
):
    honest, left = StandInTranslator.translate, iter(range(2))

    def dying(self, requests):
        for commit in honest(self, requests):
            if self._seed == "2" and next(left, None) is None:
                raise MidRunError("the lights went out")
            yield commit

    monkeypatch.setattr(StandInTranslator, "translate", dying)
    assert translate("--deterministic", budget="0.006").code == 4
    with Journal(folder / "journal.sqlite") as journal:
        cut_off = set(journal.unsettled_wave("large").items.tolist())
    cut_off -= items_of(read_ledger(folder), "large")
    assert len(cut_off) > 10
    drafted = items_of(read_ledger(folder), "small")
    monkeypatch.setattr(StandInTranslator, "translate", honest)
    # A larger budget makes a new plan, of which what is under way is no part.
    assert translate("--deterministic", budget="0.007").code == 0
    after = read_ledger(folder)
    assert cut_off <= items_of(after, "large")
    assert len(cut_off & items_of(after, "small") - drafted) < len(cut_off) / 2


def test_what_comes_back_worthless_is_drafted_after_all(
    translate, shell, folder, read_ledger, probing
):
    # This one gives every source back, which is a translation of nothing.
    copies = write_card(shell.folder / "large.toml", "large", skill=1.0)
    pair = ["--small", probing.small, "--large", copies, "--router", probing.router]
    result = translate("--force-router", "--explain", pair=pair)
    assert result.code == 0, result.stderr
    ledger = read_ledger(folder)
    copied = {item for (tier, item), row in ledger.bought.items() if tier == "large"}
    assert len(copied) > 20
    # What has few letters may be a name.
    texts = {item: ledger.bought["large", item][0] for item in copied}
    names = {item for item, text in texts.items() if not is_copy(text, text)}
    assert items_of(ledger, "probe") - items_of(ledger, "small") <= names
    assert ledger.spend <= 3_000_000


def test_requests_that_fail_get_drafts(translate, shell, folder, read_ledger, probing):
    fails = write_card(shell.folder / "large.toml", "large", skill=0.7, fail_on="and")
    pair = ["--small", probing.small, "--large", fails, "--router", probing.router]
    result = translate("--force-router", "--explain", pair=pair)
    assert result.code == 5, result.stderr
    ledger = read_ledger(folder)
    failed = {item for (tier, item), row in ledger.bought.items() if tier == "large" and row[2]}
    assert failed and failed <= items_of(ledger, "small")
    reasons = {row["reason"]: row["tier"] for row in rows_of(shell.folder / "out.tsv")}
    assert reasons["failed"] == "small"
    assert translate("--force-router", pair=pair, budget="1").code == 5
    assert read_ledger(folder).spend <= 10**9


def test_a_source_that_cannot_be_probed_is_translated_all_the_same(
    translate, folder, read_ledger, monkeypatch
):
    honest = StandInProber._outcome

    def failing(self, request):
        outcome = honest(self, request)
        return replace(outcome, failure="made to", state=None) if request.item % 3 else outcome

    monkeypatch.setattr(StandInProber, "_outcome", failing)
    assert translate().code == 0
    ledger = read_ledger(folder)
    assert items_of(ledger, "probe") == items_of(ledger, "small") | items_of(ledger, "large")


def test_a_retranslation_with_another_placeholder_does_not_stand_alone(
    translate, shell, folder, read_ledger, monkeypatch
):
    sources = [f"the ticket {number} of winter carries {{name{number}}}" for number in range(40)]
    write_tsv(shell.folder / "in.tsv", sources)
    honest = StandInTranslator._outcome

    def adding(self, request):
        outcome = honest(self, request)
        is_large = self._seed == "2"
        return replace(outcome, text=f"{outcome.text} {{mehr}}") if is_large else outcome

    monkeypatch.setattr(StandInTranslator, "_outcome", adding)
    result = translate(budget="0.01")
    assert result.code == 0, result.stderr
    ledger = read_ledger(folder)
    sent = items_of(ledger, "large")
    assert sent and sent <= items_of(ledger, "small")
    for row in rows_of(shell.folder / "out.tsv"):
        assert row["source"].split()[-1] in row["translation"]
        assert "{mehr}" not in row["translation"] and row["tier"] == "small"


def test_a_budget_that_might_not_do_is_refused_before_anything_is_paid(translate, folder):
    refused = translate(budget="0.0004")
    assert refused.code == 3
    assert "probing and drafting with 'stand-in-small' may cost up to" in refused.stderr
    enough = refused.stderr.partition("--budget ")[2].split()[0]
    assert not (folder / "journal.sqlite").exists()
    assert translate(budget=enough).code == 0


def test_both_ways_go_on_with_what_the_other_bought(translate, shell, folder, read_ledger):
    assert translate(route=()).code == 0
    drafted = read_ledger(folder)
    assert drafted.count("probe") == 0
    assert translate().code == 0  # nothing is left to probe: the drafts were no probes, and stay
    assert read_ledger(folder).bought.items() >= drafted.bought.items()
    assert read_ledger(folder).count("probe") == 0
    assert translate("--restart").code == 0
    probed = read_ledger(folder)
    assert probed.count("small") < probed.count("probe")
    assert translate(route=(), budget="0.01").code == 0
    both = read_ledger(folder)
    assert probed.bought.items() <= both.bought.items()
    assert both.count("small") == both.count("probe")
    assert both.spend <= 10_000_000


def test_a_plan_compares_both_ways_and_its_sample_is_not_paid_twice(
    translate, shell, folder, read_ledger, probing, corpus
):
    command = ["plan", "in.tsv", "-o", "out.tsv", *probing.options(), "--budget", "0.003"]
    planned = shell.run(*command, "--sample", "40", "--json", "--quiet")
    assert planned.code == 0, planned.stderr
    routes = json.loads(planned.text)["routes"]
    assert routes["recommended"] in ("draft", "probe") and not routes["all_drafted"]
    better = "probe" if routes["at_knee"]["by_probes"] > routes["at_knee"]["by_drafts"] else "draft"
    assert routes["recommended"] == better
    both = [row for row in routes["rows"] if row["by_probes"] is not None]
    assert len(both) >= 4
    assert routes["at_knee"] in routes["rows"]
    for column in ("by_drafts", "by_probes"):
        gains = [row[column] for row in both]
        assert gains[-1] > gains[0] > 0
    # Probes cannot know more than drafts do; what they save is small here.
    assert np.mean([row["by_probes"] - row["by_drafts"] for row in both]) < 2
    drafted = read_ledger(folder)
    assert drafted.count("small") == 40
    assert translate().code == 0
    after = read_ledger(folder)
    assert drafted.bought.items() <= after.bought.items()
    assert items_of(after, "probe").isdisjoint(items_of(drafted, "small"))
    whole = shell.run(*command[:-1], "1", "--quiet")
    assert whole.code == 0, whole.stderr
    assert "by drafts  by probes" in whole.text
    assert "recommended for text like this: --route" in whole.text


def test_cheap_drafts_speak_for_drafting_and_dear_ones_for_probing(shell, corpus, probing):
    said = {}
    for name, price in (("cheap", (0.001, 0.002)), ("dear", (0.02, 0.5))):
        card = write_card(
            shell.folder / f"{name}.toml", "small", name="stand-in-small", price=price, skill=0.5
        )
        command = ["plan", "in.tsv", "-o", f"{name}.tsv", "--small", card, "--large", probing.large]
        planned = shell.run(*command, "--router", probing.router, "--budget", "1", "--json", "-q")
        assert planned.code == 0, planned.stderr
        said[name] = json.loads(planned.text)["routes"]
    ahead = {
        name: [row["by_probes"] - row["by_drafts"] for row in routes["rows"] if row["by_probes"]]
        for name, routes in said.items()
    }
    assert said["dear"]["recommended"] == "probe"
    assert min(ahead["dear"][:-1]) > 0  # the last one buys everything either way
    assert np.mean(ahead["dear"]) > np.mean(ahead["cheap"])


def test_dear_prompts_speak_for_drafting(shell, corpus, probing):
    card = write_card(
        shell.folder / "d.toml", "small", name="stand-in-small", price=(1.0, 0.001), skill=0.5
    )
    command = ["plan", "in.tsv", "-o", "d.tsv", "--small", card, "--large", probing.large, "-q"]
    planned = shell.run(*command, "--router", probing.router, "--budget", "1", "--json")
    routes = json.loads(planned.text)["routes"]
    assert routes["recommended"] == "draft"
    rows = [row for row in routes["rows"] if row["by_probes"] is not None]
    assert all(row["by_probes"] < row["by_drafts"] - 1 for row in rows[:-2])


def test_the_page_recommends_a_budget_that_will_do(shell, corpus, probing):
    card = write_card(
        shell.folder / "d.toml", "small", name="stand-in-small", price=(0.02, 2.0), skill=0.5
    )
    pair = ["--small", card, "--large", probing.large, "--router", probing.router, *PROBE, "-q"]
    command = ["translate", "in.tsv", *pair, "--budget"]
    assert shell.run(*command, "1", "-o", "out.tsv").code == 0
    page = (shell.folder / "out.tsv.routelmt" / "report.html").read_text("utf-8")
    knee = re.search(r"\$(0\.\d+) for [+-]", page)[1]
    assert shell.run(*command, knee, "-o", "other.tsv").code == 0


def test_a_guard_that_only_drafts_can_promise_is_not_compared(shell, corpus, probing):
    whole = load_ladder(probing.router)
    seeing = with_limits(whole.routers[0], (0.05, 0.5))
    blind = replace(whole.probing_router, safeguards=None)
    save_ladder(Ladder([seeing], (), blind), shell.folder / "careful.router")
    pair = ["--small", probing.small, "--large", probing.large, "--router", "careful.router"]
    planned = shell.run(
        "plan", "in.tsv", "-o", "out.tsv", *pair, "--budget", "1", "--guard", "0.05"
    )
    assert planned.code == 0, planned.stderr
    assert "routing by probes is not compared: " in planned.stderr
    assert "by probes" not in planned.text


def test_drafts_without_states_are_not_compared(shell, corpus, probing, read_ledger):
    tier = probing.router / "tier-1.router"
    pair = ["--small", probing.small, "--large", probing.large, "--router"]
    command = ["plan", "in.tsv", "-o", "out.tsv", *pair]
    assert shell.run(*command, tier, "--budget", "1", "--quiet").code == 0
    again = shell.run(*command, probing.router, "--budget", "1")
    assert again.code == 0, again.stderr
    assert "routing by probes is not compared: these drafts were bought without" in again.stderr
    assert "by probes" not in again.text


def test_a_plan_without_a_router_of_probes_compares_nothing(shell, corpus, stand_ins):
    command = ["plan", "in.tsv", "-o", "out.tsv", *stand_ins.options(), "--budget", "1", "--quiet"]
    assert json.loads(shell.run(*command, "--json").text)["routes"] is None
    assert "by probes" not in shell.run(*command).text


def test_a_dry_run_knows_probes_and_drafts(translate, shell, folder, read_report):
    before = translate("--dry-run", "--json", budget="0.01")
    assert before.code == 0, before.stderr
    found = json.loads(before.text)
    assert found["probe_cost_nanousd"] > 0 and found["plan"] is None and not found["refused"]
    rows = translate("--dry-run").text
    assert "probes" in rows and "drafts, predicted cost" in rows
    assert json.loads(translate("--dry-run", "--json", budget="0.0004").text)["refused"]
    assert not folder.exists()
    assert translate().code == 0
    report = read_report(folder)
    assert report["spend_by_tier_nanousd"]["probe"] == found["probe_cost_nanousd"]
    after = json.loads(translate("--dry-run", "--json", budget="0.01").text)
    assert after["probe_cost_nanousd"] == 0
    assert after["plan"]["retranslations"] > 0
    assert after["spent_nanousd"] == report["spend_nanousd"]
    assert "planned from probes" in " ".join(after["remarks"])
    same = json.loads(translate("--dry-run", "--json").text)
    nothing = ("draft_cost_nanousd", "draft_worst_nanousd", "probe_cost_nanousd")
    assert [same[name] for name in nothing] == [0, 0, 0]
    assert same["needed_nanousd"] == same["spent_nanousd"] and not same["refused"]
    facts = same["plan"]
    assert [facts[name] for name in ("retranslations", "cost_nanousd", "drafts_nanousd")] == [0] * 3
    assert "drafts of the others" in translate("--dry-run").text


def test_a_dry_run_of_a_run_that_was_cut_off_counts_what_is_owed(
    translate, folder, read_ledger, monkeypatch, shell, probing
):
    sampled = ["plan", "in.tsv", "-o", "out.tsv", *probing.options(), "--budget", "0.003", "-q"]
    assert shell.run(*sampled, "--sample", "40").code == 0
    drafted = read_ledger(folder)
    before = json.loads(translate("--dry-run", "--json").text)
    assert before["spent_nanousd"] == drafted.spend
    honest = StandInTranslator.translate

    def dying(self, requests):
        if not isinstance(self, StandInProber):
            raise MidRunError("the lights went out")
        yield from honest(self, requests)

    monkeypatch.setattr(StandInTranslator, "translate", dying)
    assert translate().code == 4
    monkeypatch.setattr(StandInTranslator, "translate", honest)
    probed = read_ledger(folder)
    assert probed.totals["probe"][0] == before["probe_cost_nanousd"]
    found = json.loads(translate("--dry-run", "--json").text)
    assert found["probe_cost_nanousd"] == 0 and found["plan"] is not None
    least = found["needed_nanousd"]
    low = json.loads(translate("--dry-run", "--json", budget=f"{(least - 1) / 1e9:.9f}").text)
    assert low["refused"] and low["plan"] is None
    assert translate(budget=f"{(least - 1) / 1e9:.9f}").code == 3
    assert translate(budget=f"{least / 1e9:.9f}").code == 0


def test_the_report_and_the_page_name_the_probes(translate, shell, folder):
    assert translate("--explain").code == 0
    said = shell.run("report", "out.tsv")
    assert said.code == 0
    assert "probes (112)" in said.text
    page = (folder / "report.html").read_text("utf-8")
    assert ">probes<" in page
    assert {row["reason"] for row in rows_of(shell.folder / "out.tsv")} >= {
        "empty",
        "retranslated",
        "over budget",
    }


def test_the_guard_asks_the_router_of_probes(translate, shell, probing, fails):
    whole = load_ladder(probing.router)
    strict = with_limits(whole.probing_router, (0.05, -1.0))
    save_ladder(Ladder(whole.routers, (), strict), shell.folder / "strict.router")
    pair = ["--small", probing.small, "--large", probing.large, "--router", "strict.router"]
    refused = translate("--guard", "0.05", "--explain", pair=pair)
    assert refused.code == 0, refused.stderr
    rows = rows_of(shell.folder / "out.tsv")
    assert not [row for row in rows if row["tier"] == "large"]
    assert "too risky" in {row["reason"] for row in rows}


def test_calibrate_makes_both_routers(shell, corpus, probing, little_training):
    pair = ["--small", probing.small, "--large", probing.large, "--from", "en", "--to", "de"]
    command = ["calibrate", "in.tsv", *pair, "-o", "new.router", "--folds", "3", "--quiet"]
    made = shell.run(*command, *PROBE)
    assert made.code == 0, made.stderr
    assert made.text.startswith("by drafts:\n") and "\n\nby probes:\n" in made.text
    whole = load_ladder(shell.folder / "new.router")
    assert [len(whole.routers), whole.blends] == [1, ()]
    figures = whole.probing_router.metadata.figures
    assert figures["route"] == "probe"
    tokens = "draft_tokens_per_source_token"
    assert figures[tokens] == whole.routers[0].metadata.figures[tokens] != 1.0
    assert whole.probing_router.safeguards.chooser is None
    # Nothing is paid for again, and without --route it is a plain bundle.
    again = shell.run(*command, "--overwrite", *PROBE, "--json")
    assert again.code == 0, again.stderr
    spent = json.loads(again.text)
    assert spent["probing"]["fingerprint"] == whole.probing_router.fingerprint
    plain = shell.run(*command, "--overwrite", "--json")
    assert json.loads(plain.text)["spend_nanousd"] == spent["spend_nanousd"]
    assert load_ladder(shell.folder / "new.router").probing_router is None


BAD = {
    "share": (["--share", "30%"], "--route probe does not go with --share"),
    "auto": (["--budget", "auto:1"], "--route probe does not go with --budget auto"),
    "pin": (["--pin", "column:id"], "--route probe does not go with --pin"),
    "word": (["--route", "guess"], "'guess' is not one of"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_go_with_probes_is_refused(fails, corpus, probing, name):
    options, expected = BAD[name]
    budget = [] if "--budget" in options else ["--budget", "1"]
    error, _ = fails("translate", "in.tsv", *probing.options(), *budget, *PROBE, *options)
    assert expected in error


def test_failures_of_one_way_are_tried_again_in_the_other(
    translate, shell, folder, read_ledger, probing
):
    fails = write_card(shell.folder / "large.toml", "large", skill=0.7, fail_on="and")
    whole = load_ladder(probing.router)
    chooses = Ladder([with_chooser(whole.routers[0], keeps=True)], (), whole.probing_router)
    save_ladder(chooses, shell.folder / "chooses.router")
    pair = ["--small", probing.small, "--large", fails, "--router", "chooses.router"]
    assert translate("--force-router", pair=pair).code == 5
    before = read_ledger(folder)
    assert translate("--force-router", pair=pair, route=(), budget="0.004").code == 5
    after = read_ledger(folder)
    assert after.count("small") == after.count("probe")
    assert before.spend < after.spend <= 4_000_000


@pytest.mark.parametrize("first", ["probe", "draft"])
def test_a_way_that_was_cut_off_reserves_nothing_for_the_other(
    translate, folder, read_ledger, lights_out, first
):
    with lights_out(3):
        assert translate(route=("--route", first)).code == 4
    other = "draft" if first == "probe" else "probe"
    assert translate(route=("--route", other)).code == 0
    assert all(outstanding == 0 for _, outstanding in read_ledger(folder).totals.values())


def test_other_commands_take_the_router_of_drafts(fails, shell, corpus, probing):
    lines = (shell.folder / "in.tsv").read_text("utf-8").splitlines()
    text = [f"{line}\t{line.split(chr(9))[1][::-1]}" for line in lines[1:]]
    header = f"{lines[0]}\tdraft"
    (shell.folder / "both.tsv").write_text("\n".join([header, *text]) + "\n", "utf-8")
    columns = ["--draft-column", "draft", "--retranslation-column", "source"]
    command = ["evaluate", "both.tsv", *columns, "--router"]
    done = shell.run(*command, probing.router, "--quiet")
    assert done.code == 0, done.stderr
    error, hint = fails(*command, probing.router / "probing.router")
    assert "looks at probes" in error and hint.endswith(str(probing.router))


def test_more_tiers_and_streams_are_refused(fails, corpus, ladder, probing):
    tiers = ladder.options()
    error, _ = fails("translate", "in.tsv", *tiers, "--budget", "1", *PROBE)
    assert "--route probe does not go with more than two tiers" in error
    languages = ["--from", "en", "--to", "de", "-o", "r.router"]
    error, _ = fails("calibrate", "in.tsv", *ladder.tiers(), *languages, *PROBE)
    assert "--route probe does not go with more than two tiers" in error
    error, _ = fails(
        "translate", "-", *probing.options(), "--budget", "1", "--stream", "100", *PROBE
    )
    assert "--stream does not go with --route probe" in error


def test_a_run_by_probes_needs_a_router_of_probes(fails, shell, corpus, stand_ins, probing):
    command = ["translate", "in.tsv", "--budget", "1", *PROBE]
    error, hint = fails(*command, *stand_ins.options())
    assert "has none" in error and hint.endswith("--route probe")
    error, hint = fails(*command, "--from", "es", "--to", "en")
    assert "none is shipped" in error
    assert hint.endswith("calibrate CORPUS --from es --to en -o NAME.router --route probe")
    pair = ["--small", probing.small, "--large", probing.large]
    error, hint = fails("translate", "in.tsv", *pair, "--budget", "1", "--router",
                        probing.router / "probing.router")  # fmt: skip
    assert "looks at probes" in error and hint.endswith(str(probing.router))
    whole = load_ladder(probing.router)
    other = [of_another_pair(one, ("fr", "de")) for one in (whole.routers[0], whole.probing_router)]
    save_ladder(Ladder(other[:1], (), other[1]), shell.folder / "fr.router")
    languages = ["--from", "en", "--to", "de", "--force-router"]
    error, hint = fails(*command, *pair, "--router", "fr.router", *languages)
    assert "the router of probes knows only" in error and hint.endswith("--route probe")


def test_what_a_server_runs_is_not_probed(fails, shell, corpus, probing, monkeypatch):
    monkeypatch.setitem(shell.environment, "STUB_API_KEY", endpoint_server.KEY)
    with endpoint_server.serve(endpoint_server.Endpoint(), shell.folder) as server:
        card = server.card(shell.folder / "stub.toml")
        pair = ["--small", card, "--large", probing.large]
        languages = ["--from", "en", "--to", "de"]
        error, hint = fails("calibrate", "in.tsv", *pair, *languages, "-o", "r.router", *PROBE)
        assert "shows no hidden states" in error and hint
        router = ["--router", probing.router, "--force-router"]
        error, hint = fails(
            "translate", "in.tsv", *pair, *router, *languages, "--budget", "1", *PROBE
        )
        assert "shows no hidden states" in error and hint


def test_given_hypotheses_have_no_probes(fails, corpus):
    error, hint = fails(
        "calibrate", "in.tsv", "--from", "en", "--to", "de", "-o", "r.router",
        "--draft-column", "source", "--retranslation-column", "reference", *PROBE,
    )  # fmt: skip
    assert "--route probe needs the hidden states" in error and hint


HEAD = '{"format": "routelmt ladder", "format_version": 1, "blends": [], '


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('"routers": ["tier-1.router"], "probing": "../x.router"}', "of no known kind"),
        ('"routers": [], "probing": "probing.router"}', "not a list of 1 to 7"),
        ('"routers": ["tier-1.router"]}', "not a list of 2 to 7"),
        (
            '"routers": ["tier-1.router", "tier-2.router"], "probing": "probing.router"}',
            "beside several tiers",
        ),
    ],
)
def test_a_damaged_pair_of_routers_is_refused(fails, shell, corpus, probing, content, expected):
    own = shell.folder / "own.router"
    save_ladder(load_ladder(probing.router), own)
    (own / "ladder.json").write_text(HEAD + content)
    pair = ["--small", probing.small, "--large", probing.large, "--router", own]
    error, hint = fails("translate", "in.tsv", *pair, "--budget", "1")
    assert expected in error and hint


def test_a_router_of_drafts_is_no_router_of_probes(fails, shell, corpus, probing):
    router = load_ladder(probing.router).routers[0]
    save_ladder(Ladder([router], (), router), shell.folder / "own.router")
    pair = ["--small", probing.small, "--large", probing.large, "--router", "own.router"]
    error, hint = fails("translate", "in.tsv", *pair, "--budget", "1", *PROBE)
    assert "a router of probes that is none of its tier" in error and hint
