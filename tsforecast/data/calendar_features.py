"""Calendar features: functions of the time alone, and so known for any future."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from tsforecast.times.frequency import BUSINESS_DAYS, DAY, MONTHS, Frequency

DAY_AND_WEEK = ("minute_of_day_sin", "minute_of_day_cos", "day_of_week_sin", "day_of_week_cos")
CALENDAR = (*DAY_AND_WEEK, "month_of_year_sin", "month_of_year_cos")


def calendar(time: np.ndarray, names: Sequence[str] = CALENDAR) -> np.ndarray:
    """Return calendar features.

    Args:
        time: ``[N]`` datetime64[s].
        names: The features, out of ``CALENDAR``.

    Returns:
        ``[N, F]`` float32 in -1..1, in the order of the names; the week starts on Monday.
    """
    out = np.empty((len(time), len(names)), np.float32)
    positions: dict[str, np.ndarray] = {}
    for column, name in enumerate(names):
        unit, _, function = name.rpartition("_")
        if unit not in positions:
            positions[unit] = _position(time, unit)
        out[:, column] = _table(unit, function)[positions[unit]]
    return out


@cache
def _table(unit: str, function: str) -> np.ndarray:
    """Return every value that can occur."""
    angle = 2 * np.pi * np.arange(PERIODS[unit]) / PERIODS[unit]
    table = np.sin(angle) if function == "sin" else np.cos(angle)
    return table.astype(np.float32)


def changing_features(step: Frequency) -> tuple[str, ...]:
    """Return the calendar features that change from row to row, and not only once in a while.

    Example:
        >>> changing_features(Frequency.parse("1q"))
        ('month_of_year_sin', 'month_of_year_cos')
    """
    if step.is_below_day:
        return DAY_AND_WEEK
    if step.seconds == DAY or step.unit == BUSINESS_DAYS:
        return DAY_AND_WEEK[2:]
    return CALENDAR[4:] if step.unit == MONTHS and step.count % 12 else ()


PERIODS = {"minute_of_day": 1440, "day_of_week": 7, "month_of_year": 12}


def _position(time: np.ndarray, unit: str) -> np.ndarray:
    """Return the minute of the day, the day of the week or the month of the year, from 0."""
    if unit == "month_of_year":
        return time.astype("datetime64[M]").astype(np.int64) % 12
    minute = time.astype("datetime64[m]").astype(np.int64)
    # 1970-01-01 was a Thursday, the fourth day of its week.
    return minute % 1440 if unit == "minute_of_day" else (minute // 1440 + 3) % 7
