"""Finding the time columns of a table, deciding how they are written, and reading them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsforecast.errors import UserError, nearest
from tsforecast.reading.arrow import nanoseconds
from tsforecast.reading.cells import clean_text, is_text

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
TIMES_OF_DAY = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
TIME_WORDS = ("time", "date", "epoch", "utc", "ts")
YEARS = (np.datetime64("1900-01-01"), np.datetime64("2200-01-01"))
UNIX_UNITS = {"s": 1e11, "ms": 1e14, "us": 1e17, "ns": 1e20}  # unit -> numbers below this are in it
ISO = "iso"  # ISO text, also of mixed precision, and columns that are timestamps already
Reading = tuple[str, np.ndarray]  # a pattern, and the times read by it
EXAMPLE = "write it as 2024-01-31 13:45"


@dataclass(frozen=True)
class TimeFormat:
    """How the time of a row is written.

    Args:
        columns: The column of the time, or those of the date and of the time of day.
        pattern: Pattern of the first column for ``strptime``, ``iso``, or ``unix_s`` and so on with the unit.
        clock: Pattern of the time of day, empty without such a column.
        offset: Whether the times have an offset and are read as UTC.

    Example:
        >>> table = pa.table({"day": ["03/04/2024", "03/05/2024"]})
        >>> TimeFormat(("day",), "%m/%d/%Y").read(table).astype("datetime64[D]").astype(str).tolist()
        ['2024-03-04', '2024-03-05']
    """

    columns: tuple[str, ...]
    pattern: str
    clock: str = ""
    offset: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the training data should know."""
        return ("Times with an offset are read as UTC.",) if self.offset else ()

    def read(self, table: pa.Table) -> np.ndarray:
        """Return the times ``[N]`` datetime64[ns] of a table, NaT where they are empty.

        ISO text and timestamps are always understood, since they cannot be mistaken.

        Raises:
            UserError: A column is missing, or a value is written otherwise.
        """
        for name in self.columns:
            if name not in table.column_names:
                raise UserError(f"data.time: there is no column '{name}'.{nearest(name, table.column_names)}")
        column = table[self.columns[0]]
        time = _read(column, self.pattern)
        if time is None:
            time = _read(column, ISO)
        if time is None:
            raise self._refusal(column, self.pattern)
        if len(self.columns) == 1:
            return time
        clock = _read_clock(table[self.columns[1]], self.clock)
        if clock is None:
            raise self._refusal(table[self.columns[1]], self.clock)
        array: np.ndarray = time + clock
        return array

    def _refusal(self, column: pa.ChunkedArray, pattern: str) -> UserError:
        name = self.columns[-1 if pattern == self.clock else 0]
        read = _read_clock if pattern == self.clock else _read
        values = column.drop_null().to_pylist()
        bad = next((v for v in values if read(pa.chunked_array([[v]]), pattern) is None), None)
        return UserError(
            f"data.time: {bad!r} in column '{name}' is not a time written as {pattern}, as the others are: {EXAMPLE}."
        )


def find_time(table: pa.Table, named: str | Sequence[str] | None = None) -> tuple[TimeFormat, np.ndarray]:
    """Find and read the time column, or the pair of a date and a time-of-day column.

    Args:
        table: As read.
        named: The column or the pair, in that order; None to look for it: a column of timestamps first, then
            a date column with a time-of-day column, then text that reads as a date, then whole numbers under
            a name such as "timestamp" that read as a date or as Unix time.

    Returns:
        How the times are written, times ``[N]`` datetime64[ns] (UTC where the file gives an offset; NaT
        where empty).

    Raises:
        UserError: A named column is not there or does not read as time, or none is found.
    """
    names = (named,) if isinstance(named, str) else tuple(named or ())
    reading, clock = _read_named(table, names) if names else (None, None)
    if not names:
        names, reading, clock = _search(table)
    if reading is None:
        raise UserError(
            f"No column reads as time (columns: {', '.join(table.column_names[:12])}): name it with data.time=COLUMN,"
            f" and {EXAMPLE}."
        )
    pattern, time = reading
    offset = _has_offset(table[names[0]])
    if clock is None:
        return TimeFormat(names, pattern, offset=offset), time
    return TimeFormat(names, pattern, clock[0], offset), time + clock[1]


def find_reading(column: pa.ChunkedArray) -> Reading | None:
    """Return pattern and times ``[N]`` of a timestamp, date or text column, or None if a value is not a time."""
    if not is_text(column.type):
        time = _read(column, ISO)
        return None if time is None else (ISO, time)
    sample = clean_text(column).drop_null().slice(0, 200)
    if not len(sample):
        return None
    patterns = [date + clock for date, clock in product(DATES, CLOCKS)]
    patterns = [pattern for pattern in patterns if _read(sample, pattern) is not None]
    readings = [(pattern, time) for pattern in patterns if (time := _read(column, pattern)) is not None]
    if readings:
        return max(readings, key=lambda reading: _regularity(reading[1]))
    time = _read(column, ISO)
    return None if time is None else (ISO, time)


def find_number_reading(column: pa.ChunkedArray) -> Reading | None:
    """Return pattern and times ``[N]`` of whole numbers such as 20240131 or Unix time, or None."""
    if not pa.types.is_integer(column.type) or column.null_count == len(column):
        return None
    reading = find_reading(column.cast(pa.string()))
    if reading is not None:
        return reading
    largest = pc.max(column).as_py()
    unit = next((unit for unit, below in UNIX_UNITS.items() if largest < below), None)
    time = None if unit is None else _read(column, f"unix_{unit}")
    return None if time is None or np.nanmin(time) <= np.datetime64("1971-01-01") else (f"unix_{unit}", time)


