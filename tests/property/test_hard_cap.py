"""The hard cap of whole runs: whatever prices, budgets, failures and crashes, never a cent more.

A run is begun, broken off, given more money and less, run again, and begun anew, by ``translate``
itself. Its models fail, use more than they may, and are lost between two commits. After every step
the ledger is compared with what the models were really asked for.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from routelmt_cli.budget.money import format_usd
from routelmt_cli.errors import BudgetError, MidRunError, UsageError
from routelmt_cli.gain.bundle import load_bundle
from routelmt_cli.gain.ladder import Ladder, load_ladder
from routelmt_cli.run import pipeline, setup, spending
from routelmt_cli.run.corpus_input import open_input
from routelmt_cli.run.folder import RunFiles, beside
from routelmt_cli.run.hypotheses import Hypothesis
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.options import CorpusOptions, PairOptions, RouteBy, TranslateOptions
from routelmt_cli.run.planning import load_plan
from routelmt_cli.run.segments import scan
from routelmt_cli.run.tiers import LARGE, PROBE, SMALL, open_tier
from routelmt_cli.translators.card import load_card
from routelmt_cli.translators.models import find_model
from routelmt_cli.translators.probing import ProbingModel
from routelmt_cli.translators.protocol import Outcome
from routelmt_cli.translators.stand_in import StandInTranslator

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
TIERS = (SMALL, LARGE)
SKILLS = {SMALL: 0.1, "middle": 0.6, LARGE: 0.9}
# A nanodollar a million tokens, and the dearest that a card may name.
PRICES = st.sampled_from([0, 0, 1, 999_999, 10**6, 10**6 + 1, 123_456_789, 10**9, 10**18])
CARD = """\
name = "{name}"
backend = "stand-in"
[price]
usd_per_million_tokens = {{ input = "{input}", output = "{output}" }}
shared_prefix = "{prefix}"
[decoding]
context_tokens = 100000
parallel_sequences = 3
cap_extra = {cap}
[stand_in]
skill = {skill}
seed = "{name}"
"""


class Crash(BaseException):
    """The process is gone: nothing below may catch it."""


class Weather:
    """What befalls the models: which requests fail, which use too much, when all is lost."""

    failing, cutting, overrunning, commits = frozenset(), frozenset(), frozenset(), None

    def strike(self, outcome, cap, prompt):
        """Return what becomes of an outcome."""
        if outcome.item in self.overrunning:
            return Outcome(outcome.item, outcome.text, prompt + 3, cap + 9)
        if outcome.item in self.failing:
            return Outcome(outcome.item, "", prompt, cap // 2, failure="made to fail")
        return replace(outcome, truncated=True) if outcome.item in self.cutting else outcome

    def commit(self):
        """Lose the process where its time has come."""
        if self.commits == 0:
            raise Crash
        if self.commits is not None:
            self.commits -= 1


def stormy(translate, weather):
    """Make a stand-in's ``translate`` one under a weather."""

    def under_it(translator, requests):
        by_item = {}

        def remembered():
            for request in requests:
                by_item[request.item] = request.source
                yield request

        for commit in translate(translator, remembered()):
            weather.commit()
            counts = translator.count([by_item[outcome.item] for outcome in commit])
            caps, prompts = counts.cap_tokens.tolist(), counts.prompt_tokens.tolist()
            yield [weather.strike(*given) for given in zip(commit, caps, prompts, strict=True)]

    return under_it


@pytest.fixture(scope="module", autouse=True)
def weather(stand_ins, probing):
    """Let one weather rule over all stand-ins, with small waves and a router read once."""
    sky, router = Weather(), load_bundle(stand_ins.router)
    better = replace(router, model=replace(router.model, offset=router.model.offset + 0.4))
    ladders = {"router": Ladder([router, better]), "both": load_ladder(probing.router)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StandInTranslator, "translate", stormy(StandInTranslator.translate, sky))
        patch.setattr(setup, "load_ladder", lambda path: ladders[path.name])
        patch.setattr(spending, "WAVE_ITEMS", 4)
        WholeRun.weather = sky
        yield sky


