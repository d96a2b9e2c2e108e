"""Router bundles: a router as a folder of plain files.

A :class:`~routelmt_cli.gain.router.Router` goes in and comes out (:mod:`routelmt_cli.gain.ladder`
says where one is written). ``NAME.router/`` holds
``router.json`` (description and SHA-256 of every other file), ``trees-0.txt`` ... (boosted trees
as text), ``arrays-0.npz`` ... (numbers) and ``pieces-0.spm.model`` ...; what is in them is the
matter of :mod:`routelmt_cli.gain.bundle_content`. What always holds: the same router gives the same
bytes; a bundle appears whole or not at all; loading runs no code from it, follows no link, reads
no more than the bounds, and shows every byte to our own checks before a native parser sees any;
whatever is wrong with it is a ``UsageError``. Hashes here find damage, not malice: they are
stored beside what they protect.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from routelmt_cli.errors import UsageError
from routelmt_cli.features.pieces import MAX_MODEL_BYTES
from routelmt_cli.gain.arrays import MAX_ARRAYS_BYTES
from routelmt_cli.gain.bundle_content import ContentError, read_content, write_content
from routelmt_cli.gain.metadata import FORMAT_VERSION
from routelmt_cli.gain.router import Router
from routelmt_cli.gain.trees import MAX_BOOSTER_BYTES

DESCRIPTION = "router.json"
LADDER = "ladder.json"
"""Describes a folder of bundles (:mod:`routelmt_cli.gain.ladder`)."""
NOTES = "README.md"
"""The one file beside the listed ones that a bundle may hold: words for people, never read."""

_FORMAT = "routelmt router"
_MAX_DESCRIPTION_BYTES = 1 << 20
_MAX_FILES = 512
_MAX_BUNDLE_BYTES = 1 << 30
_BOUNDS = {
    re.compile(r"trees-\d{1,3}\.txt"): MAX_BOOSTER_BYTES,
    re.compile(r"arrays-\d{1,3}\.npz"): MAX_ARRAYS_BYTES,
    re.compile(r"pieces-\d{1,3}\.spm\.model"): MAX_MODEL_BYTES,
}
_HINT = "calibrate the router again or get a new copy"


def bundle_files(router: Router) -> dict[str, bytes]:
    """Give the content of every file of a bundle.

    Parameters
    ----------
    router
        The router to write.
    """
    content, files = write_content(router)
    description = {
        "format": _FORMAT,
        **content,
        "files": {name: hashlib.sha256(one).hexdigest() for name, one in files.items()},
    }
    text = json.dumps(description, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return {DESCRIPTION: text.encode("utf-8") + b"\n", **files}


def save_bundle(router: Router, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a bundle, whole or not at all.

    Parameters
    ----------
    router
        The router.
    path, overwrite
        As of ``save_files``.

    Raises
    ------
    UsageError
        As of ``save_files``.
    """
    save_files(bundle_files(router), Path(path), overwrite=overwrite)


def is_bundle(path: Path) -> bool:
    """Say whether a folder is one that routelmt writes: a bundle or a ladder of them."""
    return any((path / name).is_file() for name in (DESCRIPTION, LADDER))


def save_files(files: Mapping[str, bytes], path: Path, *, overwrite: bool = False) -> None:
    """Write files as a new folder, whole or not at all.

    Parameters
    ----------
    files
        Content by name; a name may have one folder in it.
    path
        The folder to make, ``NAME.router``.
    overwrite
        Replace a bundle or ladder that is there.

    Raises
    ------
    UsageError
        Something else is at the path, a bundle is and may not be replaced, or it cannot be
        written.
    """
    if path.is_symlink() or path.exists():
        if not overwrite:
            raise UsageError(f"router {path} exists", hint="choose another name or --overwrite")
        if path.is_symlink() or not is_bundle(path):
            raise UsageError(
                f"{path} exists and is no router bundle", hint="choose another name for the router"
            )
    try:
        _write(files, path)
    except OSError as error:
        raise UsageError(
            f"router {path} cannot be written: {error.strerror or error}",
            hint="choose a folder that exists and is writable",
        ) from error


