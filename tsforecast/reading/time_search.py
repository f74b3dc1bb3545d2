"""Finding the time columns of a table and deciding how they are written, on all of its rows."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsforecast.errors import UserError
from tsforecast.reading.cells import clean_text, is_number, is_text
from tsforecast.reading.time_numbers import EXCEL, PARTS, clock_of_numbers, read_excel, unix_unit
from tsforecast.reading.time_text import CLOCKS, COMPACT, ISO, MOMENTS, NS, Reading, fitting, read_text
from tsforecast.reading.timestamps import (
    EXAMPLE,
    TimeFormat,
    check_names,
    digits,
    value_at,
)

SAMPLE = 200  # values by which patterns are chosen, spread over the column
HEAD = 20_000  # rows by which the most common step is found
LONG_STEPS = 0.95  # weight of the regularity of months, which vary, against that of equal steps
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
    "year": ("year", "yr", "yyyy", "jahr"),
    "month": ("month", "mon", "mo", "monat"),
    "day": ("day", "dy", "dd", "tag", "dayofmonth"),
    "hour": ("hour", "hr", "hh", "stunde"),
    "minute": ("minute", "minutes", "mn", "minuten"),
    "second": ("second", "seconds", "sec", "sekunde"),
}


class FoundTime(NamedTuple):
    """Result of ``find_time``: how times are written, the times datetime64[ns] ``[N]``, and notes."""

    format: TimeFormat
    time: np.ndarray
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Candidate:
    """Columns that may be the time, and how they read.

    Args:
        format: How they would be read.
        reading: Their times, on all rows.
        column: The column of the first value that does not fit.
        regularity: Share of steps that are the most common one.
        rank: Sum of what speaks for the columns.
    """

    format: TimeFormat
    reading: Reading
    column: str
    regularity: float
    rank: float

    @property
    def share(self) -> float:
        """Share of the rows that have a time."""
        return float((~np.isnat(self.reading.time)).mean()) if len(self.reading.time) else 0.0


def find_time(table: pa.Table, named: str | Sequence[str] | None = None) -> FoundTime:
    """Find and read the time column; or a date and a time-of-day column; or those of year, month, day and so on.

    Every column is tried in every way of writing that its values allow, and the columns that read best are taken:
    the share of their values that are times, the regularity of their steps, and their name count.

    Args:
        table: As read.
        named: The column or columns, if they are known.

    Raises:
        UserError: A named column is not there or does not read as time, or none is found; naming value and row.

    Example:
        >>> table = pa.table({"day": ["13/01/2024", "14/01/2024"], "load": [1.0, 2.0]})
        >>> find_time(table).format
        TimeFormat(columns=('day',), pattern='%d/%m/%Y', clock='', offset=False)
    """
    names = (named,) if isinstance(named, str) else tuple(named or ())
    check_names(names, table)
    candidates = list(_of_names(table, names) if names else _search(table))
    best = max(candidates, key=lambda candidate: candidate.rank, default=None)
    if best is None:
        raise _none_found(table, names)
    if best.reading.bad.any():
        raise _refusal(table, best)
    best = _with_offset(table, best)
    notes = best.format.notes + _ambiguity(best, candidates)
    return FoundTime(best.format, best.reading.time, notes + (() if names else _others(best, candidates)))


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
        sample = _spread(clean_text(column).drop_null())
        patterns = fitting(sample.to_pylist(), (*MOMENTS, ISO, *(("%Y",) if is_named else ())))
        patterns = [pattern for pattern in patterns if read_text(sample, pattern).bad.mean() <= 1 - MIN_SHARE]
        return patterns or (_number_patterns(column) if is_named else [])
    return _number_patterns(column) if is_named and is_number(kind) else []


def _number_patterns(column: pa.ChunkedArray) -> list[str]:
    if column.null_count == len(column):
        return []
    text = None if is_text(column.type) else digits(_spread(column))
    patterns = fitting(text.drop_null().to_pylist(), (*COMPACT, "%Y")) if text is not None else []
    patterns = [
        pattern for pattern in patterns if text is not None and not _implausible(read_text(text, pattern))
    ]
    if patterns:
        return patterns
    excel = read_excel(column)
    if excel is not None and np.isnat(excel.time).mean() < MIN_SHARE:
        return [EXCEL]
    unit = unix_unit(column)
    return [] if unit is None else [f"unix_{unit}"]


def _implausible(reading: Reading) -> bool:
    """Return whether digits are no dates since 1900, as Unix times are not."""
    return bool((np.isnat(reading.time) | (reading.time < np.datetime64("1900-01-01"))).mean() > MIN_SHARE)


def _search(table: pa.Table) -> Iterator[Candidate]:
    for name in table.column_names:
        yield from _singles(table, name)
    dates = [name for name in table.column_names if _is_date(table[name])]
    clocks = [name for name in table.column_names if name not in dates and _may_be_clock(table[name], name)]
    for date in dates:
        for clock in clocks:
            yield from _pairs(table, (date, clock))
    parts = _parts_by_name(table)
    if len(parts) > 1:
        yield from _parts(table, parts)
        others = [name for name in clocks if name not in parts.values()]
        if "hour" not in parts and "day" in parts:
            for clock in others:
                yield from _parts(table, parts, clock)


def _of_names(table: pa.Table, names: tuple[str, ...]) -> Iterator[Candidate]:
    if len(names) == 1:
        yield from _singles(table, names[0], named=True)
        return
    known = {_part_of(name): name for name in names}
    if None in known or len(known) < len(names) or "year" not in known:
        known = dict(zip(PARTS, names, strict=False)) if len(names) > 2 else {}
    if known:
        yield from _parts(table, {part: known[part] for part in PARTS if part in known})
    else:
        yield from _pairs(table, names)


def _singles(table: pa.Table, name: str, named: bool = False) -> Iterator[Candidate]:
    for pattern in patterns_of(table[name], named or sounds_like_time(name)):
        yield from _judge(table, TimeFormat((name,), pattern), named)


def _pairs(table: pa.Table, names: tuple[str, ...]) -> Iterator[Candidate]:
    clocks = _clock_patterns(table[names[1]], names[1])
    for pattern in patterns_of(table[names[0]], is_named=True):
        for clock in clocks:
            yield from _judge(table, TimeFormat(names, pattern, clock))


def _parts(table: pa.Table, parts: dict[str, str], clock: str | None = None) -> Iterator[Candidate]:
    columns = tuple(parts.values())
    pattern = ",".join(parts)
    if "hour" in parts and "minute" not in parts and len(parts) == 4:
        ending = clock_of_numbers(table[parts["hour"]], parts["hour"])
        if ending == "hour_ending":
            pattern, clock, columns = "year,month,day", parts["hour"], columns[:3]
    if clock is None:
        yield from _judge(table, TimeFormat(columns, pattern))
        return
    for written in _clock_patterns(table[clock], clock):
        yield from _judge(table, TimeFormat((*columns, clock), pattern, written))


def _judge(table: pa.Table, written: TimeFormat, named: bool = False) -> Iterator[Candidate]:
    reading, column = written.attempt(table)
    known = int((~np.isnat(reading.time)).sum())
    wrong = int(reading.bad.sum())
    share = known / (known + wrong) if known + wrong else 0.0
    if share < MIN_SHARE or (not named and known < len(reading.time) / 2 and wrong):
        return
    regularity, different = _steps(reading.time)
    sounds = 0.5 * any(sounds_like_time(name) or _part_of(name) is not None for name in written.columns)
    filled = known / len(reading.time)
    typed = 0.1 * (len(written.columns) == 1 and pa.types.is_timestamp(table[written.columns[0]].type))
    rank = 2 * share + filled + 2 * regularity + different + sounds + typed
    yield Candidate(written, reading, column, regularity, rank)


def _steps(time: np.ndarray) -> tuple[float, float]:
    """Return the share of steps that are the most common one, and the share that go forward, of all rows."""
    known = ~np.isnat(time)
    steps = np.diff(time if known.all() else time[known]).astype(np.int64)
    if not len(steps):
        return 0.0, 0.0
    head = steps[:HEAD][steps[:HEAD] > 0]
    if not len(head):
        return 0.0, 0.0
    values, counts = np.unique(head, return_counts=True)
    common = values[counts.argmax()]
    if common > 27 * 86_400 * NS:  # months and longer periods, which are not equally long
        same = (steps >= 0.8 * common) & (steps <= 1.25 * common)
        return LONG_STEPS * float(same.mean()), float((steps > 0).mean())
    return float((np.abs(steps - common) <= common // 10).mean()), float((steps > 0).mean())


def _clock_patterns(column: pa.ChunkedArray, name: str) -> list[str]:
    if pa.types.is_time(column.type):
        return [ISO]
    if is_text(column.type):
        sample = _spread(clean_text(column).drop_null()).to_pylist()
        clocks = fitting(sample, CLOCKS)
        if clocks:
            return clocks
    number = clock_of_numbers(column, name)
    return [] if number is None else [number]


def _may_be_clock(column: pa.ChunkedArray, name: str) -> bool:
    if pa.types.is_time(column.type):
        return True
    if is_text(column.type):
        return bool(fitting(_spread(clean_text(column).drop_null()).to_pylist(), CLOCKS))
    return is_number(column.type) and re.search(CLOCK_WORDS, name.lower()) is not None


def _is_date(column: pa.ChunkedArray) -> bool:
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


def _part_of(name: str) -> str | None:
    low = re.sub(r"[^a-z]", "", name.lower())
    return next((part for part, words in PART_WORDS.items() if low in words), None)


def _parts_by_name(table: pa.Table) -> dict[str, str]:
    """Return year, month and so on as far as each follows the one before, with their columns."""
    columns: dict[str, str] = {}
    for name in table.column_names:
        part = _part_of(name)
        if part is not None and part not in columns:
            columns[part] = name
    chosen: dict[str, str] = {}
    for part in PARTS:
        if part not in columns:
            break
        chosen[part] = columns[part]
    return chosen


def _spread(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values from the whole column, evenly spread."""
    if len(column) <= SAMPLE:
        return column
    return column.take(pa.array(np.linspace(0, len(column) - 1, SAMPLE).astype(np.int64)))


