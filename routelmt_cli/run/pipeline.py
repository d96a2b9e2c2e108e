"""``translate``, readable top to bottom: read, draft, plan, retranslate, choose, write, report.

Every stage looks in the journal for what is done and does the rest, so a run that was killed is
continued by being started again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from routelmt_cli.budget.money import format_usd
from routelmt_cli.errors import BudgetError
from routelmt_cli.run import output, planning, writing
from routelmt_cli.run.auto_budget import known_budget, settle_budget
from routelmt_cli.run.choice import Choice, SecondOpinion, choose
from routelmt_cli.run.continuing import OutputRecord, open_journal
from routelmt_cli.run.corpus_input import open_input
from routelmt_cli.run.deadline import Deadline
from routelmt_cli.run.engines.engine import open_engine
from routelmt_cli.run.floor import Floor
from routelmt_cli.run.folder import RunFolder
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.late_drafts import buy_by_probes, drafts_to_come
from routelmt_cli.run.memory import save_choice
from routelmt_cli.run.opened import Clock, Run
from routelmt_cli.run.options import TranslateOptions
from routelmt_cli.run.owed_drafts import OwedDrafts
from routelmt_cli.run.page import render
from routelmt_cli.run.page.data import gather
from routelmt_cli.run.planning import RunPlan
from routelmt_cli.run.prediction import Prediction
from routelmt_cli.run.preparation import prepare, reserved_columns
from routelmt_cli.run.probes import not_drafted
from routelmt_cli.run.progress import Progress, Silent
from routelmt_cli.run.report import Report, make_report
from routelmt_cli.run.retranslating import forget_passes, retranslate
from routelmt_cli.run.retrying import release_failed
from routelmt_cli.run.run_curve import predict_items
from routelmt_cli.run.segments import scan
from routelmt_cli.run.shielding import shielded
from routelmt_cli.run.spending import needed_nanousd
from routelmt_cli.run.switching import settle_way
from routelmt_cli.run.terms import with_terms
from routelmt_cli.run.tiers import Tier
from routelmt_cli.run.wishes import Wishes, read_wishes


def translate(options: TranslateOptions, progress: Progress | None = None) -> Report:
    """Translate a corpus within a budget.

    Parameters
    ----------
    options
        What to do.
    progress
        Who watches.

    Returns
    -------
    Report
        The figures, also in the run folder's ``report.json``.

    Raises
    ------
    UsageError, BudgetError, MidRunError
        As their texts say; a run can be continued after each of them.
    """
    with open_run(options, progress or Silent(), refuse_small_budget) as (run, folder):
        return _translate(run, folder)


@contextmanager
def open_run(
    options: TranslateOptions,
    progress: Progress,
    check_before: Callable[[Floor, int, Journal | None], None],
    *,
    plans_only: bool = False,
    keeps_budget: bool = False,
) -> Iterator[tuple[Run, RunFolder]]:
    """Open everything that a run works with, up to where it spends.

    Parameters
    ----------
    options
        What to do.
    progress
        Who watches.
    check_before
        Given what the run must be able to pay, the budget and the journal of a run that is
        continued; raises where the run cannot be done, before anything is forgotten or written.
    plans_only
        The output is not written this time, and the run is not finished with the block.
    keeps_budget
        Take the budget that the run had before, 0 for a new one, instead of the options'.
    """
    clock, deadline = Clock(), Deadline(options.max_hours)
    with open_input(options.corpus, reserved_columns(options)) as source:
        begun = prepare(source, options, progress)
        path = begun.output

        def check_output(records: Sequence[OutputRecord]) -> None:
            if path is not None and not plans_only:
                output.refuse_foreign(path, records, overwrite=options.overwrite)

        if not begun.folder.exists():
            check_output(())  # before a folder is made for nothing
        models = list(begun.pair.models.values())
        with open_engine(options.engine, models) as engine, RunFolder(begun.folder) as folder:
            with clock.stage("read"):
                segments = scan(source.corpus, folder.sources, begun.memory.texts)
                source.refuse_change()
            for remark in source.corpus.remarks():
                progress.note(remark)
            with clock.stage("count tokens"):
                tiers = begun.open_tiers(source.corpus, segments)
                probing = begun.open_probing(segments)
            with clock.stage("read"):
                wishes = read_wishes(source.corpus, segments, tiers, options)
            given = options.budget_nanousd
            if keeps_budget:
                given = 0 if options.restart else _budget_before(folder)
            budget = worst_of_all(tiers) if given is None else given

            def check_all(journal: Journal | None) -> None:
                owed = None
                if journal is not None and probing is not None:
                    owed = OwedDrafts(journal, segments, begun.pair, tiers[0], tiers[1])
                check_before(Floor(tiers[0], probing, owed), budget, journal)
                if not plans_only:
                    refuse_pins(tiers, wishes, budget, journal)

            with open_journal(
                folder,
                begun.identity,
                given,
                restart=options.restart,
                finishes=not plans_only,
                input_name=source.absolute_name,
                check_before=check_all,
                check_output=check_output,
            ) as journal:
                run = Run(
                    source=source,
                    pair=begun.pair,
                    segments=segments,
                    small=tiers[0],
                    routes=begun.routes(tiers),
                    wishes=wishes,
                    memory=begun.memory,
                    glossary=begun.glossary,
                    journal=journal,
                    budget_nanousd=budget,
                    deadline=deadline,
                    options=options,
                    progress=progress,
                    clock=clock,
                    output=path,
                    engine=engine,
                    probing=probing,
                )
                yield run, folder


def _budget_before(folder: RunFolder) -> int | None:
    known = folder.describe()
    return 0 if known is None else known["budget_nanousd"]


def _translate(run: Run, folder: RunFolder) -> Report:
    path = run.output
    if path is not None and run.options.output is None:
        run.progress.note(f"writing to {path}")
    settle_way(run, folder)
    _retry(run, folder)
    _look(run)
    with run.clock.stage("plan"):
        predict_once = cache(partial(predict_items, run))
        run = settle_budget(run, predict_once)
        plan = _plan(run, folder, predict_once)
        if plan.drift_warning is not None:
            run.progress.note(plan.drift_warning)
    if run.probing is None:
        with run.clock.stage("retranslate"):
            retranslate(run, plan)
    else:
        buy_by_probes(run, plan)
    with run.clock.stage("write"):
        choice = _choose(run)
        save_choice(choice, run.journal, folder.choice)
        _write(run, choice, plan, path)
    report = make_report(run, plan, choice)
    report.save(folder.report)
    render.save(gather(run, plan, choice, report), folder.page)
    return report


def _look(run: Run) -> None:
    """Buy what routing looks at."""
    spender = run.spender(run.budget_nanousd)
    if run.probing is None:
        with run.clock.stage("draft"):
            spender.buy(run.small, run.segments.every, "drafting")
        return
    with run.clock.stage("probe"):
        items = not_drafted(run.journal, run.small, run.segments.items)
        spender.buy(run.probing, items, "probing")


def refuse_small_budget(
    floor: Floor,
    budget_nanousd: int,
    journal: Journal | None = None,
    items: npt.NDArray[np.int64] | None = None,
) -> None:
    """Refuse a budget that might not cover the drafts.

    The worst case is what counts: every draft that runs to its cap. So a run that begins to
    draft can always finish drafting, unless its budget is lowered, which this refuses.

    Parameters
    ----------
    floor
        What must be paid for.
    budget_nanousd
        The budget.
    journal
        Of a run that is continued; None for a new one.
    items
        What is to be drafted; everything by default.

    Raises
    ------
    BudgetError
        With the budget that would do.
    """
    committed = 0 if journal is None else journal.committed_nanousd()
    needed = committed + floor.needed_nanousd(journal, items)
    if needed > budget_nanousd:
        spent = f"{format_usd(committed)} spent so far" if committed else "nothing has been spent"
        raise BudgetError(
            f"{floor.what} may cost up to {format_usd(needed)}, "
            f"the budget is {format_usd(budget_nanousd)}",
            hint=f"give --budget {format_usd(needed)[1:]} or more; {spent}",
        )


def worst_of_all(tiers: Sequence[Tier]) -> int:
    """Return what a run costs at most that sends everything to every tier."""
    # Python's integers: the sum can exceed 64 bits.
    return sum(sum(tier.worst_nanousd.tolist()) + tier.prefix_nanousd for tier in tiers)


def refuse_pins(
    tiers: Sequence[Tier], wishes: Wishes, budget_nanousd: int, journal: Journal | None
) -> None:
    """Refuse limits that might not cover what is pinned to tiers that retranslate.

    As with drafts the worst case counts, so that a run that begins can honour every pin.

    Parameters
    ----------
    tiers, wishes
        The run.
    budget_nanousd
        The budget.
    journal
        Of a run that is continued; None for a new one.

    Raises
    ------
    UsageError, BudgetError
        Of the share as ``Wishes.refuse_share`` does; or with the budget that would do.
    """
    items = len(wishes.weight)
    sent = np.zeros(items, np.bool_)
    if journal is not None:
        for tier in tiers[1:]:
            sent |= journal.sent(tier.name, items)
    wishes.refuse_share(sent)
    pinned = [(tier, np.flatnonzero(wishes.pinned_to(tier.name))) for tier in tiers[1:]]
    names = "' and '".join(tier.name for tier, own in pinned if len(own))
    committed = 0 if journal is None else journal.committed_nanousd()
    drafts = needed_nanousd(journal, tiers[0], np.arange(items)) if names else 0
    pins = sum(needed_nanousd(journal, tier, own) for tier, own in pinned)
    needed = committed + drafts + pins
    if pins and needed > budget_nanousd:
        raise BudgetError(
            f"the segments pinned to '{names}' may cost up to {format_usd(pins)} beside drafts and "
            f"spend of {format_usd(committed + drafts)}, but the budget is "
            f"{format_usd(budget_nanousd)}",
            hint=f"give --budget {format_usd(needed)[1:]} or more, or pin fewer segments",
        )


def _choose(run: Run) -> Choice:
    choice = choose(
        run.journal,
        run.segments,
        run.pair.target_language,
        list(run.pair.models),
        {
            route.tier.name: SecondOpinion(route.router, run.pair.label, run.small)
            for route in run.routes
        },
        pins=run.wishes.pin,
    )
    if run.glossary is not None:
        choice = with_terms(choice, run.journal, run.segments, run.glossary)
    if not run.options.pair.protects:
        return choice
    return shielded(choice, run.journal, run.segments)


def _retry(run: Run, folder: RunFolder) -> None:
    """Try again what failed in a finished run; one that was cut off ends as if undisturbed."""
    journal, tiers = run.journal, run.tiers
    if not journal.is_finished or not any(journal.failed(tier.name) for tier in tiers):
        return
    if count := release_failed(journal, folder, tiers, _choose(run).failed, known_budget(run)):
        run.progress.note(f"trying {count} failed requests again")


def _plan(run: Run, folder: RunFolder, predict: Callable[[], list[Prediction]]) -> RunPlan:
    router = None if run.probing is None else run.routes[0].router.fingerprint
    known = planning.load_plan(folder.plan, run.budget_nanousd, run.wishes.share, router)
    if known is not None:
        return known
    drafts = drafts_to_come(run)
    plan = planning.solve(
        predict(), run.wishes, run.journal, run.routes, run.budget_nanousd, drafts
    )
    forget_passes(run.journal)
    planning.save_plan(plan, run.routes, folder.plan)
    return plan


def _write(run: Run, choice: Choice, plan: RunPlan, path: Path | None) -> None:
    def write(sink: BinaryIO) -> None:
        try:
            writing.write_corpus(
                sink,
                run.source.corpus,
                run.segments,
                run.journal,
                choice,
                plan,
                memory=run.memory.texts,
                glossary=run.glossary,
                pinned=run.wishes.pinned,
                explain=run.options.explain,
            )
        finally:
            run.source.refuse_change()

    run.source.refuse_change()
    if path is not None:
        output.write_file(path, run.journal, write)
    else:
        output.write_stdout(write)
