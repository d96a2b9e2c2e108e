"""Say in one line that a format needs packages which are not installed.

In goes what was looked for; out comes nothing, or the error that names the extra.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from routelmt_cli.errors import UsageError


@contextmanager
def needing_formats(display_name: str, format_name: str) -> Iterator[None]:
    """Import inside this block what only the extra ``formats`` installs.

    Parameters
    ----------
    display_name
        The file's name in errors.
    format_name
        What the file is.

    Raises
    ------
    UsageError
        It is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise UsageError(
            f"{display_name}: {format_name} needs a package that is not installed: {error.name}",
            hint="pip install 'routelmt[formats]'",
        ) from error
