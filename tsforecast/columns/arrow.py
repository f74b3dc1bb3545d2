"""Arrow columns to NumPy arrays without pandas, which Arrow's own conversion imports: that takes seconds."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def floats(column: pa.ChunkedArray, dtype: type = np.float64) -> np.ndarray:
    """Return a numeric column as ``[N]`` of ``dtype`` (float32 or float64), NaN where it is null."""
    array = _combine(column.cast(pa.from_numpy_dtype(dtype)))
    out: np.ndarray = _buffer(array, dtype).copy()
    if array.null_count:
        out[nulls(array)] = np.nan
    return out


def floats_view(column: pa.ChunkedArray) -> np.ndarray:
    """Return a float64 column as ``[N]``, NaN where it is null; it is not for writing."""
    if column.null_count:
        return floats(column)
    return _buffer(_combine(column), np.float64)


def nanoseconds(column: pa.ChunkedArray) -> np.ndarray:
    """Return a timestamp column as ``[N]`` datetime64[ns], NaT where it is null."""
    array = _combine(column.cast(pa.timestamp("ns", column.type.tz)))
    out: np.ndarray = _buffer(array, np.int64).view("datetime64[ns]").copy()
    if array.null_count:
        out[nulls(array)] = np.datetime64("NaT")
    return out


def nulls(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Return ``[N]`` bool, True where the column is null."""
    return _buffer(_combine(pc.is_null(column).cast(pa.int8())), np.int8).astype(bool)


def _combine(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _buffer(array: pa.Array, dtype: type) -> np.ndarray:
    if len(array) == 0:
        return np.empty(0, dtype)
    return np.frombuffer(array.buffers()[1], dtype)[array.offset : array.offset + len(array)]
