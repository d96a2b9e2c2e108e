"""Whether a journal is whole: what SQLite finds, and whether the ledger in it adds up.

In: an open journal's database. Out: what is wrong with it, in words. It changes nothing.
"""

from __future__ import annotations

import sqlite3

# Of every tier: totals as they are kept, the same summed from rows, and hypotheses that were never
# reserved.
_SUMS = """
SELECT tier, coalesce(spend, 0), coalesce(outstanding, 0),
    (SELECT coalesce(sum(spend_nanousd), 0) FROM hypotheses h WHERE h.tier = t.tier) +
    (SELECT coalesce(sum(spend_nanousd), 0) FROM charges c WHERE c.tier = t.tier),
    (SELECT coalesce(sum(worst_nanousd), 0) FROM reservations r WHERE r.tier = t.tier
        AND NOT EXISTS (SELECT 1 FROM hypotheses h WHERE h.tier = r.tier AND h.item = r.item)),
    (SELECT count(*) FROM hypotheses h WHERE h.tier = t.tier
        AND NOT EXISTS (SELECT 1 FROM reservations r WHERE h.tier = r.tier AND h.item = r.item))
FROM (SELECT tier FROM totals UNION SELECT tier FROM hypotheses UNION
    SELECT tier FROM reservations UNION SELECT tier FROM charges) t
LEFT JOIN (SELECT tier, spend_nanousd AS spend, outstanding_nanousd AS outstanding FROM totals)
    USING (tier)
"""


def find_problems(db: sqlite3.Connection) -> list[str]:
    """Return what is wrong with a journal; nothing where it is whole.

    Raises
    ------
    sqlite3.Error
        Where it is too damaged to be looked at.
    """
    problems = [str(row[0]) for row in db.execute("PRAGMA integrity_check")]
    if problems != ["ok"]:
        return problems
    return [
        f"the ledger of tier '{tier}' does not add up"
        for tier, spend, outstanding, rows_spend, rows_outstanding, unreserved in db.execute(_SUMS)
        if spend != rows_spend or outstanding != rows_outstanding or unreserved
    ]
