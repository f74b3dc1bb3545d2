"""Rows of the journal continue each of many series as if the file had them."""

import dataclasses

import numpy as np
import pytest

from tests.helpers.serving_case import make_panel_metadata, make_rows
from tsforecast.columns.categories import FIRST, UNKNOWN
from tsforecast.data.series import Series
from tsforecast.feeds.records import clock_name
from tsforecast.journal.database import open_journal
from tsforecast.panels.panel import Panel
from tsforecast.registry.received_rows import append_received_rows
from tsforecast.serving.arrivals import read_body
from tsforecast.serving.row_records import insert_rows

METADATA = make_panel_metadata()
FEATURES = ("load", "pressure", "minute_of_day_sin", "minute_of_day_cos")
TIME, COLUMNS = make_rows(60)
FACTOR = {"north": 1.0, "south": 100.0, "new": 7.0}


def values_of(name, rows):
    columns = {"load": FACTOR[name] * COLUMNS["load"], "pressure": COLUMNS["pressure"]}
    return METADATA.rows(TIME[rows], {key: column[rows] for key, column in columns.items()})


def make_series(north=20, south=25):
    parts = [values_of("north", slice(0, north)), values_of("south", slice(5, south))]
    times = np.concatenate([TIME[:north], TIME[5:south]])
    panel = Panel(("north", "south"), np.array([0, north, north + south - 5]))
    return Series(times, np.concatenate(parts), FEATURES, ("load",), season=1440, panel=panel)


def write_journal(path, rows, metadata=METADATA, times=TIME):
    lines = "".join(
        f"{name},{times[row]},{FACTOR[name] * COLUMNS['load'][row]},{COLUMNS['pressure'][row]}\n"
        for name, row in rows
    )
    records = read_body(f"series,time,load,pressure\n{lines}".encode(), "text/csv", metadata).records
    connection = open_journal(path)
    for sql, values in insert_rows(records, 1, 0, metadata):
        connection.execute(sql, values)
    connection.close()
    return path


def test_each_series_is_followed_by_its_own_later_rows(tmp_path):
    rows = [("south", row) for row in (24, 25, 26)] + [("north", row) for row in (22, 21, 20, 18)]
    series = append_received_rows(make_series(), METADATA, write_journal(tmp_path / "journal.db", rows))
    expected = make_series(23, 27)
    np.testing.assert_array_equal(series.values, expected.values)
    np.testing.assert_array_equal(series.time, expected.time)
    assert series.panel.ids == ("north", "south")
    assert series.panel.bounds.tolist() == expected.panel.bounds.tolist()
    assert series.notes == (
        "5 rows of 2 series that the service received follow, up to 2024-01-01T00:26:00.",
    )


def test_steps_without_a_row_are_missing_and_a_new_series_comes_last(tmp_path):
    rows = [("north", 20), ("north", 23), *(("new", row) for row in range(30, 40))]
    series = append_received_rows(make_series(), METADATA, write_journal(tmp_path / "journal.db", rows))
    assert series.panel.ids == ("north", "south", "new")
    assert series.panel.lengths.tolist() == [24, 20, 10]
    assert np.isnan(series.values[21:23, :2]).all()
    np.testing.assert_array_equal(series.values[-10:], values_of("new", slice(30, 40)))
    assert series.notes[-1] == "1 of these series are new: 'new'."


def test_rows_long_after_the_end_of_a_series_are_left_out_by_name(tmp_path):
    late = TIME.copy()
    late[30:] += np.timedelta64(100, "D")
    path = write_journal(tmp_path / "journal.db", [("south", 25), ("north", 31)], times=late)
    series = append_received_rows(make_series(), METADATA, path)
    assert series.panel.lengths.tolist() == [20, 21]
    assert series.notes[0].startswith("The rows of 1 series in")
    assert series.notes[0].endswith("begin long after their end, and are left out ('north').")


def test_a_journal_without_later_rows_is_noted(tmp_path):
    path = write_journal(tmp_path / "journal.db", [("north", 3)])
    series = append_received_rows(make_series(), METADATA, path)
    assert len(series) == 40
    assert series.notes[0].endswith("has no later row of any series.")


def test_the_code_of_a_series_and_its_static_values_follow(tmp_path):
    panel = {"has_clock": True, "static": ["pressure"], "name": "id"}
    recipe = dataclasses.replace(make_recipe(), categories={"id": ("north", "south")})
    metadata = dataclasses.replace(
        make_panel_metadata(channels=["load", "pressure", "id"], panel=panel), recipe=recipe
    )
    assert clock_name(metadata) == clock_name(METADATA)
    base = make_series()
    values = base.values[:, :3].copy()
    values[:20, 1:], values[20:, 1:] = (5.0, FIRST), (6.0, FIRST + 1)
    series = dataclasses.replace(
        base,
        values=values,
        features=("load", "pressure", "id"),
        panel=dataclasses.replace(base.panel, static=("pressure",), name="id"),
    )
    connection = open_journal(tmp_path / "journal.db")
    contents = {"north": '{"load":2.5}', "new": '{"load":9.0,"pressure":8.0}'}
    for number, (name, content) in enumerate(contents.items(), start=1):
        time = int(TIME[20].astype("datetime64[ns]").astype(np.int64))
        row = (number, 0, time, clock_name(metadata), content, name)
        connection.execute("INSERT INTO rows VALUES(?,?,?,?,?,?)", row)
    connection.close()
    longer = append_received_rows(series, metadata, tmp_path / "journal.db")
    assert longer.values[20].tolist() == [2.5, 5.0, FIRST]
    assert longer.values[-1].tolist() == [9.0, 8.0, UNKNOWN]


def make_recipe():
    from tsforecast.reading.recipe import ReadingRecipe
    from tsforecast.times.formats import TimeFormat

    return ReadingRecipe(TimeFormat(("time",), "iso"), ("load", "pressure"), METADATA.grid)


@pytest.mark.parametrize("count", [1, 5])
def test_appending_again_changes_nothing(tmp_path, count):
    path = write_journal(tmp_path / "journal.db", [("north", 20 + row) for row in range(count)])
    once = append_received_rows(make_series(), METADATA, path)
    again = append_received_rows(once, METADATA, path)
    assert again.data_hash() == once.data_hash()


def test_numbered_steps_are_named_by_their_numbers(tmp_path):
    series = make_series()
    panel = {"has_clock": False, "static": [], "name": ""}
    numbers = np.concatenate([np.arange(1, 21)] * 2) * 60
    series = dataclasses.replace(
        series,
        time=numbers.astype("datetime64[s]"),
        values=series.values[:, :2],
        features=FEATURES[:2],
        panel=dataclasses.replace(series.panel, has_clock=False),
    )
    metadata = make_panel_metadata(channels=list(FEATURES[:2]), panel=panel)
    times = np.arange(60) * np.timedelta64(60, "s") + np.datetime64(0, "s")
    path = write_journal(tmp_path / "journal.db", [("south", 21), ("south", 22)], times=times)
    longer = append_received_rows(series, metadata, path)
    assert longer.panel.lengths.tolist() == [20, 22]
    assert longer.notes == ("2 rows of 1 series that the service received follow, up to step 22.",)
