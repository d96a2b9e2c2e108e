"""``translate``, readable top to bottom: read, draft, plan, retranslate, choose, write, report.

Every stage looks in the journal for what is done and does the rest, so a run that was killed is
continued by being started again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from routelmt_cli.budget.money import format_usd
from routelmt_cli.errors import BudgetError
from routelmt_cli.gain.conformal import GuardLimit
from routelmt_cli.gain.router import Router
from routelmt_cli.run import folder as run_folder
from routelmt_cli.run import output, planning, writing
from routelmt_cli.run.choice import Choice, SecondOpinion, choose
from routelmt_cli.run.continuing import OutputRecord, open_journal
from routelmt_cli.run.corpus_input import CorpusInput, open_input
from routelmt_cli.run.folder import RunFolder
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.options import TranslateOptions
from routelmt_cli.run.planning import RunPlan
from routelmt_cli.run.prediction import predict
from routelmt_cli.run.progress import Progress, Silent
from routelmt_cli.run.report import Report, make_report
from routelmt_cli.run.retrying import release_failed
from routelmt_cli.run.segments import Segments, scan
from routelmt_cli.run.setup import Pair, find_limit, find_pair_and_router, translate_identity
from routelmt_cli.run.spending import Spender, needed_nanousd
from routelmt_cli.run.tiers import LARGE, SMALL, Tier, open_tier


@dataclass
class Clock:
    """Wall seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of a block."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begun


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
    progress = progress or Silent()
    clock = Clock()
    added = [column.name for column in writing.added_columns(explain=options.explain)]
    with open_input(options.corpus, added) as source:
        pair, router = find_pair_and_router(options, progress)
        limit = find_limit(options, pair, router, progress)
        path = output.output_path(options, pair.target_language)
        begun_with = translate_identity(source, pair, router, options)
        folder_path = run_folder.in_cache(begun_with) if path is None else run_folder.beside(path)

        def check_output(records: Sequence[OutputRecord]) -> None:
            if path is not None:
                output.refuse_foreign(path, records, overwrite=options.overwrite)

        if not folder_path.exists():
            check_output(())  # before a folder is made for nothing
        with RunFolder(folder_path) as folder:
            with clock.stage("read"):
                segments = scan(source.corpus, folder.sources)
                source.refuse_change()
            with clock.stage("count tokens"):
                small = _open_small(pair, router, segments)
                large = open_tier(LARGE, pair.large, segments)

            with open_journal(
                folder,
                begun_with,
                options.budget_nanousd,
                restart=options.restart,
                input_name=source.absolute_name,
                check_before=partial(refuse_small_budget, small, options.budget_nanousd),
                check_output=check_output,
            ) as journal:
                run = _Run(
                    source=source,
                    pair=pair,
                    router=router,
                    limit=limit,
                    segments=segments,
                    small=small,
                    large=large,
                    journal=journal,
                    options=options,
                    progress=progress,
                    clock=clock,
                )
                return _translate(run, folder, path)


@dataclass(frozen=True)
class _Run:
    source: CorpusInput
    pair: Pair
    router: Router
    limit: GuardLimit | None
    segments: Segments
    small: Tier
    large: Tier
    journal: Journal
    options: TranslateOptions
    progress: Progress
    clock: Clock


def _translate(run: _Run, folder: RunFolder, path: Path | None) -> Report:
    if path is not None and run.options.output is None:
        run.progress.note(f"writing to {path}")
    spender = Spender(
        run.journal,
        run.segments,
        budget_nanousd=run.options.budget_nanousd,
        deterministic=run.options.pair.deterministic,
        progress=run.progress,
    )
    _retry(run, folder)
    with run.clock.stage("draft"):
        spender.buy(run.small, np.arange(run.segments.items, dtype=np.int64), "drafting")
    with run.clock.stage("plan"):
        plan = _plan(run, folder)
        if plan.drift_warning is not None:
            run.progress.note(plan.drift_warning)
    with run.clock.stage("retranslate"):
        chosen = int(plan.chosen.sum())
        spender.buy(run.large, plan.order, "retranslating", expected=chosen)
    with run.clock.stage("write"):
        choice = _choose(run)
        _write(run, choice, plan, path)
    report = make_report(
        run.segments, run.journal, plan, choice, run.pair, run.router, run.clock.seconds
    )
    report.save(folder.report)
    return report


def _open_small(pair: Pair, router: Router, segments: Segments) -> Tier:
    """Open the tier that drafts, with hidden states where the router will look at them."""
    # What is adapted to other languages looks at none.
    with_states = router.needs_states and router.knows(pair.label)
    return open_tier(SMALL, pair.small, segments, with_states=with_states)


def refuse_small_budget(small: Tier, budget_nanousd: int, journal: Journal | None = None) -> None:
    """Refuse a budget that might not cover the drafts.

    The worst case is what counts: every draft that runs to its cap. So a run that begins to
    draft can always finish drafting, unless its budget is lowered, which this refuses.

    Parameters
    ----------
    small
        The tier that drafts.
    budget_nanousd
        The budget.
    journal
        Of a run that is continued; None for a new one.

    Raises
    ------
    BudgetError
        With the budget that would do.
    """
    committed = 0 if journal is None else journal.committed_nanousd()
    needed = committed + needed_nanousd(journal, small, np.arange(len(small.worst_nanousd)))
    if needed > budget_nanousd:
        spent = f"{format_usd(committed)} spent so far" if committed else "nothing has been spent"
        raise BudgetError(
            f"drafting with '{small.model.card.name}' may cost up to {format_usd(needed)}, "
            f"the budget is {format_usd(budget_nanousd)}",
            hint=f"give --budget {format_usd(needed)[1:]} or more; {spent}",
        )


def _choose(run: _Run) -> Choice:
    opinion = SecondOpinion(run.router, run.pair.label, run.small)
    return choose(run.journal, run.segments, run.pair.target_language, opinion)


def _retry(run: _Run, folder: RunFolder) -> None:
    """Try again what failed in a finished run; one that was cut off ends as if undisturbed."""
    journal, tiers = run.journal, (run.small, run.large)
    if not journal.is_finished or not any(journal.failed(tier.name) for tier in tiers):
        return
    budget = run.options.budget_nanousd
    if count := release_failed(journal, folder, tiers, _choose(run).failed, budget):
        run.progress.note(f"trying {count} failed requests again")


def _plan(run: _Run, folder: RunFolder) -> RunPlan:
    known = planning.load_plan(folder.plan, run.options.budget_nanousd)
    if known is not None:
        return known
    plan = planning.solve(
        predict(run.journal, run.segments, run.small, run.large, run.router, run.pair.label),
        planning.weights(run.options.weight, run.segments, run.small),
        run.journal,
        run.large,
        run.options.budget_nanousd,
        run.limit,
    )
    planning.save_plan(plan, folder.plan)
    return plan


def _write(run: _Run, choice: Choice, plan: RunPlan, path: Path | None) -> None:
    def write(sink: BinaryIO) -> None:
        try:
            writing.write_corpus(
                sink,
                run.source.corpus,
                run.segments,
                run.journal,
                choice,
                plan,
                explain=run.options.explain,
            )
        finally:
            run.source.refuse_change()

    run.source.refuse_change()
    if path is not None:
        output.write_file(path, run.journal, write)
    else:
        output.write_stdout(write)
