"""The run's only store: hypotheses, reservations and spend, in one SQLite file.

In: reservations before anything is sent, outcomes with what they used after. Out: the same again,
after any crash. Always: settled spend plus outstanding reservations never exceed the budget that a
reservation names; a hypothesis and its spend are one row, written in one durable transaction; an
item has at most one hypothesis in a tier.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from routelmt_cli.run.audit import find_problems
from routelmt_cli.run.hypotheses import COLUMNS, Hypothesis, from_row, is_whole, to_row
from routelmt_cli.run.journal_file import SQLITE_ERRORS, JournalFile
from routelmt_cli.run.wave import Wave

_MARKS = ", ".join("?" for _ in f"tier, {COLUMNS}".split(", "))
_FINISHED = "finished"
_IDENTITY = "identity"
_NEXT_WAVE = "next wave "
_UNMETERED = "unmetered "
_ITEMS_PER_QUERY = 500  # SQLite's oldest limit on parameters is 999


class Journal(JournalFile):
    """The store of one run; a context manager, opened as its ``JournalFile``."""

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
            number = self._next_wave(tier)
            prefix = 0 if self.has_waves(tier) else prefix_nanousd
            total = sum(worst_nanousd.tolist())  # exact, where 64 bits might not be
            committed = self.committed_nanousd()
            if committed + prefix + total > budget_nanousd:
                raise ValueError(
                    f"a wave of {total + prefix} nanodollars does not fit: {committed} of "
                    f"{budget_nanousd} are spent or reserved"
                )
            self._db.executemany(
                "INSERT INTO reservations (tier, wave, position, item, worst_nanousd) "
                "VALUES (?, ?, ?, ?, ?)",
                (
                    (tier, number, position, int(item), int(worst))
                    for position, (item, worst) in enumerate(zip(items, worst_nanousd, strict=True))
                ),
            )
            if prefix:
                self._db.execute("INSERT INTO charges VALUES (?, 'prefix', ?)", (tier, prefix))
            self._add(tier, spend=prefix, outstanding=total)
            self._db.execute("DELETE FROM meta WHERE key = ?", (_FINISHED,))
        return Wave(tier, number, items, worst_nanousd)

    def _next_wave(self, tier: str) -> int:
        """Return the number of the next wave, which no wave had that was released since."""
        after_last = self._value(
            "SELECT coalesce(max(wave), -1) + 1 FROM reservations WHERE tier = ?", (tier,)
        )
        return max(after_last, self.meta(f"{_NEXT_WAVE}{tier}") or 0)

    def wave_name(self, wave: Wave) -> str:
        """Return a name of a wave that no other wave of any run has."""
        identity = self.meta(_IDENTITY)
        if identity is None:
            identity = uuid.uuid4().hex
            self.set_meta({_IDENTITY: identity})
        return f"{identity}-{wave.tier}-{wave.number}"

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
            self._count_unmetered(
                wave.tier, [one.spend_nanousd for one in hypotheses if one.unmetered]
            )

    def mark_sent(self, tier: str, item: int) -> None:
        """Write durably that a reserved item is about to be sent to a server.

        From now on it counts as charged in full until the server says what it was.
        """
        with self._transaction():
            self._mark_sent(1, "item = ?", tier, item)

    def unmark_sent(self, tier: str) -> None:
        """Take back every mark of what is not settled: nothing of it was charged."""
        with self._transaction():
            self._mark_sent(0, "item NOT IN (SELECT item FROM hypotheses WHERE tier = ?1)", tier)

    def _mark_sent(self, mark: int, which: str, tier: str, *parameters: int) -> None:
        self._db.execute(
            f"UPDATE reservations SET is_sent = {mark} WHERE tier = ?1 AND {which}",
            (tier, *parameters),
        )

    def release_unsent(self, tier: str) -> None:
        """Release what is reserved, not settled and not marked as sent: nobody was asked for it."""
        which = (
            "tier = ?1 AND NOT is_sent AND NOT EXISTS "
            "(SELECT 1 FROM hypotheses h WHERE h.tier = ?1 AND h.item = reservations.item)"
        )
        with self._transaction():
            self._put_meta({f"{_NEXT_WAVE}{tier}": self._next_wave(tier)})
            worst = self._value(
                f"SELECT coalesce(sum(worst_nanousd), 0) FROM reservations WHERE {which}", (tier,)
            )
            self._db.execute(f"DELETE FROM reservations WHERE {which}", (tier,))
            self._add(tier, spend=0, outstanding=-worst)

    def unanswered(self, wave: Wave) -> list[int]:
        """Return the items of a wave that were sent to a server and never settled, rising."""
        rows = self._rows(
            "SELECT item FROM reservations r WHERE tier = ?1 AND wave = ?2 AND is_sent AND NOT "
            "EXISTS (SELECT 1 FROM hypotheses h WHERE h.tier = ?1 AND h.item = r.item) "
            "ORDER BY item",
            (wave.tier, wave.number),
        )
        return [row[0] for row in rows]

    def unmetered(self, tier: str) -> tuple[int, int]:
        """Return how many outcomes of a tier were charged in full, and what that came to.

        In nanodollars; of those whose answer was lost, or did not say what it used.
        """
        count, spend = self.meta(f"{_UNMETERED}{tier}") or (0, 0)
        return count, spend

    def _count_unmetered(self, tier: str, spends: Sequence[int]) -> None:
        if spends:
            count, spend = self.unmetered(tier)
            self._put_meta({f"{_UNMETERED}{tier}": [count + len(spends), spend + sum(spends)]})

    def release_failed(self, tier: str, items: Sequence[int]) -> None:
        """Let items whose request failed be sent again; what the request used stays charged.

        Raises
        ------
        ValueError
            Where an item has not failed.
        """
        keys = [(tier, item) for item in items]
        with self._transaction():
            self._put_meta({f"{_NEXT_WAVE}{tier}": self._next_wave(tier)})
            used = [
                spend
                for key in keys
                for (spend,) in self._rows(
                    "SELECT spend_nanousd FROM hypotheses "
                    "WHERE tier = ? AND item = ? AND failure IS NOT NULL",
                    key,
                )
            ]
            if len(used) < len(keys):
                raise ValueError("an item that has not failed is not released")
            for table in ("hypotheses", "reservations"):
                self._db.executemany(f"DELETE FROM {table} WHERE tier = ? AND item = ?", keys)
            self._db.execute(
                "INSERT INTO charges VALUES (?, 'failed', ?) ON CONFLICT (tier, kind) DO UPDATE "
                "SET spend_nanousd = spend_nanousd + excluded.spend_nanousd",
                (tier, sum(used)),
            )

    def forget(self) -> int:
        """Forget all hypotheses and reservations; what they cost stays charged.

        What was reserved and never settled is charged in full, since nobody knows what it used.

        Returns
        -------
        int
            What was charged so, in nanodollars.
        """
        lost = self.outstanding_nanousd()
        with self._transaction():
            numbers = {
                f"{_NEXT_WAVE}{tier}": self._next_wave(tier)
                for (tier,) in list(self._rows("SELECT tier FROM totals", ()))
            }
            self._put_meta(numbers)
            self._db.execute(
                "INSERT INTO charges SELECT tier, 'past', sum(spend_nanousd) FROM hypotheses "
                "WHERE true GROUP BY tier ON CONFLICT (tier, kind) DO UPDATE "
                "SET spend_nanousd = spend_nanousd + excluded.spend_nanousd"
            )
            self._db.execute(
                "INSERT INTO charges SELECT tier, 'lost', outstanding_nanousd FROM totals "
                "WHERE outstanding_nanousd > 0 ON CONFLICT (tier, kind) DO UPDATE "
                "SET spend_nanousd = spend_nanousd + excluded.spend_nanousd"
            )
            self._db.execute("DELETE FROM hypotheses")
            self._db.execute("DELETE FROM reservations")
            self._db.execute(
                "UPDATE totals SET spend_nanousd = spend_nanousd + outstanding_nanousd, "
                "outstanding_nanousd = 0"
            )
        return lost

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
        return self._value(
            f"SELECT coalesce(sum({column}), 0) FROM totals WHERE ?1 IS NULL OR tier = ?1", (tier,)
        )

    def has_waves(self, tier: str) -> bool:
        """Say whether a wave of the tier was ever reserved; the first one charges its prefix."""
        return bool(self._value("SELECT EXISTS (SELECT 1 FROM totals WHERE tier = ?)", (tier,)))

    def has_any_waves(self) -> bool:
        """Say whether anything was ever reserved."""
        return bool(self._value("SELECT EXISTS (SELECT 1 FROM totals)", ()))

    def unsettled_wave(self, tier: str) -> Wave | None:
        """Return the tier's last wave where some of it is not settled (after a crash), or None."""
        if not self.outstanding_nanousd(tier) and self._count_open(tier) == 0:
            return None
        rows = self._rows(
            "SELECT item, worst_nanousd, wave FROM reservations WHERE tier = ?1 AND wave = "
            "(SELECT max(wave) FROM reservations WHERE tier = ?1) ORDER BY position",
            (tier,),
        )
        table = np.array(list(rows), np.int64)
        return Wave(tier, int(table[0, 2]), table[:, 0], table[:, 1])

    def _count_open(self, tier: str) -> int:
        return self._value(
            "SELECT (SELECT count(*) FROM reservations WHERE tier = ?1) - "
            "(SELECT count(*) FROM hypotheses WHERE tier = ?1)",
            (tier,),
        )

    def bought(self, tier: str, items: int) -> npt.NDArray[np.bool_]:
        """Return which of ``items`` items have a hypothesis in a tier, bool of shape (items,)."""
        return self._mask("hypotheses", tier, items)

    def sent(self, tier: str, items: int) -> npt.NDArray[np.bool_]:
        """Return which of ``items`` items are reserved or bought in a tier."""
        return self._mask("reservations", tier, items)

    def _mask(self, table: str, tier: str, items: int) -> npt.NDArray[np.bool_]:
        mask = np.zeros(items, np.bool_)
        rows = self._rows(f"SELECT item FROM {table} WHERE tier = ?", (tier,))
        while block := list(islice(rows, 65536)):
            mask[[row[0] for row in block]] = True
        return mask

    def hypotheses(self, tier: str, items: Sequence[int]) -> list[Hypothesis]:
        """Return the hypotheses of the given items, in their order, of those that have one."""
        found = {row[0]: row for row in self._select(COLUMNS, tier, items)}
        return [from_row(found[item]) for item in items if item in found]

    def texts(self, tier: str, items: Sequence[int]) -> dict[int, str]:
        """Return the texts of the given items, of those that have one."""
        return {row[0]: row[1] for row in self._select("item, text, text_crc", tier, items)}

    def _select(self, columns: str, tier: str, items: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        """Yield rows whose columns begin with ``item, text`` and end with ``text_crc``."""
        for start in range(0, len(items), _ITEMS_PER_QUERY):
            part = items[start : start + _ITEMS_PER_QUERY]
            marks = ", ".join("?" * len(part))
            for row in self._rows(
                f"SELECT {columns} FROM hypotheses WHERE tier = ? AND item IN ({marks})",
                (tier, *part),
            ):
                if not is_whole(row[1], row[-1]):
                    raise self._damaged(f"the {tier} hypothesis of item {row[0]} has changed")
                yield row

    def count(self, tier: str) -> int:
        """Count the hypotheses of a tier, failures included."""
        return self._value("SELECT count(*) FROM hypotheses WHERE tier = ?", (tier,))

    def failed(self, tier: str) -> list[int]:
        """Return the items whose request failed in a tier, rising."""
        rows = self._rows(
            "SELECT item FROM hypotheses WHERE tier = ? AND failure IS NOT NULL ORDER BY item",
            (tier,),
        )
        return [row[0] for row in rows]

    def audit(self) -> None:
        """Check that the file is whole and that the ledger in it adds up.

        Raises
        ------
        UsageError
            Naming the journal, where it does not.
        """
        try:
            problems = find_problems(self._db)
        except SQLITE_ERRORS as error:
            problems = [str(error)]
        if problems:
            raise self._damaged(problems[0])

    # -- the run's end ------------------------------------------------------------------------

    def finish(self) -> None:
        """Write that the run is finished; it is so until something more is reserved."""
        self.set_meta({_FINISHED: True})

    @property
    def is_finished(self) -> bool:
        """Whether the run came to its end, and nothing was reserved since."""
        return bool(self.meta(_FINISHED))
