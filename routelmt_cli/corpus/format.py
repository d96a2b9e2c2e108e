"""Tell which format a corpus file has.

In goes a file's name, or the format that the user declared; out comes a ``Format``. Only the name
counts, never the content: a file is read the same way today and tomorrow. It opens no file.
"""

from __future__ import annotations

from enum import Enum
from pathlib import PurePath

from routelmt_cli.errors import UsageError


class Format(str, Enum):
    """The formats that a corpus can have; the values are what ``--format`` takes."""

    TSV = "tsv"
    PARQUET = "parquet"
    JSONL = "jsonl"
    TEXT = "text"


_BY_ENDING = {
    ".tsv": Format.TSV,
    ".parquet": Format.PARQUET,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".txt": Format.TEXT,
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
    if declared is not None:
        try:
            return Format(declared.lower())
        except ValueError:
            raise UsageError(f"unknown format {declared!r}", hint=_HINT) from None
    if name is None or name == "-":
        return Format.TEXT
    ending = PurePath(name).suffix
    if ending.lower() in _BY_ENDING:
        return _BY_ENDING[ending.lower()]
    reason = f"its ending {ending!r} is unknown" if ending else "it has no ending"
    raise UsageError(f"cannot tell the format of {name}: {reason}", hint=_HINT)
