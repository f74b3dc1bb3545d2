"""What the values and the name of a column allow: the ways of writing times that it may use."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsforecast.columns.cells import clean_text, is_number, is_text
from tsforecast.times.formats import digits
from tsforecast.times.numbers import (
    EXCEL,
    PARTS,
    clock_of_numbers,
    read_excel,
    read_unix,
    unix_unit,
    whole_numbers,
)
from tsforecast.times.text import CLOCKS, COMPACT, ISO, MOMENTS, YEARS, Reading, fitting, read_text

SAMPLE = 200  # values by which patterns are chosen, spread over the column
MIN_SHARE = 0.5  # of the values must be times for a column to count as one of times
TIME_WORDS = ("time", "date", "epoch", "stamp")
SHORT_TIME_WORDS = {
    "ts",
    "utc",
    "gmt",
    "ds",
    "t",
    "when",
    "datum",
    "zeit",
    "fecha",
    "dt",
    "day",
    "month",
    "year",
}
NO_TIMES = (
    "update",
    "candidate",
    "runtime",
    "lifetime",
    "uptime",
    "downtime",
    "leadtime",
    "lead_time",
    "timeout",
)
CLOCK_WORDS = r"hour|clock|time|period|interval|slot|stunde|uhr|hora|heure|^h$|^he$|^hr$|^hh|hhmm"
PART_WORDS = {
    "year": ("year", "yr", "yyyy", "jahr", "isoyear"),
    "month": ("month", "mon", "mo", "monat"),
    "day": ("day", "dy", "dd", "tag", "dayofmonth"),
    "week": ("week", "wk", "isoweek", "weekofyear", "weekno", "weeknumber", "woche", "kw"),
    "day_of_year": ("dayofyear", "doy", "yday", "julianday", "jday"),
    "hour": ("hour", "hr", "hh", "stunde"),
    "minute": ("minute", "minutes", "mn", "minuten"),
    "second": ("second", "seconds", "sec", "sekunde"),
}


def sounds_like_time(name: str) -> bool:
    """Return whether numbers under this name may be times.

    Example:
        >>> sounds_like_time("Timestamp"), sounds_like_time("watts")
        (True, False)
    """
    low = name.lower()
    words = set(re.split(r"[^a-z]+", low))
    return (any(word in low for word in TIME_WORDS) and not any(word in low for word in NO_TIMES)) or bool(
        words & SHORT_TIME_WORDS
    )


def patterns_of(column: pa.ChunkedArray, is_named: bool) -> list[str]:
    """Return the ways of writing times that at least half of a sample of a column's values fit.

    Args:
        column: Of any type.
        is_named: Whether the column is known or sounds as if it holds times, so that numbers may be times.
    """
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return [ISO]
    if is_text(kind):
        sample = _spread_text(column)
        patterns = fitting(sample.to_pylist(), (*MOMENTS, ISO, *(("%Y",) if is_named else ())))
        patterns = [pattern for pattern in patterns if read_text(sample, pattern).bad.mean() <= 1 - MIN_SHARE]
        return patterns or (_number_patterns(column) if is_named else [])
    return _number_patterns(column) if is_named and is_number(kind) else []


def _number_patterns(column: pa.ChunkedArray) -> list[str]:
    if column.null_count == len(column):
        return []
    text = None if is_text(column.type) else digits(_spread(column))
    patterns = fitting(text.drop_null().to_pylist(), (*COMPACT, "%Y%m", "%Y")) if text is not None else []
    patterns = [
        pattern
        for pattern in patterns
        if text is not None and not _implausible(read_text(text, pattern), pattern)
    ]
    if patterns:
        return patterns
    if _is_no_time(_spread(column)):
        return []
    excel = read_excel(column)
    if excel is not None and np.isnat(excel.time).mean() < MIN_SHARE:
        return [EXCEL]
    unit = unix_unit(column)
    return [] if unit is None else [f"unix_{unit}"]


def _is_no_time(sample: pa.ChunkedArray) -> bool:
    """Return whether none of some numbers is an Excel serial date or a Unix time of any unit."""
    excel, unit = read_excel(sample), unix_unit(sample)
    unix = None if unit is None else read_unix(sample, unit)
    return all(reading is None or bool(np.isnat(reading.time).all()) for reading in (excel, unix))


def _implausible(reading: Reading, pattern: str) -> bool:
    """Return whether digits are no years, or no dates since 1900, as Unix times are not."""
    first = np.datetime64(f"{YEARS[0] if pattern == '%Y' else 1900}-01-01")
    return bool((np.isnat(reading.time) | (reading.time < first)).mean() > MIN_SHARE)


def clock_patterns_of(column: pa.ChunkedArray, name: str, days: np.ndarray | None = None) -> list[str]:
    """Return the ways of writing times of day that a sample of a column's values fit; see ``clock_of_numbers``."""
    if pa.types.is_time(column.type):
        return [ISO]
    if is_text(column.type):
        sample = _spread_text(column).to_pylist()
        clocks = fitting(sample, CLOCKS)
        if clocks:
            return clocks
    number = clock_of_numbers(column, name, days)
    return [] if number is None else [number]


