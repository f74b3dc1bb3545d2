"""Faults that new rows may bring, and days without faults."""

import numpy as np
import pytest

from tsforecast.data.quality import faults, longest_run
from tsforecast.data.series import Series

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


def test_longest_run():
    assert longest_run(np.array([0, 1, 1, 0, 1, 1, 1, 0], bool)) == (4, 3)
    assert longest_run(np.zeros(3, bool)) == (0, 0)
