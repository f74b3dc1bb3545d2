"""Dates and clocks as text, value by value."""

import numpy as np
import pyarrow as pa
import pytest

from tsforecast.times.text import ISO, day_number, fitting, read_clock, read_text, week_start


def read(pattern, *values):
    reading = read_text(pa.chunked_array([list(values)], pa.string()), pattern)
    return reading.time.astype("datetime64[s]").astype(str).tolist(), reading.bad.tolist()


@pytest.mark.parametrize("pattern", [ISO, "%Y-%m-%d %H:%M"])
def test_values_that_do_not_fit_are_bad_and_the_others_are_read(pattern):
    values = ("2024-02-29 23:00", "2024-02-30 00:00", None, "2024-02-29 24:00", "9999-12-31 00:00", "noon")
    times, bad = read(pattern, *values)
    assert times == ["2024-02-29T23:00:00", "NaT", "NaT", "2024-03-01T00:00:00", "NaT", "NaT"]
    assert bad == [False, True, False, False, True, True]


@pytest.mark.parametrize(
    "value", ["31.04.2024", "31.06.2024", "31.09.2024", "31.11.2024", "29.02.2023", "32.01.2024"]
)
def test_no_day_rolls_over(value):
    assert read("%d.%m.%Y", value, "01.05.2024") == (["NaT", "2024-05-01T00:00:00"], [True, False])


def test_fractions_and_offsets_are_read_with_every_date():
    values = ("01/02/2024 12:30:10.25 +0200", "01/02/2024 12:30:10,5Z")
    reading = read_text(pa.chunked_array([list(values)]), "%d/%m/%Y %H:%M:%S")
    assert reading.time.astype("datetime64[ms]").astype(str).tolist() == [
        "2024-02-01T10:30:10.250",
        "2024-02-01T12:30:10.500",
    ]
    assert reading.offset.all()


def test_a_clock_ends_at_24_00():
    time, bad = read_clock(pa.chunked_array([["18.00.00", "24.00.00", None, "24.00.01"]]), "%H.%M.%S")
    assert time[:2].astype("timedelta64[h]").astype(int).tolist() == [18, 24]
    assert np.isnat(time[2:]).all()
    assert bad.tolist() == [False, False, False, True]


def test_patterns_fit_if_half_of_the_values_match():
    values = ["31.01.2024 10:00", "01.02.2024 24:00", "-", "02.02.2024 10:00 +01:00"]
    assert fitting(values, ("%d.%m.%Y %H:%M", "%d.%m.%Y", "%Y-%m-%d")) == ["%d.%m.%Y %H:%M"]


def test_days_agree_with_the_calendar_of_numpy():
    days = np.arange("1700-01-01", "2200-01-01", dtype="datetime64[D]")
    dates = np.array([day.item().timetuple()[:3] for day in days[:: 7 * 13]])
    number, exists = day_number(*dates.T)
    assert exists.all()
    np.testing.assert_array_equal(number, days[:: 7 * 13].astype(np.int64))


def test_weeks_agree_with_those_of_python():
    days = np.arange("1999-12-20", "2026-01-10", dtype="datetime64[D]")
    weeks = np.array([day.item().isocalendar() for day in days])
    number, exists = week_start(*weeks.T)
    assert exists.all()
    np.testing.assert_array_equal(number, days.astype(np.int64))
    assert not week_start(np.array([2024]), np.array([53]), np.array([1]))[1].any()
