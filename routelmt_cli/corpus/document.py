"""Documents: files whose translatable texts are the rows, and which are written whole.

In go a file and its format's parser, out comes a ``Corpus`` of the texts to be translated. Always:
the output is the document with these texts translated and all else as it was; a text without a
translation stays as it was, too. A document is held in memory, so it is at most 256 MiB. How a
format is taken apart is its own module's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from routelmt_cli.corpus.added import NO_TIER, TIER, TRANSLATION, AddedColumn, Values, take_cells
from routelmt_cli.corpus.columns import missing_column
from routelmt_cli.corpus.inputs import open_input, unreadable
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.segments import BATCH_ROWS, SourceBatch
from routelmt_cli.errors import UsageError

MOST_BYTES = 256 << 20
SOURCE, REFERENCE = "source", "reference"


class Document(Protocol):
    """A file that was taken apart.

    Attributes
    ----------
    texts
        What is to be translated, in the file's order, none of it blank.
    """

    texts: list[str]

    @property
    def references(self) -> list[str] | None:
        """The translation of each text that the file already has, or ``""``.

        None for a format without translations.
        """
        ...

    def remarks(self) -> list[str]:
        """Say what of the file is left alone, one line each."""
        ...

    def write(self, translations: Sequence[str]) -> bytes:
        """Put translations into the document, once, and give the whole file.

        Parameters
        ----------
        translations
            One for each of ``texts``; where it is blank, what stood there stays.
        """
        ...


Parser: TypeAlias = Callable[[bytes, Layout, str], Document]
"""Takes a file's content apart, told its layout and its name in errors; raises ``UsageError``."""


class DocumentCorpus:
    """A ``Corpus`` of the texts of a document.

    Parameters
    ----------
    path
        The file.
    layout
        Languages, and which units are taken.
    display_name
        The file's name in errors.
    parse
        The format's parser.

    Raises
    ------
    UsageError
        The file cannot be read, is empty, too large or not of its format.
    """

    def __init__(self, path: Path, layout: Layout, display_name: str, parse: Parser) -> None:
        self.display_name = display_name
        self.layout = layout
        self._path = path
        self._parse = parse
        document = self.parse()
        self._texts = document.texts
        self._references = document.references
        self._remarks = document.remarks()
        self.column_names: tuple[str, ...] = (
            () if document.references is None else (SOURCE, REFERENCE)
        )

    def parse(self) -> Document:
        """Read the file anew.

        Raises
        ------
        UsageError
            As for the class.
        """
        with open_input(self._path, self.display_name) as file:
            try:
                data = file.read(MOST_BYTES + 1)
            except OSError as error:
                raise unreadable(self.display_name, error) from error
        if len(data) > MOST_BYTES:
            raise UsageError(
                f"{self.display_name} is larger than {MOST_BYTES >> 20} MiB, and a "
                f"{self.layout.format.value} file is held in memory",
                hint="cut it into several files",
            )
        return self._parse(data, self.layout, self.display_name)

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[SourceBatch]:
        """Read the texts; see ``Corpus.batches``."""
        for first in range(0, len(self._texts), rows):
            yield SourceBatch(first, pa.array(self._texts[first : first + rows], pa.string()), None)

    def texts(self, column: str | int, rows: int = BATCH_ROWS) -> Iterator[pa.Array]:
        """Read the texts, or the translations that are there; see ``Corpus.texts``."""
        values = self._column(column)
        return (
            pa.array(values[first : first + rows], pa.string())
            for first in range(0, len(values), rows)
        )

    def numbers(
        self, column: str | int, rows: int = BATCH_ROWS
    ) -> Iterator[npt.NDArray[np.float64]]:
        """Refuse: a document has no numbers."""
        raise missing_column(self.display_name, str(column), self.column_names)

    def remarks(self) -> list[str]:
        """Say what is left alone; see ``Corpus.remarks``."""
        return self._remarks

    def open_writer(self, sink: BinaryIO, added: Sequence[AddedColumn]) -> DocumentWriter:
        """Make the writer; see ``Corpus.open_writer``."""
        return DocumentWriter(sink, added, self)

    def _column(self, column: str | int) -> list[str]:
        if column not in self.column_names:
            raise missing_column(self.display_name, str(column), self.column_names)
        return self._texts if column == SOURCE else self._references or []


class DocumentWriter:
    """A ``Writer`` of the document with its texts translated.

    Parameters
    ----------
    sink
        Where the output goes.
    added
        The columns to add; only ``translation`` has a place in a document.
    corpus
        The corpus that is written.
    """

    def __init__(
        self, sink: BinaryIO, added: Sequence[AddedColumn], corpus: DocumentCorpus
    ) -> None:
        self._sink = sink
        self._added = tuple(added)
        names = [column.name for column in added]
        self._translation, self._tier = names.index(TRANSLATION), names.index(TIER)
        self._corpus = corpus
        self._translations: list[str] = []

    def __enter__(self) -> DocumentWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self._sink.write(self._corpus.parse().write(self._translations))

    def write(self, batch: SourceBatch, columns: Mapping[str, Values]) -> None:
        """Take the translations of one batch; see ``Writer.write``."""
        cells = take_cells(self._added, columns, len(batch.sources))
        pairs = zip(cells[self._translation], cells[self._tier], strict=True)
        # What has no translation of a model stays untranslated in the file, too.
        self._translations += ["" if tier == NO_TIER else str(text or "") for text, tier in pairs]


def with_line_ends_of(before: bytes, after: bytes) -> bytes:
    r"""Give a rewritten file CRLF again, where a library writes LF and every line ended so.

    Parameters
    ----------
    before, after
        The file as it was, and as it is to be written.
    """
    if b"\r\n" in before and before.count(b"\n") == before.count(b"\r\n"):
        return after.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return after
