"""Times as numbers, value by value."""

import numpy as np
import pyarrow as pa
import pytest

from tsforecast.times.numbers import (
    clock_of_numbers,
    read_clock_number,
    read_excel,
    read_parts,
    read_unix,
    unix_unit,
)


def column(*values):
    return pa.chunked_array([pa.array(values)])


@pytest.mark.parametrize(
    ("values", "name", "clock"),
    [
        (range(24), "hour", "hour"),
        (range(1, 25), "hour", "hour_ending"),
        (range(25), "hour", "hour_to_24"),
        (range(2, 25), "hour", "hour_to_24"),
        (range(1, 26), "hour", "period_24_from_1"),
        (range(1, 51), "period", "period_48_from_1"),
        (range(1, 13), "hour", "hour"),  # as in half a day, which does not show where hours end
        (range(1, 49), "period", "period_48_from_1"),
        (range(96), "interval", "period_96_from_0"),
        (range(0, 2400, 100), "hhmm", "hhmm"),
        (range(0, 2400, 99), "hhmm", None),
        ([-1, 3], "hour", None),
    ],
)
def test_the_clock_of_numbers_is_decided_on_all_of_them(values, name, clock):
    assert clock_of_numbers(column(*values), name) == clock


@pytest.mark.parametrize(
    ("clock", "values", "minutes", "bad"),
    [
        ("hour", (0, 23, 24, 25, 1.5), (0, 1380, 1440), 2),
        ("hour_ending", (1, 24, 0, 25), (0, 1380), 2),
        ("hhmm", (0, 930, 2400, 2401, 960), (0, 570, 1440), 2),
        ("period_48_from_1", (1, 48, 0, 49), (0, 1410), 2),
    ],
)
def test_numbers_outside_of_the_clock_are_bad(clock, values, minutes, bad):
    time, wrong = read_clock_number(column(*map(float, values), None), clock)
    assert time[: len(minutes)].astype("timedelta64[m]").astype(int).tolist() == list(minutes)
    assert wrong.tolist() == [False] * len(minutes) + [True] * bad + [False]


def test_the_unit_of_unix_times_is_told_by_their_size():
    for factor, unit in ((1, "s"), (10**3, "ms"), (10**6, "us"), (10**9, "ns")):
        values = column(1_704_067_200 * factor, None, 5)
        assert unix_unit(column(1_704_067_200 * factor)) == unit
        reading = read_unix(values, unit)
        assert str(reading.time[0])[:19] == "2024-01-01T00:00:00"
        assert reading.bad.tolist() == [False, False, True]


def test_nanoseconds_are_exact():
    assert read_unix(column(1_704_067_200_000_000_001), "ns").time[0] == np.datetime64(
        "2024-01-01T00:00:00.000000001"
    )


def test_excel_dates_are_rounded_to_seconds():
    reading = read_excel(column(45_292.0, 45_292.041_666_67, 1.0, None))
    assert reading.time[:2].astype("datetime64[s]").astype(str).tolist() == [
        "2024-01-01T00:00:00",
        "2024-01-01T01:00:00",
    ]
    assert reading.bad.tolist() == [False, False, True, False]


def test_the_first_part_that_does_not_fit_is_told():
    columns = [column(2024, 2024, 2024), column(1, 13, 2), column(1, 2, 30)]
    reading, index = read_parts(columns, ["year", "month", "day"])
    assert reading.bad.tolist() == [False, True, True]
    assert index == 1
    assert str(reading.time[0])[:10] == "2024-01-01"
