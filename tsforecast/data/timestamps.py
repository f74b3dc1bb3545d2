"""Finding and reading the time column of a table."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsforecast.data.arrow import nanoseconds
from tsforecast.data.reading import clean_text, is_text
from tsforecast.errors import UserError, nearest

# Day before month: where both readings fit and are equally regular, the first of the list is taken.
DATES = [
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%Y%m%d",
]
CLOCKS = ["", " %H:%M:%S", " %H:%M", "T%H:%M:%S", "T%H:%M", " %I:%M:%S %p", " %I:%M %p", "%H%M%S", "%H%M"]
TIME_WORDS = ("time", "date", "epoch", "utc", "ts")
YEARS = (np.datetime64("1900-01-01"), np.datetime64("2200-01-01"))
UNIX_UNITS = {"s": 1e11, "ms": 1e14, "us": 1e17, "ns": 1e20}  # unit -> numbers below this are in it
Found = tuple[tuple[str, ...], np.ndarray, tuple[str, ...]]


def find_time(table: pa.Table, named: str | Sequence[str] | None = None) -> Found:
    """Finds and reads the time column, or the pair of a date and a time-of-day column.

    Args:
        table: as read.
        named: the column or the pair, in that order; None to look for it: a column of timestamps first, then
            a date column with a time-of-day column, then text that reads as a date, then whole numbers under
            a name such as "timestamp" that read as a date or as Unix time.

    Returns:
        The names of the columns taken, times ``[N]`` datetime64[ns] (UTC where the file gives an offset; NaT
        where empty), and notes.

    Raises:
        UserError: when a named column is not there or does not read as time, or none is found.
    """
    if named:
        names = (named,) if isinstance(named, str) else tuple(named)
        return names, *_named(table, names)
    for name in table.column_names:
        if pa.types.is_timestamp(table[name].type):
            return (name,), *_noted(table[name], nanoseconds(table[name]))
    dates = [(name, time) for name in table.column_names if (time := parse_time(table[name])) is not None]
    for name, time in dates:
        clock = next((other for other in table.column_names if _clock(table[other]) is not None), None)
        if clock is not None and _at_midnight(time):
            return (name, clock), time + _clock(table[clock]), ()
        return (name,), *_noted(table[name], time)
    for name in table.column_names:
        if any(word in name.lower() for word in TIME_WORDS):
            time = parse_whole_numbers(table[name])
            if time is not None:
                return (name,), time, ()
    raise UserError(
        f"No column reads as time (columns: {', '.join(table.column_names[:12])}): name it with data.time=COLUMN, and"
        " write it as 2024-01-31 13:45."
    )


def parse_time(column: pa.ChunkedArray) -> np.ndarray | None:
    """Returns times ``[N]`` of a timestamp, date or text column, or None when a value does not read as time."""
    kind = column.type
    if pa.types.is_date(kind):
        column = column.cast(pa.timestamp("s"))
    if pa.types.is_timestamp(column.type):
        return nanoseconds(column)
    if not is_text(kind):
        return None
    text = clean_text(column)
    sample = text.drop_null().slice(0, 200)
    if not len(sample):
        return None
    readings = [time for pattern in _fitting(sample) if (time := _strptime(text, pattern)) is not None]
    if readings:
        return max(readings, key=_regularity)
    try:
        return nanoseconds(text.cast(pa.timestamp("ns", "UTC" if _has_offset(sample[0].as_py()) else None)))
    except pa.ArrowException:
        return None


def parse_whole_numbers(column: pa.ChunkedArray) -> np.ndarray | None:
    """Returns times ``[N]`` of whole numbers such as 20240131 or Unix time in s, ms, us or ns, or None."""
    if not pa.types.is_integer(column.type) or column.null_count == len(column):
        return None
    time = parse_time(column.cast(pa.string()))
    if time is not None:
        return time
    largest = pc.max(column).as_py()
    unit = next((unit for unit, below in UNIX_UNITS.items() if largest < below), None)
    if unit is None:
        return None
    time = nanoseconds(column.cast(pa.int64()).cast(pa.timestamp(unit)))
    return time if _plausible(time) and np.nanmin(time) > np.datetime64("1971-01-01") else None


def _named(table: pa.Table, names: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    for name in names:
        if name not in table.column_names:
            raise UserError(
                f"data.time: there is no column '{name}'.{nearest(name, table.column_names)}"
                f" The file has {', '.join(table.column_names[:12])}."
            )
    column = table[names[0]]
    time = parse_time(column)
    if time is None:
        time = parse_whole_numbers(column)
    clock = _clock(table[names[1]]) if len(names) == 2 else np.timedelta64(0, "ns")
    if time is None or clock is None:
        bad = names[0] if time is None else names[1]
        raise UserError(
            f"data.time: column '{bad}' does not read as time (it starts with {table[bad][0].as_py()!r}): write it as"
            " 2024-01-31 13:45."
        )
    time, notes = _noted(column, time)
    return time + clock, notes


def _noted(column: pa.ChunkedArray, time: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    zone = getattr(column.type, "tz", None)
    offset = zone or (is_text(column.type) and _has_offset(clean_text(column).drop_null()[0].as_py()))
    return time, ("Times with an offset are read as UTC.",) if offset else ()


def _has_offset(text: str) -> bool:
    return text.endswith("Z") or (":" in text and text[-6:-5] in ("+", "-"))


def _fitting(sample: pa.ChunkedArray) -> list[str]:
    patterns = [date + clock for date, clock in product(DATES, CLOCKS)]
    return [pattern for pattern in patterns if _strptime(sample, pattern) is not None]


def _strptime(text: pa.ChunkedArray, pattern: str) -> np.ndarray | None:
    try:
        time = nanoseconds(pc.strptime(text, pattern, "s", error_is_null=False))
    except pa.ArrowException:
        return None
    return time if _plausible(time) else None


def _plausible(time: np.ndarray) -> bool:
    known = time[~np.isnat(time)]
    return bool(len(known) and known.min() >= YEARS[0] and known.max() < YEARS[1])


def _regularity(time: np.ndarray) -> float:
    """The share of steps that are the commonest one: a wrong order of day and month breaks the steps."""
    steps = np.diff(time[~np.isnat(time)][:20_000]).astype(np.int64)
    return np.unique(steps, return_counts=True)[1].max() / len(steps) if len(steps) else 0.0


def _at_midnight(time: np.ndarray) -> bool:
    known = time[~np.isnat(time)]
    return bool((known == known.astype("datetime64[D]")).all())


def _clock(column: pa.ChunkedArray) -> np.ndarray | None:
    """Returns times of day ``[N]`` timedelta64[ns], or None when the column has none."""
    if is_text(column.type):
        text = clean_text(column)
        for pattern in ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p"):
            try:
                # With a date before it, since a clock alone parses differently from one system to the next.
                full = pc.strptime(
                    pc.binary_join_element_wise("2000-01-01", text, " "), f"%Y-%m-%d {pattern}", "s"
                )
            except pa.ArrowException:
                continue
            return (
                nanoseconds(full) - np.datetime64("2000-01-01", "ns") if full.null_count < len(full) else None
            )
        return None
    if not pa.types.is_time(column.type):
        return None
    in_ns = column.cast(pa.time64("ns")).cast(pa.int64())
    return nanoseconds(in_ns.cast(pa.timestamp("ns"))) - np.datetime64(0, "ns")
