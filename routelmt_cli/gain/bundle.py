"""Router bundles: a router as a folder of plain files.

A :class:`~routelmt_cli.gain.router.Router` goes in and comes out. ``NAME.router/`` holds
``router.json`` (description, length model, SHA-256 of every other file), ``gain-0.txt`` ...
(boosted trees as text) and ``source.spm.model``. What always holds: the same router gives the same
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
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from routelmt_cli.errors import UsageError
from routelmt_cli.features.pieces import MAX_MODEL_BYTES, PieceModel
from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.length_model import LengthModel
from routelmt_cli.gain.metadata import FORMAT_VERSION, MetadataError, read_metadata
from routelmt_cli.gain.router import Router
from routelmt_cli.gain.trees import MAX_BOOSTER_BYTES, GainBooster

DESCRIPTION = "router.json"
PIECES = "source.spm.model"
NOTES = "README.md"
"""The one file beside the listed ones that a bundle may hold: words for people, never read."""

_FORMAT = "routelmt router"
_MAX_DESCRIPTION_BYTES = 1 << 20
_MAX_BOOSTERS = 64
_KEYS = frozenset({"format", "files", "boosters", "offset", "length_model", "metadata"})
_HINT = "calibrate the router again or get a new copy"


def bundle_files(router: Router) -> dict[str, bytes]:
    """Give the content of every file of a bundle.

    Parameters
    ----------
    router
        The router to write.
    """
    names = [_booster_name(number) for number in range(len(router.boosters))]
    files = {name: booster.content for name, booster in zip(names, router.boosters, strict=True)}
    if router.pieces is not None:
        files[PIECES] = router.pieces.content
    description = {
        "format": _FORMAT,
        "metadata": router.metadata.as_json(),
        "boosters": [
            {"file": name, "scale": scale} for name, scale in zip(names, router.scales, strict=True)
        ],
        "offset": router.offset,
        "length_model": router.length_model.as_dict(),
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    text = json.dumps(description, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return {DESCRIPTION: text.encode("utf-8") + b"\n", **files}


def save_bundle(router: Router, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a bundle, whole or not at all.

    Parameters
    ----------
    router
        The router.
    path
        The folder to make, ``NAME.router``.
    overwrite
        Replace a bundle that is there.

    Raises
    ------
    UsageError
        Something else is at the path, a bundle is and may not be replaced, or it cannot be
        written.
    """
    path = Path(path)
    if path.is_symlink() or path.exists():
        if not overwrite:
            raise UsageError(f"router {path} exists", hint="choose another name or --overwrite")
        if path.is_symlink() or not (path / DESCRIPTION).is_file():
            raise UsageError(
                f"{path} exists and is no router bundle", hint="choose another name for the router"
            )
    files = bundle_files(router)
    try:
        _write(files, path)
    except OSError as error:
        raise UsageError(
            f"router {path} cannot be written: {error.strerror or error}",
            hint="choose a folder that exists and is writable",
        ) from error


def _write(files: dict[str, bytes], path: Path) -> None:
    beside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        fresh = beside / "new"
        fresh.mkdir()
        for name, content in files.items():
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
    boosters = _boosters_listed(description, path)
    names = [name for name, _ in boosters]
    listed = _files_listed(description, path, names)
    _check_folder(path, listed)
    bounds = {name: MAX_MODEL_BYTES if name == PIECES else MAX_BOOSTER_BYTES for name in listed}
    contents = {name: _read(path / name, bounds[name], listed[name]) for name in listed}
    try:
        metadata = read_metadata(description["metadata"])
        length_model = _length_model(description["length_model"])
    except (MetadataError, ValueError) as error:
        _refuse(path / DESCRIPTION, str(error))
    pieces = PieceModel(contents[PIECES]) if PIECES in contents else None
    return Router(
        metadata=metadata,
        pieces=pieces,
        boosters=tuple(
            GainBooster(contents[name], FEATURE_NAMES, name=str(path / name)) for name in names
        ),
        scales=tuple(scale for _, scale in boosters),
        offset=_number(description["offset"], "offset", path),
        length_model=length_model,
    )


