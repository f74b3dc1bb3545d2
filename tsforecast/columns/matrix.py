"""Columns of numbers as one array, filled block by block so that each block stays in the processor's cache."""

from collections.abc import Mapping, Sequence

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
    if any(length != lengths[0] for length in lengths[1:]):
        for index, name in enumerate(names):
            matrix[:, index] = floats(columns[name])
        return matrix
    start = 0
    for pieces in zip(*chunks, strict=True):
        views = [_view(piece) for piece in pieces]
        for first in range(0, len(pieces[0]), BLOCK_ROWS):
            block = matrix[start + first : start + min(first + BLOCK_ROWS, len(pieces[0]))]
            for index, view in enumerate(views):
                block[:, index] = view[first : first + len(block)]
        start += len(pieces[0])
    return matrix


def _view(chunk: pa.Array) -> np.ndarray:
    """Return the numbers of a chunk without copying them, as far as it has no nulls."""
    if chunk.null_count or not pa.types.is_float64(chunk.type):
        return floats(pa.chunked_array([chunk]))
    view: np.ndarray = np.frombuffer(chunk.buffers()[1], np.float64)[chunk.offset : chunk.offset + len(chunk)]
    return view
