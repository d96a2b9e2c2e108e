"""Lines as they come: a thread reads them, whoever asks takes what is there.

A binary stream goes in, chunks of whole lines come out, at the latest when there is one and nobody
works on another. Always: no more than a bounded number of lines waits here, so that whoever writes
them is held up when the models are slower.
"""

from __future__ import annotations

import io
import os
import select
import threading
from collections.abc import Iterator
from queue import Empty, Queue
from typing import BinaryIO

from routelmt_cli.errors import MidRunError, UsageError

_WAITING_LINES = 4096
_BLOCK_BYTES = 1 << 16
MOST_LINE_BYTES = 64 << 20


class StreamInput:
    """The lines of a stream.

    Parameters
    ----------
    stream
        Where they come from.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._lines: Queue[bytes | Exception] = Queue(_WAITING_LINES)
        self._ended: Exception | None = None
        # A daemon: a stream that nobody writes to holds up no process that was told to end.
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def chunk(self, most: int) -> list[bytes]:
        """Wait for a line, take up to so many that are there; none where the stream has ended.

        Raises
        ------
        UsageError, MidRunError
            The stream cannot be read any further; all lines before that were handed out.
        """
        lines: list[bytes] = []
        while len(lines) < most and self._ended is None:
            try:
                line = self._lines.get(block=not lines)
            except Empty:
                break
            if isinstance(line, Exception):
                self._ended = line
            else:
                lines.append(line)
        if not lines and not isinstance(self._ended, EOFError):
            assert self._ended is not None
            raise self._ended
        return lines

    def _read(self, stream: BinaryIO) -> None:
        begun: list[bytes] = []  # of a line whose end has not come
        size = 0
        try:
            for block in _blocks(stream):
                *whole, rest = block.split(b"\n")
                for end in whole:
                    self._lines.put(b"".join([*begun, end, b"\n"]))
                    begun, size = [], 0
                begun.append(rest)
                size += len(rest)
                if size > MOST_LINE_BYTES:
                    raise UsageError(
                        f"-: a line of more than {MOST_LINE_BYTES >> 20} MB is no segment",
                        hint="send one segment a line",
                    )
            if size:
                self._lines.put(b"".join([*begun, b"\n"]))
            raise EOFError
        except (EOFError, UsageError) as end:
            self._lines.put(end)
        except (OSError, ValueError) as error:
            self._lines.put(MidRunError(f"-: cannot be read any further: {error}"))


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Read what is there, past the stream's buffer.

    Python aborts where it ends while a thread waits in a buffered read, since it cannot close it.
    """
    try:
        file = io.FileIO(os.dup(stream.fileno()))
    except io.UnsupportedOperation:
        yield stream.read()  # in memory: nothing is waited for
        return
    with file:
        while (block := file.read(_BLOCK_BYTES)) != b"":
            if block is None:  # somebody else who has it made it not to wait
                select.select([file], [], [])
            else:
                yield block
