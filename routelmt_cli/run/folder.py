"""The run folder: where it lies, what is in it, who holds it, and what its run was begun with.

One folder per output, mode 0700. In: an output path or, for stdout, the run's identity. Always:
one process at a time holds the folder; a run is only continued with what it was begun with; a
folder that was made for a run which is refused before anything is bought is removed again.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from routelmt_cli.errors import MidRunError, UsageError
from routelmt_cli.run import lock
from routelmt_cli.run.whole_file import ROOM, write_whole
from routelmt_cli.translators.cache import cache_folder

SUFFIX = ".routelmt"
_LOCK, _JOURNAL = "lock", "journal.sqlite"
_SOURCES, _PLAN, _REPORT, _DESCRIPTION = "sources.arrow", "plan.parquet", "report.json", "run.json"
_PAGE, _CHOICE, _STREAM = "report.html", "tiers.npy", "stream.json"
_OLD_CHOICE = "choice.npy"
_NAMES = (
    _LOCK,
    _JOURNAL,
    _SOURCES,
    _PLAN,
    _REPORT,
    _PAGE,
    _CHOICE,
    _OLD_CHOICE,
    _STREAM,
    _DESCRIPTION,
)
_RUN_VERSION = 1
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def beside(output: Path) -> Path:
    """Return the run folder of an output file."""
    return output.with_name(output.name + SUFFIX)


def in_cache(identity: Mapping[str, Any]) -> Path:
    """Return the run folder of a run that writes to stdout, found again by its identity."""
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return runs_in_cache() / f"{digest[:24]}{SUFFIX}"


def runs_in_cache() -> Path:
    """Return where the run folders of runs that write to stdout lie."""
    return cache_folder() / "runs"


class RunFiles:
    """The files of a run folder, whoever works in it; nothing here changes them.

    Parameters
    ----------
    path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def lock(self) -> Path:
        """The lock file, with the id of the process that holds it or did so last."""
        return self.path / _LOCK

    @property
    def journal(self) -> Path:
        """The SQLite journal."""
        return self.path / _JOURNAL

    @property
    def sources(self) -> Path:
        """The items' sources, an Arrow file."""
        return self.path / _SOURCES

    @property
    def plan(self) -> Path:
        """The plan, a parquet file."""
        return self.path / _PLAN

    @property
    def choice(self) -> Path:
        """Which tier's hypothesis each item got, an array of numbers."""
        return self.path / _CHOICE

    @property
    def old_choice(self) -> Path:
        """The same as a routelmt of two models kept it."""
        return self.path / _OLD_CHOICE

    @property
    def report(self) -> Path:
        """The report, a JSON file."""
        return self.path / _REPORT

    @property
    def stream_report(self) -> Path:
        """The report of a stream, a JSON file; a stream has no other."""
        return self.path / _STREAM

    @property
    def page(self) -> Path:
        """The report as a page for people, an HTML file."""
        return self.path / _PAGE

    @property
    def description(self) -> Path:
        """What the run was begun with, a JSON file."""
        return self.path / _DESCRIPTION

    def own_files(self) -> Iterator[Path]:
        """Yield the files that are the run's, temporary ones among them, the lock last."""
        beginnings = tuple(f"{name}{end}" for name in _NAMES for end in (".", "-"))
        for path in self.path.iterdir():
            known = path.name in _NAMES or path.name.startswith(beginnings)
            if known and path.name != _LOCK:
                yield path
        if self.lock.exists():
            yield self.lock

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
        except (OSError, UnicodeDecodeError):
            text = ""
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


class RunFolder(RunFiles):
    """An open, locked run folder; a context manager.

    Parameters
    ----------
    path
        The folder, made where it does not exist.

    Raises
    ------
    UsageError
        Where it is a link, cannot be made, or another process holds it.
    MidRunError
        Where the disk is full.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        if path.is_symlink():
            raise UsageError(
                f"{path}: the run folder is a symbolic link",
                hint="remove the link, or choose another output with -o",
            )
        self._is_new = not path.exists()
        try:
            self._lock = self._enter()
        except lock.HeldError as held:
            raise UsageError(
                f"{path}: another routelmt (process {held.process or 'unknown'}) is working on "
                "this output",
                hint="wait for it, or choose another output with -o",
            ) from held
        except OSError as error:
            if error.errno in _DISK_FULL:
                raise MidRunError(f"{path}: cannot be used: {error.strerror}", hint=ROOM) from error
            raise UsageError(
                f"{path}: cannot make the run folder: {error.strerror}",
                hint="write the output to a folder of your own with -o",
            ) from error

    def _enter(self) -> int:
        while True:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if stat.S_IMODE(self.path.stat().st_mode) & 0o077:
                self.path.chmod(0o700)  # what others may read here is the user's corpus
            try:
                return lock.take(self.lock)
            except FileNotFoundError:
                continue  # the folder was removed in between

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None and self._is_new and not self.journal.exists():
            self.remove()
        os.close(self._lock)

    def clear(self) -> None:
        """Forget what was planned and reported; what others put into the folder stays."""
        for path in (self.plan, self.report, self.page, self.stream_report):
            path.unlink(missing_ok=True)

    def remove(self) -> bool:
        """Remove the run's files and the folder; say whether it is gone.

        It stays where it holds files of others.
        """
        for path in self.own_files():
            path.unlink()
        try:
            self.path.rmdir()
        except OSError:
            return False
        return True

    def write_description(
        self,
        identity: Mapping[str, Any],
        budget_nanousd: int | None,
        input_name: str | None = None,
    ) -> None:
        """Write what the run is begun or continued with, and for whoever reads it on what."""
        data = {
            "version": _RUN_VERSION,
            "budget_nanousd": budget_nanousd,
            "identity": identity,
            "input": input_name,
        }
        with write_whole(self.description) as file:
            file.write(json.dumps(data, indent=1, sort_keys=True).encode())


def refuse_changes(folder: RunFiles, known: Mapping[str, Any], now: Mapping[str, Any]) -> None:
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
