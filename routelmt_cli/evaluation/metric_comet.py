"""COMET and COMETKiwi: learnt metrics, through the extra ``unbabel-comet``.

Sources, hypotheses and, for COMET, references go in; the checkpoint's scores times 100 come out,
so that they are in points like those of the other metrics. What always holds: a checkpoint is
looked for on this machine alone (a file, its folder, or the local Hugging Face cache) and checked
before anything else is paid for; the signature holds its SHA-256. A checkpoint is a pickle that
can run code when it is loaded: use only those that you trust. None is trained or downloaded here.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from routelmt_cli.errors import UsageError

COMET = "comet"
"""Uses references."""
KIWI = "cometkiwi"
"""Quality estimation: uses none."""

POINTS = 100.0
_BATCH_SEGMENTS = 16
_BLOCK = 1 << 20
_INSTALL = "pip install 'routelmt[comet]'"
# The kinds of checkpoint that score a hypothesis alone, by the name in their hparams.yaml.
_WITH_REFERENCES = {"regression_metric", "unified_metric", "xcomet_metric"}
_WITHOUT_REFERENCES = {"referenceless_regression_metric", "unified_metric", "xcomet_metric"}


class CometMetric:
    """A COMET checkpoint as a metric; it is loaded when it is first asked to score.

    Parameters
    ----------
    kind
        ``comet`` or ``cometkiwi``.
    checkpoint
        A ``.ckpt`` file, the folder of its ``checkpoints`` and ``hparams.yaml``, or a name such as
        ``Unbabel/wmt22-comet-da`` in the local Hugging Face cache.

    Raises
    ------
    UsageError
        ``unbabel-comet`` is not installed, or the checkpoint is not there or of another kind.
    """

    def __init__(self, kind: str, checkpoint: str) -> None:
        self._kind = kind
        self._name = checkpoint
        if importlib.util.find_spec("comet") is None:
            raise UsageError(
                f"the metric {kind!r} needs unbabel-comet, which is not installed",
                hint=f"{_INSTALL} (it brings torch, about 2 GB)",
            )
        self._path = _find_checkpoint(kind, checkpoint)
        self._check_kind()

    @property
    def needs_references(self) -> bool:
        """Whether references are needed."""
        return self._kind == COMET

    def score(
        self,
        sources: Sequence[str],
        hypotheses: Sequence[str],
        references: Sequence[str] | None,
    ) -> npt.NDArray[np.float64]:
        """Score each segment; see ``Metric.score``."""
        columns = {"src": sources, "mt": hypotheses}
        if self.needs_references:
            if references is None:
                raise ValueError("COMET needs references")
            columns["ref"] = references
        if len({len(column) for column in columns.values()}) > 1:
            raise ValueError("the columns differ in length")
        samples = [
            dict(zip(columns, texts, strict=True)) for texts in zip(*columns.values(), strict=True)
        ]
        if not samples:
            return np.zeros(0)
        with _quiet_lightning():
            predicted = self._model.predict(
                samples, batch_size=_BATCH_SEGMENTS, gpus=_gpus(), progress_bar=False
            )
        return np.asarray(predicted["scores"], dtype=np.float64) * POINTS

    def signature(self) -> str:
        """Name the kind, the checkpoint with its SHA-256, and the version of unbabel-comet."""
        name = self._path.name if Path(self._name).exists() else self._name
        title = "COMET" if self.needs_references else "COMETKiwi"
        version = metadata.version("unbabel-comet")
        return f"{title}|checkpoint:{name}|sha256:{self._sha256}|scale:100|version:{version}"

    @cached_property
    def _sha256(self) -> str:
        digest = hashlib.sha256()
        with self._path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest()

    @cached_property
    def _model(self) -> Any:
        with _quiet_lightning():
            from comet import load_from_checkpoint

            try:
                return load_from_checkpoint(str(self._path), local_files_only=True)
            # torch, transformers and lightning each raise what they like on a bad file.
            except Exception as error:
                reason = str(error).strip().partition("\n")[0][:200]
                raise UsageError(
                    f"{self._path}: this checkpoint cannot be loaded: {reason}",
                    hint="get it again, with the encoder that its hparams.yaml names, in the "
                    "local Hugging Face cache",
                ) from error

    def _check_kind(self) -> None:
        """Refuse a checkpoint that cannot be asked what this metric asks."""
        hparams = _hparams(self._path)
        found = str(hparams.get("class_identifier"))
        inputs = hparams.get("input_segments") or ("mt", "src", "ref")
        if self.needs_references:
            fits = found in _WITH_REFERENCES and "ref" in inputs
        else:
            fits = found in _WITHOUT_REFERENCES and "src" in inputs
        if fits:
            return
        other = KIWI if self.needs_references else COMET
        raise UsageError(
            f"{self._path}: this checkpoint ({found}) is not one of {self._kind}",
            hint=f"try --metric {other}:{self._name}, or name another checkpoint",
        )


def _find_checkpoint(kind: str, name: str) -> Path:
    path = Path(name)
    if path.is_dir():
        path = path / "checkpoints" / "model.ckpt"
    if path.is_file():
        return path
    if not path.is_absolute() and path.suffix != ".ckpt" and name.count("/") == 1:
        cached = _cached_checkpoint(name)
        if cached is not None:
            return cached
        raise UsageError(
            f"the checkpoint {name!r} is not in the local Hugging Face cache",
            hint=f"first huggingface-cli download {name}, or give --metric {kind}:PATH",
        )
    raise UsageError(
        f"{name}: there is no such checkpoint",
        hint=f"give a file: --metric {kind}:PATH/checkpoints/model.ckpt",
    )


def _cached_checkpoint(name: str) -> Path | None:
    """Find a model of the hub that was downloaded before."""
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(repo_id=name, local_files_only=True)
    # Its errors have changed their classes from version to version.
    except Exception:
        return None
    path = Path(folder) / "checkpoints" / "model.ckpt"
    return path if path.is_file() else None


def _hparams(path: Path) -> Mapping[str, Any]:
    """Read what kind of model a checkpoint is, as unbabel-comet itself does."""
    import yaml

    file = path.parent.parent / "hparams.yaml"
    try:
        value = yaml.safe_load(file.read_text("utf-8"))
    except OSError as error:
        raise UsageError(
            f"{file}: cannot be read: {error.strerror}",
            hint="a checkpoint lies in FOLDER/checkpoints, hparams.yaml in FOLDER",
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: is not YAML", hint="get the checkpoint again") from error
    if not isinstance(value, dict):
        raise UsageError(f"{file}: does not describe a model", hint="get the checkpoint again")
    return value


def _gpus() -> int:
    import torch

    return 1 if torch.cuda.is_available() else 0


@contextlib.contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Keep what lightning and comet say about devices and layers off the user's terminal."""
    import warnings

    names = ("comet", "pytorch_lightning", "lightning", "lightning_fabric", "lightning.pytorch")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
