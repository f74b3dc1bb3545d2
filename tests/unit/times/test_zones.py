"""Local times of zones become UTC and back, hour changes included."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsforecast.errors import UserError
from tsforecast.times.zones import Zone

NAMES = st.sampled_from(
    ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo", "UTC"]
)
PARIS = Zone("Europe/Paris")
HOURS = st.integers(0, 24 * 365 * 40)  # from 1985 on


def utc_times(first, count, minutes):
    start = np.datetime64("1985-01-01T00:00", "ns") + np.timedelta64(first, "h")
    return start + np.arange(count) * np.timedelta64(minutes, "m")


def local(text):
    return np.array(text.split(), "datetime64[ns]")


@settings(max_examples=60, deadline=None)
@given(NAMES, HOURS, st.sampled_from([15, 30, 60]), st.booleans())
def test_local_times_of_a_year_become_the_utc_times_that_they_were(name, first, minutes, newest_first):
    if (
        name == "Australia/Lord_Howe"
    ):  # whose clock moves by half an hour, so that hourly rows have half hours once
        minutes = min(minutes, 30)
    zone, utc = Zone(name), utc_times(first, 366 * 24 * 60 // minutes, minutes)
    utc = utc[::-1] if newest_first else utc
    result = zone.to_utc(zone.to_local(utc))
    assert not (result.skipped.any())
    assert not (result.unclear.any())
    assert not (result.once)
    np.testing.assert_array_equal(result.time, utc)


@settings(max_examples=60, deadline=None)
@given(NAMES, HOURS)
def test_offsets_are_those_of_the_standard_library(name, first):
    seconds = utc_times(first, 400, 60 * 23).astype("datetime64[s]").astype(np.int64)
    zone = ZoneInfo(name)
    expected = [
        datetime.fromtimestamp(second, zone).utcoffset().total_seconds() for second in seconds.tolist()
    ]
    assert Zone(name).offsets(seconds).tolist() == expected


def test_a_repeated_hour_is_told_by_the_order_of_the_rows():
    orders = {
        "2024-10-27T02:00 2024-10-27T02:30 2024-10-27T02:00 2024-10-27T02:30": [
            "00:00",
            "00:30",
            "01:00",
            "01:30",
        ],
        "2024-10-27T02:00 2024-10-27T02:00 2024-10-27T02:30 2024-10-27T02:30": [
            "00:00",
            "01:00",
            "00:30",
            "01:30",
        ],
        "2024-10-27T02:15 2024-10-27T02:00 2024-10-27T02:45": ["00:15", "01:00", "01:45"],
    }
    for rows, expected in orders.items():
        result = PARIS.to_utc(local(f"2024-10-27T01:00 {rows} 2024-10-27T03:00"))
        times = np.datetime_as_string(result.time.astype("datetime64[m]"))[1:-1]
        assert [text[11:] for text in times] == expected
        assert not result.unclear.any()
        assert not result.once


def test_a_repeated_hour_that_the_rows_have_once_is_its_first_pass():
    result = PARIS.to_utc(local("2024-10-27T01:00 2024-10-27T02:00 2024-10-27T03:00"))
    assert [str(time)[11:13] for time in result.time] == ["23", "00", "02"]
    assert [str(time) for time in result.once] == ["2024-10-27T02:00:00"]


@pytest.mark.parametrize(
    "rows",
    [
        "2024-10-27T02:00 2024-10-27T02:00 2024-10-27T02:15 2024-10-27T02:30 2024-10-27T02:30",
        "2024-10-27T02:30 2024-10-27T02:00 2024-10-27T02:30 2024-10-27T02:00 2024-10-27T02:30 2024-10-27T02:45",
        "2024-10-27T02:00 2024-10-27T02:00 2024-10-27T02:00",
    ],
)
def test_an_order_that_does_not_tell_is_reported(rows):
    result = PARIS.to_utc(
        local(f"2024-10-27T00:30 2024-10-27T01:00 {rows} 2024-10-27T03:00 2024-10-27T04:00")
    )
    assert result.unclear.tolist() == [False, False, *[True] * len(rows.split()), False, False]


def test_an_hour_that_does_not_exist_is_reported():
    result = PARIS.to_utc(local("2024-03-31T01:59 2024-03-31T02:00 2024-03-31T02:59 2024-03-31T03:00 NaT"))
    assert result.skipped.tolist() == [False, True, True, False, False]
    assert np.isnat(result.time).tolist() == [False, True, True, False, True]


def test_rows_that_end_in_a_repeated_hour_are_counted():
    night = local("2024-10-27T01:30 2024-10-27T02:00 2024-10-27T02:30 2024-10-27T02:00 2024-10-27T03:00")
    assert [PARIS.count_unfinished(night[:count]) for count in range(6)] == [0, 0, 1, 2, 3, 0]


def test_local_midnights_become_utc_also_where_there_is_none():
    dates = np.array(["2024-01-01", "2024-07-01", "2018-11-04"], "datetime64[s]")
    assert PARIS.from_wall(dates).astype("datetime64[h]").astype(str).tolist() == [
        "2023-12-31T23",
        "2024-06-30T22",
        "2018-11-03T23",
    ]
    assert str(Zone("America/Sao_Paulo").from_wall(dates)[2]) == "2018-11-04T02:00:00"  # which starts at 1:00


@pytest.mark.parametrize(("name", "advice"), [("Europe/Pariss", "Europe/Paris"), ("", "Write"), (3, "Write")])
def test_an_unknown_zone_is_refused_with_the_nearest(name, advice):
    with pytest.raises(UserError, match=f"data.timezone: there is no time zone.*{advice}"):
        Zone.parse(name)
