"""Read a GGUF file into metadata and tensors, and write them again, byte for byte where unchanged.

In: a path. Out: a ``GgufFile`` whose values and tensors may be replaced one by one. Through the
package ``gguf``, which the extra ``prune`` brings. Texts stay bytes and quantised tensors stay
blocks: nothing is decoded or quantised here. What the entries mean is not known here.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from routelmt_cli.errors import UsageError

ARCHITECTURE, _ALIGNMENT = "general.architecture", "general.alignment"
_OF_THE_READER = "GGUF."  # counts and version, which the package lists among the metadata
_STRING, _ARRAY = 8, 9


@dataclass(frozen=True)
class Value:
    """A metadata value.

    Attributes
    ----------
    kind
        The number of its type; of an array that of its items.
    value
        A number, a truth value, or bytes for a text; of an array a list of them.
    """

    kind: int
    value: Any

    @property
    def text(self) -> str:
        """The value as text; odd bytes survive ``encode``."""
        return decode(self.value) if isinstance(self.value, bytes) else str(self.value)


@dataclass(frozen=True)
class Tensor:
    """A tensor.

    Attributes
    ----------
    name
        Its name.
    kind
        The number of its (quantisation) type.
    rows
        Its data, the slowest dimension first: numbers, or uint8 of shape (..., bytes a row) where
        it is quantised, so that a row is a row either way.
    dimensions
        How many numbers there are in each direction, the slowest first.
    """

    name: str
    kind: int
    rows: npt.NDArray[Any]
    dimensions: tuple[int, ...]


@dataclass(frozen=True)
class GgufFile:
    """What a GGUF file holds, in its order."""

    metadata: Mapping[str, Value]
    tensors: Sequence[Tensor]

    def text(self, key: str) -> str | None:
        """Return a text of the metadata, or None."""
        found = self.metadata.get(key)
        return None if found is None else found.text


def decode(data: bytes) -> str:
    """Decode text; what is no UTF-8 comes out of ``encode`` as it went in."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Undo ``decode``."""
    return text.encode("utf-8", "surrogateescape")


def require_gguf() -> None:
    """Refuse to go on without the package ``gguf``.

    Raises
    ------
    UsageError
        Naming the extra that brings it.
    """
    if importlib.util.find_spec("gguf") is None:
        raise UsageError(
            "pruning a model needs the package gguf, which is not installed",
            hint="pip install 'routelmt[prune]'",
        )


def read_gguf(path: Path) -> GgufFile:
    """Read a GGUF file; tensors are views of a memory map.

    Parameters
    ----------
    path
        A file of one part.

    Raises
    ------
    UsageError
        Where the package is missing, or cannot read the file.
    """
    require_gguf()
    try:
        reader = _reader(path)
        if reader.byte_order != "I" or sys.byteorder != "little":
            raise UsageError(f"{path}: only little-endian GGUF files can be pruned")
        metadata = {
            name: _value(path, name, field)
            for name, field in reader.fields.items()
            if not name.startswith(_OF_THE_READER) and not _is_empty_array(field)
        }
        tensors = [
            Tensor(
                one.name,
                int(one.tensor_type),
                np.asarray(one.data),
                tuple(reversed([int(size) for size in one.shape])),
            )
            for one in reader.tensors
        ]
    except (ValueError, IndexError, KeyError, OverflowError) as error:
        raise UsageError(f"{path}: the package gguf cannot read this file: {error}") from error
    return GgufFile(metadata, tensors)


def write_gguf(path: Path, file: GgufFile) -> None:
    """Write a GGUF file.

    Parameters
    ----------
    path
        Replaced where it exists.
    file
        What to write; must have an architecture.

    Raises
    ------
    OSError
        Where the disk refuses.
    """
    package = importlib.import_module("gguf")
    kinds, types = package.GGUFValueType, package.GGMLQuantizationType
    writer = package.GGUFWriter(path, file.metadata[ARCHITECTURE].text)
    try:
        for name, entry in file.metadata.items():
            if name == _ALIGNMENT:
                writer.add_custom_alignment(entry.value)
            elif isinstance(entry.value, list):
                writer.add_key_value(name, entry.value, kinds.ARRAY, sub_type=kinds(entry.kind))
            elif name != ARCHITECTURE:  # the writer has it
                writer.add_key_value(name, entry.value, kinds(entry.kind))
        for tensor in file.tensors:
            writer.add_tensor(tensor.name, tensor.rows, raw_dtype=types(tensor.kind))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _reader(path: Path) -> Any:
    package = importlib.import_module("gguf")

    class Reader(package.GGUFReader):  # type: ignore[misc, name-defined]
        """The package's, but a third of the time: a view of a memory map takes long to make."""

        data: Any

        def _get(self, *arguments: Any, **options: Any) -> Any:
            self.data = np.asarray(self.data)
            return super()._get(*arguments, **options)

    return Reader(path)


def _is_empty_array(field: Any) -> bool:
    """Say whether an array has no items: then the package knows no type of them to write."""
    return [int(kind) for kind in field.types] == [_ARRAY]


def _value(path: Path, name: str, field: Any) -> Value:
    first, *inner = map(int, field.types)
    parts = [field.parts[index] for index in field.data]
    if len(inner) > 1:
        raise UsageError(f"{path}: '{name}' is an array of arrays, which cannot be written again")
    kind = inner[0] if inner else first
    items = [
        part.tobytes() if kind == _STRING else part.tolist()[0]
        for part in (parts if first == _ARRAY else parts[-1:])
    ]
    return Value(kind, items if first == _ARRAY else items[0])