def may_be_clock(column: pa.ChunkedArray, name: str) -> bool:
    """Return whether a column may hold times of day."""
    if pa.types.is_time(column.type):
        return True
    if is_text(column.type):
        sample = _spread_text(column)
        if fitting(sample.to_pylist(), CLOCKS):
            return True
        is_clock = (
            sounds_like_clock(name) and whole_numbers(pa.chunked_array([sample.combine_chunks()])) is not None
        )
        return is_clock and clock_of_numbers(column, name) is not None
    return is_number(column.type) and sounds_like_clock(name)


def sounds_like_clock(name: str) -> bool:
    """Return whether numbers or text under this name may be times of day."""
    return re.search(CLOCK_WORDS, name.lower()) is not None


def is_date(column: pa.ChunkedArray) -> bool:
    """Return whether a column holds dates without a time of day."""
    kind = column.type
    if pa.types.is_date(kind):
        return True
    if pa.types.is_timestamp(kind):
        sample = _spread(column)
        return bool(pc.all(pc.equal(sample, pc.floor_temporal(sample, unit="day")), min_count=0).as_py())
    if is_text(kind):
        return any(
            "%d" in pattern and "%H" not in pattern and "%I" not in pattern
            for pattern in patterns_of(column, False)
        )
    return "%Y%m%d" in patterns_of(column, True) if pa.types.is_integer(kind) else False


def part_of(name: str) -> str | None:
    """Return which part of a date or time a column name denotes, such as ``year``."""
    low = re.sub(r"[^a-z]", "", name.lower())
    return next((part for part, words in PART_WORDS.items() if low in words), None)


def parts_by_name(table: pa.Table, layout: tuple[str, ...] = PARTS) -> dict[str, str]:
    """Return the parts of a layout as far as each follows the one before, with their columns."""
    columns: dict[str, str] = {}
    for name in table.column_names:
        part = part_of(name)
        if part is not None and part not in columns:
            columns[part] = name
    chosen: dict[str, str] = {}
    for part in layout:
        if part not in columns:
            break
        chosen[part] = columns[part]
    return chosen


def _spread_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return clean text from the whole column, evenly spread; all of it is cleaned only if many values are missing."""
    sample = clean_text(_spread(column.drop_null() if column.null_count else column)).drop_null()
    return sample if 2 * len(sample) >= SAMPLE else _spread(clean_text(column).drop_null())


def _spread(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values from the whole column, evenly spread."""
    if len(column) <= SAMPLE:
        return column
    return column.take(pa.array(np.linspace(0, len(column) - 1, SAMPLE).astype(np.int64)))
