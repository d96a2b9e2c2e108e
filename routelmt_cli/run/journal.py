"""The run's only store: hypotheses, reservations and spend, in one SQLite file.

In: reservations before anything is sent, outcomes with what they used after. Out: the same again,
after any crash. Always: settled spend plus outstanding reservations never exceed the budget that a
reservation names; a hypothesis and its spend are one row, written in one durable transaction; an
item has at most one hypothesis in a tier. WAL needs a local disk: not for network file systems.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from routelmt_cli.errors import MidRunError, UsageError
from routelmt_cli.run.hypotheses import COLUMNS, Hypothesis, from_row, to_row
from routelmt_cli.run.wave import Wave

JOURNAL_VERSION = 2
_MARKS = ", ".join("?" for _ in f"tier, {COLUMNS}".split(", "))
_ITEMS_PER_QUERY = 500  # SQLite's oldest limit on parameters is 999
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE hypotheses (
    tier TEXT NOT NULL,
    item INTEGER NOT NULL,
    text TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    truncated INTEGER NOT NULL,
    token_logprobs BLOB,
    failure TEXT,
    spend_nanousd INTEGER NOT NULL CHECK (spend_nanousd >= 0),
    token_entropies BLOB,
    token_margins BLOB,
    state BLOB,
    PRIMARY KEY (tier, item)
) WITHOUT ROWID;
CREATE TABLE reservations (
    tier TEXT NOT NULL,
    wave INTEGER NOT NULL,
    position INTEGER NOT NULL,
    item INTEGER NOT NULL,
    worst_nanousd INTEGER NOT NULL CHECK (worst_nanousd >= 0),
    PRIMARY KEY (tier, wave, position),
    UNIQUE (tier, item)
) WITHOUT ROWID;
CREATE TABLE charges (
    tier TEXT NOT NULL,
    kind TEXT NOT NULL,
    spend_nanousd INTEGER NOT NULL CHECK (spend_nanousd >= 0),
    PRIMARY KEY (tier, kind)
) WITHOUT ROWID;
CREATE TABLE totals (
    tier TEXT PRIMARY KEY,
    spend_nanousd INTEGER NOT NULL,
    outstanding_nanousd INTEGER NOT NULL
) WITHOUT ROWID;
"""
# What each older version lacks; its rows stay as they are, with NULL in what they never had.
_MIGRATIONS = {
    1: """
ALTER TABLE hypotheses ADD COLUMN token_entropies BLOB;
ALTER TABLE hypotheses ADD COLUMN token_margins BLOB;
ALTER TABLE hypotheses ADD COLUMN state BLOB;
"""
}


