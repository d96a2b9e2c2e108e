"""Where a run's output goes, and how it gets there whole: temporary file, record, rename.

The journal records the finished output's checksum before the rename, so a run that was killed
before or after it knows its own file again, be it the new one or that of an earlier budget, and a
stranger's file is never replaced unasked.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from routelmt_cli.corpus.compression import compressed, compression_of
from routelmt_cli.corpus.format import detect_format
from routelmt_cli.corpus.naming import default_output
from routelmt_cli.errors import MidRunError, UsageError
from routelmt_cli.run.continuing import OUTPUT_RECORDS, OutputRecord
from routelmt_cli.run.journal import Journal
from routelmt_cli.run.options import TranslateOptions
from routelmt_cli.run.streams import discard
from routelmt_cli.run.whole_file import ROOM, temporary_of, write_whole
from routelmt_cli.translators.checksum import file_sha256


def output_path(options: TranslateOptions, target_language: str) -> Path | None:
    """Return the output file, or None for standard output.

    Raises
    ------
    UsageError
        Where nothing can be written there.
    """
    source = options.corpus.path
    if options.to_stdout or (options.output is None and source is None):
        if sys.stdout is None:
            raise UsageError("-: standard output is closed", hint="name a file with -o")
        return None
    if options.output is not None:
        path = options.output
        name = None if source is None else str(source)
        # The output has the input's format, whatever it is called; refused is what cannot be so.
        detect_format(path.name, detect_format(name, options.corpus.format).value)
    else:
        assert source is not None
        path = default_output(source, target_language)
    if path.is_dir():
        raise UsageError(f"{path}: the output is a folder", hint="name a file with -o")
    if not path.parent.is_dir():
        raise UsageError(
            f"{path}: its folder does not exist", hint=f"make it first: mkdir -p {path.parent}"
        )
    if source is not None and path.exists() and path.samefile(source):
        raise UsageError(f"{path}: the output is the input", hint="name another file with -o")
    if path.is_symlink() or (path.exists() and not path.is_file()):
        kind = "a symbolic link" if path.is_symlink() else "no regular file"
        raise UsageError(
            f"{path}: the output is {kind}, which would be replaced",
            hint="name a regular file with -o, or -o - for standard output",
        )
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError(
            f"{path}: its folder is not writable", hint="write to a folder of your own with -o"
        )
    return path


def refuse_foreign(path: Path, records: Sequence[OutputRecord], *, overwrite: bool) -> None:
    """Refuse to replace a file that this run did not write.

    Parameters
    ----------
    path
        The output.
    records
        What the run's journal knows of the outputs that it wrote.
    overwrite
        Whether it may be replaced anyway.

    Raises
    ------
    UsageError
        Where there is such a file.
    """
    if not overwrite and path.exists() and not _is_recorded(path, records):
        raise UsageError(
            f"{path}: the output exists", hint="add --overwrite, or name another file with -o"
        )


def _is_recorded(path: Path, records: Sequence[OutputRecord]) -> bool:
    size = path.stat().st_size
    checksums = {record["sha256"] for record in records if record["bytes"] == size}
    return bool(checksums) and file_sha256(path) in checksums


def write_file(path: Path, journal: Journal, write: Callable[[BinaryIO], None]) -> None:
    """Write the output through a temporary file beside it, compressed as its ending says.

    Raises
    ------
    MidRunError
        Where the disk refuses.
    """
    temporary = temporary_of(path, hidden=True)
    with write_whole(path, hidden=True) as file:
        with compressed(file, compression_of(path.name)) as sink:
            write(sink)
        file.flush()
        record = {"bytes": temporary.stat().st_size, "sha256": file_sha256(temporary)}
        known = journal.meta(OUTPUT_RECORDS) or []
        if record not in known:
            journal.set_meta({OUTPUT_RECORDS: [*known, record]})


def write_stdout(write: Callable[[BinaryIO], None]) -> None:
    """Write the output to standard output; that the reader closes it early is its own affair.

    Raises
    ------
    MidRunError
        Where it cannot be written.
    """
    try:
        write(sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        discard(sys.stdout)
    except OSError as error:
        discard(sys.stdout)  # what is still held back would fail again when Python ends
        raise MidRunError(
            f"standard output: cannot be written: {error.strerror or error}", hint=ROOM
        ) from error
