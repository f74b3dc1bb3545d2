"""Columns that number the rows."""

import pyarrow as pa
import pytest

from tsforecast.columns.counters import counts_rows, is_filler


def column(values):
    return pa.chunked_array([pa.array(values, pa.float64())])


@pytest.mark.parametrize(
    "values",
    [range(100), range(1, 101), range(1000, 1100), range(5000, 4900, -1), [*range(60), *range(64, 104)]],
    ids=["from 0", "from 1", "from 1000", "backwards", "with a gap"],
)
def test_the_number_of_the_row_is_found_from_any_start(values):
    assert counts_rows(column(list(values)))


@pytest.mark.parametrize(
    "values",
    [
        range(19),
        range(0, 200, 2),
        [0.5 + i for i in range(100)],
        [i % 24 for i in range(100)],
        [*range(50), None, *range(51, 100)],
        [i + i // 5 for i in range(100)],
        [*range(99), 50],
    ],
    ids=["few", "steps of 2", "fractions", "hours", "missing", "many gaps", "back"],
)
def test_other_numbers_are_not(values):
    assert not counts_rows(column(list(values)))


def test_a_nameless_column_is_a_filler_if_it_rises_or_is_empty():
    assert is_filler(column([None] * 5))
    assert is_filler(column([3, 7, 20]))
    assert not is_filler(column([3.5, 7, 20]))
