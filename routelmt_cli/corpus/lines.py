r"""Read a file as raw byte lines, a block at a time, and take lines apart again.

In goes a path, out come batches of ``bytes`` lines with their terminators. Always: a line ends at
LF or CRLF and nowhere else (a lone CR, U+2028, U+0085, VT, FF and NUL are ordinary characters), a
last line without a terminator is a line, a UTF-8 byte order mark is not part of the first line,
every line is valid UTF-8 (or was made so, where the user chose that), and no more than a block and
one line are held. It knows no columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from routelmt_cli.corpus.inputs import BLOCK_BYTES, open_input, unreadable
from routelmt_cli.corpus.invalid import InvalidRows, OnInvalid, repair
from routelmt_cli.errors import UsageError

_BREAKS = re.compile(r"[\t\n\r]+")


@dataclass(frozen=True)
class LineBatch:
    """Some consecutive lines of a file.

    Attributes
    ----------
    first_number
        The first one's line number, counted from 1 as an editor does.
    lines
        The lines, each with its terminator (the file's last one may have none).
    kept
        What stands for them in the output: the lines, but for skipped ones their bytes as they
        were.
    skipped
        Positions of lines that are not to be translated.
    """

    first_number: int
    lines: list[bytes]
    kept: list[bytes]
    skipped: frozenset[int] = frozenset()


@dataclass(frozen=True)
class LineFile:
    """A file of lines that can be read any number of times.

    Attributes
    ----------
    path
        The file.
    display_name
        Its name in errors.
    on_invalid
        What is done with lines that are not valid UTF-8.
    """

    path: Path
    display_name: str
    on_invalid: OnInvalid = OnInvalid.ERROR
    _invalid: InvalidRows = field(default_factory=InvalidRows, init=False, compare=False)

    def first_line(self) -> bytes:
        """Read the first line alone.

        Returns
        -------
        bytes
            The line with its terminator, without a byte order mark; repaired unless invalid
            UTF-8 is an error.

        Raises
        ------
        UsageError
            The file cannot be read, is empty, or the line is not valid UTF-8.
        """
        with open_input(self.path, self.display_name) as file:
            try:
                line = file.readline()
            except OSError as error:
                raise unreadable(self.display_name, error) from error
        return self._checked(1, [line], InvalidRows()).lines[0]

    def batches(self, rows: int, *, skip_lines: int = 0) -> Iterator[LineBatch]:
        """Read the lines from the start of the file.

        Parameters
        ----------
        rows
            The most lines in a batch; a batch also ends with the block that it stands in.
        skip_lines
            Lines to leave out at the start: 1 where there is a header.

        Yields
        ------
        LineBatch
            At least one line; batches are in file order and the same on every call.

        Raises
        ------
        UsageError
            The file cannot be read or a line is not valid UTF-8.
        """
        number = 1 + skip_lines
        invalid = InvalidRows()
        with open_input(self.path, self.display_name) as file:
            try:
                for _ in range(skip_lines):
                    file.readline()
                while block := file.readlines(BLOCK_BYTES):
                    for start in range(0, len(block), rows):
                        batch = self._checked(number, block[start : start + rows], invalid)
                        number += len(batch.lines)
                        yield batch
            except OSError as error:
                raise unreadable(self.display_name, error) from error

        object.__setattr__(self, "_invalid", invalid)

    def remarks(self) -> list[str]:
        """Say what the last whole reading did with invalid lines; nothing where there were none."""
        return self._invalid.remarks(self.display_name, self.on_invalid)

    def _checked(self, first_number: int, lines: list[bytes], invalid: InvalidRows) -> LineBatch:
        # One decode for the batch: a terminator is ASCII, so no character spans two lines.
        joined = b"".join(lines)
        if joined.isascii():
            return LineBatch(first_number, lines, lines)
        try:
            joined.decode("utf-8")
            return LineBatch(first_number, lines, lines)
        except UnicodeDecodeError as error:
            if self.on_invalid is OnInvalid.ERROR:
                number = first_number + joined.count(b"\n", 0, error.start)
                raise UsageError(
                    f"{self.display_name} line {number} is not valid UTF-8",
                    hint="convert the file first, such as iconv -f LATIN1 -t UTF-8 IN > OUT, or "
                    "see --on-invalid",
                ) from None
        repaired = [repair(line) for line in lines]
        changed = [at for at, line in enumerate(lines) if line != repaired[at]]
        for at in changed:
            invalid.add(first_number + at)
        if self.on_invalid is OnInvalid.REPLACE:
            return LineBatch(first_number, repaired, repaired)
        return LineBatch(first_number, repaired, lines, frozenset(changed))


def split_terminator(line: bytes) -> tuple[bytes, bytes]:
    """Split a raw line into its content and the terminator that its output line gets.

    Parameters
    ----------
    line
        A raw line of ``LineFile``.

    Returns
    -------
    tuple[bytes, bytes]
        The content, and CRLF or LF; LF where the line had no terminator.
    """
    if line.endswith(b"\r\n"):
        return line[:-2], b"\r\n"
    return (line[:-1] if line.endswith(b"\n") else line), b"\n"


def one_line(text: str) -> str:
    r"""Make a text fit into one field of one line.

    Parameters
    ----------
    text
        Any text, such as a translation.

    Returns
    -------
    str
        The text with every run of ``\t``, ``\n`` and ``\r`` replaced by one space.
    """
    return _BREAKS.sub(" ", text)
