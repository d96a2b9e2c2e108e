"""Where the source text stands in a corpus.

In go the format and what the user said about columns; out comes a ``Layout`` that is resolved (the
defaults are filled in) and checked as far as that is possible without the file. It opens no file:
whether the column exists is the reader's question.
"""

from __future__ import annotations

from dataclasses import dataclass

from routelmt_cli.corpus.format import Format
from routelmt_cli.corpus.invalid import OnInvalid
from routelmt_cli.corpus.units import Units
from routelmt_cli.errors import UsageError

DEFAULT_SOURCE_COLUMN = "source"
_MAYBE_WITHOUT_HEADER = (Format.TSV, Format.CSV)


def parse_column_number(column: str | int) -> int:
    """Read the number of a column where there is no header, counted from 1 as ``cut -f`` does.

    Parameters
    ----------
    column
        The number, or its decimal digits.

    Returns
    -------
    int
        The number, at least 1.

    Raises
    ------
    UsageError
        It is not a whole number of at least 1.
    """
    text = str(column)
    # str.isdigit alone accepts superscripts; int alone accepts '1_0' and spaces.
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if number < 1:
        raise UsageError(
            f"with --no-header a column is a number from 1, not {text!r}",
            hint="count columns as cut -f does: --source-column 2",
        )
    return number


@dataclass(frozen=True)
class Layout:
    """The format of a corpus and the place of its source text, resolved and checked.

    Attributes
    ----------
    format
        The file's format.
    source_column
        TSV and CSV with a header, parquet, JSONL: the column's name, ``source`` where None was
        given. TSV and CSV without a header: its number from 1, 1 where None was given. Plain text
        and documents: None.
    has_header
        False only for a TSV or CSV whose first line is already a segment. Plain text has no header
        either way.
    on_invalid
        What becomes of rows that are not valid UTF-8.
    units
        Which units of a PO, XLIFF or TMX file are segments.
    source_language, target_language
        As the user named them, or None; they say which variants of a TMX file are meant.

    Raises
    ------
    UsageError
        The options contradict the format.
    """

    format: Format
    source_column: str | int | None = None
    has_header: bool = True
    on_invalid: OnInvalid = OnInvalid.ERROR
    units: Units = Units.NEW
    source_language: str | None = None
    target_language: str | None = None

    def __post_init__(self) -> None:
        if self.on_invalid is not OnInvalid.ERROR and (
            self.format is Format.PARQUET or self.format.is_document
        ):
            raise UsageError(
                f"--on-invalid is for files of lines, not for {self.format.value}",
                hint="leave it out",
            )
        if self.units is not Units.NEW and not self.format.has_units:
            raise UsageError(
                f"--units is for PO, XLIFF and TMX, not for {self.format.value}",
                hint="leave it out",
            )
        object.__setattr__(self, "source_column", self._resolve_source_column())

    def place(self, segment: int) -> str:
        """Say where a segment stands in the file, as errors name it.

        Parameters
        ----------
        segment
            Its number, counted from 1.

        Returns
        -------
        str
            ``line 8`` as an editor counts; ``row 7`` in parquet, which has no lines, and in CSV,
            whose rows can have several; ``text 7`` in a document.
        """
        if self.format.is_document:
            return f"text {segment}"
        if self.format in (Format.PARQUET, Format.CSV):
            return f"row {segment}"
        header = 1 if self.format is Format.TSV and self.has_header else 0
        return f"line {segment + header}"

    def _resolve_source_column(self) -> str | int | None:
        column = self.source_column
        if self.format is Format.TEXT:
            if column is not None:
                raise UsageError(
                    f"plain text has no columns, so no source column {str(column)!r}",
                    hint="--format tsv for a file of columns",
                )
            return None
        if self.format.is_document:
            if column is not None:
                raise UsageError(
                    f"{self.format.value} has no columns, so no source column {str(column)!r}",
                    hint="leave --source-column out",
                )
            if self.has_header:
                return None
        if not self.has_header:
            if self.format not in _MAYBE_WITHOUT_HEADER:
                raise UsageError(
                    f"--no-header is for TSV and CSV; {self.format.value} names its columns"
                )
            return 1 if column is None else parse_column_number(column)
        return DEFAULT_SOURCE_COLUMN if column is None else str(column)