def _booster_name(number: int) -> str:
    return f"gain-{number}.txt"


def _refuse(path: Path, what: str, hint: str = _HINT) -> NoReturn:
    raise UsageError(f"router file {path}: {what}", hint=hint)


def _read(path: Path, limit: int, sha256: str | None = None) -> bytes:
    """Read a plain file within a bound, never through a link."""
    try:
        # Not to block on a pipe that lies under the name.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                _refuse(path, "is not a plain file")
            content = file.read(limit + 1)
    except OSError as error:
        _refuse(path, f"cannot be read: {error.strerror or error}")
    if len(content) > limit:
        _refuse(path, f"is larger than {limit} bytes")
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        _refuse(path, "does not have the SHA-256 that router.json states")
    return content


def _description(path: Path) -> dict[str, Any]:
    file = path / DESCRIPTION
    content = _read(file, _MAX_DESCRIPTION_BYTES)

    def refuse_constant(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no JSON")

    try:
        value = json.loads(content.decode("utf-8"), parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        _refuse(file, "is not JSON")
    if not isinstance(value, dict) or value.get("format") != _FORMAT:
        _refuse(file, "does not describe a router")
    metadata = value.get("metadata")
    version = metadata.get("format_version") if isinstance(metadata, dict) else None
    if type(version) is int and version > FORMAT_VERSION:
        _refuse(file, "was written by a later routelmt", "install a newer routelmt")
    if value.keys() != _KEYS:
        _refuse(file, "has missing or unknown parts")
    return value


def _number(value: object, name: str, path: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(path / DESCRIPTION, f"{name} is not a number")
    # Written so that NaN fails too; an integer of JSON can be larger than any float.
    if not abs(value) <= 1e6:
        _refuse(path / DESCRIPTION, f"{name} is out of range")
    return float(value)


def _boosters_listed(description: dict[str, Any], path: Path) -> list[tuple[str, float]]:
    listed = description["boosters"]
    if not isinstance(listed, list) or not 1 <= len(listed) <= _MAX_BOOSTERS:
        _refuse(path / DESCRIPTION, "boosters is not a list of 1 to 64")
    result = []
    for number, item in enumerate(listed):
        name = _booster_name(number)
        if not isinstance(item, dict) or item.keys() != {"file", "scale"} or item["file"] != name:
            _refuse(path / DESCRIPTION, f"booster {number} is not {name} with a scale")
        result.append((name, _number(item["scale"], "scale", path)))
    return result


def _files_listed(description: dict[str, Any], path: Path, boosters: list[str]) -> dict[str, str]:
    """Check the list of files: only names that this module itself would give."""
    listed = description["files"]
    if not isinstance(listed, dict) or listed.keys() - {PIECES} != set(boosters):
        _refuse(path / DESCRIPTION, "files are not the boosters and the SentencePiece model")
    if not all(isinstance(sha256, str) for sha256 in listed.values()):
        _refuse(path / DESCRIPTION, "a SHA-256 is not text")
    return listed


def _check_folder(path: Path, listed: dict[str, str]) -> None:
    """Refuse a bundle with files that nobody listed, such as a pickle."""
    try:
        found = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
    except OSError as error:
        _refuse(path, f"cannot be read: {error.strerror or error}")
    for name in sorted(found - {DESCRIPTION, NOTES, *listed}):
        _refuse(path / name, "is not listed in router.json", "remove it, or get a new copy")


def _length_model(value: object) -> LengthModel:
    names = LengthModel.__dataclass_fields__.keys()
    if not isinstance(value, dict) or value.keys() != names:
        raise ValueError("length_model has missing or unknown parts")
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in value.values()):
        raise ValueError("length_model holds something that is no number")
    return LengthModel(**value)
