"""A journal as a file: opened, of this version, written in transactions, read with named errors.

In: a path. Out: a SQLite database with the journal's tables. Always: a transaction is durable when
it ends (WAL, ``synchronous=FULL``) or undone; what the disk refuses and what is damaged are errors
that name the file. What the tables mean is ``journal``'s affair. WAL needs a local disk: not for
network file systems.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from routelmt_cli.errors import MidRunError, UsageError
from routelmt_cli.run.whole_file import ROOM

JOURNAL_VERSION = 4
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
    text_crc INTEGER,
    PRIMARY KEY (tier, item)
) WITHOUT ROWID;
CREATE TABLE reservations (
    tier TEXT NOT NULL,
    wave INTEGER NOT NULL,
    position INTEGER NOT NULL,
    item INTEGER NOT NULL,
    worst_nanousd INTEGER NOT NULL CHECK (worst_nanousd >= 0),
    is_sent INTEGER NOT NULL DEFAULT 0,
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
_CHECKSUM = "ALTER TABLE hypotheses ADD COLUMN text_crc INTEGER"
_SENT = "ALTER TABLE reservations ADD COLUMN is_sent INTEGER NOT NULL DEFAULT 0"
_MIGRATIONS = {
    1: f"""
ALTER TABLE hypotheses ADD COLUMN token_entropies BLOB;
ALTER TABLE hypotheses ADD COLUMN token_margins BLOB;
ALTER TABLE hypotheses ADD COLUMN state BLOB;
{_CHECKSUM};
{_SENT}
""",
    2: f"{_CHECKSUM}; {_SENT}",
    3: _SENT,
}

# SQLite's own messages quote what is damaged, and Python wants them to be UTF-8.
SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)

_Self = TypeVar("_Self", bound="JournalFile")


class JournalFile:
    """The database of one run; a context manager.

    Parameters
    ----------
    path
        The SQLite file; made where it does not exist. One of an older version is brought up to
        this one in place.
    read_only
        Only look at it, as it is; it must exist.

    Raises
    ------
    UsageError
        Where the file is not a journal, is damaged, or was written by a newer routelmt.
    MidRunError
        Where the disk does not let it be opened.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        is_new = not path.exists()
        try:
            self._db = sqlite3.connect(
                _read_only_uri(path) if read_only else path, isolation_level=None, uri=read_only
            )
            try:
                self._db.execute("PRAGMA busy_timeout = 10000")
                if not read_only:
                    self._db.execute("PRAGMA journal_mode = WAL")
                    self._db.execute("PRAGMA synchronous = FULL")
                self._open_schema(is_new=is_new, read_only=read_only)
            except BaseException:
                # Left open it would be taken, by SQLite, for the next file of the same inode.
                self._db.close()
                raise
        except sqlite3.OperationalError as error:  # a damaged file is none
            raise self._disk_trouble("open", error) from error
        except SQLITE_ERRORS as error:
            raise self._damaged(str(error)) from error

    def _open_schema(self, *, is_new: bool, read_only: bool) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and not is_new:
            raise self._damaged("it is empty")  # what was bought is not paid again unasked
        if version > JOURNAL_VERSION:
            raise UsageError(
                f"{self.path}: journal version {version}, this routelmt writes {JOURNAL_VERSION}",
                hint="use the routelmt that wrote it, or begin anew with --restart",
            )
        if version < JOURNAL_VERSION and not read_only:
            self._change_schema(_MIGRATIONS.get(version, _SCHEMA), version)

    def _change_schema(self, statements: str, version: int) -> None:
        with self._transaction():
            if self._db.execute("PRAGMA user_version").fetchone()[0] != version:
                return  # another process was first
            for statement in statements.split(";"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {JOURNAL_VERSION}")

    def __enter__(self: _Self) -> _Self:
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
            raise self._disk_trouble("write", error) from error

    def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._db.execute(sql, parameters)
        except SQLITE_ERRORS as error:
            raise self._damaged(str(error)) from error

    def _value(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        return int(next(self._rows(sql, parameters))[0])

    def _damaged(self, problem: str) -> UsageError:
        problem = " ".join(problem.split())
        return UsageError(
            f"{self.path}: damaged journal: {problem}",
            hint="restore it from a copy, or begin anew with --restart",
        )

    def _disk_trouble(self, verb: str, error: sqlite3.Error) -> MidRunError:
        return MidRunError(f"{self.path}: cannot {verb} the journal: {error}", hint=ROOM)

    # -- facts about the run ------------------------------------------------------------------

    def set_meta(self, values: Mapping[str, Any]) -> None:
        """Write facts about the run, as JSON values, in one transaction."""
        with self._transaction():
            self._put_meta(values)

    def _put_meta(self, values: Mapping[str, Any]) -> None:
        self._db.executemany(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            ((key, json.dumps(value, sort_keys=True)) for key, value in values.items()),
        )

    def meta(self, key: str) -> Any:
        """Return a fact about the run, or None."""
        for (value,) in self._rows("SELECT value FROM meta WHERE key = ?", (key,)):
            return json.loads(value)
        return None


def begin_journal(path: Path, facts: Mapping[str, Any]) -> None:
    """Put a new journal with some facts into the place of what is there, in one step.

    Raises
    ------
    MidRunError
        Where the disk refuses.
    """
    fresh = path.with_name(f"{path.name}.new")
    for old in (fresh, *_sidecars(fresh)):
        old.unlink(missing_ok=True)
    with JournalFile(fresh) as journal:
        journal.set_meta(facts)
    if any(log.exists() for log in _sidecars(fresh)):
        # SQLite keeps what it could not take into the file; only a full disk hinders it.
        raise MidRunError(f"{fresh}: cannot write the journal: the disk is full", hint=ROOM)
    # A journal that could be read has no log any more. A damaged one may, and the new journal must
    # not be read with it.
    for old in _sidecars(path):
        old.unlink(missing_ok=True)
    fresh.replace(path)


def _sidecars(path: Path) -> tuple[Path, Path]:
    """Name what SQLite keeps beside an open file: its log, and the log's index."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def _read_only_uri(path: Path) -> str:
    # Without a log beside it the file is all there is, and nothing need be written to read it.
    whole = not _sidecars(path)[0].exists()
    return f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if whole else ''}"
