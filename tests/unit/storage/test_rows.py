"""Rows in mapped files: written in pieces, read as arrays, shared with TensorFlow, and given back."""

import gc

import numpy as np
import pytest

from tsforecast.storage import pages
from tsforecast.storage.rows import RowFile, chunks, is_mapped, map_rows, shareable


@pytest.fixture
def mapped(tmp_path):
    values = np.arange(30_000, dtype=np.float32).reshape(-1, 3)
    with RowFile(tmp_path / "rows", np.float32) as file:
        for rows in chunks(0, len(values), 777):
            file.append(values[rows].astype(np.float64))
    assert file.rows == len(values)
    return values, map_rows(tmp_path / "rows", np.float32, (3,), random=True)


def test_rows_come_back_as_they_were_written_and_cannot_be_changed(mapped):
    values, rows = mapped
    np.testing.assert_array_equal(rows, values)
    assert is_mapped(rows)
    assert is_mapped(rows[10:20])
    assert not is_mapped(values)
    with pytest.raises(ValueError, match="read-only"):
        rows[0] = 1


def test_a_framework_shares_the_memory_of_a_mapped_array_alone(mapped):
    values, rows = mapped
    shared = shareable(rows)
    address = rows.ctypes.data
    del rows
    gc.collect()  # the array that is shared keeps the file mapped
    assert shared.ctypes.data == address
    np.testing.assert_array_equal(shared, values)
    assert shareable(values) is None
    assert shareable(values[:, 0]) is None


def test_pages_are_given_back_and_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "MAX_BYTES", 16 << 20)
    with RowFile(tmp_path / "rows", np.float32) as file:
        for _ in range(64):
            file.append(np.ones((1 << 18, 1)))
    before = pages.mapped_bytes()
    rows = map_rows(tmp_path / "rows", np.float32, (1,))
    for _ in range(20):
        assert float(rows.sum()) == len(rows)
        pages.release_pages()
        assert pages.mapped_bytes() - before < 16 << 20
