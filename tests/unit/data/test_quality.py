"""Faults that new rows may bring, and days without faults."""

import dataclasses

import numpy as np
import pytest

from tests.helpers.series_factory import make_series
from tsforecast.data.quality import faults, longest_run
from tsforecast.data.series import Series
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.times.formats import TimeFormat

DAY = 144  # ten-minute rows
FIRST = 20 * DAY


def series(change=None):
    rng = np.random.default_rng(0)
    rows = 21 * DAY
    level = 2 + np.sin(np.arange(rows) / DAY * 2 * np.pi) + 0.2 * rng.normal(size=rows)
    values = np.stack([level, np.where(rng.random(rows) < 0.3, 1.0, 0.0)], axis=1)
    if change is not None:
        values[FIRST:] = change(values[FIRST:])
    time = np.datetime64("2020-01-01T00:00:00", "s") + np.arange(rows) * np.timedelta64(600, "s")
    return Series(time, values, ("power", "switch"), ("power",), DAY)


def stuck(values):
    values[40:120, 0] = 1.7
    return values


def silent(values):
    values[10:60, 0] = np.nan
    return values


def test_a_day_like_the_others_has_no_fault():
    assert faults(series(), FIRST) == []


def test_a_few_missing_values_are_no_fault():
    def change(values):
        values[::10, 0] = np.nan
        return values

    assert faults(series(change), FIRST) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda values: values * [1000.0, 1.0], "the mean of power over a day is"),
        (lambda values: values * [0.001, 1.0], "the mean of power over a day is"),
        (lambda values: values - np.array([8.0, 0.0]), "the mean of power over a day is"),
        (stuck, "power is constant at 1.7 for 80 rows from 2020-01-21T06:40:00"),
        (silent, "power has no value in 50 rows from 2020-01-21T01:40:00"),
    ],
)
def test_faults_are_named(change, words):
    found = faults(series(change), FIRST)
    assert len(found) == 1
    assert words in found[0]


DAILY_FIRST = 1095


def daily(change, rows=70, step=86_400, season=7):
    """Whole numbers with a weekly wave, of which the last rows are new."""
    count = np.arange(DAILY_FIRST + rows)
    level = 40 + 10 * np.sin(2 * np.pi * count / season) + np.random.default_rng(24).normal(0, 4, len(count))
    values = level.round()[:, None]
    values[DAILY_FIRST:, 0] = change(values[DAILY_FIRST:, 0])
    return make_series(values=values, features=("orders",), targets=("orders",), step=step, season=season)


def put(values, start, stop, value):
    values[start:stop] = value
    return values


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values,
        lambda values: put(values, 34, 35, np.nan),  # a missing day
        lambda values: put(values, 34, 37, np.nan),
        lambda values: put(values, 34, 38, 40.0),  # four equal days
        lambda values: put(values, 34, 35, 80.0),  # a busy day
    ],
)
def test_daily_rows_like_the_others_have_no_fault(change):
    assert faults(daily(change), DAILY_FIRST) == []


@pytest.mark.parametrize("step", [86_400, 7 * 86_400])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda values: put(values, 34, 44, np.nan), "orders has no value in 10 rows from"),
        (lambda values: put(values, 34, 54, 40.0), "orders is constant at 40 for 20 rows from"),
        (lambda values: put(values, 60, 70, values[60:70] * 1000), "the mean of orders over 7 steps is"),
        (lambda values: values / 1000, "the mean of orders over 7 steps is"),
    ],
)
def test_faults_of_daily_and_weekly_rows_are_named(step, change, words):
    found = faults(daily(change, step=step), DAILY_FIRST)
    assert len(found) == 1
    assert words in found[0]


def test_rows_of_months_are_compared_over_a_season():
    months = np.arange("1900-01", "1997-02", dtype="datetime64[M]").astype("datetime64[s]")
    series = daily(lambda values: values * 1000, season=12)
    series = dataclasses.replace(series, time=months[: len(series)])
    assert "the mean of orders over 12 steps is" in faults(series, DAILY_FIRST)[0]


@pytest.mark.parametrize("sound", [True, False])
def test_nights_and_weekends_without_a_value_are_usual(sound):
    """A market of eight hours on weekdays; a feed that fails for two weeks is a fault all the same."""
    hours = np.arange(24 * 7 * 30)
    is_open = (hours % 24 >= 8) & (hours % 24 < 16) & (hours // 24 % 7 < 5)
    values = np.where(is_open, 100 + np.random.default_rng(0).normal(size=len(hours)), np.nan)[:, None]
    first = 24 * 7 * 20
    if not sound:
        values[first + 300 : first + 300 + 24 * 14] = np.nan
    series = make_series(values=values, features=("close",), targets=("close",), step=3600, season=24)
    found = faults(series, first)
    assert found == [] if sound else "close has no value in" in found[0]


def test_a_changed_unit_is_noticed_where_most_rows_have_no_value():
    values = np.full((24 * 400, 1), np.nan)
    values[::6, 0] = 100 + np.random.default_rng(0).normal(size=1600)
    values[24 * 390 :] *= 1000
    series = make_series(values=values, features=("close",), targets=("close",), step=3600, season=24)
    assert "the mean of close over a day is" in faults(series, 24 * 390)[0]


def test_longest_run():
    assert longest_run(np.array([0, 1, 1, 0, 1, 1, 1, 0], bool)) == (4, 3)
    assert longest_run(np.zeros(3, bool)) == (0, 0)


def test_a_constant_or_missing_category_is_no_fault():
    recipe = ReadingRecipe(TimeFormat(("time",), "iso"), ("power",), categories={"switch": ("off", "on")})

    def change(values):
        values[:, 1] = 3
        values[60:, 1] = np.nan
        return values

    assert faults(series(change), FIRST)
    assert not faults(dataclasses.replace(series(change), recipe=recipe), FIRST)
