"""Dates and clocks written as text: patterns, and the times that values have by a pattern.

Patterns are those of ``strptime``, with ``%q`` for the quarter, and ``%G``, ``%V`` and ``%u`` for ISO weeks.
"""

import re
from collections import Counter
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsforecast.columns.arrow import nanoseconds, nulls
from tsforecast.times.century import UNIX_FIRST, in_window, move_century
from tsforecast.times.words import LETTERS, WEEKDAY, month_numbers, without_weekday

ISO = "iso"  # ISO text, also of mixed precision, and columns that are timestamps already
# Day before month: where both readings fit and are equally regular, the first of the list is taken.
DATES = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%m.%d.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d.%m.%y",
    "%d-%m-%y",
    "%m-%d-%y",
    "%y-%m-%d",
    "%y/%m/%d",
    "%d-%b-%Y",
    "%d %b %Y",
    "%d%b%Y",
    "%b %d, %Y",
    "%d-%b-%y",
    "%d. %b %Y",
    "%d.%b.%Y",
    "%d/%b/%Y",
    "%d de %b de %Y",
    "%Y%m%d",
)
CLOCKS = (
    "%H:%M:%S",
    "%H:%M",
    "%I:%M:%S %p",
    "%I:%M %p",
    "%I:%M:%S%p",
    "%I:%M%p",
    "%H.%M.%S",
    "%H.%M",
    "%Hh%M",
)
PERIODS: tuple[str, ...] = (
    "%Y-%m",
    "%Y/%m",
    "%m/%Y",
    "%m-%Y",
    "%m.%Y",
    "%b %Y",
    "%b-%Y",
    "%b-%y",
    "%Y %b",
    "%Y-%b",
)
PERIODS += ("%Y-Q%q", "%YQ%q", "%Y Q%q", "Q%q %Y", "Q%q-%Y", "%G-W%V", "%GW%V", "%G-W%V-%u")
PERIODS += ("%YM%m", "Q%q/%Y", "%Y/Q%q", "%qQ%Y")
COMPACT = ("%Y%m%d", "%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S")
COMPACT_TEXT = (*COMPACT[1:], "%Y%m%dT%H%M%S", "%Y%m%dT%H%M", "%Y%m%dT%H")
MOMENTS = (
    *DATES,
    *(date + gap + clock for date, gap, clock in product(DATES, (" ", "T"), CLOCKS)),
    *(date + " %H" for date in DATES),
    *COMPACT_TEXT,
    *PERIODS,
    "%d/%b/%Y:%H:%M:%S",  # of web servers
    "%b %d %H:%M:%S %Y",  # of C
)
YEARS = (1700, 2200)  # of dates whose parts are set apart
OFFSET = r"(?P<clock>[:T.\s]\d{1,2}|T\d{4}|\d{6}|[.,]\d+)\s*(?P<offset>[zZ]|UTC|GMT|[+-]\d{2}(?::?\d{2})?)$"
# Intervals, of which the start counts: of a day, and between moments.
CLOCK_INTERVAL = r"^(\d{1,2}[:.]\d{2})\s*[-–]\s*\d{1,2}[:.]\d{2}$"
INTERVAL = r"^(\d.{9,}?)(?:\s+[-–]\s+|\s+to\s+|/)\d.{9,}$"
OFFSET_MARKS = (b"+", b"-", b"Z", b"z", b"T", b"C")  # one of them is in every offset: UTC and GMT as well
GROUPS = {
    "Y": r"\d{4}",
    "G": r"\d{4}",
    "y": r"\d{2}",
    "b": rf"{LETTERS}{{3,10}}\.?",
    "q": "[1-4]",
    "u": "[1-7]",
}
GROUPS["j"] = r"\d{3}"
GROUPS["p"] = r"[AaPp]\.?[Mm]\.?"
ISO_REGEX = (
    r"^(?P<Y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})"
    r"(?:[ T](?P<H>\d{2})(?::(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,](?P<f>\d{1,9}))?)?)?)?$"
)
NS = 1_000_000_000
DAY_NS = 86_400 * NS


