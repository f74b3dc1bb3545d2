import dataclasses

import numpy as np
import pytest

from tests.helpers.serving_case import LOOKBACK, make_panel_metadata, make_rows
from tsforecast.errors import UserError
from tsforecast.inference.options import IntervalOptions
from tsforecast.inference.series_intervals import SeriesIntervals
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.serving.look_back import LookBack
from tsforecast.serving.look_backs import LookBacks
from tsforecast.serving.series_book import SeriesBook
from tsforecast.tables.streaming import Rows
from tsforecast.times.formats import TimeFormat
from tsforecast.times.frequency import Frequency
from tsforecast.times.time_grid import TimeGrid

TIME, COLUMNS = make_rows(40)
OPTIONS = IntervalOptions(coverage=0.8, rate=0.01, memory=100)


def rows(first, stop, factor=1.0):
    columns = {name: factor * values[first:stop] for name, values in COLUMNS.items()}
    return Rows(TIME[first:stop].astype("datetime64[ns]"), columns)


@pytest.fixture
def look_backs():
    metadata = make_panel_metadata()
    return LookBacks(SeriesBook(metadata, SeriesIntervals(metadata, OPTIONS), most=3))


def test_each_series_has_the_windows_of_a_look_back_of_its_own(look_backs):
    look_backs.add({"north": rows(0, 20), "south": rows(0, 12, 50.0)})
    found = {item.name: item for item in look_backs.windows(100)}
    for name, given in (("north", rows(0, 20)), ("south", rows(0, 12, 50.0))):
        alone = LookBack(look_backs.book.metadata_of(name))
        alone.add(given)
        np.testing.assert_array_equal(found[name].batch.past, alone.windows(100)[0].past)
    assert look_backs.label(found["south"]).names == ("south",) * (12 - LOOKBACK + 1)
    look_backs.note_made(found.values())
    assert look_backs.windows(100) == []
    assert [item.name for item in look_backs.windows(100, again={"south"})] == ["south"]


def test_an_unknown_series_waits_for_its_first_window(look_backs):
    _, started = look_backs.add({"new": rows(0, LOOKBACK - 1)})
    assert started == {}
    assert (look_backs.missing_rows("new"), list(look_backs)) == (1, [])
    updates, started = look_backs.add({"new": rows(LOOKBACK - 1, LOOKBACK + 1)})
    assert started["new"].scaler.mean[0] == pytest.approx(COLUMNS["load"][:LOOKBACK].mean())
    assert len(updates["new"].truths) == LOOKBACK + 1
    (windows,) = look_backs.windows(100)
    assert len(windows.positions) == 2


def test_an_unknown_series_waits_for_the_bins_of_its_first_window():
    grid = TimeGrid.of_bins(Frequency(120))
    recipe = ReadingRecipe(TimeFormat(("time",), "iso"), ("load", "pressure"), grid, series_id=("meter",))
    metadata = dataclasses.replace(make_panel_metadata(), grid=grid, recipe=recipe)
    look_backs = LookBacks(SeriesBook(metadata, SeriesIntervals(metadata, OPTIONS), most=3))
    _, started = look_backs.add({"new": rows(0, LOOKBACK)})
    assert (started, look_backs.missing_rows("new")) == ({}, LOOKBACK - 4)  # bins end every other minute
    _, started = look_backs.add({"new": rows(LOOKBACK, 2 * LOOKBACK)})
    load = COLUMNS["load"]
    bins = [load[0], *load[1 : 2 * LOOKBACK - 1].reshape(-1, 2).mean(axis=1)]
    assert started["new"].scaler.mean[0] == pytest.approx(np.mean(bins))


def test_a_wrong_row_of_one_series_leaves_all_as_they_were(look_backs):
    look_backs.add({"north": rows(0, 10), "new": rows(0, 3)})
    with pytest.raises(UserError):
        look_backs.add({"new": rows(3, 9), "north": rows(10, 11), "south": rows(0, 2, 1e300)})
    assert len(look_backs.of("north")) == 10
    assert look_backs.of("south") is None
    assert look_backs.missing_rows("new") == LOOKBACK - 3
    assert look_backs.newest_time == TIME[9]
