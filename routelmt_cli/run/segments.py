"""From rows to items: identical sources are one item, bought once.

In: a corpus. Out: numpy columns that say which item each row is, and the items' sources in a file
of the run folder that is read through a memory map, so that no stage holds a corpus in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from routelmt_cli.corpus.segments import Corpus
from routelmt_cli.run.whole_file import write_whole

_DIGEST_BYTES = 16
_BLANK = -1
REMEMBERED = -2
"""The item of a row that a memory answers."""
_SCHEMA = pa.schema([pa.field("source", pa.large_string())])


@dataclass(frozen=True)
class Segments:
    """The segments of a corpus as items.

    Attributes
    ----------
    item_of_row
        int64 of shape (rows,): the item of each segment, -1 for blank ones, ``REMEMBERED`` for
        those that a translation memory answers, which are no items.
    first_row
        int64 of shape (items,): where each item stands first, rising.
    repeats
        int64 of shape (items,): how many segments are this item.
    sources
        The items' sources, in item order, read through a memory map.
    """

    item_of_row: npt.NDArray[np.int64]
    first_row: npt.NDArray[np.int64]
    repeats: npt.NDArray[np.int64]
    sources: ItemSources

    @property
    def rows(self) -> int:
        """The number of segments."""
        return len(self.item_of_row)

    @property
    def remembered(self) -> int:
        """The number of segments that a translation memory answers."""
        return int(np.equal(self.item_of_row, REMEMBERED).sum())

    @property
    def every(self) -> npt.NDArray[np.int64]:
        """All items, int64 of shape (items,)."""
        return np.arange(self.items, dtype=np.int64)

    @property
    def items(self) -> int:
        """The number of distinct sources that are not blank."""
        return len(self.first_row)


class ItemSources:
    """The sources of all items, as a memory-mapped Arrow file."""

    def __init__(self, path: Path) -> None:
        self._column = pa.ipc.open_file(pa.memory_map(str(path))).read_all().column(0)
        lengths = [len(chunk) for chunk in self._column.chunks]
        self._ends = np.cumsum(np.array(lengths, np.int64))

    def __len__(self) -> int:
        return len(self._column)

    def take(self, items: npt.NDArray[np.int64]) -> list[str]:
        """Return the sources of the given items, in their order."""
        # Chunk by chunk: Arrow itself would copy the whole column for a handful of items.
        chunk_of = np.searchsorted(self._ends, items, side="right")
        by_chunk = np.argsort(chunk_of, kind="stable")
        texts = [""] * len(items)
        for places in np.split(by_chunk, np.flatnonzero(np.diff(chunk_of[by_chunk])) + 1):
            if not len(places):
                continue
            number = int(chunk_of[places[0]])
            chunk = self._column.chunk(number)
            rows = items[places] - (self._ends[number] - len(chunk))
            taken = chunk.take(pa.array(rows)).to_pylist()
            for place, text in zip(places.tolist(), taken, strict=True):
                texts[place] = text
        return texts

    def where(self, is_wanted: Callable[[str], object]) -> Iterator[dict[int, str]]:
        """Yield, a block at a time, the wanted sources by item; no block is empty."""
        for first, sources in self.batches():
            found = {first + row: text for row, text in enumerate(sources) if is_wanted(text)}
            if found:
                yield found

    def batches(self, size: int = 8192) -> Iterator[tuple[int, list[str]]]:
        """Yield (first item, sources) in item order."""
        for start in range(0, len(self._column), size):
            yield start, list(self._column.slice(start, size).to_pylist())


def scan(corpus: Corpus, path: Path, known: Container[str] = ()) -> Segments:
    """Read a corpus, find its distinct sources, and write them to ``path``.

    Two sources are identical where their UTF-8 bytes are; the test is a 128-bit BLAKE2b digest.

    Parameters
    ----------
    corpus, path
        What is read, and where the sources are written.
    known
        Sources that need no translation.

    Raises
    ------
    UsageError
        Where a row cannot be read.
    """
    digests, kind = _digests(corpus, known)
    blank = kind < 0  # no item
    distinct, first, inverse = np.unique(digests[~blank], return_index=True, return_inverse=True)
    # np.unique sorts by digest; items are numbered in the order in which they stand.
    order = np.argsort(first, kind="stable")
    rank = np.empty(len(distinct), np.int64)
    rank[order] = np.arange(len(distinct))
    item_of_row = kind.astype(np.int64)
    item_of_row[~blank] = rank[inverse.reshape(-1)]
    first_row = np.flatnonzero(~blank)[first[order]]
    _write_sources(corpus, first_row, path)
    return Segments(
        item_of_row=item_of_row,
        first_row=first_row,
        repeats=np.bincount(item_of_row[~blank], minlength=len(distinct)).astype(np.int64),
        sources=ItemSources(path),
    )


def _digests(
    corpus: Corpus, known: Container[str]
) -> tuple[npt.NDArray[np.void], npt.NDArray[np.int8]]:
    """Give each row's digest, and what it is: ``_BLANK``, ``REMEMBERED`` or 0."""
    parts: list[bytes] = []
    kinds: list[int] = []
    for batch in corpus.batches():
        texts = batch.sources.to_pylist()
        kinds += [REMEMBERED if text in known else 0 if text.strip() else _BLANK for text in texts]
        parts.append(
            b"".join(
                hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest() for text in texts
            )
        )
    digests = np.frombuffer(b"".join(parts), np.dtype((np.void, _DIGEST_BYTES)))
    return digests, np.array(kinds, np.int8)


def _write_sources(corpus: Corpus, first_row: npt.NDArray[np.int64], path: Path) -> None:
    with write_whole(path) as file, pa.ipc.new_file(file, _SCHEMA) as writer:
        for batch in corpus.batches():
            low, high = np.searchsorted(
                first_row, (batch.first_row, batch.first_row + len(batch.sources))
            )
            if low < high:
                taken = batch.sources.take(pa.array(first_row[low:high] - batch.first_row))
                writer.write_batch(pa.record_batch([taken.cast(pa.large_string())], schema=_SCHEMA))
