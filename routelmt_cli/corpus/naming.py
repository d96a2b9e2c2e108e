"""Name the output file of a corpus that was given none.

In goes the input's path and the target language, out comes a path beside it. It touches no file.
"""

from __future__ import annotations

from pathlib import Path, PurePath

from routelmt_cli.corpus.compression import split_ending
from routelmt_cli.errors import UsageError


def default_output(path: Path, to: str) -> Path:
    """Name the output beside the input: ``<stem>.<to>.<ext>``, or ``<name>.<to>`` without one.

    A compressed input has a compressed output: ``in.tsv.gz`` becomes ``in.en.tsv.gz``.

    Parameters
    ----------
    path
        The input file.
    to
        The target language as the user wrote it, such as ``en`` or ``pt-BR``.

    Returns
    -------
    Path
        A path in the input's folder, never the input itself.

    Raises
    ------
    UsageError
        The language is empty or could not be part of a file name.
    """
    if not to or "/" in to or "\0" in to:
        raise UsageError(
            f"the target language {to!r} cannot name an output file", hint="-o FILE names it"
        )
    plain, compressed = split_ending(path.name)
    named = PurePath(plain)
    if named.suffix.lower() == ".pot":  # a template; what is filled in is a PO file
        named = named.with_suffix(".po")
    return path.with_name(f"{named.stem}.{to}{named.suffix}{compressed}")
