"""The user's cache folder: files that are never seen half written, and facts that are kept there.

A fact was found out once, is worth keeping, and can be found out again: a damaged file of facts is
an empty one.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any


def cache_folder() -> Path:
    """Return the cache folder: ``ROUTELMT_CACHE``, or the platform's place for caches."""
    named = os.environ.get("ROUTELMT_CACHE")
    if named:
        folder = Path(named).expanduser()
    else:
        from platformdirs import user_cache_path

        folder = user_cache_path("routelmt")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file through a temporary one beside it, so that readers see all of it or none.

    Raises
    ------
    OSError
        Naming the file, where the disk refuses.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def recall(file_name: str, about: object) -> Any:
    """Return the fact that is kept in a file of the cache, None where there is none.

    Parameters
    ----------
    file_name
        Of the file.
    about
        What it is about, as JSON knows it.
    """
    return _facts(file_name).get(_key(about))


def remember(file_name: str, about: object, fact: object) -> Path:
    """Keep a fact, anything but None, in a file of the cache; return the file's path."""
    path = cache_folder() / file_name
    write_atomically(path, json.dumps({**_facts(file_name), _key(about): fact}).encode())
    return path


def _facts(file_name: str) -> dict[str, Any]:
    try:
        return dict(json.loads((cache_folder() / file_name).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _key(about: object) -> str:
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()
