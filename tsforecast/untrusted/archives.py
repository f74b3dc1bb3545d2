"""Zip archives: saved networks, and arrays in npz files."""

import io
import math
import stat
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from tsforecast.errors import UserError

MAX_RATIO = 200  # of unpacked to packed bytes; arrays of measured values are packed to a third
SMALL_BYTES = (
    1 << 20
)  # that an archive may unpack to in any case: an array of zeros is packed to a thousandth
MAX_MEMBERS = 10_000
MAX_HEADER = 10_000  # bytes of the header of an array
# Of zipfile, and of NumPy, which parses headers as Python.
FAILURES = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    EOFError,
    OSError,
    NotImplementedError,
    tokenize.TokenError,
    SyntaxError,
    RecursionError,
)
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def check_archive(
    archive: zipfile.ZipFile, packed: int, name: str, allowed: Collection[str] | None = None
) -> None:
    """Refuse an archive that unpacks to far more than it has, or names files elsewhere.

    Args:
        archive: The archive.
        packed: Its bytes.
        name: Name of its file, for the message.
        allowed: Members that it may have; None for any.

    Raises:
        UserError: Saying what is wrong.
    """
    members = archive.infolist()
    names = [member.filename for member in members]
    if len(names) > MAX_MEMBERS or len(set(names)) < len(names):
        raise _damaged(name, f"{len(names):,} members, {len(set(names)):,} of them distinct")
    for member in members:
        parts = member.filename.replace("\\", "/").split("/")
        is_link = stat.S_ISLNK(member.external_attr >> 16)
        if member.filename.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or is_link:
            raise _damaged(name, f"a member outside of it, {member.filename[:80]!r}")
        if allowed is not None and member.filename not in allowed:
            raise _damaged(name, f"an unknown member, {member.filename[:80]!r}")
    unpacked = sum(member.file_size for member in members)
    if unpacked > SMALL_BYTES + MAX_RATIO * packed:
        raise _damaged(name, f"{packed:,} bytes that unpack to {unpacked:,}")


def read_arrays(source: Path | bytes, name: str | None = None) -> dict[str, np.ndarray]:
    """Read the arrays of an npz file; their shapes are compared with their bytes before memory is taken.

    Args:
        source: The file, or its content.
        name: Name for the message; None for that of the file.

    Returns:
        Name -> array.

    Raises:
        UserError: It is not such a file, or an array is not what its header says, or contains Python objects.

    Example:
        >>> file = io.BytesIO()
        >>> np.savez(file, levels=np.array([0.1, 0.9]))
        >>> read_arrays(file.getvalue(), "calibration.npz")
        {'levels': array([0.1, 0.9])}
    """
    with open_arrays(source, name) as arrays:
        return dict(arrays)


@contextmanager
def open_arrays(source: Path | bytes, name: str | None = None) -> Iterator[np.lib.npyio.NpzFile]:
    """Open the arrays of an npz file, which are read one by one; see ``read_arrays``.

    Args:
        source: The file, or its content.
        name: Name for the message; None for that of the file.

    Raises:
        UserError: As ``read_arrays``.
    """
    label = name or str(source)
    content: BinaryIO = io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb")  # noqa: SIM115
    with content:
        packed = content.seek(0, io.SEEK_END)
        try:
            with zipfile.ZipFile(content) as archive:
                check_archive(archive, packed, label)
                for member in archive.infolist():
                    with archive.open(member) as file:
                        _check_array(file, member.file_size, f"{label}: {member.filename}")
            content.seek(0)
            arrays = np.load(content, allow_pickle=False)
        except FAILURES as error:
            raise _damaged(label, str(error).splitlines()[0] if str(error) else "not an npz file") from None
        with arrays:
            yield arrays


def _check_array(file: IO[bytes], size: int, name: str) -> None:
    """Refuse an array whose header does not state the bytes that follow."""
    read_header = HEADERS.get(np.lib.format.read_magic(file))
    if read_header is None:
        raise _damaged(name, "a header of another version")
    shape, _, dtype = read_header(file, max_header_size=MAX_HEADER)
    if dtype.hasobject:
        raise _damaged(name, "Python objects, which are not loaded")
    stated = math.prod(shape) * dtype.itemsize
    if stated != size - file.tell():
        raise _damaged(name, f"{size - file.tell():,} bytes where its shape {shape} states {stated:,}")


def _damaged(name: str, reason: str) -> UserError:
    return UserError(f"{name} is damaged or not safe to load ({reason}): take a file that you trust.")
