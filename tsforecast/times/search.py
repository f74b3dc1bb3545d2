"""Finding the time columns of a table and deciding how they are written, on all of its rows."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from tsforecast.errors import UserError
from tsforecast.times.century import century_note, choose_first_year, latest_first_year
from tsforecast.times.day_numbers import day_codes
from tsforecast.times.day_order import exchanged_note
from tsforecast.times.formats import (
    EXAMPLE,
    TimeFormat,
    check_names,
    value_at,
)
from tsforecast.times.numbers import (
    DAY_OF_YEAR_PARTS,
    EXCEL,
    HOUR_ENDING,
    HOUR_NUMBER,
    HOUR_TO_24,
    LAYOUTS,
    PARTS,
    WEEK_PARTS,
    clock_of_numbers,
)
from tsforecast.times.patterns import (
    MIN_SHARE,
    clock_patterns_of,
    is_date,
    may_be_clock,
    part_of,
    parts_by_name,
    patterns_of,
    sounds_like_clock,
    sounds_like_time,
)
from tsforecast.times.refusals import check_half_days, misfit, no_time
from tsforecast.times.text import ISO, NS, Reading

HEAD = 20_000  # rows by which the most common step is found
LONG_STEPS = 0.95  # weight of the regularity of months, which vary, against that of equal steps


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

    @property
    def span(self) -> float:
        """Seconds from the first to the last time."""
        known = self.reading.time[~np.isnat(self.reading.time)].astype(np.int64)
        return float(known.max() - known.min()) / NS if len(known) else 0.0


def find_time(
    table: pa.Table,
    named: str | Sequence[str] | None = None,
    timezone: str = "",
    stated: tuple[str, str] = ("", ""),
) -> FoundTime:
    """Find and read the time column; or a date and a time-of-day column; or those of year, month, day and so on.

    Every column is tried in every way of writing that its values allow, and the columns that read best are taken:
    the share of their values that are times, the regularity of their steps, and their name count.

    Args:
        table: As read.
        named: The column or columns, if they are known.
        timezone: Zone of the days, by which numbered periods and hours are read; other times stay local, and the
            format gets its zone from the caller.
        stated: How the named columns of the date and the clock are written, each empty if that is to be found.

    Raises:
        UserError: A named column is not there or does not read as time, or none is found; naming value and row.

    Example:
        >>> table = pa.table({"day": ["13/01/2024", "14/01/2024"], "load": [1.0, 2.0]})
        >>> find_time(table).format
        TimeFormat(columns=('day',), pattern='%d/%m/%Y', clock='', offset=False, timezone='', first_year=1969)
    """
    names = (named,) if isinstance(named, str) else tuple(named or ())
    check_names(names, table)
    candidates = list(_candidates(table, names, stated))
    best = max(candidates, key=lambda candidate: (candidate.rank, -candidate.span), default=None)
    if best is None:
        raise no_time(table, names)
    if timezone:
        best = _in_zone(table, best, timezone)
    if best.reading.bad.any():
        raise misfit(table, best.format, best.column, int(best.reading.bad.argmax()))
    best = _with_offset(table, best)
    check_half_days(table, best.format, best.reading.time)
    notes = replace(best.format, timezone="").notes + _number_note(best) + _ambiguity(best, candidates)
    if best.format.pattern == ISO or best.format.pattern.startswith("%Y-%m-%d"):
        notes += exchanged_note(best.format.columns[0], best.reading.time)
    if "%y" in best.format.pattern:
        notes += century_note(best.format.columns[0], best.reading.time)
    return FoundTime(best.format, best.reading.time, notes + (() if names else _others(best, candidates)))


def _candidates(table: pa.Table, names: tuple[str, ...], stated: tuple[str, str]) -> Iterator[Candidate]:
    if not names:
        yield from _search(table)
    elif not stated[0]:
        yield from _of_names(table, names)
    elif len(names) == 1:
        yield from _judge(table, TimeFormat(names, stated[0]), stated=True)
    else:
        days = day_codes([table[names[0]]])
        for clock in [stated[1]] if stated[1] else clock_patterns_of(table[names[1]], names[1], days):
            yield from _judge(table, TimeFormat(names, stated[0], clock), stated=True)


def _in_zone(table: pa.Table, best: Candidate, timezone: str) -> Candidate:
    """Return the candidate as its zone reads it, if it numbers the periods or hours of days."""
    written = best.format.count_in(table, timezone)
    if not written.counts_elapsed:
        return best
    reading, column = written.attempt(table)
    return replace(best, format=written, reading=reading, column=column)


def _search(table: pa.Table) -> Iterator[Candidate]:
    dates = [name for name in table.column_names if is_date(table[name])]
    clocks = [name for name in table.column_names if may_be_clock(table[name], name)]
    if set(dates) - set(clocks):  # 13.05.24 may be a clock, and is one next to a date
        dates = [name for name in dates if name not in clocks]
    else:
        clocks = [name for name in clocks if name not in dates]
    complete = False
    for name in table.column_names:
        if name not in clocks or not dates:
            for candidate in _singles(table, name):
                complete |= candidate.regularity >= MIN_SHARE and not candidate.reading.bad.any()
                yield candidate
    for date in dates:
        for clock in clocks:
            yield from _pairs(table, (date, clock))
    for layout in () if complete else (WEEK_PARTS, DAY_OF_YEAR_PARTS):
        parts = parts_by_name(table, layout)
        if len(parts) > 1:
            yield from _parts(table, parts)
    parts = parts_by_name(table)
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
    known = {part_of(name): name for name in names}
    if None in known or len(known) < len(names) or "year" not in known:
        known = dict(zip(PARTS, names, strict=False)) if len(names) > 2 else {}
    if known:
        layout = next((layout for layout in LAYOUTS if set(known) <= set(layout)), None)
        if layout is None:
            raise _mixed_layouts(names)
        yield from _parts(table, {part: known[part] for part in layout if part in known})
    else:
        yield from _pairs(table, names)


def _mixed_layouts(names: tuple[str, ...]) -> UserError:
    return UserError(
        f"data.time: {', '.join(names)} do not make a time together: rename the columns and write"
        " data.time=[year,month,day,hour], data.time=[year,week] for ISO weeks, or data.time=[year,day_of_year,hour]."
    )


def _singles(table: pa.Table, name: str, named: bool = False) -> Iterator[Candidate]:
    for pattern in patterns_of(table[name], named or sounds_like_time(name)):
        yield from _judge(table, TimeFormat((name,), pattern), named)


def _pairs(table: pa.Table, names: tuple[str, ...]) -> Iterator[Candidate]:
    clocks = clock_patterns_of(table[names[1]], names[1], day_codes([table[names[0]]]))
    patterns = patterns_of(table[names[0]], is_named=True)
    if patterns == ["%Y"]:  # a year has no time of day
        raise _mixed_layouts(names)
    for pattern in patterns:
        for clock in clocks:
            yield from _judge(table, TimeFormat(names, pattern, clock))


def _parts(table: pa.Table, parts: dict[str, str], clock: str | None = None) -> Iterator[Candidate]:
    columns = tuple(parts.values())
    pattern = ",".join(parts)
    if tuple(parts) in (PARTS[:4], DAY_OF_YEAR_PARTS[:3]):
        days = day_codes([table[name] for name in columns[:-1]])
        ending = clock_of_numbers(table[parts["hour"]], parts["hour"], days)
        if ending in (HOUR_ENDING, HOUR_TO_24, HOUR_NUMBER):
            pattern, clock, columns = ",".join(tuple(parts)[:-1]), parts["hour"], columns[:-1]
    if clock is None:
        yield from _judge(table, TimeFormat(columns, pattern))
        return
    days = day_codes([table[name] for name in columns])
    for written in clock_patterns_of(table[clock], clock, days):
        yield from _judge(table, TimeFormat((*columns, clock), pattern, written))


def _judge(
    table: pa.Table, written: TimeFormat, named: bool = False, stated: bool = False
) -> Iterator[Candidate]:
    written, reading, column = _attempt(table, written)
    known = int((~np.isnat(reading.time)).sum())
    wrong = int(reading.bad.sum())
    share = known / (known + wrong) if known + wrong else 0.0
    if stated:
        pass  # a value that does not fit is refused by its row
    elif share < MIN_SHARE or (not named and known < len(reading.time) / 2 and wrong):
        return
    regularity, different = _steps(reading.time)
    sounds = 0.5 * any(sounds_like_time(name) or part_of(name) is not None for name in written.columns)
    filled = known / len(reading.time)
    typed = 0.1 * (len(written.columns) == 1 and pa.types.is_timestamp(table[written.columns[0]].type))
    clock = 0.05 * (written.clock != "" and sounds_like_clock(written.columns[-1]))
    rank = 2 * share + filled + 2 * regularity + different + sounds + typed + clock
    yield Candidate(written, reading, column, regularity, rank)


def _attempt(table: pa.Table, written: TimeFormat) -> tuple[TimeFormat, Reading, str]:
    """Return times, and how they are written with the century of two-digit years decided."""
    if "%y" not in written.pattern:
        return written, *written.attempt(table)
    latest = latest_first_year()
    reading, column = replace(written, first_year=latest).attempt(table)
    first = choose_first_year(reading.time, latest)
    written = replace(written, first_year=first)
    return (written, reading, column) if first == latest else (written, *written.attempt(table))


def _steps(time: np.ndarray) -> tuple[float, float]:
    """Return the share of steps that are the most common one, and the share that go forward, of all rows."""
    known = ~np.isnat(time)
    time = time if known.all() else time[known]
    steps = np.diff(time).astype(np.int64)
    if not (steps != 0).any():
        return 0.0, 0.0
    regularity, forward = _regularity(steps), float((steps > 0).mean())
    if forward < 1:
        regularity = max(regularity, _regularity(np.diff(np.sort(time.astype(np.int64)))))
    return regularity, forward


def _regularity(steps: np.ndarray) -> float:
    """Return the share of steps that are the most common one."""
    head = steps[:HEAD][steps[:HEAD] > 0]
    if not len(head):
        return 0.0
    values, counts = np.unique(head, return_counts=True)
    common = values[counts.argmax()]
    if common > 27 * 86_400 * NS:  # months and longer periods, which are not equally long
        same = (steps >= 0.8 * common) & (steps <= 1.25 * common)
        return LONG_STEPS * float(same.mean())
    return float((np.abs(steps - common) <= common // 10).mean())


def _with_offset(table: pa.Table, best: Candidate) -> Candidate:
    """Return the candidate with the offset decided; all values must have one, or none.

    Raises:
        UserError: Naming the first value that differs from the first of the column.
    """
    if best.format.pattern.startswith("unix_") or best.format.counts_elapsed:
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


def _number_note(best: Candidate) -> tuple[str, ...]:
    """Return a note if days since 1900 may be days since 1970, as they are in other files."""
    if best.format.pattern != EXCEL:
        return ()
    first = str(np.nanmin(best.reading.time))[:10]
    return (
        f"The numbers in '{best.format.columns[0]}' are read as a spreadsheet's days since 1900 and begin on {first};"
        f" if that is wrong, {EXAMPLE}.",
    )


def _is_exchanged(one: Candidate, other: Candidate) -> bool:
    """Return whether day and month stand in another order, which the first new row may show."""
    order = [re.findall("%[dmb]", candidate.format.pattern) for candidate in (one, other)]
    return order[0] != order[1] and sorted(order[0]) == sorted(order[1])


def _ambiguity(best: Candidate, candidates: list[Candidate]) -> tuple[str, ...]:
    """Return a note if day and month could be exchanged without making the steps less regular."""
    for other in candidates:
        same = other.format.columns == best.format.columns and other.rank >= best.rank
        if (
            same
            and other is not best
            and (
                _is_exchanged(other, best)
                or not np.array_equal(other.reading.time, best.reading.time, equal_nan=True)
            )
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
