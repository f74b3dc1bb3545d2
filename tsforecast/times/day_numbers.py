"""Numbered hours and periods of days that a change of the clocks makes longer or shorter."""

import re

import numpy as np
import pyarrow as pa

from tsforecast.times.zones import Zone

DAY_S = 86_400
LONGEST = 25 / 24  # of a usual day: the one on which the clocks are put back
LENGTHS = (48, 96, 144, 288)  # periods per day; hours have their own rules


def usual_most(values: np.ndarray, days: np.ndarray | None) -> float:
    """Return the most common of the largest numbers of the days, the larger of two that are equally common.

    Args:
        values: ``[N]`` numbers, NaN where missing.
        days: ``[N]`` codes of the days; None if all rows count as one.

    Example:
        >>> usual_most(np.array([1.0, 2.0, 1.0, 2.0, 1.0, 3.0]), np.array([0, 0, 1, 1, 2, 2]))
        2.0
    """
    if days is None:
        return float(np.nanmax(values))
    known = ~np.isnan(values)
    most = np.full(int(days.max()) + 1, -np.inf)
    np.maximum.at(most, days[known], values[known])
    numbers, counts = np.unique(most[np.isfinite(most)], return_counts=True)
    return float(numbers[np.flatnonzero(counts == counts.max())[-1]])


def day_codes(columns: list[pa.ChunkedArray]) -> np.ndarray:
    """Return a code for the day of each row ``[N]``, from the columns that write the date."""
    codes = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        encoded = column.combine_chunks().dictionary_encode()
        indices = np.asarray(
            encoded.indices.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False)
        )
        codes = codes * (len(encoded.dictionary) + 1) + indices
    return np.unique(codes, return_inverse=True)[1]


def periods_per_day(usual: float, first: int) -> int | None:
    """Return how many periods a day has by its usual largest number; a day of 25 hours may be the only one."""
    return next((count for count in LENGTHS if usual - first + 1 <= count * LONGEST), None)


def counts_periods(clock: str) -> bool:
    """Return whether a clock numbers the periods of a day."""
    return clock.startswith("period_")


def parse_periods(clock: str) -> tuple[int, int]:
    """Return how many periods a usual day has, and the number of its first.

    Example:
        >>> parse_periods("period_48_from_1")
        (48, 1)
    """
    count, first = (int(number) for number in re.findall(r"\d+", clock))
    return count, first


def read_elapsed(
    date: np.ndarray, numbers: np.ndarray, clock: str, zone: Zone
) -> tuple[np.ndarray, np.ndarray]:
    """Return the UTC times ``[N]`` datetime64[ns] of numbered periods, and which numbers their day does not have.

    A period begins as long after the local midnight as the periods before it last.

    Args:
        date: ``[N]`` local midnights datetime64[ns], NaT where missing.
        numbers: ``[N]`` numbers of the periods, NaN where missing.
        clock: As ``parse_periods`` takes it.
        zone: Of the days.
    """
    count, first = parse_periods(clock)
    step = DAY_S // count
    known = ~np.isnat(date) & ~np.isnan(numbers)
    days, index = np.unique(date[known].astype("datetime64[D]"), return_inverse=True)
    start = zone.from_wall(days).astype(np.int64)
    length = zone.from_wall(days + 1).astype(np.int64) - start
    steps_before = numbers[known].astype(np.int64) - first
    bad = np.zeros(len(date), bool)
    bad[known] = (steps_before < 0) | (steps_before * step >= length[index])
    time = np.full(len(date), "NaT", "datetime64[ns]")
    time[known] = (start[index] + steps_before * step).astype("datetime64[s]")
    time[bad] = np.datetime64("NaT")
    return time, bad


def numbers_elapsed_hours(date: np.ndarray, numbers: np.ndarray, zone: Zone) -> bool:
    """Return whether hours from 1 run to 23 on each day of 23 hours in the rows, of which there is one at least.

    Args:
        date: ``[N]`` local midnights datetime64[ns], NaT where missing.
        numbers: ``[N]`` hours, NaN where missing.
        zone: Of the days.
    """
    known = ~np.isnat(date) & ~np.isnan(numbers)
    days, index = np.unique(date[known].astype("datetime64[D]"), return_inverse=True)
    hours = (zone.from_wall(days + 1) - zone.from_wall(days)).astype(np.int64) // 3600
    short = [set(numbers[known][index == day].tolist()) for day in np.flatnonzero(hours == 23)]
    whole = set(range(1, 24))
    return any(day == whole for day in short) and not any(24 in day for day in short)