class WholeRun(RuleBasedStateMachine):
    """A run as its user sees it, who may run it again with another budget at any time."""

    weather = None
    folder = None
    names = TIERS
    router, route_by = "router", RouteBy.DRAFT

    @initialize(
        lengths=st.lists(st.integers(0, 12), min_size=4, max_size=14),
        prices=st.lists(st.tuples(PRICES, PRICES), min_size=3, max_size=3),
        prefixes=st.tuples(*[st.sampled_from(["once", "every request"])] * 3),
        cap=st.sampled_from([1, 16]),
        deterministic=st.booleans(),
        share=st.integers(-1, 6),
        pins=st.none() | st.lists(st.integers(-3, 2), min_size=13, max_size=13),
        tokens=st.sampled_from([None, None, 0.05, 0.4, 0.8]),
    )
    def begin(self, lengths, prices, prefixes, cap, deterministic, share, pins, tokens):
        if self.route_by is RouteBy.PROBE:
            pins = tokens = None
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY))
        self.corpus = CorpusOptions(self.folder / "in.tsv")
        self.pin = None if pins is None else "column:pin"
        self.tokens = tokens if len(self.names) == 2 else None
        pins = [
            ("", *self.names)[max(0, pin + 1) % (len(self.names) + 1)] for pin in pins or [-1] * 13
        ]
        # Equal lengths make equal sources, which are pinned alike, and a length of 0 a blank one.
        self.pins = [pins[length] for length in dict.fromkeys(lengths) if length]
        lines = [
            " ".join(f"w{n}" for n in range(length)) + "\t" + pins[length] + "\n"
            for length in lengths
        ]
        self.corpus.path.write_text("source\tpin\n" + "".join(lines), "utf-8")
        cards = []
        for tier, prefix, pair in zip(self.names, prefixes, prices, strict=False):
            usd = [format_usd(price)[1:] for price in pair]
            cards.append(self.folder / f"{tier}.toml")
            text = CARD.format(
                name=tier, input=usd[0], output=usd[1], prefix=prefix, cap=cap,
                skill=SKILLS[tier],
            )  # fmt: skip
            cards[-1].write_text(text, "utf-8")
        paths = tuple(map(str, cards))
        self.pair = PairOptions("en", "de", tiers=paths, deterministic=deterministic)
        if len(paths) == 2:
            self.pair = PairOptions("en", "de", *paths, deterministic=deterministic)
        with open_input(self.corpus) as source:
            self.segments = scan(source.corpus, self.folder / "sources.arrow")
        self.tiers = [
            open_tier(name, find_model(load_card(card), "en", "de"), self.segments)
            for name, card in zip(self.names, cards, strict=True)
        ]
        self.drafts = self.worst(self.tiers[0])
        self.ledger_tiers = dict(zip(self.names, self.tiers, strict=True))
        if self.route_by is RouteBy.PROBE:
            probed = ProbingModel.of(self.tiers[0].model)
            self.ledger_tiers[PROBE] = open_tier(PROBE, probed, self.segments)
            self.drafts += self.worst(self.ledger_tiers[PROBE])
        self.budget = max(1, self.drafts + self.worst(self.tiers[-1]) * share // 20)
        self.files = RunFiles(beside(self.folder / "out.tsv"))
        self.bought, self.spent, self.limit = {}, 0, 0

    @staticmethod
    def worst(tier):
        return sum(tier.worst_nanousd.tolist()) + tier.prefix_nanousd

    def teardown(self):
        if self.folder is not None:
            shutil.rmtree(self.folder)

    def tokens_of(self, item):
        """Return the source tokens of all rows that an item is."""
        return int((self.segments.repeats * self.tiers[0].source_tokens)[item])

    @property
    def room(self):
        """The most source tokens that may be retranslated."""
        whole = sum(map(self.tokens_of, range(self.segments.items)))
        return whole if self.tokens is None else whole * self.tokens

    def pinned(self):
        return [(pin, item) for item, pin in enumerate(self.pins) if pin not in ("", SMALL)]

    # -- what the user does -------------------------------------------------------------------

    @rule(
        share=st.one_of(st.none(), st.integers(-1, 21)),
        edge=st.integers(-2, 2),
        failing=st.frozensets(st.integers(0, 9), max_size=4),
        cutting=st.frozensets(st.integers(0, 9), max_size=4),
        commits=st.sampled_from([None, None, 0, 1, 2, 3, 5, 8, 13]),
    )
    def run_it(self, share, edge, failing, cutting, commits):
        self.weather.cutting = cutting
        if share is not None:
            more = self.worst(self.tiers[-1]) * share // 20
            self.budget = max(1, (self.spent if share < 0 else self.drafts + more) + edge)
        self.translate(failing, commits)

    @precondition(lambda self: self.bought)
    @rule()
    def run_a_finished_one_again(self):
        report = self.translate()
        if report is not None and not report.failed:
            spent = self.spent
            assert self.translate() is not None
            assert self.spent == spent

    @rule(item=st.integers(0, 9))
    def a_model_uses_more_than_it_may(self, item):
        self.weather.overrunning = frozenset([item])
        self.translate()
        self.weather.overrunning = frozenset()

    @precondition(lambda self: self.bought)
    @rule()
    def begin_anew(self):
        before = self.bought, self.spent
        self.bought, self.spent = {}, 0
        if self.translate(restart=True) is None:
            self.bought, self.spent = before  # refused: nothing is forgotten

    # -- and what must come of it -------------------------------------------------------------

    def translate(self, failing=frozenset(), commits=None, *, restart=False):
        """Run the command; return its report, None where it was refused or broken off."""
        self.weather.failing, self.weather.commits = failing, commits
        options = TranslateOptions(
            corpus=self.corpus,
            pair=self.pair,
            budget_nanousd=self.budget,
            output=self.folder / "out.tsv",
            router=self.folder / self.router,
            force_router=True,
            pin=self.pin,
            share=self.tokens,
            restart=restart,
            route_by=self.route_by,
        )
        try:
            report = pipeline.translate(options)
        except (BudgetError, UsageError) as refusal:
            assert "budget" in refusal.message or "more than --share" in refusal.message
            self.check_ledger()
            return None
        except Crash:
            self.limit = self.budget
            self.check_ledger()
            return None
        except MidRunError as error:
            assert "more than it was allowed" in error.message
            self.limit = self.budget
            self.check_ledger()
            return None
        self.limit = self.budget
        self.check_ledger()
        self.check_end(report)
        return report

    def check_ledger(self):
        if not self.files.journal.exists():
            assert not self.bought
            return
        with Journal(self.files.journal) as journal:
            journal.audit()
            assert journal.committed_nanousd() <= self.limit
            bought = {
                (name, one.item): one
                for name in self.ledger_tiers
                for one in journal.hypotheses(name, range(self.segments.items))
            }
            spent = journal.spend_nanousd()
        assert spent >= self.spent  # what was spent once stays spent, failures too
        for (name, item), one in bought.items():
            tier = self.ledger_tiers[name]
            tokens = one.prompt_tokens + tier.prefix_tokens_per_request, one.output_tokens
            assert one.spend_nanousd == tier.model.card.price.request(*tokens)
            assert one.spend_nanousd <= tier.worst_nanousd[item]
        sent = {item for name, item in bought if name not in (SMALL, PROBE)}
        assert all(self.pins[item] != SMALL for item in sent)
        assert sum(map(self.tokens_of, sent)) <= self.room
        for key, one in self.bought.items():
            if one.failure is None:
                assert (bought[key].text, bought[key].spend_nanousd) == (
                    one.text,
                    one.spend_nanousd,
                )
        self.bought, self.spent = bought, spent

    def check_end(self, report):
        assert report.spend_nanousd == self.spent <= self.budget
        lines = (self.folder / "out.tsv").read_text("utf-8").split("\n")
        assert len(lines) == self.segments.rows + 2
        self.check_drafts()
        assert all(key in self.bought for key in self.pinned())
        plan = load_plan(self.files.plan, self.budget, self.tokens, self.fingerprint)
        sent = {item for name, item in self.bought if name not in (SMALL, PROBE)}
        room = self.room - sum(map(self.tokens_of, sent))
        with Journal(self.files.journal) as journal:
            assert journal.is_finished
            assert journal.outstanding_nanousd() == 0
            begun = {name: journal.has_waves(name) for name in self.names}
        for number, tier in enumerate(self.tiers[1:]):
            order, _ = plan.order_on(number)
            left = [
                item
                for item in order.tolist()
                if (tier.name, item) not in self.bought and self.tokens_of(item) <= room
            ]
            due = 0 if begun[tier.name] else tier.prefix_nanousd
            unspent = self.budget - self.spent
            assert not left or unspent < int(tier.worst_nanousd[left].min()) + due
        failed = [key for key, one in self.bought.items() if one.failure is not None]
        assert report.failed == 0 or failed

    fingerprint = None

    def check_drafts(self):
        assert all((SMALL, item) in self.bought for item in range(self.segments.items))

    @invariant()
    def spend_keeps_to_the_budget(self):
        if self.folder is not None:
            assert self.spent <= max(self.limit, 0)


class WholeRunOfThreeTiers(WholeRun):
    """The same with two models that retranslate."""

    names = (SMALL, "middle", LARGE)


class WholeRunByProbes(WholeRun):
    """The same where drafts come last, which nobody knows how many there will be of.

    Its user changes their mind about that too.
    """

    router, route_by = "both", RouteBy.PROBE

    @rule()
    def go_on_the_other_way(self):
        self.route_by = RouteBy.DRAFT if self.route_by is RouteBy.PROBE else RouteBy.PROBE

    @property
    def fingerprint(self):
        if self.route_by is RouteBy.DRAFT:
            return None
        return setup.load_ladder(Path(self.router)).probing_router.fingerprint

    def check_drafts(self):
        if self.route_by is RouteBy.DRAFT:
            super().check_drafts()
            return
        every = range(self.segments.items)
        drafted = {item for name, item in self.bought if name == SMALL}
        probed = {item for name, item in self.bought if name == PROBE}
        assert probed | drafted == set(every)
        rows = (self.folder / "out.tsv").read_text("utf-8").split("\n")[1:]
        assert all(row for row in rows[: self.segments.rows])
        for item in set(every) - drafted:  # something else is there, and it is used
            stands = self.bought[LARGE, item]
            assert stands.failure is None and stands.text.strip() and not stands.truncated
            assert rows[self.segments.first_row[item]].split("\t")[3] == LARGE


TestWholeRun = WholeRun.TestCase
TestWholeRun.settings = settings(max_examples=30, stateful_step_count=10, deadline=None)
TestWholeRunByProbes = WholeRunByProbes.TestCase
TestWholeRunByProbes.settings = settings(max_examples=30, stateful_step_count=10, deadline=None)
TestWholeRunOfThreeTiers = WholeRunOfThreeTiers.TestCase
TestWholeRunOfThreeTiers.settings = settings(max_examples=20, stateful_step_count=10, deadline=None)


def test_what_cannot_be_counted_is_refused_before_anything_is_paid(tmp_path):
    cards = []
    for tier in TIERS:
        cards.append(tmp_path / f"{tier}.toml")
        price = {"input": "0", "output": "1000000000", "prefix": "once", "cap": 1, "skill": 1}
        cards[-1].write_text(CARD.format(name=tier, **price).replace("100000\n", "1000000\n"))
    (tmp_path / "in.txt").write_text("".join(f"{'w ' * 300_000}{row}\n" for row in range(9)))
    options = TranslateOptions(
        corpus=CorpusOptions(tmp_path / "in.txt"),
        pair=PairOptions("en", "de", *map(str, cards)),
        budget_nanousd=10**18,
        router=tmp_path / "router",
        force_router=True,
    )
    with pytest.raises(UsageError, match=r"small.toml: at this price .* than can be counted"):
        pipeline.translate(options)
    assert not list(tmp_path.glob("*.routelmt"))


@given(
    worst=st.lists(st.integers(0, 50), min_size=1, max_size=25),
    share=st.floats(0.1, 1.2),
    seeds=st.lists(st.integers(0, 999), min_size=3, max_size=3),
)
@settings(max_examples=25, deadline=None)
def test_workers_at_once_share_one_cap(worst, share, seeds):
    """Each has a connection of its own, all want the same items, some requests fail."""
    budget = max(1, int(sum(worst) * share))
    watched, unexpected = [], []
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        path = Path(folder) / "journal.sqlite"
        with Journal(path) as watcher:

            def work(seed):
                random = np.random.default_rng(seed)
                with Journal(path) as journal:
                    for item in random.permutation(len(worst)).tolist():
                        try:
                            wave = journal.reserve(
                                LARGE,
                                np.array([item]),
                                np.array([worst[item]]),
                                budget_nanousd=budget,
                                prefix_nanousd=3,
                            )
                        except ValueError:
                            continue  # does not fit, or another was first
                        spend = int(random.integers(worst[item] + 1))
                        failure = "made to fail" if random.random() < 0.2 else None
                        journal.settle(
                            wave, [Hypothesis(item, "", 1, 1, False, None, failure, spend)]
                        )

            def guarded(seed):
                try:
                    work(seed)
                except Exception as error:
                    unexpected.append(error)

            threads = [threading.Thread(target=guarded, args=(seed,)) for seed in seeds]
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                watched.append(watcher.committed_nanousd())
            for thread in threads:
                thread.join()
            assert unexpected == []
            watcher.audit()
            assert max([*watched, watcher.committed_nanousd()]) <= budget
            assert watcher.outstanding_nanousd() == 0
