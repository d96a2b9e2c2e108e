"""Open an input file, or say in one line why it cannot be read.

In goes a path, out comes a binary file at its first byte of content, decompressed where the name's
ending says that it is compressed. Always a regular file, since a corpus is read more than once;
standard input must be spooled to one by the caller. It knows no format.
"""

from __future__ import annotations

import codecs
import io
import stat
from pathlib import Path
from typing import BinaryIO, cast

from routelmt_cli.corpus.compression import Compression, compression_of, decompress
from routelmt_cli.errors import UsageError

BLOCK_BYTES = 1 << 20


def open_input(path: Path, display_name: str) -> BinaryIO:
    """Open a regular, non-empty file for reading.

    Parameters
    ----------
    path
        The file.
    display_name
        Its name in errors.

    Returns
    -------
    BinaryIO
        The file, buffered, at its first byte after a UTF-8 byte order mark, if there is one.

    Raises
    ------
    UsageError
        It does not exist, is a directory or another special file, is empty or not readable.
    """
    try:
        status = path.stat()
        mode = status.st_mode
        # Checked before opening: to open a named pipe would wait for its other end.
        if stat.S_ISDIR(mode):
            raise UsageError(f"{display_name} is a directory, not a file")
        if not stat.S_ISREG(mode):
            raise UsageError(
                f"{display_name} is not a regular file and cannot be read more than once",
                hint="redirect it into standard input and name the input -",
            )
        file: BinaryIO = path.open("rb", buffering=BLOCK_BYTES)
    except FileNotFoundError:
        raise UsageError(f"{display_name} does not exist") from None
    except OSError as error:
        raise unreadable(display_name, error) from error
    try:
        compression = compression_of(path.name)
        if compression is not Compression.NONE and status.st_size:
            file = decompress(file, compression, status.st_size, display_name)
        if _is_empty_after_byte_order_mark(file):
            raise UsageError(f"{display_name} is empty: no segments")
    except OSError as error:
        file.close()
        raise unreadable(display_name, error) from error
    except UsageError:
        file.close()
        raise
    return file


def unreadable(display_name: str, error: OSError) -> UsageError:
    """Word the error of a file that the system does not let us read.

    Parameters
    ----------
    display_name
        The file's name in errors.
    error
        What the system said.

    Returns
    -------
    UsageError
        The error to raise.
    """
    return UsageError(f"cannot read {display_name}: {error.strerror or error}")


def _is_empty_after_byte_order_mark(file: BinaryIO) -> bool:
    # Looked at and not read: what is decompressed cannot be rewound.
    buffered = cast("io.BufferedReader", file)
    if buffered.peek(len(codecs.BOM_UTF8)).startswith(codecs.BOM_UTF8):
        buffered.read(len(codecs.BOM_UTF8))
    return not buffered.peek(1)