def find_clock(column: pa.ChunkedArray) -> Reading | None:
    """Return pattern and times of day ``[N]`` timedelta64[ns], or None if the column does not hold any."""
    patterns = TIMES_OF_DAY if is_text(column.type) else (ISO,)
    readings = ((pattern, _read_clock(column, pattern)) for pattern in patterns)
    return next(((pattern, time) for pattern, time in readings if time is not None), None)


def _search(table: pa.Table) -> tuple[tuple[str, ...], Reading | None, Reading | None]:
    """Return the names of the time columns, how the first reads, and how the second reads if there is one."""
    for name in table.column_names:
        if pa.types.is_timestamp(table[name].type):
            return (name,), find_reading(table[name]), None
    for name in table.column_names:
        reading = find_reading(table[name])
        if reading is None:
            continue
        clocks = ((other, find_clock(table[other])) for other in table.column_names)
        other, clock = next(((other, clock) for other, clock in clocks if clock is not None), ("", None))
        if clock is not None and _is_midnight(reading[1]):
            return (name, other), reading, clock
        return (name,), reading, None
    for name in table.column_names:
        reading = find_number_reading(table[name]) if sounds_like_time(name) else None
        if reading is not None:
            return (name,), reading, None
    return (), None, None


def sounds_like_time(name: str) -> bool:
    """Return whether whole numbers under this name may be times."""
    return any(word in name.lower() for word in TIME_WORDS)


def _read_named(table: pa.Table, names: tuple[str, ...]) -> tuple[Reading, Reading | None]:
    for name in names:
        if name not in table.column_names:
            raise UserError(
                f"data.time: there is no column '{name}'.{nearest(name, table.column_names)}"
                f" The file has {', '.join(table.column_names[:12])}."
            )
    reading = find_reading(table[names[0]]) or find_number_reading(table[names[0]])
    clock = find_clock(table[names[1]]) if len(names) == 2 else None
    if reading is None or (len(names) == 2 and clock is None):
        bad = names[0] if reading is None else names[1]
        raise UserError(
            f"data.time: column '{bad}' does not read as time (it starts with {table[bad][0].as_py()!r}): {EXAMPLE}."
        )
    return reading, clock


def _read(column: pa.ChunkedArray, pattern: str) -> np.ndarray | None:
    """Return the times of a column by a pattern, or None if a value does not fit it."""
    kind = column.type
    try:
        if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            return nanoseconds(column.cast(pa.timestamp("s")) if pa.types.is_date(kind) else column)
        if pattern.startswith("unix_"):
            numbers = clean_text(column) if is_text(kind) else column
            time = nanoseconds(numbers.cast(pa.int64()).cast(pa.timestamp(pattern.removeprefix("unix_"))))
            return time if _is_plausible(time) else None
        if pa.types.is_integer(kind):
            column = column.cast(pa.string())
        if not is_text(column.type):
            return None
        text = clean_text(column)
        if pattern == ISO:
            return nanoseconds(text.cast(pa.timestamp("ns", "UTC" if _has_offset(text) else None)))
        time = nanoseconds(pc.strptime(text, pattern, "s", error_is_null=False))
    except pa.ArrowException:
        return None
    return time if _is_plausible(time) else None


def _read_clock(column: pa.ChunkedArray, pattern: str) -> np.ndarray | None:
    """Return the times of day of a column by a pattern, or None if a value does not fit it or all are missing."""
    if pa.types.is_time(column.type):
        in_ns = column.cast(pa.time64("ns")).cast(pa.int64())
        return nanoseconds(in_ns.cast(pa.timestamp("ns"))) - np.datetime64(0, "ns")
    if not is_text(column.type):
        return None
    if pattern == ISO:
        readings = (_read_clock(column, each) for each in TIMES_OF_DAY)
        return next((time for time in readings if time is not None), None)
    # With a date before it, since a clock alone parses differently from one system to the next.
    text = pc.binary_join_element_wise("2000-01-01", clean_text(column), " ")
    try:
        full = pc.strptime(text, f"%Y-%m-%d {pattern}", "s")
    except pa.ArrowException:
        return None
    return nanoseconds(full) - np.datetime64("2000-01-01", "ns") if full.null_count < len(full) else None


def _has_offset(column: pa.ChunkedArray) -> bool:
    """Return whether times have an offset, as their first value shows."""
    if pa.types.is_timestamp(column.type):
        return column.type.tz is not None
    values = clean_text(column).drop_null() if is_text(column.type) else None
    text = values[0].as_py() if values else ""
    return text.endswith("Z") or (":" in text and text[-6:-5] in ("+", "-"))


def _is_plausible(time: np.ndarray) -> bool:
    known = time[~np.isnat(time)]
    return not len(known) or bool(known.min() >= YEARS[0] and known.max() < YEARS[1])


def _is_midnight(time: np.ndarray) -> bool:
    known = time[~np.isnat(time)]
    return bool((known == known.astype("datetime64[D]")).all())


def _regularity(time: np.ndarray) -> float:
    """Return the share of steps that are the most common one: a wrong order of day and month breaks the steps."""
    steps = np.diff(time[~np.isnat(time)][:20_000]).astype(np.int64)
    return np.unique(steps, return_counts=True)[1].max() / len(steps) if len(steps) else 0.0
