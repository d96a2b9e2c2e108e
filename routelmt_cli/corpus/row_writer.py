"""The part that the line formats' writers share: bytes for each batch, straight to the sink.

In go batches and columns, out goes what ``encode`` of the format makes of them. It holds nothing
back, so there is nothing to write at the end. It knows no format.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from routelmt_cli.corpus.added import AddedColumn, Cell, Values, take_cells
from routelmt_cli.corpus.segments import SourceBatch


class RowWriter(ABC):
    """A ``Writer`` of lines.

    Parameters
    ----------
    sink
        Where the output goes.
    added
        The columns to add, in order.
    """

    def __init__(self, sink: BinaryIO, added: Sequence[AddedColumn]) -> None:
        self.added = tuple(added)
        self._sink = sink

    def prologue(self) -> bytes:
        """Give what stands before the first row.

        Returns
        -------
        bytes
            Nothing, unless the format says otherwise.
        """
        return b""

    @abstractmethod
    def encode(self, batch: SourceBatch, cells: list[list[Cell]]) -> list[bytes]:
        """Give the output lines of one batch.

        Parameters
        ----------
        batch
            The batch.
        cells
            A list of values for each added column, in their order.

        Returns
        -------
        list[bytes]
            One line a row, each with its terminator.
        """

    def __enter__(self) -> RowWriter:
        self._sink.write(self.prologue())
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def write(self, batch: SourceBatch, columns: Mapping[str, Values]) -> None:
        """Write the rows of one batch, each once, in order.

        Parameters
        ----------
        batch
            The next batch of the corpus.
        columns
            A value for each row, for each added column, by name.
        """
        cells = take_cells(self.added, columns, len(batch.sources))
        self._sink.write(b"".join(self.encode(batch, cells)))
