"""Times written as numbers: Unix time, Excel's serial dates, hours and periods of a day, and parts of a date."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsforecast.columns.arrow import nulls
from tsforecast.columns.cells import NUMBER, clean_text, is_number, is_text
from tsforecast.times.day_numbers import (
    counts_periods,
    parse_periods,
    periods_per_day,
    usual_most,
)
from tsforecast.times.text import DAY_NS, NS, YEARS, Reading, day_number, week_start
from tsforecast.times.words import month_number

UNIX_UNITS = {
    "s": (1e11, NS),
    "ms": (1e14, 10**6),
    "us": (1e17, 1000),
    "ns": (1e20, 1),
}  # numbers below, ns per unit
EXCEL = "excel"
EXCEL_DAYS = (18_264, 73_051)  # 1950 to 2100
EXCEL_EPOCH = 25_569  # 1970-01-01
HOUR = "hour"  # 0 to 23, or 24 for 0:00 of the next day
HOUR_TO_24 = "hour_to_24"  # the same, decided on rows with 24, and with 0 or without 0 and 1
HOUR_ENDING = "hour_ending"  # 1 to 24, where hour 1 begins at 0:00
CLOCK_NUMBER = "hhmm"  # 930 is 9:30
HOUR_NAME = r"^(?:[Hh][Ee]|[Hh](?:our)?)[ _]?(\d{1,2})$"  # HE01 is hour 1
HOUR_NUMBER = "period_24_from_1"  # hours since midnight, 25 or 23 on the days of a change
PARTS = ("year", "month", "day", "hour", "minute", "second")
WEEK_PARTS = ("year", "week")  # ISO weeks
DAY_OF_YEAR_PARTS = ("year", "day_of_year", "hour", "minute", "second")
LAYOUTS = (PARTS, WEEK_PARTS, DAY_OF_YEAR_PARTS)
LIMITS = {
    "year": (YEARS[0], YEARS[1] - 1),
    "month": (1, 12),
    "day": (1, 31),
    "hour": (0, 24),
    "week": (1, 53),
    "day_of_year": (1, 366),
}
MISSING_TIME = np.datetime64("NaT", "ns")
MAX_STEP_SECONDS = 7_258_118_400  # of numbered steps: up to 2199


def numbers(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the numbers of a column ``[N]`` (int64 if whole) and which values are not numbers; None without any."""
    kind = column.type
    if is_text(kind):
        text = clean_text(column)
        good = pc.fill_null(pc.match_substring_regex(text, NUMBER), False)
        bad = ~nulls(text) & nulls(pc.if_else(good, True, None))
        column = pc.if_else(good, text, pa.scalar(None, pa.string())).cast(pa.float64())
    elif is_number(kind):
        bad = np.zeros(len(column), bool)
    else:
        return None
    if column.null_count == len(column):
        return None
    if pa.types.is_integer(column.type):
        values = np.asarray(pc.fill_null(column, 0).cast(pa.int64()).to_numpy())
        if column.null_count == 0:
            return values, bad
        return np.where(nulls(column), np.nan, values.astype(np.float64)), bad
    return np.asarray(column.cast(pa.float64()).to_numpy()), bad


def unix_unit(column: pa.ChunkedArray) -> str | None:
    """Return the unit of Unix times, judged by the largest, or None if they are too small or large for any."""
    result = numbers(column)
    if result is None:
        return None
    middle = float(np.nanmedian(result[0]))
    return next((unit for unit, (below, _) in UNIX_UNITS.items() if abs(middle) < below), None)


def read_unix(column: pa.ChunkedArray, unit: str) -> Reading | None:
    """Return Unix times from 1971 to 2199."""
    result = numbers(column)
    if result is None:
        return None
    values, bad = result
    per = UNIX_UNITS[unit][1]
    low, high = 31_536_000 * NS // per, 7_258_118_400 * NS // per
    with np.errstate(invalid="ignore"):
        good = (values >= low) & (values < high)
    if values.dtype.kind == "f":
        whole = np.floor(np.where(good, values, 0))
        rest = np.where(good, values, 0) - whole
        ns = whole.astype(np.int64) * per + np.round(rest * per / 1000).astype(np.int64) * 1000
    else:
        ns = np.where(good, values, 0) * per
    return _reading(ns, good, values, bad, has_offset=True)


def read_excel(column: pa.ChunkedArray) -> Reading | None:
    """Return the times of Excel's serial dates from 1950 to 2100, to the second."""
    result = numbers(column)
    if result is None:
        return None
    values, bad = result
    with np.errstate(invalid="ignore"):
        good = (values >= EXCEL_DAYS[0]) & (values < EXCEL_DAYS[1])
    seconds = np.round((np.where(good, values, EXCEL_EPOCH) - EXCEL_EPOCH) * 86_400).astype(np.int64)
    return _reading(seconds * NS, good, values, bad)


