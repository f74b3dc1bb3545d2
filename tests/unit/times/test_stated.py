"""Times whose way of writing is stated are read by it, in training and afterwards."""

import numpy as np
import pytest

from tests.helpers.predict_rows import metadata_of, read_as_prediction
from tsforecast.data.sources.csv import load
from tsforecast.errors import UserError
from tsforecast.times.stated import check_time_format

DAYS = np.arange("2024-01-01", "2024-01-11", dtype="datetime64[D]").astype("datetime64[s]").tolist()


def write(folder, pattern, days=DAYS, name="plant.csv"):
    path = folder / name
    rows = "".join(f"{day.strftime(pattern)},{index}.5\n" for index, day in enumerate(days))
    path.write_text("date,load\n" + rows)
    return str(path)


@pytest.mark.parametrize(
    "pattern", ["%Y-%d-%m", "%d%m%Y", "%Y%j", "%y%m%d", "%A %d %B %Y", "%d_%m_%Y %H:%M:%S.%f"]
)
def test_a_stated_pattern_is_read_in_training_and_prediction(tmp_path, pattern):
    path = write(tmp_path, pattern)
    series = load(path, "load", time="date", time_format=pattern, calendar=False)
    np.testing.assert_array_equal(series.time.astype("datetime64[D]"), np.array(DAYS, "datetime64[D]"))
    rows = read_as_prediction(path, metadata_of(series))
    assert list(rows) == list(series.time)


def test_iso_dates_are_not_read_instead_of_year_day_month(tmp_path):
    series = load(write(tmp_path, "%Y-%d-%m"), "load", time="date", time_format="%Y-%d-%m", calendar=False)
    later = write(tmp_path, "%Y-%m-%d", [day.replace(day=20 + day.day) for day in DAYS], "later.csv")
    with pytest.raises(UserError, match="'2024-01-21' in column 'date'"):
        read_as_prediction(later, metadata_of(series))


def test_day_and_month_of_a_later_file_that_cannot_be_iso_are_refused(tmp_path):
    metadata = metadata_of(load(write(tmp_path, "%Y-%m-%d"), "load", calendar=False))
    with pytest.raises(UserError, match="'2024-13-01' in column 'date'"):
        read_as_prediction(
            write(
                tmp_path, "%Y-%d-%m", [*DAYS, *(day.replace(day=day.day + 10) for day in DAYS)], "later.csv"
            ),
            metadata,
        )


@pytest.mark.parametrize(
    ("stated", "names", "message"),
    [
        ("%Y-%d", [], r"needs the name of its column: add data\.time="),
        ("YYYY-MM-DD", ["a"], "needs each of its parts once, among them %Y or %y or %G"),
        ("%Y-%m-%m", ["a"], "needs each of its parts once"),
        ("%Y-%x", ["a"], "has '%x', which is not one of %Y, %y"),
        (["%Y-%m-%d", "%M"], ["a", "b"], "among them %H or %I"),
        (["%Y-%m-%d", "%H"], ["a"], "has 2 patterns for 1 columns"),
        (5, ["a"], "is 5: write a pattern"),
    ],
)
def test_patterns_that_are_no_patterns_are_refused(stated, names, message):
    with pytest.raises(UserError, match=message):
        check_time_format(stated, names)


def test_a_value_that_does_not_fit_is_named(tmp_path):
    path = write(tmp_path, "%d/%m/%Y")
    with pytest.raises(UserError, match=r"'01/01/2024' in row 1 is not a time written as %d-%m-%Y"):
        load(path, "load", time="date", time_format="%d-%m-%Y")


def test_names_of_other_programs_are_understood():
    assert check_time_format("%a, %-d %B %Y %T%z", ["a"]) == ("%d %b %Y %H:%M:%S", "")
    assert check_time_format(["%F", "hour_ending"], ["a", "b"]) == ("%Y-%m-%d", "hour_ending")
