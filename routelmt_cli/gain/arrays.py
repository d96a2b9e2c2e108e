"""Arrays as bytes and back: an .npz whose every member is checked before it is read.

Named arrays go in, the bytes of an uncompressed ``.npz`` come out, and the other way round. What
always holds: the same arrays give the same bytes (members in the order of their names, no time
stamps); bytes of a stranger run no code (no pickle), unpack to no more than they take up, and
give only numbers of the kinds listed here. What the numbers mean is checked by who reads them.
"""

from __future__ import annotations

import io
import math
import re
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_ARRAYS_BYTES = 64 << 20

_MAX_MEMBERS = 32
_MAGIC = 10
# Only the header that numpy itself writes: its reader evaluates a literal of any depth.
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '(<[fiu][48])', 'fortran_order': False, "
    rb"'shape': \(((?:[0-9]{1,12}, ){0,3}[0-9]{1,12},?)\), \} *\n",
    re.DOTALL,
)
_EPOCH = (1980, 1, 1, 0, 0, 0)


class ArrayError(ValueError):
    """The bytes are no arrays of the plain form that routelmt writes."""


def pack_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Write named arrays.

    Parameters
    ----------
    arrays
        Numbers of 4 or 8 bytes, by names that are identifiers.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            member = io.BytesIO()
            array = np.ascontiguousarray(arrays[name])
            little = array.astype(array.dtype.newbyteorder("<"), copy=False)
            np.lib.format.write_array(member, little, version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            info.external_attr = 0o600 << 16
            archive.writestr(info, member.getvalue())
    return buffer.getvalue()


def unpack_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """Read named arrays of a stranger.

    Parameters
    ----------
    content
        What :func:`pack_arrays` gave.

    Raises
    ------
    ArrayError
        It is larger than 64 MiB, compressed, damaged, or holds anything but plain numbers.
    """
    if len(content) > MAX_ARRAYS_BYTES:
        raise ArrayError("is larger than 64 MiB")
    try:
        return _members(content)
    except ArrayError:
        raise
    # Whatever zipfile makes of damaged offsets, names and flags.
    except (zipfile.BadZipFile, struct.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise ArrayError("is damaged") from error


def _members(content: bytes) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        infos = archive.infolist()
        if len(infos) > _MAX_MEMBERS:
            raise ArrayError("holds too many arrays")
        # Members that overlap could be more than there is.
        if sum(info.file_size for info in infos) > len(content):
            raise ArrayError("holds more than it takes up")
        result = {}
        for info in infos:
            name = info.filename.removesuffix(".npy")
            plain = info.compress_type == zipfile.ZIP_STORED and info.flag_bits & 1 == 0
            if not plain or not name.isidentifier():
                raise ArrayError("holds a member that is no plain array")
            result[name] = _array(archive.read(info))
    if len(result) != len(infos):
        raise ArrayError("holds an array twice")
    return result


def _array(content: bytes) -> NDArray[Any]:
    header = _HEADER.match(content)
    if header is None or int.from_bytes(header[1], "little") != header.end() - _MAGIC:
        raise ArrayError("holds an array that is not of plain numbers")
    kind = np.dtype(header[2].decode("ascii"))
    shape = tuple(int(side) for side in header[3].split(b",") if side.strip())
    data = content[header.end() :]
    if math.prod(shape) * kind.itemsize != len(data):
        raise ArrayError("holds an array of another size than it says")
    return np.frombuffer(data, dtype=kind).reshape(shape)
