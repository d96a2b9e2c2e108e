"""Open the corpus of a run: a file, or standard input spooled to one, and its fingerprint."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from routelmt_cli.corpus.format import Format, detect_format
from routelmt_cli.corpus.invalid import OnInvalid
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.reader import open_corpus
from routelmt_cli.corpus.segments import Corpus
from routelmt_cli.corpus.units import Units
from routelmt_cli.errors import MidRunError, UsageError
from routelmt_cli.run.options import CorpusOptions
from routelmt_cli.translators.cache import cache_folder
from routelmt_cli.translators.checksum import file_sha256

_BLOCK = 1 << 20

FileState: TypeAlias = tuple[int, int, int, int]
"""Device, inode, size and time of the last change of a file."""


@dataclass(frozen=True)
class CorpusInput:
    """An opened corpus.

    Attributes
    ----------
    path
        The user's file, or None for standard input.
    sha256
        Of the whole input.
    state
        What the system said of the file before it was first read.
    """

    corpus: Corpus
    path: Path | None
    sha256: str
    state: FileState

    @property
    def name(self) -> str:
        """The name that errors use."""
        return str(self.corpus.display_name)

    @property
    def absolute_name(self) -> str:
        """The name that finds the file from anywhere; ``-`` for standard input."""
        return "-" if self.path is None else str(self.path.absolute())

    def refuse_change(self) -> None:
        """Refuse to go on with a file that is not what it was when the run began.

        It is read more than once, the last time when the output is written, and rows that moved
        would get each other's translations.

        Raises
        ------
        MidRunError
            Where it has changed.
        """
        if self.path is None:
            return  # a copy of our own
        try:
            same = _state(self.path) == self.state or file_sha256(self.path) == self.sha256
        except OSError:
            same = False
        if not same:
            raise MidRunError(
                f"{self.name}: changed while it was being translated",
                hint="put the old file back and run the same command again; what is bought is "
                "bought for that one",
            )


@contextlib.contextmanager
def open_input(
    options: CorpusOptions, reserved: Sequence[str] = (), *, every_unit: bool = False
) -> Iterator[CorpusInput]:
    """Open the corpus; standard input is kept in a file while the run needs it.

    Parameters
    ----------
    options
        Which corpus.
    reserved
        Columns that the output will add, which the input must not have.
    every_unit
        Of a file with units take all, whatever the options say: it is read for what is in it.

    Raises
    ------
    UsageError
        Where the corpus cannot be read.
    """
    with contextlib.ExitStack() as stack:
        name = None if options.path is None else str(options.path)
        corpus_format = detect_format(name, options.format)
        path = options.path if options.path is not None else stack.enter_context(_spooled())
        layout = Layout(
            corpus_format,
            options.source_column,
            options.has_header,
            options.on_invalid,
            Units.ALL if every_unit and corpus_format.has_units else options.units,
            options.source_language,
            options.target_language,
        )
        corpus = open_corpus(path, layout, display_name=name or "-", reserved=reserved)
        state = _state(path)
        yield CorpusInput(corpus, options.path, file_sha256(path), state)


def _state(path: Path) -> FileState:
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def describe_layout(corpus: Corpus) -> str:
    """Say in one text how a corpus is read, for a run's identity."""
    layout = corpus.layout
    description = str(layout.format.value)
    if layout.format.is_document:
        description += f", {layout.units.value} units"
    elif layout.format is not Format.TEXT:
        description += f", column {layout.source_column}, header {layout.has_header}"
    if layout.on_invalid is not OnInvalid.ERROR:
        description += f", invalid rows: {layout.on_invalid.value}"
    return description


@contextlib.contextmanager
def _spooled() -> Iterator[Path]:
    if sys.stdin is None:
        raise UsageError("-: standard input is closed", hint="pipe a corpus in, or name a file")
    folder = cache_folder() / "stdin"
    folder.mkdir(mode=0o700, exist_ok=True)
    for old in folder.iterdir():
        # Left by a process that was killed.
        if not (old.name.isdigit() and Path(f"/proc/{old.name}").exists()):
            old.unlink(missing_ok=True)
    path = folder / str(os.getpid())
    try:
        try:
            with path.open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file, _BLOCK)
        except OSError as error:
            raise MidRunError(f"{path}: cannot keep standard input: {error.strerror}") from error
        yield path
    finally:
        path.unlink(missing_ok=True)
