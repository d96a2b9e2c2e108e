"""Fetch the weights of a card from the Hugging Face Hub, or from what HF_ENDPOINT names.

In: a card whose [weights] name a repository. Out: a GGUF file in the user's cache. Always: the file
has its name only when it is whole and has the SHA-256 that the card names, or else the hub does;
what has arrived of it is kept, and the next try fetches the rest. Through huggingface_hub, which
the extra ``hub`` brings; its own download would begin again after an interruption. A token comes
from HF_TOKEN or the hub's own file, and goes to the hub alone. Nothing is fetched unasked.
"""

from __future__ import annotations

import errno
import fcntl
import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from routelmt_cli.errors import MidRunError, UsageError
from routelmt_cli.translators.card import ModelCard, WeightsCard
from routelmt_cli.translators.checksum import file_sha256
from routelmt_cli.translators.weights import Weights, find_weights, hub_path

_SHA256_DIGITS = 64
_NAMED_DIGITS = 16
_AGAIN = "run the same command again: what has arrived is kept, the rest is fetched"


@dataclass(frozen=True)
class _Remote:
    """A file of the hub: where it is, how long it is, and its SHA-256 where the hub tells it."""

    url: str
    size: int
    sha256: str | None
    version: str


def pull_weights(
    card: ModelCard, *, show_progress: bool, note: Callable[[str], None]
) -> tuple[Weights, bool]:
    """Fetch a card's weights, or find that they are there.

    Parameters
    ----------
    card
        Its [weights] must name a repository of the hub.
    show_progress
        Draw a bar on stderr.
    note
        Told what is worth knowing.

    Returns
    -------
    tuple
        The weights, verified, and whether anything was fetched.

    Raises
    ------
    UsageError
        Where the package is missing, or the hub has no such file, or not for this user.
    MidRunError
        Where the connection or the disk fails, or what arrived is damaged.
    """
    entry = card.weights
    if entry is None or entry.repo is None:
        raise UsageError(
            f"{card.card_path}: the weights of '{card.name}' do not come from the hub",
            hint="only a card that names 'repo' and 'file' in [weights] can be pulled",
        )
    path = hub_path(entry)
    if path.is_file() and entry.sha256 is not None and file_sha256(path) == entry.sha256:
        return find_weights(card), False  # without a look at the hub
    require_hub()
    with _hub_errors(card, entry):
        remote = _look(entry)
    if None not in (entry.sha256, remote.sha256) and entry.sha256 != remote.sha256:
        raise UsageError(
            f"{entry.repo}: SHA-256 of {entry.file_name} is {remote.sha256} at the hub, but the "
            f"card of '{card.name}' says {entry.sha256}",
            hint=f"name the revision that the card means, or correct {card.card_path}",
        )
    wanted = entry.sha256 or remote.sha256
    with _disk_errors(path), _alone(path, note):
        if path.is_file() and wanted is not None and file_sha256(path) == wanted:
            return find_weights(card), False
        partial = path.with_name(f".{path.name}.{remote.version}.partial")
        with _hub_errors(card, entry):
            _fetch(remote, partial, show_progress=show_progress, note=note)
        if wanted is None:
            note("neither the card nor the hub names a SHA-256: only the length was compared")
        elif (found := file_sha256(partial)) != wanted:
            partial.unlink()
            raise MidRunError(
                f"{entry.repo}: SHA-256 of {entry.file_name} is {found} as it arrived, it should "
                f"be {wanted}",
                hint="what arrived is removed: run the same command again",
            )
        partial.replace(path)
        for other in path.parent.glob(f".{path.name}.*.partial"):
            other.unlink()  # of another version
    return find_weights(card), True


def require_hub() -> None:
    """Refuse to go on without huggingface_hub.

    Raises
    ------
    UsageError
        Naming the extra that brings it.
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise UsageError(
            "pulling a model needs the package huggingface_hub, which is not installed",
            hint="pip install 'routelmt[hub]'",
        )


def _look(entry: WeightsCard) -> _Remote:
    """Ask the hub for a file's length and checksum."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or None
    url = hf_hub_url(entry.repo, entry.file_name, revision=entry.revision, endpoint=endpoint)
    found = get_hf_file_metadata(url, library_name="routelmt")
    if found.size is None or found.etag is None:
        raise UsageError(f"{entry.repo}: what answers at {_endpoint()} is no hub")
    is_sha256 = len(found.etag) == _SHA256_DIGITS and set(found.etag) <= set("0123456789abcdef")
    version = "".join(sign for sign in found.etag if sign.isalnum())[:_NAMED_DIGITS]
    return _Remote(url, found.size, found.etag if is_sha256 else None, version)


