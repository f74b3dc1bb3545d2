import numpy as np
import pytest

from tests.helpers.panel_case import make_panel, write_panel
from tsforecast.data.sources.csv import load
from tsforecast.errors import UserError

PANEL = make_panel()


def write(folder, *lines, name="panel.csv"):
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def read(path, target="load", series_id="id", calendar=False, **options):
    return load(str(path), target, series_id=series_id, calendar=calendar, **options)


def test_a_long_table_is_read_into_one_array(tmp_path):
    series = read(write_panel(tmp_path / "panel.csv", PANEL))
    assert series.panel.ids == ("a", "b", "c")
    assert series.panel.bounds.tolist() == [0, 60, 140, 240]
    np.testing.assert_array_equal(series.values, PANEL.values)
    np.testing.assert_array_equal(series.time, PANEL.time)
    assert (series.features, series.season, series.step) == (("load",), 24, 3600)
    assert series.recipe.series_id == ("id",)


def test_it_is_read_again_by_its_recipe(tmp_path):
    path = write_panel(tmp_path / "panel.csv", PANEL)
    series = read(path)
    again = read(path, recipe=type(series.recipe).from_dict(series.recipe.to_dict()))
    assert again.data_hash() == series.data_hash()
    assert read(path, where="id != 'a'").data_hash() != series.data_hash()


def test_calendar_features_are_those_of_each_row(tmp_path):
    series = read(write_panel(tmp_path / "panel.csv", PANEL), calendar=True)
    hour = series.column("minute_of_day_sin")
    noon = series.time == np.datetime64("2024-01-02T06:00")
    assert noon.sum() == 3
    np.testing.assert_allclose(hour[noon], 1.0)


def test_ids_that_look_like_numbers_keep_their_zeros(tmp_path):
    lines = [f"{meter},2024-01-01 {hour:02d}:00,{hour}.5" for meter in ("007", "7") for hour in range(9)]
    series = read(write(tmp_path, "id,time,load", *lines))
    assert series.panel.ids == ("007", "7")
    assert series.features == ("load",)


def test_the_rows_are_the_first_of_each_series(tmp_path):
    series = read(write_panel(tmp_path / "panel.csv", PANEL), rows=70)
    assert series.panel.lengths.tolist() == [60, 70, 70]
    np.testing.assert_array_equal(series.values[60:130], PANEL.values[60:130])


def test_numbers_of_steps_need_no_clock(tmp_path):
    lines = [
        f"{meter},{step},{step * scale}" for meter, scale in (("a", 1), ("b", 5)) for step in range(1, 30)
    ]
    path = write(tmp_path, "id,step,load", *lines)
    series = read(path, time="step", time_format="step", frequency="1h", calendar=True)
    assert not series.panel.has_clock
    assert series.features == ("load",)
    assert series.season == 24
    assert series.values[:3, 0].tolist() == [1, 2, 3]


def test_a_wide_table_has_one_series_in_each_column(tmp_path):
    lines = [
        f"2024-01-01 {hour:02d}:00,{hour},{'' if hour < 3 else 2 * hour},{hour % 3}" for hour in range(20)
    ]
    path = write(tmp_path, "time,north,south,wind", *lines)
    series = read(path, ["north", "south"], None, layout="wide", features=["wind"])
    assert series.panel.ids == ("north", "south")
    assert series.panel.lengths.tolist() == [20, 17]
    assert series.features == ("value", "wind")
    assert series.targets == ("value",)
    np.testing.assert_array_equal(series.values[20:, 0], 2.0 * np.arange(3, 20))
    np.testing.assert_array_equal(series.values[20:, 1], np.arange(3, 20) % 3)
    assert series.time[20] == np.datetime64("2024-01-01T03:00")
    again = read(path, ["north", "south"], None, layout="wide", features=["wind"], recipe=series.recipe)
    assert again.data_hash() == series.data_hash()


