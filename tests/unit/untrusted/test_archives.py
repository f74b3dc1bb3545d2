"""Archives that unpack to far more than they have, leave their folder or contain objects are refused unread."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from tsforecast.errors import UserError
from tsforecast.untrusted.archives import check_archive, read_arrays


def npz(**arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def archive(members, compression=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as target:
        for name, content in members:
            target.writestr(name, content)
    return file.getvalue()


def header(shape, descr="'<f8'"):
    """A version 1.0 header of an npy file, and nothing after it."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def pickled():
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    return file.getvalue()


def test_arrays_are_read_as_they_were_written():
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.zeros((300, 400)), "text": np.array("progress")}
    read = read_arrays(npz(**arrays))
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (archive([("a.npy", header((10**13,)))]), r"0 bytes where its shape .* states 80,000,000,000,000"),
        (archive([("a.npy", header((2**40, 2**40)))]), "states"),
        (archive([("a.npy", header((-5,)) + b"12345678")]), "damaged"),
        (archive([("a.npy", pickled())]), "Python objects"),
        (archive([("a.npy", header("(" * 5000))]), "multi-line"),
        (archive([("a.npy", bytes(3 * 10**8))]), "unpack to 300,000,000"),
        (archive([("../a.npy", header(()))]), "a member outside of it"),
        (archive([("/etc/a.npy", header(()))]), "a member outside of it"),
        (archive([("C:\\a.npy", header(()))]), "a member outside of it"),
        (archive([("a.npy", b"no array")]), "magic string"),
        (b"PK\x03\x04 no archive", "not a zip file"),
        (b"", "not a zip file"),
        (npz(a=np.arange(100.0))[:-40], "zip"),
    ],
)
def test_hostile_arrays_are_refused_without_taking_memory(content, words):
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=rf"^x\.npz.* is damaged or not safe to load \(.*{words}"):
            read_arrays(content, "x.npz")
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_a_link_a_repeated_and_an_unknown_member_are_refused():
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with pytest.warns(UserWarning, match="Duplicate name"):
        repeated = archive([("a", b""), ("a", b"")])
    for content, words in (
        (archive([(link, b"/etc/passwd")]), "outside of it"),
        (repeated, "2 members, 1 of them distinct"),
        (archive([("b", b"")]), "an unknown member, 'b'"),
    ):
        with zipfile.ZipFile(io.BytesIO(content)) as opened, pytest.raises(UserError, match=words):
            check_archive(opened, len(content), "model.keras", allowed=("a", "link"))
