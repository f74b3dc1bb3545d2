"""Several rows at one time are a finding: named, refused or combined as stated."""

import numpy as np
import pytest

from tsforecast.data.sources.csv import load
from tsforecast.errors import UserError
from tsforecast.times.duplicates import aggregate, count_repeated
from tsforecast.times.frequency import Frequency
from tsforecast.times.grid import GridStream

START = np.datetime64("2024-01-01T00:00", "s")


def hours(count):
    return [str(time).replace("T", " ") for time in START + np.arange(count) * np.timedelta64(3600, "s")]


def write(folder, header, rows):
    path = folder / "plant.csv"
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return str(path)


def three_shops(folder, ids=("a", "b", "c")):
    rows = [(name, t, 100 * k + i / 2) for k, name in enumerate(ids) for i, t in enumerate(hours(50))]
    return write(folder, "shop,ds,y", rows)


def test_several_series_are_refused_with_the_column_that_distinguishes_them(tmp_path):
    with pytest.raises(UserError) as caught:
        load(three_shops(tmp_path), "y")
    message = str(caught.value)
    assert "Row 1 and row 51 have the same time, 2024-01-01T00:00:00" in message
    assert "100 of 150 rows" in message
    assert "column 'shop' (a, b, c) distinguishes them" in message
    assert "data.where=\"shop = 'a'\"" in message
    assert "data.duplicates=last, first, mean or sum" in message
    assert "\n" not in message


def test_numeric_ids_are_named_too(tmp_path):
    with pytest.raises(UserError, match=r"column 'shop' \(7, 8, 9\).*data.where=\"shop = 7\""):
        load(three_shops(tmp_path, ids=(7, 8, 9)), "y")


@pytest.mark.parametrize(
    ("where", "first"),
    [("shop = 'b'", 100.0), ("shop=c", 200.0), ("shop in ('b', 'x')", 100.0), ('"shop" == "a"', 0.0)],
)
def test_one_series_is_selected(tmp_path, where, first):
    series = load(three_shops(tmp_path), "y", where=where, calendar=False)
    np.testing.assert_array_equal(series.column("y"), first + np.arange(50) / 2)
    assert series.recipe.where == where
    again = load(three_shops(tmp_path), "y", calendar=False, recipe=series.recipe)
    np.testing.assert_array_equal(again.values, series.values)


def test_a_number_of_the_hour_is_named_as_a_part_of_the_time(tmp_path):
    rows = [(f"2024-01-{1 + i // 24:02d}", 100 + i % 24, i) for i in range(240)]
    with pytest.raises(UserError, match=r"column 'hour' \(100, 101, .*data.time=\[date,hour\]"):
        load(write(tmp_path, "date,hour,load", rows), "load", time="date")


def test_two_columns_that_distinguish_only_together_are_named(tmp_path):
    rows = [
        (t, shop, item, i / 2) for i, t in enumerate(hours(20)) for shop in ("s", "t") for item in ("x", "y")
    ]
    with pytest.raises(UserError, match="columns 'shop' and 'item' together"):
        load(write(tmp_path, "ds,shop,item,y", rows), "y")


def test_rows_that_nothing_distinguishes_are_refused_without_a_name(tmp_path):
    rows = [(t, i / 2) for i, t in enumerate(hours(50)) for _ in range(2)]
    with pytest.raises(UserError, match="no column distinguishes them"):
        load(write(tmp_path, "ds,y", rows), "y")


@pytest.mark.parametrize(("way", "expected"), [("last", 21.0), ("first", 1.0), ("mean", 11.0), ("sum", 22.0)])
def test_rows_are_combined_as_stated(tmp_path, way, expected):
    rows = [(t, value, "") for t in hours(50) for value in (1, 21)]
    rows[0] = (rows[0][0], "", "")  # a missing value is not part of a mean or sum
    series = load(write(tmp_path, "ds,y,z", rows), "y", features=["y"], duplicates=way, calendar=False)
    np.testing.assert_array_equal(series.column("y")[1:], np.full(49, expected))
    assert series.column("y")[0] == (21.0 if way != "first" else np.nan) or np.isnan(series.column("y")[0])
    assert series.recipe.duplicates == way
    assert "50 rows shared their step" in series.notes[0]
    assert way in series.notes[0]


def test_up_to_one_row_in_a_hundred_is_resolved_with_a_note(tmp_path):
    times = hours(1000)
    rows = [(t, i) for i, t in enumerate(times)]
    few = write(tmp_path, "ds,y", rows + [(times[i], -1) for i in range(10)])
    series = load(few, "y", calendar=False)
    assert series.column("y")[:11].tolist() == [-1.0] * 10 + [10.0]
    assert any(note.startswith("10 rows shared their step") for note in series.notes)
    many = write(tmp_path, "ds,y", rows + [(times[i], -1) for i in range(11)])
    with pytest.raises(UserError, match="11 of 1,011 rows"):
        load(many, "y")


def test_an_unknown_way_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"data.duplicates is 'latest'.*Did you mean 'last'"):
        load(three_shops(tmp_path), "y", duplicates="latest")


def test_a_grid_that_would_be_nine_tenths_empty_is_refused_and_one_of_four_fifths_is_not(tmp_path):
    def bursts(hours_apart):
        start = START + np.arange(40)[:, None] * np.timedelta64(3600 * hours_apart, "s")
        times = (start + np.arange(60) * np.timedelta64(60, "s")).ravel()
        return [(str(time).replace("T", " "), i) for i, time in enumerate(times)]

    series = load(write(tmp_path, "ds,y", bursts(5)), "y", calendar=False)
    assert int(np.isfinite(series.column("y")).sum()) == 2400
    with pytest.raises(UserError, match=r"irregular.*rows out of 2,400 with a value.*longest gap"):
        load(write(tmp_path, "ds,y", bursts(12)), "y")


@pytest.mark.parametrize("way", ["last", "first", "mean", "sum"])
@pytest.mark.parametrize("piece", [1, 2, 5, 100])
def test_pieces_give_what_the_whole_gives(way, piece):
    random = np.random.default_rng(3)
    minutes = np.sort(random.integers(0, 40, 100))
    minutes = np.unique(minutes)[np.sort(random.integers(0, len(np.unique(minutes)), 100))]
    time = (START + minutes * np.timedelta64(60, "s")).astype("datetime64[ns]")
    values = np.where(random.random((100, 2)) < 0.1, np.nan, random.normal(size=(100, 2)))
    _, expected = aggregate(minutes, values, way)
    stream = GridStream(Frequency(60), duplicates=way)
    parts = [stream.add(time[i : i + piece], values[i : i + piece])[1] for i in range(0, 100, piece)]
    parts.append(stream.finish()[1])
    got = np.concatenate(parts)
    np.testing.assert_allclose(got[~np.isnan(got).all(axis=1)], expected[~np.isnan(expected).all(axis=1)])
    assert stream.shared == 100 - len(expected)


def test_a_stream_that_repeats_times_is_refused_without_a_decision():
    stream = GridStream(Frequency(60), duplicates=None)
    time = np.repeat((START + np.arange(50) * np.timedelta64(60, "s")).astype("datetime64[ns]"), 2)
    stream.add(time, np.ones((100, 1)))
    with pytest.raises(UserError, match="50 of 100 rows repeat the time of another"):
        stream.finish()


def test_repeated_times_are_counted_in_any_order():
    time = np.array([3, 1, 2, 1, 3], "datetime64[s]")
    assert count_repeated(time) == (2, 3)
