"""Columns as one array, whatever their chunks."""

import numpy as np
import pyarrow as pa
import pytest

from tsforecast.columns import matrix
from tsforecast.columns.matrix import to_matrix


@pytest.mark.parametrize("cuts", [((40, 90), (40, 90)), ((40,), (30, 80)), ((), ())])
@pytest.mark.parametrize("offset", [0, 7])
def test_every_value_is_in_its_row_and_column(monkeypatch, cuts, offset):
    monkeypatch.setattr(matrix, "BLOCK_ROWS", 16)
    numbers = np.random.default_rng(0).standard_normal((100, 2))
    numbers[::9, 1] = np.nan
    columns = {
        name: pa.chunked_array(
            [pa.array(part, from_pandas=True) for part in np.split(numbers[:, i], cuts[i])]
        )
        for i, name in enumerate("ab")
    }
    columns = {name: column.slice(offset) for name, column in columns.items()}
    np.testing.assert_array_equal(to_matrix(columns, "ba", 100 - offset), numbers[offset:, ::-1])


def test_whole_numbers_become_floats():
    columns = {"a": pa.chunked_array([[1, 2]]), "b": pa.chunked_array([[None, 2.5]])}
    np.testing.assert_array_equal(to_matrix(columns, ("a", "b"), 2), [[1, np.nan], [2, 2.5]])
