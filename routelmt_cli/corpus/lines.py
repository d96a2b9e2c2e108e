r"""Read a file as raw byte lines, a block at a time, and take lines apart again.

In goes a path, out come batches of ``bytes`` lines with their terminators. Always: a line ends at
LF or CRLF and nowhere else (a lone CR, U+2028, U+0085, VT, FF and NUL are ordinary characters), a
last line without a terminator is a line, a UTF-8 byte order mark is not part of the first line,
every line is valid UTF-8, and no more than a block and one line are held. It knows no columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from routelmt_cli.corpus.inputs import BLOCK_BYTES, open_input, unreadable
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
        The raw lines, each with its terminator (the file's last one may have none).
    """

    first_number: int
    lines: list[bytes]


@dataclass(frozen=True)
class LineFile:
    """A file of lines that can be read any number of times.

    Attributes
    ----------
    path
        The file.
    display_name
        Its name in errors.
    """

    path: Path
    display_name: str

    def first_line(self) -> bytes:
        """Read the first line alone.

        Returns
        -------
        bytes
            The raw line with its terminator, without a byte order mark.

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
        self._check_utf8(LineBatch(1, [line]))
        return line

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
        with open_input(self.path, self.display_name) as file:
            try:
                for _ in range(skip_lines):
                    file.readline()
                while block := file.readlines(BLOCK_BYTES):
                    for start in range(0, len(block), rows):
                        batch = LineBatch(number, block[start : start + rows])
                        self._check_utf8(batch)
                        number += len(batch.lines)
                        yield batch
            except OSError as error:
                raise unreadable(self.display_name, error) from error

    def _check_utf8(self, batch: LineBatch) -> None:
        # One decode for the batch: a terminator is ASCII, so no character spans two lines.
        joined = b"".join(batch.lines)
        if joined.isascii():
            return
        try:
            joined.decode("utf-8")
        except UnicodeDecodeError as error:
            number = batch.first_number + joined.count(b"\n", 0, error.start)
            raise UsageError(
                f"{self.display_name} line {number} is not valid UTF-8",
                hint="convert the file first, such as iconv -f LATIN1 -t UTF-8 IN > OUT",
            ) from None


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
