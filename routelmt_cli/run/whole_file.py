"""Files of a run that are never seen half written, and whose trouble with the disk has a name.

A path goes in, a binary file to write comes out. Always: under the path stands the whole old file
or the whole new one, on the disk before it has its name; what was half written is removed where
the process lives to do it. One process at a time writes a file: who calls holds the run folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from routelmt_cli.errors import MidRunError

ROOM = "make room or make it writable, then run the same command again: nothing is paid twice"


def temporary_of(path: Path, *, hidden: bool = False) -> Path:
    """Name the file in which another is written before it gets its name.

    Parameters
    ----------
    path
        The file.
    hidden
        Whether the temporary one's name begins with a dot, as it should among a user's files.
    """
    return path.with_name(f"{'.' if hidden else ''}{path.name}.writing")


@contextmanager
def write_whole(path: Path, *, hidden: bool = False) -> Iterator[BinaryIO]:
    """Write a file through a temporary one beside it.

    Parameters
    ----------
    path, hidden
        As of ``temporary_of``.

    Raises
    ------
    MidRunError
        Where the disk refuses, naming the file.
    """
    temporary = temporary_of(path, hidden=hidden)
    try:
        try:
            temporary.unlink(missing_ok=True)  # left by a kill, or a link that someone laid there
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise MidRunError(
            f"{path}: cannot be written: {error.strerror or error}", hint=ROOM
        ) from error
