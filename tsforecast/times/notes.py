"""Notes on what was done to rows to put them on a regular grid."""

import numpy as np

from tsforecast.times.frequency import Frequency


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


def _is_put_back(days: np.ndarray) -> np.ndarray:
    """Return which days are the last Sunday of October or the first of November or April."""
    number = days.astype(np.int64)
    month = days.astype("datetime64[M]")
    date = number - month.astype("datetime64[D]").astype(np.int64)
    month_of_year = month.astype(np.int64) % 12
    is_last, is_first = (month_of_year == 9) & (date >= 24), np.isin(month_of_year, (3, 10)) & (date < 7)
    is_day: np.ndarray = (number % 7 == 3) & (is_last | is_first)
    return is_day
