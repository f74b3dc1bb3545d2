"""Durations in time steps: how many rows they take on any grid, also one of months or of business days."""

import numpy as np

from tsforecast.data.series import Series
from tsforecast.times.frequency import DAY

MIN_BLOCK = 7


def mean_step(series: Series) -> float:
    """Return the mean number of seconds from one row to the next, of many series in the longest; a day for one row."""
    bounds = series.bounds
    longest = int(np.argmax(np.diff(bounds)))
    first, last = int(bounds[longest]), int(bounds[longest + 1]) - 1
    if last <= first:
        return float(DAY)
    return float((series.time[last] - series.time[first]).astype("int64")) / (last - first)


def days_to_steps(series: Series, days: float) -> int:
    """Return the number of steps in a number of days, rounded."""
    return round(days * DAY / mean_step(series))


def steps_to_days(series: Series, steps: int) -> float:
    """Return the number of days that steps take."""
    return steps * mean_step(series) / DAY


def block_steps(series: Series) -> int:
    """Return the steps of the block by which rows are summarized: a day, or a season if steps are that long.

    A season of a day or more has at least seven steps here, since fewer rows have no stable mean.
    """
    if mean_step(series) < DAY:
        return max(1, days_to_steps(series, 1))
    return max(series.season, MIN_BLOCK)