class Journal:
    """The store of one run; a context manager.

    Parameters
    ----------
    path
        The SQLite file; made where it does not exist. One of an older version is brought up to
        this one in place.

    Raises
    ------
    UsageError
        Where the file is not a journal, is damaged, or was written by a newer routelmt.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA busy_timeout = 10000")
            self._open_schema()
        except sqlite3.Error as error:
            raise UsageError(
                f"{path}: cannot read this journal: {error}",
                hint="restore it from a copy, or begin anew with --restart",
            ) from error

    def _open_schema(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._change_schema(_SCHEMA, 0)
        elif version in _MIGRATIONS:
            self._change_schema(_MIGRATIONS[version], version)
        elif version != JOURNAL_VERSION:
            raise UsageError(
                f"{self.path}: journal version {version}, this routelmt writes {JOURNAL_VERSION}",
                hint="use the routelmt that wrote it, or begin anew with --restart",
            )

    def _change_schema(self, statements: str, version: int) -> None:
        with self._transaction():
            if self._db.execute("PRAGMA user_version").fetchone()[0] != version:
                return  # another process was first
            for statement in statements.split(";"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {JOURNAL_VERSION}")

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.IntegrityError as error:
            raise ValueError(f"refused by the journal: {error}") from error
        except sqlite3.Error as error:
            raise MidRunError(
                f"{self.path}: cannot write the journal: {error}",
                hint="free some disk and run the same command again; nothing paid for is lost",
            ) from error

    # -- reserving and settling ---------------------------------------------------------------

    def reserve(
        self,
        tier: str,
        items: npt.NDArray[np.int64],
        worst_nanousd: npt.NDArray[np.int64],
        *,
        budget_nanousd: int,
        prefix_nanousd: int = 0,
    ) -> Wave:
        """Reserve the worst case of a wave durably, before any of it is sent.

        Parameters
        ----------
        tier
            The tier's name.
        items, worst_nanousd
            int64 of shape (n,): what is sent, in order, and what each may cost at most.
        budget_nanousd
            The run's budget.
        prefix_nanousd
            The tier's shared prompt prefix, charged with its first wave.

        Raises
        ------
        ValueError
            Where spend and reservations would exceed the budget, an item was reserved before, or
            there is nothing to reserve. Callers plan so that it cannot happen; this is the last
            line that holds it.
        """
        if not len(items):
            raise ValueError("a wave holds at least one item")
        with self._transaction():
            number = self._db.execute(
                "SELECT coalesce(max(wave), -1) + 1 FROM reservations WHERE tier = ?", (tier,)
            ).fetchone()[0]
            prefix = prefix_nanousd if number == 0 else 0
            total = sum(worst_nanousd.tolist())  # exact, where 64 bits might not be
            committed = self.committed_nanousd()
            if committed + prefix + total > budget_nanousd:
                raise ValueError(
                    f"a wave of {total + prefix} nanodollars does not fit: {committed} of "
                    f"{budget_nanousd} are spent or reserved"
                )
            self._db.executemany(
                "INSERT INTO reservations VALUES (?, ?, ?, ?, ?)",
                (
                    (tier, number, position, int(item), int(worst))
                    for position, (item, worst) in enumerate(zip(items, worst_nanousd, strict=True))
                ),
            )
            if prefix:
                self._db.execute("INSERT INTO charges VALUES (?, 'prefix', ?)", (tier, prefix))
            self._add(tier, spend=prefix, outstanding=total)
        return Wave(tier, number, items, worst_nanousd)

    def settle(self, wave: Wave, hypotheses: Sequence[Hypothesis]) -> None:
        """Write hypotheses and their spend, and release what was reserved for them.

        Raises
        ------
        ValueError
            Where a hypothesis cost more than was reserved for it, was not reserved, or is bought
            already.
        """
        spend = released = 0
        for hypothesis in hypotheses:
            limit = wave.worst_by_item.get(hypothesis.item)
            if limit is None:
                raise ValueError(f"item {hypothesis.item} was not reserved in this wave")
            if hypothesis.spend_nanousd > limit:
                raise ValueError(
                    f"item {hypothesis.item} cost {hypothesis.spend_nanousd} nanodollars, "
                    f"{limit} were reserved"
                )
            spend += hypothesis.spend_nanousd
            released += limit
        with self._transaction():
            self._db.executemany(
                f"INSERT INTO hypotheses (tier, {COLUMNS}) VALUES ({_MARKS})",
                (to_row(wave.tier, hypothesis) for hypothesis in hypotheses),
            )
            self._add(wave.tier, spend=spend, outstanding=-released)

    def _add(self, tier: str, *, spend: int, outstanding: int) -> None:
        self._db.execute(
            "INSERT INTO totals VALUES (?, ?, ?) ON CONFLICT (tier) DO UPDATE SET "
            "spend_nanousd = spend_nanousd + excluded.spend_nanousd, "
            "outstanding_nanousd = outstanding_nanousd + excluded.outstanding_nanousd",
            (tier, spend, outstanding),
        )

    # -- reading ------------------------------------------------------------------------------

    def spend_nanousd(self, tier: str | None = None) -> int:
        """Return what is settled, in one tier or in all."""
        return self._total("spend_nanousd", tier)

    def outstanding_nanousd(self, tier: str | None = None) -> int:
        """Return what is reserved and not settled, in one tier or in all."""
        return self._total("outstanding_nanousd", tier)

    def committed_nanousd(self) -> int:
        """Return what is settled or reserved: what of a budget is no longer free."""
        return self.spend_nanousd() + self.outstanding_nanousd()

    def _total(self, column: str, tier: str | None) -> int:
        row = self._db.execute(
            f"SELECT coalesce(sum({column}), 0) FROM totals WHERE ?1 IS NULL OR tier = ?1", (tier,)
        ).fetchone()
        return int(row[0])

    def has_waves(self, tier: str) -> bool:
        """Say whether a wave of the tier was ever reserved; the first one charges its prefix."""
        row = self._db.execute(
            "SELECT EXISTS (SELECT 1 FROM reservations WHERE tier = ?)", (tier,)
        ).fetchone()
        return bool(row[0])

    def unsettled_wave(self, tier: str) -> Wave | None:
        """Return the tier's last wave where some of it is not settled (after a crash), or None."""
        if not self.outstanding_nanousd(tier) and self._count_open(tier) == 0:
            return None
        rows = self._db.execute(
            "SELECT item, worst_nanousd, wave FROM reservations WHERE tier = ?1 AND wave = "
            "(SELECT max(wave) FROM reservations WHERE tier = ?1) ORDER BY position",
            (tier,),
        ).fetchall()
        table = np.array(rows, np.int64)
        return Wave(tier, int(table[0, 2]), table[:, 0], table[:, 1])

    def _count_open(self, tier: str) -> int:
        row = self._db.execute(
            "SELECT (SELECT count(*) FROM reservations WHERE tier = ?1) - "
            "(SELECT count(*) FROM hypotheses WHERE tier = ?1)",
            (tier,),
        ).fetchone()
        return int(row[0])

    def bought(self, tier: str, items: int) -> npt.NDArray[np.bool_]:
        """Return which of ``items`` items have a hypothesis in a tier, bool of shape (items,)."""
        return self._mask("hypotheses", tier, items)

    def sent(self, tier: str, items: int) -> npt.NDArray[np.bool_]:
        """Return which of ``items`` items were ever reserved in a tier, settled or not."""
        return self._mask("reservations", tier, items)

    def _mask(self, table: str, tier: str, items: int) -> npt.NDArray[np.bool_]:
        mask = np.zeros(items, np.bool_)
        rows = self._db.execute(f"SELECT item FROM {table} WHERE tier = ?", (tier,))
        while block := rows.fetchmany(65536):
            mask[[row[0] for row in block]] = True
        return mask

    def hypotheses(self, tier: str, items: Sequence[int]) -> list[Hypothesis]:
        """Return the hypotheses of the given items, in their order, of those that have one."""
        rows = self._select(COLUMNS, tier, items)
        found = {row[0]: row for row in rows}
        return [from_row(found[item]) for item in items if item in found]

    def texts(self, tier: str, items: Sequence[int]) -> dict[int, str]:
        """Return the texts of the given items, of those that have one."""
        return {row[0]: row[1] for row in self._select("item, text", tier, items)}

    def _select(self, columns: str, tier: str, items: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(items), _ITEMS_PER_QUERY):
            part = items[start : start + _ITEMS_PER_QUERY]
            marks = ", ".join("?" * len(part))
            yield from self._db.execute(
                f"SELECT {columns} FROM hypotheses WHERE tier = ? AND item IN ({marks})",
                (tier, *part),
            )

    def count(self, tier: str) -> int:
        """Count the hypotheses of a tier, failures included."""
        row = self._db.execute("SELECT count(*) FROM hypotheses WHERE tier = ?", (tier,)).fetchone()
        return int(row[0])

    def failed(self, tier: str) -> list[int]:
        """Return the items whose request failed in a tier, rising."""
        rows = self._db.execute(
            "SELECT item FROM hypotheses WHERE tier = ? AND failure IS NOT NULL ORDER BY item",
            (tier,),
        )
        return [row[0] for row in rows]

    def audit(self) -> None:
        """Check that the ledger adds up: totals against rows, hypotheses against reservations.

        Raises
        ------
        UsageError
            Naming the journal, where it does not.
        """
        try:
            problems = self._problems()
        except sqlite3.Error as error:
            problems = [str(error)]
        if problems:
            raise UsageError(
                f"{self.path}: damaged journal: {problems[0]}",
                hint="restore it from a copy, or begin anew with --restart",
            )

    def _problems(self) -> list[str]:
        problems = [str(row[0]) for row in self._db.execute("PRAGMA integrity_check")]
        if problems != ["ok"]:
            return problems
        sums = self._db.execute(
            "SELECT tier, coalesce(spend, 0), coalesce(outstanding, 0), "
            "(SELECT coalesce(sum(spend_nanousd), 0) FROM hypotheses h WHERE h.tier = t.tier) + "
            "(SELECT coalesce(sum(spend_nanousd), 0) FROM charges c WHERE c.tier = t.tier), "
            "(SELECT coalesce(sum(worst_nanousd), 0) FROM reservations r WHERE r.tier = t.tier "
            "AND NOT EXISTS (SELECT 1 FROM hypotheses h WHERE h.tier = r.tier "
            "AND h.item = r.item)), "
            "(SELECT count(*) FROM hypotheses h WHERE h.tier = t.tier AND NOT EXISTS "
            "(SELECT 1 FROM reservations r WHERE h.tier = r.tier AND h.item = r.item)) "
            "FROM (SELECT tier FROM totals UNION SELECT tier FROM hypotheses UNION "
            "SELECT tier FROM reservations UNION SELECT tier FROM charges) t LEFT JOIN "
            "(SELECT tier, spend_nanousd AS spend, outstanding_nanousd AS outstanding "
            "FROM totals) USING (tier)"
        )
        return [
            f"the ledger of tier '{tier}' does not add up"
            for tier, spend, outstanding, rows_spend, rows_outstanding, unreserved in sums
            if spend != rows_spend or outstanding != rows_outstanding or unreserved
        ]

    # -- facts about the run ------------------------------------------------------------------

    def set_meta(self, values: Mapping[str, Any]) -> None:
        """Write facts about the run, as JSON values, in one transaction."""
        with self._transaction():
            self._db.executemany(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET "
                "value = excluded.value",
                ((key, json.dumps(value, sort_keys=True)) for key, value in values.items()),
            )

    def meta(self, key: str) -> Any:
        """Return a fact about the run, or None."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])
