"""How the times of rows are written, and reading them so."""

import re
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsforecast.columns.arrow import nanoseconds, nulls
from tsforecast.columns.cells import clean_text, is_text
from tsforecast.errors import UserError, nearest
from tsforecast.times.century import UNIX_FIRST
from tsforecast.times.day_numbers import (
    counts_periods,
    numbers_elapsed_hours,
    parse_periods,
    read_elapsed,
)
from tsforecast.times.fixed_width import read_fixed_width
from tsforecast.times.numbers import (
    EXCEL,
    HOUR,
    HOUR_ENDING,
    HOUR_NUMBER,
    numbers,
    read_clock_number,
    read_excel,
    read_parts,
    read_steps,
    read_unix,
    whole_numbers,
)
from tsforecast.times.text import CLOCKS, ISO, YEARS, Reading, read_clock, read_text
from tsforecast.times.zones import Zone

EXAMPLE = "write it as 2024-01-31 13:45"
# Patterns without percent signs, as people call them.
WORDS = {
    "iso": "ISO 8601",
    "excel": "Excel's serial dates",
    "unix_s": "Unix seconds",
    "unix_ms": "Unix milliseconds",
    "unix_us": "Unix microseconds",
    "unix_ns": "Unix nanoseconds",
    "hour": "hours from 0",
    "hour_to_24": "hours from 0 to 24",
    "hour_ending": "hours from 1 to 24",
    "hhmm": "hours and minutes in one number, such as 930",
}
UNIT_NS = {"s": 10**9, "ms": 10**6, "us": 1000, "ns": 1}


