"""Tell which format a corpus file has.

In goes a file's name, or the format that the user declared; out comes a ``Format``. Only the name
counts, without the ending of a compression, never the content: a file is read the same way today
and tomorrow. It opens no file.
"""

from __future__ import annotations

from enum import Enum
from pathlib import PurePath

from routelmt_cli.corpus.compression import split_ending
from routelmt_cli.errors import UsageError


class Format(str, Enum):
    """The formats that a corpus can have; the values are what ``--format`` takes."""

    TSV = "tsv"
    CSV = "csv"
    PARQUET = "parquet"
    JSONL = "jsonl"
    TEXT = "text"
    PO = "po"
    XLIFF = "xliff"
    TMX = "tmx"
    SRT = "srt"
    VTT = "vtt"

    @property
    def is_document(self) -> bool:
        """Whether it is written whole, with texts of it translated, instead of row by row."""
        return self in _DOCUMENTS

    @property
    def has_units(self) -> bool:
        """Whether it holds translations beside sources."""
        return self in _BILINGUAL


_BILINGUAL = frozenset({Format.PO, Format.XLIFF, Format.TMX})
_DOCUMENTS = _BILINGUAL | {Format.SRT, Format.VTT}


_BY_ENDING = {
    ".tsv": Format.TSV,
    ".csv": Format.CSV,
    ".parquet": Format.PARQUET,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".txt": Format.TEXT,
    ".po": Format.PO,
    ".pot": Format.PO,
    ".xlf": Format.XLIFF,
    ".xliff": Format.XLIFF,
    ".tmx": Format.TMX,
    ".srt": Format.SRT,
    ".vtt": Format.VTT,
}

_HINT = "--format " + "|".join(each.value for each in Format)


def detect_format(name: str | None, declared: str | None) -> Format:
    """Tell the format of a corpus from its name, unless the user declared it.

    Parameters
    ----------
    name
        The file's name or path; None or ``-`` for standard input, which is plain text by default.
    declared
        The value of ``--format``, which wins over the name.

    Returns
    -------
    Format
        The format to read the corpus in.

    Raises
    ------
    UsageError
        The declared format is unknown, or nothing is declared and the name's ending is unknown.
    """
    plain, compressed = split_ending(name or "-")
    found = _declared(declared) if declared is not None else _by_ending(plain)
    if compressed and found is Format.PARQUET:
        raise UsageError(
            f"{name}: parquet is compressed within, and cannot be read or written as {compressed}",
            hint="unpack it first, or leave the ending out",
        )
    return found


def _declared(name: str) -> Format:
    try:
        return Format(name.lower())
    except ValueError:
        raise UsageError(f"unknown format {name!r}", hint=_HINT) from None


def _by_ending(name: str) -> Format:
    if name == "-":
        return Format.TEXT
    ending = PurePath(name).suffix
    if ending.lower() in _BY_ENDING:
        return _BY_ENDING[ending.lower()]
    reason = f"its ending {ending!r} is unknown" if ending else "it has no ending"
    raise UsageError(f"cannot tell the format of {name}: {reason}", hint=_HINT)
