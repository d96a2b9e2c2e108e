"""``--budget auto:MAX``: let the curve say how much of MAX is worth spending.

A run whose drafts are bought goes in, the same run with a budget of its own comes out. What always
holds: the budget is never above MAX; where the curve bends is decided once a run and kept in its
journal before the large model is sent anything, so that a run which was cut off goes on with the
same budget.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from routelmt_cli.budget.money import format_usd
from routelmt_cli.run.opened import Run
from routelmt_cli.run.prediction import Prediction
from routelmt_cli.run.run_curve import make_curve

_KNEE = "budget at the knee"


def known_budget(run: Run) -> int:
    """Return the budget that the options give or, where it was decided before, that one."""
    limit = run.budget_nanousd
    knee = run.journal.meta(_KNEE) if run.options.auto_budget else None
    return limit if knee is None else _within(run, int(knee))


def settle_budget(run: Run, predict: Callable[[], list[Prediction]]) -> Run:
    """Decide on the budget where the options leave it open, and say so.

    Parameters
    ----------
    run
        Whose drafts are bought; its budget is the limit.
    predict
        Predicts every item.

    Returns
    -------
    Run
        With the budget that was found.
    """
    if not run.options.auto_budget:
        return run
    if run.journal.meta(_KNEE) is None:
        every = np.arange(run.segments.items, dtype=np.int64)
        knee = make_curve(run, every, predict()).knee()
        run.journal.set_meta({_KNEE: knee.budget_nanousd})
    budget, limit = known_budget(run), run.budget_nanousd
    why = "the limit, which the knee lies beyond" if budget == limit else "the knee of the curve"
    run.progress.note(
        f"budget {format_usd(budget)} of at most {format_usd(limit)}: {why} (see routelmt plan)"
    )
    return replace(run, budget_nanousd=budget)


def _within(run: Run, knee_nanousd: int) -> int:
    wanted = max(knee_nanousd, run.journal.committed_nanousd())
    return min(wanted, run.budget_nanousd)
