"""Numbered periods of days are counted by the usual day and dated by the time since midnight."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsforecast.times.day_numbers import numbers_elapsed_hours, periods_per_day, read_elapsed, usual_most
from tsforecast.times.zones import Zone

LONDON = Zone("Europe/London")


def test_the_usual_day_decides_and_not_the_longest():
    lengths = [20, 48, 48, 50, 48, 46]
    values = np.concatenate([np.arange(1.0, length + 1) for length in lengths])
    days = np.repeat(np.arange(len(lengths)), lengths)
    assert usual_most(values, days) == 48
    assert usual_most(values, None) == 50
    assert usual_most(values[:20], days[:20]) == 20


@pytest.mark.parametrize(
    ("usual", "first", "count"),
    [
        (48, 1, 48),
        (50, 1, 48),
        (51, 1, 96),
        (47, 0, 48),
        (96, 1, 96),
        (100, 1, 96),
        (288, 1, 288),
        (400, 1, None),
    ],
)
def test_the_periods_of_a_day_follow_from_its_usual_largest_number(usual, first, count):
    assert periods_per_day(usual, first) == count


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 20_000), st.sampled_from(["Europe/London", "America/New_York", "America/Sao_Paulo"]))
def test_the_periods_of_two_days_are_half_hours_without_a_gap(first, name):
    zone, day = Zone(name), np.datetime64("1980-01-01", "D") + first
    bounds = zone.from_wall(day + np.arange(3)).astype(np.int64)
    counts = np.diff(bounds) // 1800
    numbers = np.concatenate([np.arange(1.0, count + 1) for count in counts])
    time, bad = read_elapsed(
        np.repeat(day + np.arange(2), counts).astype("datetime64[ns]"), numbers, "period_48_from_1", zone
    )
    assert not bad.any()
    np.testing.assert_array_equal(
        time.astype("datetime64[s]").astype(np.int64), np.arange(bounds[0], bounds[2], 1800)
    )


def test_numbers_that_a_day_does_not_have_are_bad():
    days = np.array(
        ["2024-10-27", "2024-10-27", "2024-03-31", "2024-03-31", "2024-06-01", "NaT"], "datetime64[ns]"
    )
    numbers = np.array([50.0, 51, 46, 47, 49, 1])
    time, bad = read_elapsed(days, numbers, "period_48_from_1", LONDON)
    assert bad.tolist() == [False, True, False, True, True, False]
    assert str(time[0])[:16] == "2024-10-27T23:30"
    assert np.isnat(time).tolist() == [False, True, False, True, True, True]


def test_hours_count_from_midnight_if_the_short_day_ends_with_23():
    short = np.full(23, "2024-03-31", "datetime64[ns]")
    elapsed, wall = np.arange(1.0, 24), np.array([1.0, *range(3, 25)])
    assert numbers_elapsed_hours(short, elapsed, LONDON)
    assert not numbers_elapsed_hours(short, wall, LONDON)
    assert not numbers_elapsed_hours(short + np.timedelta64(1, "D"), elapsed, LONDON)
