"""Whatever dialect and layout a table is written in, it is read back value by value, in training and in prediction."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.helpers.example_counts import profile
from tests.helpers.predict_rows import metadata_of, read_as_prediction
from tests.helpers.table_cases import dialects, expected_rows, fits_encoding, make_table, shapes, write_table
from tsforecast.data.sources.csv import load
from tsforecast.tables import csv_table

# At night: ROUND_TRIPS=5000 .venv/bin/python -m pytest tests/unit/test_round_trip.py
PROFILE = profile("ROUND_TRIPS", 100)


def assert_equal_rows(rows, expected, features):
    """Compare {time: values} with expected rows, and see that times between them have no value."""
    for time, values in expected.items():
        for name, value in values.items():
            read = rows[time][features.index(name)]
            assert (np.isnan(read) and value is None) or np.isclose(read, value, rtol=1e-14, atol=0), (
                f"{name} at {time}: {read} instead of {value}"
            )
    known = [features.index(name) for name in next(iter(expected.values()))]
    for time in rows.keys() - expected.keys():
        assert np.isnan(rows[time][known]).all(), f"a value at {time}, where there is none"


def series_rows(series):
    return dict(zip(series.time, series.values, strict=True))


@PROFILE
@given(shapes(), dialects, st.integers(0, 2**32))
def test_tables_are_read_back_as_they_were_written(shape, dialect, seed):
    assume(fits_encoding(shape, dialect))
    table = make_table(shape, dialect, seed)
    with tempfile.TemporaryDirectory() as folder:
        path = write_table(table, dialect, Path(folder) / f"table.csv{dialect.compression}")
        series = load(str(path), **table.load)
        expected = expected_rows(table, shape)
        if any("equally well" in note for note in series.notes):
            assert shape.layout.doubtful
            return
        assert (series.step if isinstance(shape.step, int) else str(series.grid.step)) == shape.step
        assert_equal_rows(series_rows(series), expected, series.features)
        assert (series.time[0], series.time[-1]) == (min(expected), max(expected))
        assert_noted(series, shape, expected, table)
        metadata = metadata_of(series)
        block = csv_table.BLOCK_BYTES
        try:
            csv_table.BLOCK_BYTES = 700
            assert_equal_rows(read_as_prediction(path, metadata), expected, metadata.targets)
            for later, rows in ((200, None), (300, 4)):
                new = make_table(shape, dialect, seed, later, rows)
                path = write_table(new, dialect, Path(folder) / f"new{later}.csv{dialect.compression}")
                if metadata.recipe.ordered and not is_rising(new):
                    continue  # refused unless the rows are in one piece
                read = read_as_prediction(path, metadata)
                assert_equal_rows(read, expected_rows(new, shape), metadata.targets)
        finally:
            csv_table.BLOCK_BYTES = block


def is_rising(table):
    return (np.diff(table.times[table.selected]) >= np.timedelta64(0)).all()


def assert_noted(series, shape, expected, table):
    """What reading changed is said."""
    notes = " ".join(series.notes)
    if not is_rising(table):
        assert "not in order" in notes
    if len(series) > len(expected):
        assert "were missing" in notes
    if sum(table.selected) > len(expected):
        assert "shared their step" in notes