def _fetch(
    remote: _Remote, partial: Path, *, show_progress: bool, note: Callable[[str], None]
) -> None:
    """Fetch what is missing of a file."""
    from huggingface_hub.utils import disable_progress_bars, enable_progress_bars, logging

    logging.set_verbosity_error()  # it would quote signed addresses
    (enable_progress_bars if show_progress else disable_progress_bars)()
    with _opened(partial) as file:
        if file.seek(0, os.SEEK_END) > remote.size:
            file.truncate(0)
        have = file.seek(0, os.SEEK_END)
        free = shutil.disk_usage(partial.parent).free
        if free < remote.size - have:
            raise OSError(
                errno.ENOSPC, f"{_megabytes(remote.size - have)} needed, {_megabytes(free)} free"
            )
        if have:
            note(f"continuing at {_megabytes(have)} of {_megabytes(remote.size)}")
        _fetch_rest(remote, file)
        file.flush()
        os.fsync(file.fileno())


def _fetch_rest(remote: _Remote, file: BinaryIO) -> None:
    """Append what is missing to a file, again and again while something arrives."""
    from huggingface_hub import errors
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    # What is counted from a place must not be compressed on the way.
    headers = {**build_hf_headers(library_name="routelmt"), "Accept-Encoding": "identity"}
    while True:
        have = file.seek(0, os.SEEK_END)
        try:
            http_get(remote.url, file, resume_size=have, headers=headers, expected_size=remote.size)
            return
        except (errors.HTTPError, OSError) as error:
            # Its own tries end too soon where a body is cut off: in older versions at once.
            if _is_of_the_disk(error) or file.seek(0, os.SEEK_END) == have:
                raise


def _opened(partial: Path) -> BinaryIO:
    handle = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    return os.fdopen(handle, "r+b")


@contextmanager
def _alone(path: Path, note: Callable[[str], None]) -> Iterator[None]:
    """Let one process at a time fetch a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note("another routelmt is pulling this file: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MidRunError(
            f"{path}: cannot be written: {error.strerror or error}",
            hint=f"free some disk, or set ROUTELMT_CACHE to a folder with room, then {_AGAIN}",
        ) from error


@contextmanager
def _hub_errors(card: ModelCard, entry: WeightsCard) -> Iterator[None]:
    """Say what the hub's errors mean for a card."""
    from huggingface_hub import errors

    place = f"{entry.repo}: {entry.file_name} at {entry.revision}"
    fix = f"correct [weights] in {card.card_path}"
    try:
        yield
    except errors.GatedRepoError as error:
        raise UsageError(
            f"{entry.repo} is gated: its authors want their terms accepted first",
            hint=f"accept them at {_endpoint()}/{entry.repo}, then set HF_TOKEN to a token of "
            "that account",
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise UsageError(
            f"{entry.repo}: the hub shows no such repository to you",
            hint=f"{fix}, or set HF_TOKEN where the repository is private",
        ) from error
    except errors.RevisionNotFoundError as error:
        raise UsageError(
            f"{entry.repo}: there is no revision {entry.revision}", hint=fix
        ) from error
    except errors.EntryNotFoundError as error:
        raise UsageError(f"{place}: there is no such file", hint=fix) from error
    except errors.OfflineModeIsEnabled as error:
        raise UsageError(f"{place}: HF_HUB_OFFLINE forbids to fetch it", hint="unset it") from error
    except (errors.HTTPError, OSError) as error:
        # Newer versions raise httpx's errors, which are no OSErrors, older ones those of requests.
        if _is_of_the_disk(error):
            raise
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status in (401, 403):
            raise UsageError(
                f"{place}: the hub refuses it (HTTP {status})",
                hint="set HF_TOKEN to a token that may read it",
            ) from error
        if status is not None:
            raise MidRunError(f"{place}: the hub answers HTTP {status}", hint=_AGAIN) from error
        raise MidRunError(
            f"{place}: the connection to {_endpoint()} failed: {_first_line(error)}", hint=_AGAIN
        ) from error


def _is_of_the_disk(error: Exception) -> bool:
    return (
        isinstance(error, OSError) and bool(error.errno) and not isinstance(error, ConnectionError)
    )


def _endpoint() -> str:
    from huggingface_hub import constants

    return str(os.environ.get("HF_ENDPOINT", "").rstrip("/") or constants.ENDPOINT)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
