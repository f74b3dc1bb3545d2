"""Columns of numbers as one array, filled by all cores, block by block so that a block stays in a core's cache."""

import itertools
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa

from tsforecast.columns.arrow import floats

BLOCK_ROWS = 8192


def to_matrix(columns: Mapping[str, pa.ChunkedArray], names: Sequence[str], rows: int) -> np.ndarray:
    """Return columns as float64 ``[rows, C]``, NaN where they are null.

    Example:
        >>> to_matrix({"a": pa.chunked_array([[1.0], [2.0]]), "b": pa.chunked_array([[None, 4.0]])}, "ab", 2).tolist()
        [[1.0, nan], [2.0, 4.0]]
    """
    matrix = np.empty((rows, len(names)))
    chunks = [columns[name].chunks for name in names]
    lengths = [[len(chunk) for chunk in chunked] for chunked in chunks]
    if not names or any(length != lengths[0] for length in lengths[1:]):
        for index, name in enumerate(names):
            matrix[:, index] = floats(columns[name])
        return matrix
    starts = itertools.accumulate(lengths[0], initial=0)
    parts = [matrix[start : start + count] for start, count in zip(starts, lengths[0], strict=False)]
    with ThreadPoolExecutor(pa.cpu_count()) as pool:  # copies do not hold the interpreter's lock
        list(pool.map(_fill, parts, zip(*chunks, strict=True)))
    return matrix


def _fill(part: np.ndarray, pieces: Sequence[pa.Array]) -> None:
    """Fill rows of the matrix with one chunk of each column."""
    views = [_view(piece) for piece in pieces]
    for first in range(0, len(part), BLOCK_ROWS):
        block = part[first : first + BLOCK_ROWS]
        for index, view in enumerate(views):
            block[:, index] = view[first : first + len(block)]


def _view(chunk: pa.Array) -> np.ndarray:
    """Return the numbers of a chunk without copying them, as far as it has no nulls."""
    if chunk.null_count or not pa.types.is_float64(chunk.type):
        return floats(pa.chunked_array([chunk]))
    view: np.ndarray = np.frombuffer(chunk.buffers()[1], np.float64)[chunk.offset : chunk.offset + len(chunk)]
    return view
