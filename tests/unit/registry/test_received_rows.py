"""Rows of the journal continue a series as if the file had them."""

from dataclasses import replace

import numpy as np
import pytest

from tests.helpers.serving_case import make_metadata, make_model, make_rows, make_task
from tsforecast.data.series import Series
from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.journal.database import open_journal
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.registry.received_rows import add_received_rows, append_received_rows
from tsforecast.serving.arrivals import read_body
from tsforecast.serving.row_records import insert_rows
from tsforecast.times.formats import TimeFormat
from tsforecast.times.frequency import Frequency
from tsforecast.times.time_grid import TimeGrid

METADATA = ModelMetadata.from_task(make_task(), make_metadata())
FEATURES = ("load", "pressure", "minute_of_day_sin", "minute_of_day_cos")
TIME, COLUMNS = make_rows(40)


def make_series(count, columns=COLUMNS):
    values = METADATA.rows(TIME[:count], {name: column[:count] for name, column in columns.items()})
    return Series(TIME[:count], values, FEATURES, ("load",), season=1440)


def write_journal(path, rows, metadata=METADATA, times=TIME):
    lines = [f"{times[row]},{COLUMNS['load'][row]},{COLUMNS['pressure'][row]}\n" for row in rows]
    records = read_body(("time,load,pressure\n" + "".join(lines)).encode(), "text/csv", metadata).records
    connection = open_journal(path)
    for sql, values in insert_rows(records, 1, 0, metadata):
        connection.execute(sql, values)
    connection.close()
    return path


def test_later_rows_follow_in_any_order_with_gaps(tmp_path):
    path = write_journal(tmp_path / "journal.db", [18, 19, 20, 25, 22, 21])
    series = append_received_rows(make_series(20), METADATA, path)
    expected = {name: column.copy() for name, column in COLUMNS.items()}
    for column in expected.values():
        column[[23, 24]] = np.nan
    assert series.time.tolist() == TIME[:26].tolist()
    np.testing.assert_array_equal(series.values, make_series(26, expected).values)
    assert series.notes == ("4 rows that the service received follow, up to 2024-01-01T00:25:00.",)
    assert append_received_rows(series, METADATA, path).values.shape == series.values.shape


def test_bins_are_summarized_and_an_incomplete_one_is_left_out(tmp_path):
    grid = TimeGrid.of_bins(Frequency(600))
    recipe = ReadingRecipe(TimeFormat(("time",), "iso"), ("load", "pressure"), grid)
    metadata = replace(METADATA, grid=grid, recipe=recipe)
    path = write_journal(tmp_path / "journal.db", range(10, 35), metadata)
    first = Series(TIME[[0, 10]], make_series(2).values, FEATURES, ("load",), season=144, recipe=recipe)
    series = append_received_rows(first, metadata, path)
    assert series.time[2:].tolist() == TIME[[20, 30]].tolist()
    assert series.values[2:, 0] == pytest.approx(
        [COLUMNS["load"][11:21].mean(), COLUMNS["load"][21:31].mean()]
    )


def test_rows_long_after_the_end_are_refused(tmp_path):
    path = write_journal(tmp_path / "journal.db", [30, 31], times=TIME + np.timedelta64(100, "D"))
    with pytest.raises(
        UserError, match=r"begin long after 2024-01-01T00:19:00.*144,0\d\d steps have only 2 rows"
    ):
        append_received_rows(make_series(20), METADATA, path)


def test_a_missing_journal_is_refused_and_one_without_later_rows_noted(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        append_received_rows(make_series(20), METADATA, tmp_path / "no.db")
    path = write_journal(tmp_path / "journal.db", range(5))
    series = append_received_rows(make_series(20), METADATA, path)
    assert len(series) == 20
    assert series.notes[0].endswith("has no row after 2024-01-01T00:19:00.")


def test_the_rows_are_read_as_the_saved_model_says(tmp_path):
    path = write_journal(tmp_path / "journal.db", range(18, 25))
    make_model().save(tmp_path / "model.keras")
    series = make_series(20)
    assert add_received_rows(series, tmp_path / "model.keras", None) is series
    longer = add_received_rows(series, tmp_path / "model.keras", str(path))
    np.testing.assert_array_equal(longer.values, make_series(25).values)
