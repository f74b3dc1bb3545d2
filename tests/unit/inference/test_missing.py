"""Stretches of missing values are found across pieces of a stream."""

import numpy as np
import pytest

from tsforecast.inference.missing import MissingStretches

TIME = np.datetime64("2024-01-01", "D") + np.arange(40)


@pytest.mark.parametrize("size", [1, 3, 40])
def test_the_longest_stretch_does_not_depend_on_the_pieces(size):
    values = np.ones((40, 3))
    values[4:7, 0] = values[20:29, 0] = np.nan
    values[10, 1] = np.nan
    values[:, 2] = np.nan
    missing = MissingStretches(lookback=10, categories=("state",))
    for first in range(0, 40, size):
        part = slice(first, first + size)
        missing.add(["load", "price", "state"], TIME[part], values[part])
    assert missing.warnings() == [
        "Warning: 'load' is missing in 12 of 40 rows, 9 of them running from 2024-01-21: forecasts use older values."
    ]


def test_the_end_counts_as_well():
    values = np.ones((40, 1))
    values[33:] = np.nan
    missing = MissingStretches(lookback=10)
    missing.add(["load"], TIME, values)
    assert "7 of them running from 2024-02-03" in missing.warnings()[0]


def test_gaps_that_no_window_runs_through_are_counted():
    missing = MissingStretches(lookback=10)
    missing.add_gap(TIME[3], TIME[30], 26)
    assert missing.warnings() == [
        "Warning: the rows have a gap of 26 steps from 2024-01-04 to 2024-01-31, which is too long to fill: there are"
        " no forecasts from within."
    ]
    missing.add_gap(TIME[31], TIME[39], 7)
    assert "2 gaps of 33 steps in all, the longest from 2024-01-04 to 2024-01-31" in missing.warnings()[0]


def test_a_context_lacks_the_rows_before_the_first():
    (warning,) = MissingStretches(lookback=10, history=1440).warnings()
    assert warning.startswith(
        "Warning: the context summarizes 1,440 rows before a row, which the first 1,440 rows"
    )
