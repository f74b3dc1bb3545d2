"""Arrays of rows in files: written in pieces and mapped into memory."""

import ctypes
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import DTypeLike

from tsforecast.storage.pages import advise_random, map_file, trim

CHUNK_ROWS = 65_536  # rows that are worked on at once
ALIGNMENT = 64  # bytes that frameworks ask of the address of an array that they share


class RowFile:
    """A file to which rows are appended.

    Args:
        path: File to write.
        dtype: Type of its numbers.

    Attributes:
        rows: Number of rows written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "rows"
        >>> with RowFile(path, np.float32) as file:
        ...     file.append(np.ones((2, 3)))
        >>> map_rows(path, np.float32, (3,)).shape
        (2, 3)
    """

    def __init__(self, path: Path, dtype: DTypeLike):
        self.path, self.dtype, self.rows = path, np.dtype(dtype), 0

    def __enter__(self) -> "RowFile":
        self._file = open(self.path, "wb", buffering=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, rows: np.ndarray) -> None:
        """Append rows ``[n, ...]``."""
        rows = np.ascontiguousarray(rows, self.dtype)
        content = memoryview(rows.view(np.uint8).reshape(-1).data) if rows.size else memoryview(b"")
        while content:
            content = content[self._file.write(content) :]
        self.rows += len(rows)


def map_rows(path: Path, dtype: DTypeLike, shape: tuple[int, ...] = (), random: bool = False) -> np.ndarray:
    """Return the rows of a file ``[N, *shape]``, read as they are used; they cannot be written.

    Args:
        path: File that ``RowFile`` wrote, with at least one row.
        dtype: Type of its numbers.
        shape: Shape of a row.
        random: Whether rows are read at random.
    """
    mapped = map_file(path)
    if random:
        advise_random(mapped)
    return np.frombuffer(mapped, dtype).reshape(-1, *shape)


def is_mapped(array: np.ndarray) -> bool:
    """Return whether an array is in a mapped file."""
    return not array.flags.owndata and not array.flags.writeable and array.size > 0


def chunks(start: int, stop: int, size: int = CHUNK_ROWS) -> Iterator[slice]:
    """Yield slices that cover the rows from ``start`` to ``stop``; between them, pages of mapped files are given back.

    Example:
        >>> list(chunks(0, 5, 3))
        [slice(0, 3, None), slice(3, 5, None)]
    """
    for first in range(start, stop, size):
        yield slice(first, min(first + size, stop))
        trim()


def shareable(array: np.ndarray) -> np.ndarray | None:
    """Return a mapped array in the form that a framework can share, or None if it has to be copied.

    Frameworks take writable arrays only; nobody writes to this one, which would end the process.
    """
    if not is_mapped(array) or not array.flags.c_contiguous or array.ctypes.data % ALIGNMENT:
        return None
    numbers = (ctypes.c_uint8 * array.nbytes).from_address(array.ctypes.data)
    numbers.mapped = array  # type: ignore[attr-defined]  # the file stays mapped as long as these numbers are used
    shared: np.ndarray = np.frombuffer(memoryview(numbers), array.dtype).reshape(array.shape)
    return shared