def _with_offset(table: pa.Table, best: Candidate) -> Candidate:
    """Return the candidate with the offset decided; all values must have one, or none.

    Raises:
        UserError: Naming the first value that differs from the first of the column.
    """
    if best.format.pattern.startswith("unix_"):
        return best
    known = ~np.isnat(best.reading.time)
    offset = best.reading.offset[known]
    if not offset.any():
        return best
    if not offset.all():
        row = int((known & (best.reading.offset != offset[0])).argmax())
        name = best.format.columns[0]
        has = "no offset" if offset[0] else "an offset"
        raise UserError(
            f"data.time: {value_at(table[name], row)} in column '{name}' (row {row + 1:,}) has {has}, unlike the values"
            " before it: write all times with an offset, or none."
        )
    return replace(best, format=replace(best.format, offset=True))


def _ambiguity(best: Candidate, candidates: list[Candidate]) -> tuple[str, ...]:
    """Return a note if day and month could be exchanged without making the steps less regular."""
    for other in candidates:
        same = other.format.columns == best.format.columns and other.rank >= best.rank
        if (
            same
            and other is not best
            and not np.array_equal(other.reading.time, best.reading.time, equal_nan=True)
        ):
            first = str(best.reading.time[~np.isnat(best.reading.time)][0])[:10]
            return (
                f"The dates in '{best.format.columns[0]}' fit {best.format.pattern} and {other.format.pattern} equally"
                f" well and are read by the first (they begin on {first}); if that is wrong, {EXAMPLE}.",
            )
    return ()


