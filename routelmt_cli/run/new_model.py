"""Where a model that is made from another one goes: a GGUF file, and its card beside it.

The output's path goes in, the card's path and temporary places come out. Always: neither file gets
its name before both are whole and on the disk, and no file of the user's is replaced unasked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from routelmt_cli.errors import MidRunError, UsageError
from routelmt_cli.run.whole_file import temporary_of


def card_beside(output: Path, weights: Path, *, overwrite: bool) -> Path:
    """Return the path of the new model's card.

    Parameters
    ----------
    output
        The new GGUF file.
    weights
        The file that it is made from.
    overwrite
        Whether files that are there may be replaced.

    Raises
    ------
    UsageError
        Where the output must not be written.
    """
    if output.suffix != ".gguf":
        raise UsageError(f"{output}: the output's name must end in .gguf")
    card_path = output.with_suffix(".toml")
    for path in (output, card_path):
        if path.exists() and not overwrite:
            raise UsageError(f"{path} exists already", hint="name another, or add --overwrite")
    if output.exists() and output.samefile(weights):
        raise UsageError(f"{output} is the model that it is made from", hint="name another output")
    if not output.parent.is_dir():
        raise UsageError(f"{output}: there is no folder {output.parent}")
    return card_path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a place to write a file to, which gets its name if all goes well.

    Raises
    ------
    MidRunError
        Where the disk refuses.
    """
    temporary = temporary_of(path, hidden=True)
    try:
        temporary.unlink(missing_ok=True)  # left by a kill, or a link that someone laid there
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise MidRunError(
            f"{path}: cannot be written: {error.strerror or error}",
            hint="make room or make it writable, then run the same command again",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
