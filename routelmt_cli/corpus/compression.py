"""Compressed files, told by the last ending of their names.

In goes a file or a sink, out comes one that reads or writes plain bytes; Arrow does the work. What
always holds: memory is bounded by the size of the compressed file, since one that expands as no
text does is refused while it is read; what is written depends on its content alone. It knows no
format.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import PurePath
from typing import Any, BinaryIO, cast

import pyarrow as pa

from routelmt_cli.errors import UsageError

_MIB = 1 << 20
MOST_EXPANSION = 200
"""Text shrinks to a third, JSON of few words to a twentieth; bombs expand a thousandfold."""
FREE_BYTES = 64 * _MIB
"""What any file may expand to."""
MOST_LINE_BYTES = 64 * _MIB
FREE_LINES = 4 * _MIB
"""What any file may have; beyond it, every line must take up a byte of the compressed file."""


class Compression(str, Enum):
    """How a file is compressed; the values are Arrow's names."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


_BY_ENDING = {".gz": Compression.GZIP, ".zst": Compression.ZSTD}


def compression_of(name: str) -> Compression:
    """Tell from a file's name how it is compressed.

    Parameters
    ----------
    name
        Its name or path.
    """
    return _BY_ENDING.get(PurePath(name).suffix.lower(), Compression.NONE)


def split_ending(name: str) -> tuple[str, str]:
    """Split a file's name into what it would be called uncompressed, and the ending after that.

    Parameters
    ----------
    name
        Such as ``in.tsv.gz``, of which ``.gz`` is the ending; it is empty for ``in.tsv``.
    """
    if compression_of(name) is Compression.NONE:
        return name, ""
    ending = PurePath(name).suffix
    return name.removesuffix(ending), ending


def decompress(file: BinaryIO, compression: Compression, size: int, display_name: str) -> BinaryIO:
    """Read a compressed file as what is in it.

    Parameters
    ----------
    file
        The file at its start; it is closed with what is returned.
    compression
        Not ``NONE``.
    size
        How many bytes the file has.
    display_name
        Its name in errors.

    Returns
    -------
    BinaryIO
        Buffered and not seekable. Reading raises ``UsageError`` where the file expands beyond
        bounds, and ``OSError`` where it is damaged or cut off.
    """
    stream = pa.CompressedInputStream(pa.PythonFile(file, "r"), compression.value)
    return cast("BinaryIO", io.BufferedReader(_Bounded(stream, size, display_name), _MIB))


class _Bounded(io.RawIOBase):
    """A stream that refuses to become much larger, or to have many more lines, than its file."""

    def __init__(self, stream: pa.NativeFile, size: int, display_name: str) -> None:
        self._stream = stream
        self._name = display_name
        self._bytes_left = FREE_BYTES + MOST_EXPANSION * size
        self._lines_left = FREE_LINES + size
        self._line_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data: bytes = self._stream.read(len(buffer))
        self._bytes_left -= len(data)
        self._lines_left -= data.count(b"\n")
        last_break = data.rfind(b"\n")
        if last_break < 0:
            self._line_bytes += len(data)
        else:
            self._line_bytes = len(data) - last_break - 1
        if self._bytes_left < 0 or self._lines_left < 0:
            raise self._refused("expands far more than text does")
        if self._line_bytes > MOST_LINE_BYTES:
            raise self._refused(f"expands to a line of more than {MOST_LINE_BYTES // _MIB} MiB")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()

    def _refused(self, what: str) -> UsageError:
        return UsageError(
            f"{self._name} {what}", hint="unpack it first, if it is what you mean to translate"
        )


@contextmanager
def compressed(sink: BinaryIO, compression: Compression) -> Iterator[BinaryIO]:
    """Write compressed into a sink.

    Parameters
    ----------
    sink
        A buffered binary file; it is left open.
    compression
        ``NONE`` gives the sink itself.

    Yields
    ------
    BinaryIO
        What to write to; the sink holds the whole output once the block has ended without error.
    """
    if compression is Compression.NONE:
        yield sink
        return
    with pa.CompressedOutputStream(pa.PythonFile(_LeftOpen(sink), "w"), compression.value) as out:
        yield cast("BinaryIO", out)


class _LeftOpen(io.RawIOBase):
    """A sink that Arrow may close without closing the file below."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._sink.write(data)