def _others(best: Candidate, candidates: list[Candidate]) -> tuple[str, ...]:
    taken = set(best.format.columns)
    names = dict.fromkeys(
        " and ".join(candidate.format.columns)
        for candidate in candidates
        if not taken & set(candidate.format.columns)
    )
    if not names:
        return ()
    chosen = " and ".join(f"'{name}'" for name in best.format.columns)
    others = ", ".join(f"'{name}'" for name in names)
    return (f"Time is read from {chosen}; {others} would read as time too: choose with data.time.",)


def _refusal(table: pa.Table, best: Candidate) -> UserError:
    row, column = int(best.reading.bad.argmax()), best.column
    return UserError(
        f"data.time: column '{column}' does not read as time: {value_at(table[column], row)} in row {row + 1:,} is not"
        f" a time written as {best.format.written(column)}, as others are: {EXAMPLE}."
    )


def _none_found(table: pa.Table, names: tuple[str, ...]) -> UserError:
    if not names:
        suspect = next(
            (
                name
                for name in table.column_names
                if sounds_like_time(name) and table[name].null_count < table.num_rows
            ),
            None,
        )
        why = ""
        if suspect is not None:
            row = _first_value(table[suspect])
            why = f"; '{suspect}' has {value_at(table[suspect], row)} in row {row + 1:,}"
        return UserError(
            f"No column reads as time (columns: {', '.join(table.column_names[:12])}{why}): name it with"
            f" data.time=COLUMN, and {EXAMPLE}."
        )
    bad = names[0]
    if len(names) == 2 and patterns_of(table[names[0]], is_named=True):
        bad = names[1]
    row = _first_value(table[bad])
    what = (
        "a time of day such as 13:45 or an hour from 0 to 24"
        if bad != names[0]
        else "a time between 1700 and 2200"
    )
    return UserError(
        f"data.time: column '{bad}' does not read as time: {value_at(table[bad], row)} in row {row + 1:,} is not"
        f" {what}: {EXAMPLE}."
    )


def _first_value(column: pa.ChunkedArray) -> int:
    known = pc.index(pc.is_valid(column), True).as_py()
    return max(int(known), 0)
