"""Windows of rows that arrive one by one are those of a file with the same rows."""

from dataclasses import replace

import numpy as np
import pytest

from tests.helpers.serving_case import LOOKBACK, make_metadata, make_rows, make_task
from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.sliding import segments
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.serving.look_back import LookBack
from tsforecast.tables.streaming import Rows
from tsforecast.times.formats import TimeFormat
from tsforecast.times.frequency import Frequency
from tsforecast.times.time_grid import TimeGrid

METADATA = ModelMetadata.from_task(make_task(), make_metadata())
ROWS = 60


def make_series(missing=(), seed=0):
    time, columns = make_rows(ROWS, seed)
    rng = np.random.default_rng(seed)
    for column in columns.values():
        column[rng.random(ROWS) < 0.2] = np.nan
    kept = np.setdiff1d(np.arange(ROWS), missing)
    return Rows(time.astype("datetime64[ns]"), columns).select(kept)


def with_recipe(**fields):
    time = TimeFormat(("time",), "iso")
    grid = fields.pop("grid", TimeGrid(Frequency(60)))
    return replace(METADATA, grid=grid, recipe=ReadingRecipe(time, ("load", "pressure"), grid, **fields))


def file_windows(rows, metadata=METADATA):
    """Windows by the time of their last row, as a file gives them."""
    windows = {}
    for segment in segments([rows], metadata, stride=1, check_steps=False):
        for end in segment.ends:
            windows[str(segment.time[end])] = segment.windows(np.array([end]))[0]
    return windows


def stream(look_back, rows, sizes=(1,), newest=100):
    """Add rows in pieces; return windows by time, and all truths."""
    windows, truths, first = {}, [], 0
    while first < len(rows.time):
        size = sizes[first % len(sizes)]
        truths += look_back.add(rows.select(np.arange(first, min(first + size, len(rows.time))))).truths
        batch, positions = look_back.windows(newest)
        if len(positions):
            look_back.made = int(positions[-1])
        windows |= dict(zip(batch.made_at.astype("datetime64[s]").astype(str), batch.past, strict=True))
        first += size
    return windows, truths


@pytest.mark.parametrize("sizes", [(1,), (3, 1, 2), (100,)])
def test_windows_are_those_of_a_file(sizes):
    rows = make_series(missing=[20, 21, 33])
    windows, truths = stream(LookBack(METADATA), rows, sizes)
    expected = file_windows(rows)
    assert len(windows) > 40
    for time, window in windows.items():
        np.testing.assert_array_equal(window, expected[time])
    known = ~np.isnan(rows.columns["load"])
    assert [truth[2] for truth in truths] == rows.columns["load"][known].tolist()
    assert [truth[0] for truth in truths] == (rows.time[known].astype("datetime64[s]").astype(int)).tolist()


def test_rows_that_no_window_needs_are_dropped_and_their_last_values_stay():
    time, columns = make_rows(ROWS)
    columns["pressure"][1:] = np.nan  # known in the first row only
    rows = Rows(time.astype("datetime64[ns]"), columns)
    look_back = LookBack(METADATA)
    windows, _ = stream(look_back, rows)
    assert len(look_back) < LOOKBACK + 5
    expected = file_windows(rows)
    np.testing.assert_array_equal(windows[str(time[-1])], expected[str(time[-1])])
    assert windows[str(time[-1])][-1, 1] == pytest.approx((columns["pressure"][0] - 1) / 2, abs=1e-6)


def test_no_window_runs_through_a_long_gap():
    rows = make_series(missing=range(20, 20 + 2 * LOOKBACK + 1))
    look_back = LookBack(METADATA)
    windows, _ = stream(look_back, rows)
    assert sorted(windows) == sorted(file_windows(rows).keys() & windows.keys())
    first = rows.time[20].astype("datetime64[s]")
    after = [time for time in windows if np.datetime64(time) > first]
    assert len(after) == ROWS - 20 - 2 * LOOKBACK - 1 - 1


def test_a_late_row_changes_the_windows_to_come_and_scores_forecasts():
    rows = make_series()
    order = np.array([*range(30), *range(31, 35), 30, *range(35, ROWS)])
    windows, truths = stream(LookBack(METADATA), rows.select(order))
    expected = file_windows(rows)
    late = str(rows.time[36].astype("datetime64[s]"))
    np.testing.assert_array_equal(windows[late], expected[late])
    assert len(truths) == int((~np.isnan(rows.columns["load"])).sum())


