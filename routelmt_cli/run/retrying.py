"""Running a finished run again tries again what failed in it, as far as the money goes.

In: a journal, its tiers, its budget, and which items have failed. Out: the same journal, in which
some of them are as if they had never been sent, but for the charge of what their requests used.
Always: only what the budget can still bear at its worst is let go of, so that a run without money
ends as it did before. It sends nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from routelmt_cli.run.folder import RunFolder
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.tiers import Tier


def release_failed(
    journal: Journal,
    folder: RunFolder,
    tiers: Sequence[Tier],
    failed: npt.NDArray[np.bool_],
    budget_nanousd: int,
) -> int:
    """Let failed items be sent again; the plan is given up, since drafts may change.

    Parameters
    ----------
    journal, folder
        The run.
    tiers
        Its tiers, those first that money is to be kept for.
    failed
        bool of shape (items,): which items have not got what was asked for them.
    budget_nanousd
        What the run may spend in all.

    Returns
    -------
    int
        How many requests may be sent again.
    """
    left = budget_nanousd - journal.committed_nanousd()
    released: dict[str, list[int]] = {tier.name: [] for tier in tiers}
    for tier in tiers:
        for item in journal.failed(tier.name):
            worst = int(tier.worst_nanousd[item])
            if failed[item] and worst <= left:
                released[tier.name].append(item)
                left -= worst
    count = sum(map(len, released.values()))
    if count:
        folder.plan.unlink(missing_ok=True)
    for name, items in released.items():
        if items:
            journal.release_failed(name, items)
    return count
