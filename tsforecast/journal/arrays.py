"""Named arrays as bytes, to the last bit; much faster than an npz file for small arrays."""

import json
from collections.abc import Mapping

import numpy as np


def pack_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return arrays of numbers or booleans as bytes.

    Args:
        arrays: Name -> array of any shape.

    Example:
        >>> unpack_arrays(pack_arrays({"a": np.array([[1.5, np.nan]])}))
        {'a': array([[1.5, nan]])}
    """
    header = json.dumps(
        {name: (array.dtype.str, array.shape) for name, array in arrays.items()}, separators=(",", ":")
    )
    return header.encode() + b"\n" + b"".join(np.ascontiguousarray(array).data for array in arrays.values())


def unpack_arrays(content: bytes) -> dict[str, np.ndarray]:
    """Return the arrays that ``pack_arrays`` packed."""
    end = content.index(b"\n")
    arrays, offset = {}, end + 1
    for name, (dtype, shape) in json.loads(content[:end]).items():
        count = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(content, np.dtype(dtype), count, offset)
        arrays[name] = array.reshape(shape)
        offset += array.nbytes
    return arrays
