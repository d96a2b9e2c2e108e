"""One process at a time in a run folder: a lock that ends with its holder, and who holds it.

In: a lock file's path. Out: a descriptor to close, or the id of the process that holds it. Always:
a lock is held on the file that the path names now, so removing a folder and making it anew cannot
let two processes in. Not for network file systems.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

_PATIENCE_SECONDS = 0.5
_PAUSE_SECONDS = 0.02


class HeldError(Exception):
    """Another process holds the lock; ``process`` is its id, or None where it has not said."""

    def __init__(self, process: int | None) -> None:
        super().__init__(f"held by process {process or 'unknown'}")
        self.process = process


def take(path: Path) -> int:
    """Lock a file, which is made where it does not exist, and write the own process id into it.

    It is tried for half a second: a look by ``find_holder`` holds the lock for a moment, and who
    has just taken it has not said yet who it is.

    Returns
    -------
    int
        The descriptor; closing it, or ending, lets go of the lock.

    Raises
    ------
    HeldError
        Where another process holds it.
    OSError
        Where the file cannot be made or locked.
    """
    patience_ends = time.monotonic() + _PATIENCE_SECONDS
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(lock, path):
                os.ftruncate(lock, 0)
                os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
                return lock
            os.close(lock)  # its holder removed it while we waited
        except BlockingIOError:
            process = _written_in(lock)
            os.close(lock)
            if time.monotonic() > patience_ends:
                raise HeldError(process) from None
            time.sleep(_PAUSE_SECONDS)
        except OSError:
            os.close(lock)
            raise


def find_holder(path: Path) -> int | None:
    """Return the id of the process that holds a lock, 0 where it has not said, None for nobody.

    Raises
    ------
    OSError
        Where the file cannot be read.
    """
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _written_in(lock) or 0
    finally:
        os.close(lock)
    return None


def _is_at(lock: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except FileNotFoundError:
        return False


def _written_in(lock: int) -> int | None:
    text = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
    return int(text) if text.isdigit() else None
