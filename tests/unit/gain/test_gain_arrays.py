"""Arrays come back as they were written; a stranger's bytes give arrays or one kind of error."""

from __future__ import annotations

import io
import struct
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routelmt_cli.gain.arrays import MAX_ARRAYS_BYTES, ArrayError, pack_arrays, unpack_arrays

KINDS = ["<f4", "<f8", "<i4", "<i8", "<u4", "<u8"]
ARRAYS = {
    "centre": np.array([0.5, -1, np.nan, np.inf], np.float32),
    "pairs": np.arange(12, dtype=np.int64).reshape(3, 4),
    "empty": np.zeros((0, 7), np.uint32),
}
PACKED = pack_arrays(ARRAYS)


def archive(members, kind=zipfile.ZIP_STORED):
    """Write a zip as a stranger would."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", kind) as file:
        warnings.simplefilter("ignore")
        for name, content in members:
            file.writestr(name, content)
    return buffer.getvalue()


def member(header, data=b"", version=b"\x01\x00"):
    """Write an .npy with any header."""
    text = header.encode("latin-1")
    text += b" " * (63 - (10 + len(text)) % 64) + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + data


def described(kind="<f4", shape="(2,)", order="False"):
    return f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}"


def plain(array):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array), allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(0,), (1,), (5,), (2, 3), (2, 0, 3), (1, 2, 3, 4)])
def test_every_kind_comes_back(kind, shape):
    array = np.arange(np.prod(shape)).astype(kind).reshape(shape)
    found = unpack_arrays(pack_arrays({"a": array}))["a"]
    assert found.dtype == np.dtype(kind)
    assert found.shape == shape
    np.testing.assert_array_equal(found, array)


def test_special_numbers_and_layouts_come_back():
    found = unpack_arrays(PACKED)
    assert set(found) == set(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
    fortran = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    big_endian = np.arange(3, dtype=">i4")
    found = unpack_arrays(pack_arrays({"a": fortran, "b": big_endian, "c": fortran[:, ::2]}))
    np.testing.assert_array_equal(found["a"], fortran)
    np.testing.assert_array_equal(found["b"], [0, 1, 2])
    np.testing.assert_array_equal(found["c"], fortran[:, ::2])
    assert found["b"].dtype == np.dtype("<i4")


def test_the_same_arrays_give_the_same_bytes():
    turned = dict(reversed(list(ARRAYS.items())))
    assert pack_arrays(turned) == PACKED
    assert pack_arrays(unpack_arrays(PACKED)) == PACKED


def test_a_pickle_is_never_loaded():
    class Boom:
        def __reduce__(self):
            return (pytest.fail, ("code ran",))

    array = np.array([Boom()], dtype=object)
    with pytest.raises(ArrayError, match="not of plain numbers"):
        unpack_arrays(archive([("a.npy", plain(array))]))


def test_compressed_members_are_refused():
    bomb = archive([("a.npy", plain(np.zeros(1 << 20)))], zipfile.ZIP_DEFLATED)
    assert len(bomb) < 1 << 15
    with pytest.raises(ArrayError):
        unpack_arrays(bomb)


@pytest.mark.parametrize(
    "name", ["../a.npy", "/etc/a.npy", "a/b.npy", "a b.npy", ".npy", "a.npy.npy", "0.npy", "a\\b"]
)
def test_names_that_are_paths_are_refused(name):
    with pytest.raises(ArrayError, match="no plain array"):
        unpack_arrays(archive([(name, plain([1.0]))]))


def test_a_name_twice_is_refused():
    with pytest.raises(ArrayError, match="twice"):
        unpack_arrays(archive([("a.npy", plain([1.0])), ("a.npy", plain([2.0]))]))
    with pytest.raises(ArrayError, match="twice"):
        unpack_arrays(archive([("a.npy", plain([1.0])), ("a", plain([2.0]))]))


def test_too_many_arrays_are_refused():
    with pytest.raises(ArrayError, match="too many"):
        unpack_arrays(archive([(f"a{number}.npy", plain([1.0])) for number in range(33)]))


def test_too_many_bytes_are_refused():
    with pytest.raises(ArrayError, match="larger than 64 MiB"):
        unpack_arrays(bytes(MAX_ARRAYS_BYTES + 1))


HEADERS = {
    "python objects": described("|O"),
    "texts": described("<U4"),
    "bytes": described("|S4"),
    "halves": described("<f2"),
    "booleans": described("|b1"),
    "complex": described("<c8"),
    "big-endian": described(">f4"),
    "fields": "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }",
    "columns first": described(order="True"),
    "less than there is": described(shape="(1,)"),
    "more than there is": described(shape="(3,)"),
    "a negative size": described(shape="(-2,)"),
    "a size that is no number": described(shape="(True, 2)"),
    "no shape": described(shape="()"),
    "shape of a wrong type": described(shape="[2]"),
    "many sides": described(shape="(" + "1, " * 70 + ")"),
    "huge": described(shape="(1000000000000,)"),
    "huge and empty": described(shape="(0, 999999999999, 999999999999, 999999999999)"),
    "beyond any integer": described(shape=f"({10**40},)"),
    "beyond any integer and empty": described(shape=f"(0, {10**40})"),
    "keys of two types": "{1: 2, 'fortran_order': False, 'shape': (2,), }",
    "a key that is none": "{[]: 1}",
    "code": "__import__('os').abort()",
    "deep": "-" * 3000 + "1",
    "brackets": "(" * 1500 + ")" * 1500,
    "nothing": "",
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_of_any_other_form_are_refused(name):
    tracemalloc.start()
    try:
        with pytest.raises(ArrayError):
            unpack_arrays(archive([("a.npy", member(HEADERS[name], bytes(8)))]))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_header_that_lies_about_its_own_length_is_refused():
    good = member(described(), bytes(8))
    assert unpack_arrays(archive([("a.npy", good)]))["a"].tolist() == [0, 0]
    (true,) = struct.unpack("<H", good[8:10])
    for length in (0, 1, true - 1, true + 1, 65535):
        broken = good[:8] + struct.pack("<H", length) + good[10:]
        with pytest.raises(ArrayError):
            unpack_arrays(archive([("a.npy", broken)]))
    for version in (b"\x02\x00", b"\x03\x00", b"\x00\x00"):
        with pytest.raises(ArrayError):
            unpack_arrays(archive([("a.npy", member(described(), bytes(8), version))]))
    for cut in range(len(good)):
        with pytest.raises(ArrayError):
            unpack_arrays(archive([("a.npy", good[:cut])]))


def test_members_that_overlap_are_refused():
    """Many entries of the directory that all point at one large member."""
    whole = archive([("a.npy", plain(np.zeros(1 << 14)))])
    start = whole.index(b"PK\x01\x02")
    end = whole.index(b"PK\x05\x06")
    entry = whole[start:end]
    entries = [entry.replace(b"a.npy", b"%c.npy" % letter) for letter in b"abcdefgh"]
    directory = b"".join(entries)
    tail = bytearray(whole[end:])
    struct.pack_into("<HHI", tail, 8, len(entries), len(entries), len(directory))
    overlapping = whole[:start] + directory + bytes(tail)
    assert len(zipfile.ZipFile(io.BytesIO(overlapping)).namelist()) == 8
    with pytest.raises(ArrayError, match="more than it takes up"):
        unpack_arrays(overlapping)


def arrays_or_error(content):
    try:
        found = unpack_arrays(content)
    except ArrayError as error:
        assert "\n" not in str(error)
        return
    for array in found.values():
        assert array.dtype.str in KINDS
        assert array.nbytes <= len(content)


def test_any_cut_and_any_flipped_byte_gives_arrays_or_the_one_error():
    for at in range(len(PACKED)):
        arrays_or_error(PACKED[:at])
        arrays_or_error(PACKED[at:])
        for value in (PACKED[at] ^ 0xFF, PACKED[at] ^ 1, PACKED[at] ^ 0x80):
            arrays_or_error(PACKED[:at] + bytes([value]) + PACKED[at + 1 :])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(PACKED) - 1), st.binary(max_size=6), st.integers(0, 6)),
        min_size=1,
        max_size=6,
    )
)
def test_any_edits_give_arrays_or_the_one_error(edits):
    content = PACKED
    for at, inserted, removed in edits:
        content = content[:at] + inserted + content[at + removed :]
    arrays_or_error(content)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=120), st.binary(max_size=40))
def test_any_header_gives_arrays_or_the_one_error(header, data):
    content = header.encode("utf-8", "surrogatepass").decode("latin-1")
    arrays_or_error(archive([("a.npy", member(content, data))]))
