"""Arrays as bytes."""

import numpy as np

from tsforecast.journal.arrays import pack_arrays, unpack_arrays


def test_arrays_come_back_to_the_last_bit():
    arrays = {
        "values": np.array([[1 / 3, np.nan, -0.0]]),
        "half": np.array([0.1], np.float32),
        "times": np.array([2**62]),
        "alarm": np.array([[True], [False]]),
        "empty": np.zeros((0, 3)),
        "turned": np.arange(6.0).reshape(2, 3).T,
    }
    again = unpack_arrays(pack_arrays(arrays))
    assert list(again) == list(arrays)
    for name, array in arrays.items():
        assert again[name].dtype == array.dtype
        np.testing.assert_array_equal(again[name], array)
        assert again[name].tobytes() == np.ascontiguousarray(array).tobytes()