class Reading(NamedTuple):
    """Times of a column by one way of writing.

    Args:
        time: datetime64[ns] ``[N]``, NaT where a value is missing or does not fit.
        bad: bool ``[N]``, whether a value does not fit.
        offset: bool ``[N]``, whether a value has an offset.
    """

    time: np.ndarray
    bad: np.ndarray
    offset: np.ndarray


def read_text(text: pa.ChunkedArray, pattern: str, first_year: int = UNIX_FIRST) -> Reading:
    """Return the times of text by a pattern; 24:00 is 0:00 of the next day, a period its start.

    Args:
        text: Values without blanks around them, null where missing.
        pattern: A pattern of this module, or ``ISO``.
        first_year: First of the hundred years that two-digit years stand for.

    Example:
        >>> text = pa.chunked_array([["31.01.2024 24:00", "30.02.2024 01:00"]])
        >>> read_text(text, "%d.%m.%Y %H:%M").time.astype("datetime64[s]").tolist()
        [datetime.datetime(2024, 2, 1, 0, 0), None]
    """
    text, offset, shift = _split_offset(starts(_without_weekdays(text), INTERVAL))
    time, doubtful = _read_fast(text, pattern)
    if "%y" in pattern:
        time = move_century(time, first_year)
        doubtful = doubtful | (np.isnat(time) & ~nulls(text))
    if doubtful.any():
        time[doubtful] = _read_parts(text.filter(pa.array(doubtful)), pattern, first_year)
        _read_midnights(text, pattern, first_year, time)
    bad = np.isnat(time) & ~nulls(text)
    known = time[~np.isnat(time)]
    if len(known):
        low, high = (np.datetime64(f"{year}-01-01") for year in YEARS)
        if known.min() < low or known.max() >= high:
            far = (time < low) | (time >= high)
            time[far], bad = np.datetime64("NaT"), bad | far
    if shift is not None:
        time = time - shift
    return Reading(time, bad, offset)


