"""The run folder: where it lies, who holds it, and what the run in it was begun with.

One folder per output, mode 0700. In: an output path or, for stdout, the run's identity. Always:
one process at a time holds the folder; a run is only continued with what it was begun with.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.cache import cache_folder, write_atomically

SUFFIX = ".routelmt"
_LOCK = "lock"
_RUN_VERSION = 1


def beside(output: Path) -> Path:
    """Return the run folder of an output file."""
    return output.with_name(output.name + SUFFIX)


def in_cache(identity: Mapping[str, Any]) -> Path:
    """Return the run folder of a run that writes to stdout, found again by its identity."""
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return cache_folder() / "runs" / f"{digest[:24]}{SUFFIX}"


class RunFolder:
    """An open, locked run folder; a context manager.

    Parameters
    ----------
    path
        The folder, made where it does not exist.

    Raises
    ------
    UsageError
        Where it is a link, cannot be made, or another process holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_symlink():
            raise UsageError(
                f"{path}: the run folder is a symbolic link",
                hint="remove the link, or choose another output with -o",
            )
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UsageError(
                f"{path}: cannot make the run folder: {error.strerror}",
                hint="write the output to a folder of your own with -o",
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._lock, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._lock)
            raise UsageError(
                f"{path}: another routelmt (process {holder}) is working on this output",
                hint="wait for it, or choose another output with -o",
            ) from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)

    @property
    def journal(self) -> Path:
        """The SQLite journal."""
        return self.path / "journal.sqlite"

    @property
    def sources(self) -> Path:
        """The items' sources, an Arrow file."""
        return self.path / "sources.arrow"

    @property
    def plan(self) -> Path:
        """The plan, a parquet file."""
        return self.path / "plan.parquet"

    @property
    def report(self) -> Path:
        """The report, a JSON file."""
        return self.path / "report.json"

    @property
    def description(self) -> Path:
        """What the run was begun with, a JSON file."""
        return self.path / "run.json"

    def clear(self) -> None:
        """Forget the run: remove its files; what others put into the folder stays."""
        journal = self.journal
        sidecars = [journal.with_name(journal.name + end) for end in ("-wal", "-shm")]
        for path in (journal, *sidecars, self.plan, self.report, self.description):
            path.unlink(missing_ok=True)

    def describe(self) -> dict[str, Any] | None:
        """Return what the run was begun with, or None for a new run.

        Raises
        ------
        UsageError
            Where the description cannot be read, or is of another version.
        """
        try:
            text = self.description.read_text("utf-8")
        except FileNotFoundError:
            return None
        try:
            known = json.loads(text)
            if known["version"] == _RUN_VERSION:
                return dict(known)
            reason = f"version {known['version']}"
        except (ValueError, KeyError, TypeError):
            reason = "it is damaged"
        raise UsageError(
            f"{self.description}: cannot continue this run: {reason}",
            hint="begin anew with --restart",
        )

    def write_description(self, identity: Mapping[str, Any], budget_nanousd: int | None) -> None:
        """Write what the run is begun or continued with."""
        data = {"version": _RUN_VERSION, "budget_nanousd": budget_nanousd, "identity": identity}
        write_atomically(self.description, json.dumps(data, indent=1, sort_keys=True).encode())


def refuse_changes(folder: RunFolder, known: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Compare a run's identity with what it is to be continued with.

    Raises
    ------
    UsageError
        Naming everything that changed.
    """
    before = known["identity"]
    changed = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
    if changed:
        raise UsageError(
            f"{folder.path}: this run was begun with another {', another '.join(changed)}",
            hint="give what it was begun with, choose another output with -o, or begin anew "
            "with --restart (which pays again)",
        )
