"""Two-digit years get one century for the whole file, which later files keep."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.times.century import UNIX_FIRST, choose_first_year, latest_first_year
from tsforecast.times.formats import TimeFormat
from tsforecast.times.search import find_time
from tsforecast.times.text import read_text
from tsforecast.times.words import MONTHS


def month_names(first, rows):
    return [f"{MONTHS[i % 12].title()}-{(first + i // 12) % 100:02d}" for i in range(rows)]


@pytest.mark.parametrize(("first", "rows"), [(1949, 350), (1949, 144), (1920, 132), (2015, 130), (1960, 720)])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_series_stays_together_and_is_not_in_the_future(first, rows, backwards):
    expected = np.datetime64(f"{first}-01", "M") + np.arange(rows)
    written = month_names(first, rows)
    if backwards:
        written, expected = written[::-1], expected[::-1]
    result = find_time(pa.table({"Month": written, "load": np.arange(float(rows))}))
    np.testing.assert_array_equal(result.time, expected.astype("datetime64[ns]"))
    last = first + (rows - 1) // 12
    assert result.notes[-1].startswith(f"The two-digit years in 'Month' are read as {first} to {last};")


def test_rows_that_follow_and_other_files_keep_the_century():
    result = find_time(pa.table({"Month": month_names(1949, 144), "load": np.arange(144.0)}))
    recipe = ReadingRecipe(result.format, ("load",))
    again = ReadingRecipe.from_dict(recipe.to_dict()).time
    assert again == result.format
    time = again.read(pa.table({"Month": ["Jan-61", "Dec-99"]}))
    assert time.astype("datetime64[M]").astype(str).tolist() == ["1961-01", "1999-12"]


def test_recent_data_have_years_ahead_for_later_rows():
    time = np.datetime64("2015-01", "M") + np.arange(120)
    assert choose_first_year(time, latest_first_year(datetime.date(2025, 1, 1))) == 1970


def test_recipes_of_before_are_read_as_they_were():
    written = TimeFormat(("day",), "%d/%m/%y")
    assert written.first_year == UNIX_FIRST
    time = written.read(pa.table({"day": ["01/01/69", "31/12/68"]}))
    assert time.astype("datetime64[D]").astype(str).tolist() == ["1969-01-01", "2068-12-31"]


def test_no_day_is_made_up_in_another_century():
    text = pa.chunked_array([["29/02/00", "28/02/00", "31/12/49 24:00"]])
    assert read_text(text, "%d/%m/%y", 1850).bad.tolist() == [True, False, True]
    assert str(read_text(text, "%d/%m/%y %H:%M", 1950).time[2])[:10] == "2050-01-01"