@dataclass(frozen=True)
class TimeFormat:
    """How the time of a row is written.

    Args:
        columns: The column of the time; or those of the date and of the time of day; or those of year, month, day and
            so on.
        pattern: How the first column is written: a pattern for ``strptime``, ``iso``, ``unix_s`` and so on with the
            unit, or ``excel``; or the names of the parts such as ``year,month,day,hour``, one for each column.
        clock: How the last column tells the time of day, empty without such a column: a pattern, ``iso``, ``hour``,
            ``hour_ending`` (1 to 24), ``hhmm``, or ``period_48_from_1`` and so on.
        offset: Whether the times have an offset and are read as UTC.
        timezone: Zone of times without an offset, which are converted to UTC; empty if none is named.
        first_year: First of the hundred years that two-digit years stand for.

    Example:
        >>> table = pa.table({"day": ["03/04/2024", "03/05/2024"]})
        >>> TimeFormat(("day",), "%m/%d/%Y").read(table).astype("datetime64[D]").astype(str).tolist()
        ['2024-03-04', '2024-03-05']
        >>> table = pa.table({"day": ["2024-01-31"], "hour": [24]})
        >>> str(TimeFormat(("day", "hour"), "%Y-%m-%d", "hour_to_24").read(table)[0])[:16]
        '2024-02-01T00:00'
    """

    columns: tuple[str, ...]
    pattern: str
    clock: str = ""
    offset: bool = False
    timezone: str = ""
    first_year: int = UNIX_FIRST

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the training data should know."""
        notes: tuple[str, ...] = ("Times with an offset are read as UTC.",) if self.offset else ()
        if self.timezone:
            notes = (f"Times are those of {self.timezone}.",)
        if self.clock in (HOUR_ENDING, HOUR_NUMBER):
            notes += (
                f"Hours 1 to 24 in '{self.columns[-1]}' end at that time and are dated by their beginning:"
                " hour 1 is 0:00.",
            )
        return notes

    def describe(self) -> str:
        """Return how the times are written, in words where a pattern has a name of its own."""
        written = [in_words(part) for part in (self.pattern, self.clock) if part]
        return " and ".join(written) + (f" in {self.timezone}" if self.timezone else "")

    @property
    def counts_elapsed(self) -> bool:
        """Whether numbered periods are dated by the time since the midnight of a zone, whatever the clock shows."""
        return bool(self.timezone) and counts_periods(self.clock)

    def count_in(self, table: pa.Table, timezone: str) -> "TimeFormat":
        """Return the format in a zone; hours 1 to 24 count from midnight if they run to 23 on its days of 23 hours."""
        written = replace(self, timezone=timezone)
        if self.clock != HOUR_ENDING:
            return written
        date = replace(self, columns=self.columns[:-1], clock="").attempt(table)[0].time
        hours = whole_numbers(table[self.columns[-1]])
        if hours is None or not numbers_elapsed_hours(date, hours[0], Zone(timezone)):
            return written
        return replace(written, clock=HOUR_NUMBER)

    @property
    def is_utc(self) -> bool:
        """Whether the times are moments in UTC, and not times of a place that is not named."""
        return self.offset or self.pattern.startswith("unix_")

    def read(self, table: pa.Table, first_row: int = 1) -> np.ndarray:
        """Return the times ``[N]`` datetime64[ns] of a table, NaT where they are empty; with a zone they are in UTC.

        ISO text and timestamps are always understood, since they cannot be mistaken.

        Args:
            table: Rows of a source.
            first_row: Number of its first row in the source, for messages.

        Raises:
            UserError: A column is missing, a value is written otherwise, or it has an offset where the training data
                had none, or none where they had one; or a local time does not exist in the zone.
        """
        return self.read_with_notes(table, first_row)[0]

    def read_with_notes(self, table: pa.Table, first_row: int = 1) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return what ``read`` returns, and notes on hours that the clock repeats and the rows do not."""
        check_names(self.columns, table)
        reading, column = self.attempt(table)
        if reading.bad.any():
            row = int(reading.bad.argmax())
            value = value_at(table[column], row)
            raise UserError(
                self.beyond_day(table, column, row, first_row)
                or f"data.time: {value} in column '{column}' (row {first_row + row:,}) is not a time written as"
                f" {self.written(column)}, as the others are: {EXAMPLE}."
            )
        self._check_hours(table, first_row)
        if self.timezone:
            return self._to_utc(table, reading, first_row)
        wrong = ~np.isnat(reading.time) & (reading.offset != self.is_utc)
        if wrong.any():
            row = int(wrong.argmax())
            value = value_at(table[self.columns[0]], row)
            self.check_offset(
                not self.is_utc, f"data.time: {value} in column '{column}' (row {first_row + row:,})"
            )
        return reading.time, ()

    def count_unfinished(self, table: pa.Table) -> int:
        """Return how many of the last rows are in an hour that the zone repeats, whose other pass may follow."""
        if not self.timezone or not table.num_rows or self.counts_elapsed:
            return 0
        zone = Zone(self.timezone)
        if not zone.count_unfinished(self.attempt(table.slice(table.num_rows - 1))[0].time):
            return 0
        return zone.count_unfinished(self.attempt(table)[0].time)

    def attempt(self, table: pa.Table) -> tuple[Reading, str]:
        """Return times and which values do not fit, and the column of the first value that does not."""
        if "year" in self.pattern.split(",")[0]:
            return self._read_parts(table)
        reading = _read_or_iso(table[self.columns[0]], self.pattern, self.first_year)
        if len(self.columns) == 1 or reading.bad.any():
            return reading, self.columns[0]
        return self._add_clock(table, reading)

    def written(self, column: str) -> str:
        """Return how the values of a column are written."""
        parts = self.pattern.split(",")
        if len(parts) > 1 and column in self.columns[: len(parts)]:
            return parts[self.columns.index(column)]
        return in_words(self.clock if self.clock and column == self.columns[-1] else self.pattern)

    def beyond_day(self, table: pa.Table, column: str, row: int, first_row: int = 1) -> str:
        """Return the refusal of a number that its day does not have; empty if the value is wrong in another way."""
        if not counts_periods(self.clock) or column != self.columns[-1]:
            return ""
        values = whole_numbers(table[column].slice(row, 1))
        count, first = parse_periods(self.clock)
        if values is None or not values[0][0] > first or values[1][0]:
            return ""
        day = "-".join(value_at(table[name], row).strip("'") for name in self.columns[:-1])
        what = (
            f"data.time: {value_at(table[column], row)} in column '{column}' (row {first_row + row:,}, {day})"
        )
        if self.timezone:
            return f"{what} is beyond the last {_unit(count)} of that day in {self.timezone}: correct the number."
        return (
            f"{what} is beyond the {count} {_unit(count)}s of a day: if the clocks were put back on that day, name"
            " their zone when training, such as data.timezone=Europe/London, otherwise correct the number."
        )

    def _check_hours(self, table: pa.Table, first_row: int) -> None:
        """Refuse hours with 24 but without 0, which are those of 1 to 24, for a model of hours from 0."""
        if self.clock != HOUR and not (self.pattern.endswith(",hour") and not self.clock):
            return
        name = self.columns[-1]
        hours = None if pa.types.is_time(table[name].type) else whole_numbers(table[name])
        if hours is None or not (hours[0] == 24).any() or (hours[0] == 0).any():
            return
        row = int((hours[0] == 24).argmax())
        raise UserError(
            f"data.time: {value_at(table[name], row)} in column '{name}' (row {first_row + row:,}) is an hour of 1 to"
            " 24, since 0 does not occur, but the model was trained on hours 0 to 23: write hours from 0 to 23."
        )

    def check_offset(self, has_offset: bool, what: str) -> None:
        """Refuse times with an offset for a model of local times, and times without one for a model of UTC.

        Args:
            has_offset: Whether the times have an offset.
            what: The times, as the start of the message.

        Raises:
            UserError: Saying what to do.
        """
        if self.timezone:
            return
        if has_offset and not self.is_utc:
            raise UserError(
                f"{what} has an offset, but the training data had local times without one: write the local time of"
                " the training data, without an offset."
            )
        if not has_offset and self.is_utc:
            raise UserError(
                f"{what} has no offset, but the training data had times in UTC or with an offset: add the offset, such"
                " as +01:00, or Z for UTC."
            )

    def _to_utc(
        self, table: pa.Table, reading: Reading, first_row: int
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return times in UTC, and a note on each hour that the clock repeats and the rows do not."""
        is_local = ~(reading.offset | self.pattern.startswith("unix_"))
        result = Zone(self.timezone).to_utc(np.where(is_local, reading.time, np.datetime64("NaT")))
        for wrong, why in (
            (result.skipped, "does not exist, since its clocks were put forward over it: correct it"),
            (
                result.unclear,
                "is in an hour that its clocks repeat, and the order of the rows does not tell which time it is: sort"
                " the rows by time, select one series with data.where, or write times with their offset",
            ),
        ):
            if wrong.any():
                row = int(wrong.argmax())
                raise UserError(
                    f"data.timezone: in {self.timezone}, {value_at(table[self.columns[0]], row)} in column"
                    f" '{self.columns[0]}' (row {first_row + row:,}) {why}."
                )
        notes = tuple(
            f"The hour from {start}, which the clocks of {self.timezone} repeat, is in the rows once and counts as the"
            " first of the two."
            for start in result.once
        )
        return np.where(is_local, result.time, reading.time), notes

    def _read_parts(self, table: pa.Table) -> tuple[Reading, str]:
        parts = self.pattern.split(",")
        reading, bad = read_parts([table[name] for name in self.columns[: len(parts)]], parts)
        if reading.bad.any() or len(parts) == len(self.columns):
            return reading, self.columns[bad]
        return self._add_clock(table, reading)

    def _add_clock(self, table: pa.Table, date: Reading) -> tuple[Reading, str]:
        name = self.columns[-1]
        if self.counts_elapsed and (values := whole_numbers(table[name])) is not None:
            time, bad = read_elapsed(date.time, values[0], self.clock, Zone(self.timezone))
            return Reading(time, bad | values[1], np.ones(len(time), bool)), name
        clock, bad = read_clock_column(table[name], self.clock)
        return Reading(date.time + clock, bad, date.offset), name


def in_words(pattern: str) -> str:
    """Return how a pattern or clock is called in messages.

    Example:
        >>> in_words("period_48_from_1"), in_words("unix_s"), in_words("%d.%m.%Y")
        ('half hours numbered from 1 to 48', 'Unix seconds', '%d.%m.%Y')
    """
    if pattern.startswith("step_"):
        return "numbers of steps"
    if not counts_periods(pattern):
        return WORDS.get(pattern, pattern.replace(",", ", "))
    count, first = parse_periods(pattern)
    return f"{_unit(count)}s numbered from {first} to {first + count - 1}"


def _unit(count: int) -> str:
    return {24: "hour", 48: "half hour", 96: "quarter hour"}.get(count, "period")


def check_names(names: tuple[str, ...], table: pa.Table) -> None:
    """Refuse time columns that a table does not have.

    Raises:
        UserError: Naming the first one that is missing.
    """
    for name in names:
        if name not in table.column_names:
            raise UserError(
                f"data.time: there is no column '{name}'.{nearest(name, table.column_names)}"
                f" The file has {', '.join(table.column_names[:12])}."
            )


def value_at(column: pa.ChunkedArray, row: int) -> str:
    """Return a value as it should be shown in a message."""
    value = column.slice(row, 1)
    if is_text(value.type):
        return repr(value[0].as_py())
    try:
        text = value.cast(pa.string())[0].as_py()
    except pa.ArrowException:  # lists, structs, durations
        return repr(str(value[0].as_py()))
    return repr(re.sub(r"\.0+(?=$|Z$)", "", text) if pa.types.is_timestamp(value.type) else text)


def read_column(column: pa.ChunkedArray, pattern: str, first_year: int = UNIX_FIRST) -> Reading:
    """Return the times of a column by a pattern; every value is bad if its type does not allow the pattern."""
    kind = column.type
    reading: Reading | None = None
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        reading = _read_typed(column)
    elif pattern.startswith("unix_"):
        reading = read_unix(column, pattern.removeprefix("unix_"))
    elif pattern == EXCEL:
        reading = read_excel(column)
    elif pattern.startswith("step_"):
        reading = read_steps(column, int(pattern.removeprefix("step_")))
    elif is_text(kind):
        time = read_fixed_width(column, pattern)
        if time is not None:
            return Reading(time, np.zeros(len(column), bool), np.zeros(len(column), bool))
        reading = read_text(clean_text(column), pattern, first_year)
    else:
        text = digits(column)
        reading = None if text is None else read_text(text, pattern)
    if reading is None:
        missing = nulls(column)
        return Reading(np.full(len(column), "NaT", "datetime64[ns]"), ~missing, np.zeros(len(column), bool))
    return reading


def digits(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Return whole numbers such as 20240131 as text, or None if a column holds others."""
    if pa.types.is_integer(column.type):
        return column.cast(pa.string())
    result = numbers(column) if pa.types.is_floating(column.type) else None
    if result is None:
        return None
    values = result[0]
    known = ~np.isnan(values)
    if (values[known] != np.floor(values[known])).any() or (np.abs(values[known]) >= 2**53).any():
        return None
    whole = pa.array(np.where(known, values, 0).astype(np.int64), mask=~known)
    return pa.chunked_array([whole.cast(pa.string())])


def read_clock_column(column: pa.ChunkedArray, clock: str) -> tuple[np.ndarray, np.ndarray]:
    """Return times of day timedelta64[ns] ``[N]`` by a clock pattern, and which values do not fit it."""
    if pa.types.is_time(column.type):
        ns = column.cast(pa.time64("ns")).cast(pa.int64())
        time = np.asarray(ns.fill_null(0).to_numpy()).astype("timedelta64[ns]")
        return np.where(nulls(column), np.timedelta64("NaT"), time), np.zeros(len(column), bool)
    if "%" not in clock and clock != ISO:
        result = read_clock_number(column, clock)
        if result is not None:
            return result
    elif is_text(column.type):
        text = clean_text(column)
        patterns = CLOCKS if clock == ISO else (clock, *CLOCKS[:2])
        readings = [read_clock(text, pattern) for pattern in patterns[:1]]
        if readings[0][1].any():
            readings += [read_clock(text, pattern) for pattern in patterns[1:]]
        return next((reading for reading in readings if not reading[1].any()), readings[0])
    missing = nulls(column)
    return np.full(len(column), "NaT", "timedelta64[ns]"), ~missing


def _read_or_iso(column: pa.ChunkedArray, pattern: str, first_year: int) -> Reading:
    reading = read_column(column, pattern, first_year)
    if not reading.bad.any() or pattern == ISO or pattern.startswith("%Y-%d"):  # which ISO text may be, too
        return reading
    iso = read_column(column, ISO)
    return reading if iso.bad.any() else iso


def _read_typed(column: pa.ChunkedArray) -> Reading:
    """Return a column of dates or timestamps; values outside of ``YEARS`` are bad."""
    kind = column.type
    if pa.types.is_date(kind):
        column = column.cast(pa.timestamp("s" if pa.types.is_date32(kind) else "ms"))
    unit, tz = UNIT_NS[column.type.unit], column.type.tz
    low, high = (
        int(np.datetime64(f"{year}-01-01", "s").astype(np.int64)) * (10**9 // unit) for year in YEARS
    )
    numbers_ = column.cast(pa.int64())
    ends = pc.min_max(numbers_).as_py()
    offset = np.full(len(column), tz is not None)
    if ends["min"] is None or (ends["min"] >= low and ends["max"] < high):
        return Reading(nanoseconds(column), np.zeros(len(column), bool), offset)
    values, missing = np.asarray(numbers_.fill_null(0).to_numpy()), nulls(column)
    far = (values < low) | (values >= high)
    time = (np.where(far, 0, values) * unit).astype("datetime64[ns]")
    time[far | missing] = np.datetime64("NaT")
    return Reading(time, far & ~missing, offset)