def _without_weekdays(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return dates without the days of the week before them, if the first value has one."""
    row = pc.index(pc.is_valid(text), True).as_py()
    if row < 0 or not pc.match_substring_regex(text[row : row + 1], WEEKDAY)[0].as_py():
        return text
    return pc.replace_substring_regex(text, WEEKDAY, "")


def _read_midnights(text: pa.ChunkedArray, pattern: str, first_year: int, time: np.ndarray) -> None:
    """Read the dates among times with a clock, as spreadsheets write midnight, into ``time`` where it is NaT."""
    date = next((date for date in DATES if re.match(rf"{re.escape(date)}[ T]%[HI]", pattern)), None)
    if date is None:
        return
    rest = np.isnat(time) & ~nulls(text)
    if rest.any() and not rest.all():
        time[rest] = _read_parts(text.filter(pa.array(rest)), date, first_year)


def read_clock(text: pa.ChunkedArray, pattern: str) -> tuple[np.ndarray, np.ndarray]:
    """Return times of day timedelta64[ns] ``[N]`` (NaT where missing or bad), and which values are bad."""
    text = starts(text, CLOCK_INTERVAL)
    full = pc.binary_join_element_wise("2000-01-01", text, " ")
    reading = read_text(full, f"%Y-%m-%d {pattern}")
    return reading.time - np.datetime64("2000-01-01", "ns"), reading.bad


def starts(text: pa.ChunkedArray, interval: str) -> pa.ChunkedArray:
    """Return the starts of intervals, if the first value is one.

    Example:
        >>> starts(pa.chunked_array([["00:00-00:15", "00:15-00:30"]]), CLOCK_INTERVAL).to_pylist()
        ['00:00', '00:15']
    """
    row = pc.index(pc.is_valid(text), True).as_py()
    if row < 0 or not pc.match_substring_regex(text[row : row + 1], interval)[0].as_py():
        return text
    return pc.replace_substring_regex(text, interval, r"\1")


def fitting(values: list[str], patterns: tuple[str, ...]) -> list[str]:
    """Return the patterns that at least half of some values match, whatever their digits are."""
    shapes: Counter[str] = Counter()
    for value, count in Counter(re.sub("[0-9]", "1", value) for value in values).items():
        shapes[_shape(value)] += count
    return [
        pattern
        for pattern in patterns
        if sum(count for shape, count in shapes.items() if regex(pattern).match(shape)) * 2 >= len(values) > 0
    ]


def _shape(value: str) -> str:
    """Return the start of a value without its offset and day of the week."""
    value = without_weekday(value)
    for pattern, part in ((CLOCK_INTERVAL, r"\1"), (INTERVAL, r"\1"), (OFFSET, r"\g<clock>")):
        value = re.sub(pattern, part, value)
    return value


@cache
def regex(pattern: str) -> "re.Pattern[str]":
    """Return the regular expression of a pattern, one named group for each of its parts."""
    if pattern == ISO:
        return re.compile(ISO_REGEX)
    out, joined = "", re.search(r"%[YmdHM]%", pattern) is not None
    for part, literal in re.findall(r"%(.)|([^%]+)", pattern):
        if literal:
            out += re.sub(r"(\\ | )+", r"\\s+", re.escape(literal))
            continue
        digits = r"\d{2}" if joined and part != "p" else r"\d{1,2}"
        out += f"(?P<{part}>{GROUPS.get(part, digits)})"
        if part == "S":
            out += r"(?:[.,](?P<f>\d{1,9}))?"
    return re.compile(f"^{out}$")


def _split_offset(text: pa.ChunkedArray) -> tuple[pa.ChunkedArray, np.ndarray, np.ndarray | None]:
    """Return text without offsets, which values have one, and the offsets timedelta64[ns] if any has."""
    none = np.zeros(len(text), bool)
    if not _may_have_offsets(text):
        return text, none, None
    has = pc.fill_null(pc.match_substring_regex(text, OFFSET), False)
    if not pc.any(has).as_py():
        return text, none, None
    marked = ~nulls(pc.if_else(has, True, None))
    written = pc.struct_field(pc.extract_regex(text, OFFSET), "offset")
    values, codes = np.unique(np.array(written.filter(has).to_pylist()), return_inverse=True)
    shift = np.zeros(len(text), np.int64)
    shift[marked] = np.array([_seconds(value) for value in values])[codes]
    bare = pc.replace_substring_regex(text, OFFSET, r"\1")
    return pc.if_else(has, bare, text), marked, (shift * NS).astype("timedelta64[ns]")


def _may_have_offsets(text: pa.ChunkedArray) -> bool:
    """Return whether a character occurs that every offset contains."""
    for chunk in text.chunks:
        buffer = chunk.buffers()[-1] if len(chunk) else None
        content = b"" if buffer is None else buffer.to_pybytes()
        if any(mark in content for mark in OFFSET_MARKS):
            return True
    return False


def _seconds(offset: str) -> int:
    digits = re.sub(r"\D", "", offset)
    if not digits:
        return 0
    seconds = int(digits[:2]) * 3600 + int(digits[2:] or 0) * 60
    return -seconds if offset[0] == "-" else seconds


def _read_fast(text: pa.ChunkedArray, pattern: str) -> tuple[np.ndarray, np.ndarray]:
    """Return times by Arrow's own parser, and which values it cannot read or may have read wrongly."""
    known = ~nulls(text)
    try:
        if pattern == ISO:
            return nanoseconds(text.cast(pa.timestamp("ns"))), np.zeros(len(text), bool)
        if "%d" in pattern and "%b" not in pattern:
            time = nanoseconds(pc.strptime(text, pattern, "s", error_is_null=True))
            return time, known & (np.isnat(time) | _may_have_rolled_over(time))
    except pa.ArrowException:
        pass
    return np.full(len(text), "NaT", "datetime64[ns]"), known


def _may_have_rolled_over(time: np.ndarray) -> np.ndarray:
    """Return whether times are on a day that ``strptime`` returns for a day that does not exist, such as 31 June."""
    day = time.astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    number = month.astype(np.int64) % 12 + 1
    date = (day - month).astype(np.int64) + 1
    out: np.ndarray = ((number == 3) & (date <= 3)) | (np.isin(number, (5, 7, 10, 12)) & (date == 1))
    return out


def _read_parts(text: pa.ChunkedArray, pattern: str, first_year: int) -> np.ndarray:
    """Return times datetime64[ns] of values that are not missing, part by part; NaT where one does not fit."""
    expression = regex(pattern)
    fields = pc.extract_regex(text, expression.pattern.replace(r"\ ", " "))
    match = ~nulls(fields)
    parts = {name: _numbers(pc.struct_field(fields, name), name, match) for name in expression.groupindex}
    day, good = _days(parts, len(text), first_year)
    clock, fits = _clock(parts, len(text))
    time: np.ndarray = (day * DAY_NS + clock).astype("datetime64[ns]")
    time[~(match & good & fits)] = np.datetime64("NaT")
    return time


def _numbers(column: pa.ChunkedArray, name: str, match: np.ndarray) -> np.ndarray:
    if name in ("b", "p"):
        words = [str(value) for value in column.to_pylist()]
        return np.array(
            month_numbers(words) if name == "b" else [12 * (word[:1] in "pP") for word in words], np.int64
        )
    text = pc.fill_null(column, "0")
    text = pc.utf8_rpad(text, 9, "0") if name == "f" else pc.if_else(pc.equal(text, ""), "0", text)
    numbers: np.ndarray = np.asarray(text.cast(pa.int64()).to_numpy())
    return numbers


def _days(parts: dict[str, np.ndarray], rows: int, first_year: int) -> tuple[np.ndarray, np.ndarray]:
    """Return days since 1970, and whether they exist."""
    one = np.ones(rows, np.int64)
    year = parts.get("Y", parts.get("G"))
    if year is None:
        year = in_window(parts["y"], first_year)
    if "G" in parts:
        return week_start(year, parts["V"], parts.get("u", one))
    if "j" in parts:
        first, good = day_number(year, one, one)
        day = first + parts["j"] - 1
        return day, good & (
            day.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970 == year
        )
    month = parts.get("m", parts.get("b"))
    if month is None:
        month = 3 * parts["q"] - 2 if "q" in parts else one
    return day_number(year, month, parts.get("d", one))


def day_number(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return days since 1970 ``[N]`` of dates, and whether each date exists in the years of ``YEARS``."""
    good = (month >= 1) & (month <= 12) & (year >= YEARS[0]) & (year < YEARS[1]) & (day >= 1) & (day <= 31)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + np.where(good, day - 1, 0)
    return days.astype(np.int64), good & (days.astype("datetime64[M]") == months)


def week_start(year: np.ndarray, week: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return days since 1970 ``[N]`` of days of ISO weeks, and whether each week exists."""
    first, good = day_number(year, np.ones_like(year), np.full_like(year, 4))
    days = first - (first + 3) % 7 + 7 * (week - 1) + day - 1  # 4 January is in week 1; day 0 is a Thursday
    thursday = days - (days + 3) % 7 + 3
    in_year = thursday.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970 == year
    return days, good & (week >= 1) & in_year


def _clock(parts: dict[str, np.ndarray], rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nanoseconds since midnight, up to 24:00, and whether they exist."""
    zero = np.zeros(rows, np.int64)
    hour = parts.get("H", zero)
    good = hour <= 24
    if "I" in parts:
        good = (parts["I"] >= 1) & (parts["I"] <= 12)
        hour = parts["I"] % 12 + parts["p"]
    minute, second, fraction = parts.get("M", zero), parts.get("S", zero), parts.get("f", zero)
    clock = ((hour * 60 + minute) * 60 + second) * NS + fraction
    return clock, good & (minute < 60) & (second < 60) & (clock <= DAY_NS)