@pytest.mark.parametrize(
    ("duplicates", "value"), [("last", 9.0), ("first", 2.0), ("mean", 5.5), ("sum", 11.0)]
)
def test_repeated_rows_follow_the_rule_of_the_training_data(duplicates, value):
    time, _ = make_rows(LOOKBACK + 1)
    repeated = Rows(
        np.append(time[:LOOKBACK], time[LOOKBACK - 1]).astype("datetime64[ns]"),
        {"load": np.append(np.full(LOOKBACK, 2.0), 9.0), "pressure": np.zeros(LOOKBACK + 1)},
    )
    look_back = LookBack(with_recipe(duplicates=duplicates))
    update = look_back.add(repeated)
    batch, positions = look_back.windows(10)
    assert len(positions) == 1
    assert batch.last[0, 0] == value
    newest = [truth for truth in update.truths if truth[0] == int(time[LOOKBACK - 1].astype(int))]
    assert len(newest) == (duplicates in ("last", "first"))  # others wait for the next row
    after = look_back.add(Rows(time[LOOKBACK:].astype("datetime64[ns]"), {"load": np.array([2.0])}))
    assert [truth[2] for truth in after.truths] == ([2.0] if newest else [value])


def test_any_number_of_rows_may_be_sent_again_where_no_rule_was_chosen():
    rows = make_series()
    look_back = LookBack(with_recipe(duplicates=None))
    windows, _ = stream(look_back, rows.select(np.arange(30)))
    for _ in range(2):
        look_back.add(rows.select(np.arange(15, 30)))
    windows |= stream(look_back, rows.select(np.arange(30, ROWS)))[0]
    np.testing.assert_equal(windows, stream(LookBack(METADATA), rows)[0])


def test_a_repeated_newest_row_is_forecast_again():
    rows = make_series()
    look_back = LookBack(METADATA)
    stream(look_back, rows.select(np.arange(20)))
    newest = rows.select(np.array([19]))
    assert look_back.made in look_back.add(newest).positions
    assert len(look_back.windows(5)[1]) == 0
    assert look_back.windows(5, again=True)[1].tolist() == [look_back.made]


def test_bins_are_forecast_once_they_are_complete():
    metadata = with_recipe(grid=TimeGrid.of_bins(Frequency(60)))
    start = np.datetime64("2024-01-01T00:00:00", "s")
    time = start + np.arange(0, 60 * 20, 20) * np.timedelta64(1, "s")
    rng = np.random.default_rng(0)
    rows = Rows(
        time.astype("datetime64[ns]"),
        {"load": rng.uniform(1, 3, len(time)), "pressure": rng.normal(size=len(time))},
    )
    windows, truths = stream(LookBack(metadata), rows)
    expected = file_windows(rows, metadata)
    complete = [name for name in expected if np.datetime64(name) <= time[-1]]
    assert sorted(windows) == sorted(complete)
    for name, window in windows.items():
        np.testing.assert_array_equal(window, expected[name])
    values = {time: value for time, _, value in truths}
    assert len(values) == len(truths)
    second = int((start + np.timedelta64(60, "s")).astype(int))
    assert values[second] == pytest.approx(rows.columns["load"][1:4].mean())


def test_only_the_newest_windows_of_a_backlog_are_forecast():
    look_back = LookBack(METADATA)
    look_back.add(make_series())
    batch, positions = look_back.windows(3)
    assert len(batch.past) == len(positions) == 3
    assert str(batch.made_at[-1].astype("datetime64[s]")) == str(make_rows(ROWS)[0][-1])


def test_a_value_out_of_range_is_refused_and_nothing_is_added():
    look_back, rows = LookBack(METADATA), make_series()
    look_back.add(rows)
    far = Rows(rows.time[-1:] + np.timedelta64(60, "s"), {"load": np.array([1e300])})
    with pytest.raises(UserError, match="too far from its training values"):
        look_back.add(far)
    again = Rows(far.time, {"load": np.array([1.0]), "pressure": np.array([1.0])})
    look_back.add(again)
    assert look_back.windows(1)[0].last[0, 0] == 1.0


def test_the_rows_that_are_still_missing_are_counted():
    look_back, rows = LookBack(METADATA), make_series()
    assert look_back.missing_rows() == LOOKBACK
    look_back.add(rows.select(np.arange(3)))
    assert look_back.missing_rows() == LOOKBACK - 3
    look_back.add(rows.select(np.arange(3, 30)))
    assert look_back.missing_rows() == 0