def read_steps(column: pa.ChunkedArray, seconds: int) -> Reading | None:
    """Return the times of whole numbers that count steps, from 1970 on.

    Args:
        column: The numbers.
        seconds: Length of a step.
    """
    result = numbers(column)
    if result is None:
        return None
    values, bad = result
    with np.errstate(invalid="ignore"):
        good = (np.abs(values) < MAX_STEP_SECONDS // seconds) & (values == np.floor(values))
    return _reading(np.where(good, values, 0).astype(np.int64) * (seconds * NS), good, values, bad)


def clock_of_numbers(column: pa.ChunkedArray, name: str, days: np.ndarray | None = None) -> str | None:
    """Return how the numbers of a column tell the time of day, judged by all of them, or None if they do not.

    Args:
        column: The numbers.
        name: Its name.
        days: ``[N]`` codes of the days of the rows, by which the usual number of periods is decided; None if unknown.
    """
    result = whole_numbers(column)
    if result is None:
        return None
    values = result[0][~np.isnan(result[0])]
    if not len(values):
        return None
    least, most = values.min(), values.max()
    if least < 0:
        return None
    if is_text(column.type) and least >= 1 and most <= 24 and _any_matches(column, r"^[Hh][Ee]"):
        return HOUR_ENDING
    if most <= 24 and "hhmm" not in name.lower():
        return _hours(float(least), float(most))
    usual = usual_most(result[0], days)
    if least == 1 and most == 25 and usual >= 23:
        return HOUR_NUMBER
    count = periods_per_day(usual, int(least))
    if re.search(r"period|interval|slot|block|half|quarter|step", name.lower()):
        return None if count is None or least > 1 else f"period_{count}_from_{int(least)}"
    return CLOCK_NUMBER if most <= 2400 and (values % 100 < 60).all() else None


def _hours(least: float, most: float) -> str:
    if most < 24:
        return HOUR
    return HOUR_ENDING if least == 1 else HOUR_TO_24


def _any_matches(text: pa.ChunkedArray, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(clean_text(text), pattern), min_count=0).as_py())


def read_clock_number(column: pa.ChunkedArray, clock: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Return times of day timedelta64[ns] ``[N]`` (NaT where missing or bad), and which values are bad."""
    result = whole_numbers(column)
    if result is None:
        return None
    values, bad = result
    if clock == HOUR_ENDING:
        low, high, seconds = 1, 24, (values - 1) * 3600
    elif clock == CLOCK_NUMBER:
        low, high, seconds = 0, 2400, values // 100 * 3600 + values % 100 * 60
        bad = bad | (values % 100 >= 60)
    elif counts_periods(clock):
        count, low = parse_periods(clock)
        high, seconds = low + count - 1, (values - low) * (86_400 // count)
    else:
        low, high, seconds = 0, 24, values * 3600
    with np.errstate(invalid="ignore"):
        bad = bad | (values < low) | (values > high)
    missing = np.isnan(values) | bad
    out = (np.where(missing, 0, seconds).astype(np.int64) * NS).astype("timedelta64[ns]")
    out[missing] = np.timedelta64("NaT")
    return out, bad


def read_parts(columns: list[pa.ChunkedArray], parts: list[str]) -> tuple[Reading, int]:
    """Return the times of columns with year, month and so on, and the first column that has a bad value.

    Args:
        columns: One column for each part.
        parts: Names out of one of ``LAYOUTS``, the year first.
    """
    rows = len(columns[0])
    values, bad, missing, first_bad = {}, np.zeros(rows, bool), np.zeros(rows, bool), 0
    for index, (column, part) in enumerate(zip(columns, parts, strict=True)):
        result = whole_numbers(_month_numbers(column) if part == "month" else column)
        numbers_, wrong = result if result is not None else (np.full(rows, np.nan), ~nulls(column))
        low, high = LIMITS.get(part, (0, 59))
        with np.errstate(invalid="ignore"):
            wrong = wrong | (numbers_ < low) | (numbers_ > high)
        if wrong.any() and not bad.any():
            first_bad = index
        bad, missing = bad | wrong, missing | np.isnan(numbers_)
        values[part] = np.where(wrong | np.isnan(numbers_), low, numbers_).astype(np.int64)
    days, exists = _days(values)
    if not exists.all() and not bad.any():
        first_bad = max(index for index, part in enumerate(parts) if part not in PARTS[3:])
    clock = sum(
        values[part] * 60**power
        for power, part in ((2, "hour"), (1, "minute"), (0, "second"))
        if part in values
    )
    ns = np.where(exists, days, 0) * DAY_NS + clock * NS
    bad = bad | (~exists & ~missing)
    time = ns.astype("datetime64[ns]")
    time[bad | missing] = MISSING_TIME
    return Reading(time, bad, np.zeros(rows, bool)), first_bad


def _days(values: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return days since 1970, and whether they exist; a week is its Monday."""
    year = values["year"]
    one = np.ones_like(year)
    if "week" in values:
        return week_start(year, values["week"], one)
    if "day_of_year" not in values:
        return day_number(year, values.get("month", one), values.get("day", one))
    first, good = day_number(year, one, one)
    days = first + values["day_of_year"] - 1
    return days, good & (days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970 == year)


def _month_numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not is_text(column.type):
        return column
    text = clean_text(column).combine_chunks()
    words = pc.unique(text)
    numbers_ = [
        (word and month_number(word) and str(month_number(word))) or word for word in words.to_pylist()
    ]
    return pa.chunked_array([pa.array(numbers_, pa.string()).take(pc.index_in(text, value_set=words))])


def whole_numbers(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the numbers of a column as float64 ``[N]`` and which are not whole; None if it has no number."""
    if is_text(column.type):
        column = pc.replace_substring_regex(clean_text(column), HOUR_NAME, r"\1")
    result = numbers(column)
    if result is None:
        return None
    values = result[0].astype(np.float64)
    with np.errstate(invalid="ignore"):
        return values, result[1] | (values != np.floor(values)) & ~np.isnan(values)


def _reading(
    ns: np.ndarray, good: np.ndarray, values: np.ndarray, bad: np.ndarray, has_offset: bool = False
) -> Reading:
    time = ns.astype("datetime64[ns]")
    time[~good] = MISSING_TIME
    missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)
    return Reading(time, bad | (~good & ~missing), np.full(len(values), has_offset))