def _write(files: Mapping[str, bytes], path: Path) -> None:
    beside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        fresh = beside / "new"
        fresh.mkdir()
        for name, content in files.items():
            (fresh / name).parent.mkdir(exist_ok=True)
            with (fresh / name).open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        if path.exists():
            path.rename(beside / "old")
            try:
                fresh.rename(path)
            except OSError:
                (beside / "old").rename(path)
                raise
        else:
            fresh.rename(path)
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(beside)


def load_bundle(path: str | Path) -> Router:
    """Read a bundle, trusting nothing in it.

    Parameters
    ----------
    path
        The folder.

    Raises
    ------
    UsageError
        It is not there, damaged, of another version, or not of the form that routelmt writes.
    """
    path = Path(path)
    if not path.is_dir():
        what = "is not a folder" if path.exists() else "does not exist"
        raise UsageError(
            f"router {path} {what}", hint="give the NAME.router folder that calibrate wrote"
        )
    description = _description(path)
    listed = _files_listed(description.pop("files", None), path)
    _check_folder(path, listed)
    contents: dict[str, bytes] = {}
    left = _MAX_BUNDLE_BYTES
    for name, sha256 in listed.items():
        contents[name] = read_plain(path / name, min(left, _bound(name)), sha256)
        left -= len(contents[name])
    del description["format"]
    try:
        return read_content(description, contents, str(path))
    except ContentError as error:
        refuse_file(path / DESCRIPTION, str(error))


def _bound(name: str) -> int:
    """Give the most bytes that a file of this name may have, 0 where it is none of ours."""
    for pattern, bound in _BOUNDS.items():
        if pattern.fullmatch(name):
            return bound
    return 0


def refuse_file(path: Path, what: str, hint: str = _HINT) -> NoReturn:
    """Refuse a file of a bundle.

    Raises
    ------
    UsageError
        Always.
    """
    raise UsageError(f"router file {path}: {what}", hint=hint)


def read_plain(path: Path, limit: int, sha256: str | None = None) -> bytes:
    """Read a plain file within a bound, never through a link.

    Parameters
    ----------
    path, limit
        The file, and the most bytes that it may have.
    sha256
        What its content must have; None for any.

    Raises
    ------
    UsageError
        It cannot be read, is larger, or has another hash.
    """
    try:
        # Not to block on a pipe that lies under the name.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                refuse_file(path, "is not a plain file")
            content = file.read(limit + 1)
    except OSError as error:
        refuse_file(path, f"cannot be read: {error.strerror or error}")
    if len(content) > limit:
        refuse_file(path, f"is larger than {limit} bytes")
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        refuse_file(path, "does not have the SHA-256 that router.json states")
    return content


def _description(path: Path) -> dict[str, Any]:
    file = path / DESCRIPTION
    content = read_plain(file, _MAX_DESCRIPTION_BYTES)

    def refuse_constant(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no JSON")

    try:
        value = json.loads(content.decode("utf-8"), parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        refuse_file(file, "is not JSON")
    if not isinstance(value, dict) or value.get("format") != _FORMAT:
        refuse_file(file, "does not describe a router")
    metadata = value.get("metadata")
    version = metadata.get("format_version") if isinstance(metadata, dict) else None
    if type(version) is int and version > FORMAT_VERSION:
        refuse_file(file, "was written by a later routelmt", "install a newer routelmt")
    if type(version) is int and version < FORMAT_VERSION:
        refuse_file(file, "was written by an earlier routelmt", "calibrate the router again")
    return value


def _files_listed(listed: object, path: Path) -> dict[str, str]:
    """Check the list of files: only names that routelmt itself would give."""
    if not isinstance(listed, dict) or not 0 < len(listed) <= _MAX_FILES:
        refuse_file(path / DESCRIPTION, f"files is not a list of 1 to {_MAX_FILES}")
    for name, sha256 in listed.items():
        if not _bound(name):
            refuse_file(path / DESCRIPTION, f"files holds a name of no known kind: {name[:80]!r}")
        if not isinstance(sha256, str):
            refuse_file(path / DESCRIPTION, "a SHA-256 is not text")
    return listed


def _check_folder(path: Path, listed: dict[str, str]) -> None:
    """Refuse a bundle with files that nobody listed, such as a pickle."""
    try:
        found = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
    except OSError as error:
        refuse_file(path, f"cannot be read: {error.strerror or error}")
    for name in sorted(found - {DESCRIPTION, NOTES, *listed}):
        refuse_file(path / name, "is not listed in router.json", "remove it, or get a new copy")
