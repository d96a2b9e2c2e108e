"""Whether what a run folder holds is continued, refused, or forgotten.

In: a locked run folder and what the run is to be begun with. Out: its open journal. Always: what
was bought is only forgotten where ``restart`` asks for it, and not before everything else allows
it; a folder in which nothing was bought binds nobody, so that a mistyped first command can be
corrected. It buys nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from routelmt_cli.budget.money import format_usd
from routelmt_cli.errors import UsageError
from routelmt_cli.run import folder as run_folder
from routelmt_cli.run.folder import RunFolder
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.journal_file import begin_journal

OUTPUT_RECORDS = "outputs"
"""The journal's fact about the outputs that the run wrote: a list of their records."""

OutputRecord: TypeAlias = Mapping[str, Any]
"""Size (``bytes``) and checksum (``sha256``) of an output."""


def _allow(_: object) -> None:
    """Allow everything."""


@contextmanager
def open_journal(
    folder: RunFolder,
    begun_with: Mapping[str, Any],
    budget_nanousd: int | None,
    *,
    restart: bool,
    finishes: bool = True,
    input_name: str | None = None,
    check_before: Callable[[Journal | None], None] = _allow,
    check_output: Callable[[Sequence[OutputRecord]], None] = _allow,
) -> Iterator[Journal]:
    """Open the journal of a new run, or of one that may be continued.

    A run whose block ends without an error is finished, unless its block does only a part of it.

    Parameters
    ----------
    folder
        The run folder.
    begun_with
        The run's identity.
    budget_nanousd
        Its limit, None for none.
    restart
        Forget what the folder holds.
    finishes
        Whether the run has come to its end with the block.
    input_name
        What the run folder tells a reader that the run works on.
    check_before
        Given the journal of a run that is continued, None for a new one; raises where it cannot
        be done. Called before anything is forgotten or written.
    check_output
        Told what the run knows of the outputs that it wrote; raises where an existing file must
        not be replaced.

    Raises
    ------
    UsageError
        Where the run was begun with something else, more is committed than the budget allows, or
        its files are damaged.
    """
    records = output_records(folder, tolerant=restart)
    check_output(records)
    new = restart or not anything_sent(folder)
    if new:
        check_before(None)
        # In one step: a restart that is cut off has not forgotten which outputs are the run's.
        begin_journal(folder.journal, {OUTPUT_RECORDS: records})
        folder.clear()
        # Before anything is sent, so that what was bought always has its description.
        folder.write_description(begun_with, budget_nanousd, input_name)
    else:
        refuse_other_run(folder, begun_with, budget_nanousd)
    with Journal(folder.journal) as journal:
        journal.audit()
        if not new:
            check_before(journal)
            folder.write_description(begun_with, budget_nanousd, input_name)
        yield journal
        if finishes:
            journal.finish()


def anything_sent(folder: RunFolder) -> bool:
    """Say whether the folder's run has sent anything to a model.

    Raises
    ------
    UsageError
        Where its journal cannot be read.
    """
    if not folder.journal.exists():
        return False
    with Journal(folder.journal) as journal:
        return journal.has_any_waves()


def refuse_other_run(
    folder: RunFolder, begun_with: Mapping[str, Any], budget_nanousd: int | None
) -> None:
    """Refuse to continue a run with what it was not begun with.

    Raises
    ------
    UsageError
        Naming what changed, or that more is committed already than a smaller budget allows. A
        budget that was raised by mistake can be lowered again as long as it holds.
    """
    known = folder.describe()
    if known is None:
        if folder.journal.exists():
            raise UsageError(
                f"{folder.description}: is missing, so the journal beside it cannot be continued",
                hint="restore it from a copy, or begin anew with --restart",
            )
        return
    run_folder.refuse_changes(folder, known, begun_with)
    if budget_nanousd is None or not folder.journal.exists():
        return
    with Journal(folder.journal) as journal:
        committed = journal.committed_nanousd()
    if committed > budget_nanousd:
        raise UsageError(
            f"{folder.path}: this run has already spent or reserved {format_usd(committed)}, "
            f"more than the budget of {format_usd(budget_nanousd)}",
            hint="keep its budget or raise it; --restart begins anew (and pays again)",
        )


def output_records(folder: RunFolder, *, tolerant: bool) -> list[OutputRecord]:
    """Return what the run knows of its outputs; nothing for a damaged journal if ``tolerant``."""
    if not folder.journal.exists():
        return []
    try:
        with Journal(folder.journal) as journal:
            return list(journal.meta(OUTPUT_RECORDS) or [])
    except UsageError:
        if tolerant:
            return []
        raise
