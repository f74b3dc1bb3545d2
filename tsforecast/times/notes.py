"""Notes on what was done to rows to put them on a regular grid."""

import numpy as np

from tsforecast.times.day_numbers import DAY_S, counts_periods, parse_periods
from tsforecast.times.formats import TimeFormat
from tsforecast.times.frequency import Frequency
from tsforecast.times.numbers import HOUR_ENDING


def untimed_note(rows: int) -> tuple[str, ...]:
    """Return a note on rows without a time, if there are any."""
    return (f"{rows:,} rows without a time were left out.",) if rows else ()


def order_note(backwards: int) -> tuple[str, ...]:
    """Return a note on steps back in time, if there are any."""
    if not backwards:
        return ()
    return (f"The rows were not in order of time ({backwards:,} steps back) and were sorted.",)


def moved_note(moved: int, step: Frequency) -> tuple[str, ...]:
    """Return a note on timestamps that were moved onto the steps, if there are any."""
    if not moved:
        return ()
    return (f"{moved:,} timestamps lay between the steps of {step.describe()} and were moved onto them.",)


def shared_note(shared: int, duplicates: str | None) -> tuple[str, ...]:
    """Return a note on rows that share their step with another, if there are any."""
    if not shared:
        return ()
    if duplicates in ("mean", "sum"):
        return (f"{shared:,} rows shared their step with another; the {duplicates} of each step was taken.",)
    other = "an earlier" if duplicates == "first" else "a later"
    return (
        f"{shared:,} rows shared their step with {other} one; the {duplicates or 'last'} of each was kept.",
    )


def missing_note(missing: int, rows: int) -> tuple[str, ...]:
    """Return a note on steps without a row, if there are any."""
    if not missing:
        return ()
    return (f"{missing:,} of {rows:,} timestamps were missing; their rows count as unobserved.",)


def autumn_note(time: np.ndarray) -> tuple[str, ...]:
    """Return a note on local times that are there twice because the clock was put back, if there are any.

    Args:
        time: ``[N]`` datetime64[ns] without a zone, in any order, NaT allowed.

    Example:
        >>> autumn_note(np.array(["2024-10-27T02:00", "2024-10-27T02:00"], "datetime64[ns]"))[0][:55]
        '1 rows repeat a time in the night of 2024-10-27, when m'
    """
    if (np.diff(time).astype(np.int64) > 0).all():
        return ()
    times, counts = np.unique(time[~np.isnat(time)], return_counts=True)
    days = times.astype("datetime64[D]")
    again = (counts > 1) & _is_put_back(days) & (times - days <= np.timedelta64(3, "h"))
    if not again.any():
        return ()
    return (
        f"{int((counts[again] - 1).sum()):,} rows repeat a time in the night of {days[again.argmax()]}, when many"
        " clocks were put back: if the times are local, name their zone to keep both hours, as in"
        " data.timezone=Europe/Paris.",
    )


def spring_note(written: TimeFormat, time: np.ndarray) -> tuple[str, ...]:
    """Return a note if the numbered hours or periods of a day end an hour early because the clock was put forward.

    Args:
        written: How the times are written.
        time: ``[N]`` datetime64[ns], in any order, NaT allowed.

    Example:
        >>> time = np.arange("2024-03-30T00:00", "2024-04-01T23:30", 30, "datetime64[m]").astype("datetime64[ns]")
        >>> time = time[(time < np.datetime64("2024-03-31T23:00")) | (time >= np.datetime64("2024-04-01"))]
        >>> spring_note(TimeFormat(("day", "period"), "%Y-%m-%d", "period_48_from_1"), time)[0][:53]
        'On 2024-03-31, when many clocks were put forward, the'
    """
    if written.timezone or not (written.clock == HOUR_ENDING or counts_periods(written.clock)):
        return ()
    count = 24 if written.clock == HOUR_ENDING else parse_periods(written.clock)[0]
    short = count - count // 24
    known = np.unique(time[~np.isnat(time)])
    days, start, rows = np.unique(known.astype("datetime64[D]"), return_index=True, return_counts=True)
    last = known[start + rows - 1] - days
    ends = last == np.timedelta64((short - 1) * (DAY_S // count), "s")
    forward = _is_put_forward(days) & (rows == short) & ends
    forward[-1:] = False  # the rows may end there
    if not forward.any():
        return ()
    return (
        f"On {days[forward.argmax()]}, when many clocks were put forward, the numbers in '{written.columns[-1]}' end at"
        f" {short} of {count}: if they count from midnight, name the zone to shift no row by an hour, as in"
        " data.timezone=Europe/Paris.",
    )


def _is_put_forward(days: np.ndarray) -> np.ndarray:
    """Return which days are the last Sunday of March or September, the second of March, or the first of October."""
    number, month_of_year, date = _date_parts(days)
    spring = (month_of_year == 2) & ((date >= 24) | ((date >= 7) & (date < 14)))
    south = ((month_of_year == 8) & (date >= 23)) | ((month_of_year == 9) & (date < 7))
    is_day: np.ndarray = (number % 7 == 3) & (spring | south)
    return is_day


def _date_parts(days: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return days since 1970, their month of the year and their day of the month, both from 0."""
    number = days.astype(np.int64)
    month = days.astype("datetime64[M]")
    return number, month.astype(np.int64) % 12, number - month.astype("datetime64[D]").astype(np.int64)


def _is_put_back(days: np.ndarray) -> np.ndarray:
    """Return which days are the last Sunday of October or the first of November or April."""
    number, month_of_year, date = _date_parts(days)
    is_last, is_first = (month_of_year == 9) & (date >= 24), np.isin(month_of_year, (3, 10)) & (date < 7)
    is_day: np.ndarray = (number % 7 == 3) & (is_last | is_first)
    return is_day