def test_all_columns_of_a_wide_table_are_series(tmp_path):
    path = write(tmp_path, "time,x,y", *[f"2024-01-{day:02d},{day},{-day}" for day in range(1, 20)])
    assert read(path, "all", None, layout="wide").panel.ids == ("x", "y")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "wide"}, "leave out data.series_id"),
        ({"layout": "tall"}, "data.layout is 'tall': write long or wide"),
        ({"cache": True}, "data.cache=true is for one series"),
        ({"series_id": "time"}, "data.series_id: .*(nearly one for each row|is the time column)"),
        ({"series_id": None, "layout": "tall"}, "data.layout is 'tall': write long or wide"),
        ({"series_id": None, "static": "size"}, "data.static is for a table of many series: name the column"),
        ({"series_id": None, "series_input": True}, "or leave out data.series_input"),
        ({"target": "id"}, "no numeric column 'id'|data.path"),
        ({"time": "time", "time_format": "step"}, "add data.frequency, such as 1h"),
    ],
)
def test_what_a_panel_does_not_have_is_refused(tmp_path, options, message):
    path = write_panel(tmp_path / "panel.csv", PANEL)
    target = options.pop("target", "load")
    with pytest.raises(UserError, match=message):
        read(path, target, **options)


def halves(folder, without=()):
    """Writes two series of a row each half hour, the second a few seconds late."""
    lines = [
        f"{name},2024-01-01 {minutes // 60:02d}:{minutes % 60:02d}:{late:02d},{scale * minutes},{scale}"
        for name, scale, late in (("a", 1, 0), ("b", 10, 5))
        for minutes in range(30, 720 + 30, 30)
        if minutes not in without
    ]
    return write(folder, "id,time,load,size", *lines)


def test_irregular_rows_are_summarized_for_each_series(tmp_path):
    series = read(halves(tmp_path), resample="1h", aggregate="max", static=["size"])
    assert series.panel.lengths.tolist() == [12, 13]
    first, second = (series.single(index) for index in (0, 1))
    assert first.values[:3, 0].tolist() == [60, 120, 180]
    assert second.values[:3, 0].tolist() == [
        300,
        900,
        1500,
    ]  # a row five seconds after the hour is of the next
    assert str(second.time[0]) == "2024-01-01T01:00:00"
    assert any("48 rows were summarized in 25 bins of 1 h" in note for note in series.notes)
    again = read(tmp_path / "panel.csv", recipe=series.recipe, static=["size"])
    assert again.data_hash() == series.data_hash()


def test_bins_without_a_row_are_missing(tmp_path):
    path = halves(tmp_path, without=(300, 330, 360))
    series = read(path, features=[], resample="1h", aggregate="last")
    assert np.flatnonzero(np.isnan(series.values[:, 0])).tolist() == [5, 12 + 5]
    assert series.panel.lengths.tolist() == [12, 13]


def test_a_wide_table_is_summarized_in_one(tmp_path):
    lines = [
        f"2024-01-01 {minute // 60:02d}:{minute % 60:02d},{minute},{-minute}" for minute in range(0, 600, 20)
    ]
    path = write(tmp_path, "time,north,south", *lines)
    series = read(path, ["north", "south"], None, layout="wide", resample="1h", aggregate="sum")
    assert series.values[1:3, 0].tolist() == [20 + 40 + 60, 80 + 100 + 120]
    assert series.panel.lengths.tolist() == [11, 11]
    with pytest.raises(UserError, match="summarizes all columns of a wide table alike"):
        read(path, "all", None, layout="wide", resample="1h", aggregate={"north": "sum"})


def test_bins_of_rows_that_repeat_a_time_need_a_decision(tmp_path):
    path = halves(tmp_path)
    header, *lines = path.read_text().splitlines()
    write(tmp_path, header, *lines, *lines[:5])
    with pytest.raises(UserError, match="5 of 53 rows repeat the time of another row of their series"):
        read(path, resample="1h")
    with pytest.raises(UserError, match="All rows of each series are in one bin of 1 d"):
        read(halves(tmp_path), where="id = 'a'", resample="1d")
