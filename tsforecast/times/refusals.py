"""Refusals of tables without a column that reads as time, each with a value and its row."""

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsforecast.columns.arrow import nulls
from tsforecast.columns.cells import clean_text, is_text
from tsforecast.errors import UserError
from tsforecast.times.duplicates import is_many
from tsforecast.times.formats import EXAMPLE, TimeFormat, value_at
from tsforecast.times.patterns import patterns_of, sounds_like_time
from tsforecast.times.text import ISO, MOMENTS, fitting, read_text

HEAD = 1000  # rows that tell most clocks of 24 hours
TOTALS = re.compile(
    "(grand )?totals?|sub-?totals?|sums?|summen?|gesamt(summe)?|insgesamt|averages?|avg|means?|mittel(wert)?|"
    "durchschnitt|totale?|totaux|somme|moyenne|suma|media|min(imum)?|max(imum)?|count",
    re.IGNORECASE,
)


def misfit(table: pa.Table, written: TimeFormat, column: str, row: int) -> UserError:
    """Return the refusal of a value that is not written as the other times of its column."""
    value = value_at(table[column], row)
    return UserError(
        written.beyond_day(table, column, row)
        or f"data.time: column '{column}' does not read as time: {value} in row {row + 1:,} is"
        f" not a time written as {written.written(column)}, as others are:{_leave_out(table, column, row)}"
        f" {explain(value) or EXAMPLE}."
    )


def _leave_out(table: pa.Table, column: str, row: int) -> str:
    """Return how to leave out a row of totals or a repeated header, empty if the row is neither."""
    value = table[column][row].as_py()
    if not isinstance(value, str):
        return ""
    value = clean_text(pa.chunked_array([[value]]))[0].as_py() or ""
    is_word = value.isprintable() and not re.search(r"[\d'\"]", value)
    is_last = row == table.num_rows - 1
    if not is_word or not (is_last or value == column.strip() or TOTALS.fullmatch(value)):
        return ""
    name = column if re.fullmatch(r"\w[\w .-]*", column) else f"`{column}`"
    return f" leave such rows out with data.where=\"{name} != '{value}'\", or, if the row is one of the data,"


def no_time(table: pa.Table, names: tuple[str, ...]) -> UserError:
    """Return the refusal of a table in which no column, or none of those named, reads as time."""
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
            row = _first_misfit(table[suspect])
            value = value_at(table[suspect], row)
            why = f"; '{suspect}' has {value} in row {row + 1:,}"
            if explain(value):
                return UserError(
                    f"No column reads as time: '{suspect}' has {value} in row {row + 1:,}: {explain(value)}."
                )
        return UserError(
            f"No column reads as time (columns: {', '.join(table.column_names[:12])}{why}): name it with"
            f" data.time=COLUMN and how it is written with data.time_format, such as %d.%m.%Y, or {EXAMPLE}."
        )
    bad = names[0]
    if len(names) == 2 and patterns_of(table[names[0]], is_named=True):
        bad = names[1]
    row = _first_misfit(table[bad]) if bad == names[0] else _first_value(table[bad])
    what = (
        "a time of day such as 13:45 or an hour from 0 to 24"
        if bad != names[0]
        else "a time between 1700 and 2200"
    )
    value = value_at(table[bad], row)
    advice = (
        explain(value) or f"{EXAMPLE}, or state how it is written with data.time_format, such as %d.%m.%Y"
    )
    return UserError(
        f"data.time: column '{bad}' does not read as time: {value} in row {row + 1:,} is not {what}: {advice}."
    )


def explain(value: str) -> str:
    """Return what to do about a value whose meaning is a guess, empty if nothing is known about it.

    Example:
        >>> explain("'2024-01-31 13:45 CET'")
        'CET is short for several zones: take it off, and name the zone with data.timezone, such as Europe/Paris'
        >>> explain("'2010-13'")
        'month 13 does not exist; if it is a sum of the year, leave it out with data.where'
    """
    value = value.strip("'")
    zone = re.search(r"\d\s*([A-Z]{2,5})$", value)
    if zone is not None and zone[1] not in ("AM", "PM", "UTC", "GMT"):
        return (
            f"{zone[1]} is short for several zones: take it off, and name the zone with data.timezone, such as"
            " Europe/Paris"
        )
    month = re.match(r"\d{4}[-/.](\d{2})([-/.](\d{2}))?(?!\d)", value)
    if month is not None and int(month[1]) > 12:
        if month[3] and int(month[3]) <= 12:
            return "if the day comes before the month, set data.time=COLUMN and data.time_format=%Y-%d-%m"
        return f"month {month[1]} does not exist; if it is a sum of the year, leave it out with data.where"
    if re.fullmatch(r"(1[789]|2[01])\d\d\.\d+", value):
        return "it may be a year with a fraction, of which the day is a guess: write dates such as 2024-01-31"
    if re.fullmatch(r"\d{1,2}\.\d+", value):
        return "hours with a fraction are not read: write them as 13:45"
    return ""


def check_missing_times(time: np.ndarray, table: pa.Table, time_columns: Sequence[str]) -> None:
    """Refuse a table in which more than one row in a hundred has values but no time.

    Args:
        time: ``[N]`` datetime64[ns], NaT where there is no time.
        table: The rows.
        time_columns: Names of the columns that the times were read from.

    Raises:
        UserError: Naming the first such row.
    """
    rows = np.flatnonzero(np.isnat(time))
    if not is_many(len(rows), len(time)):
        return
    others = table.take(pa.array(rows)).drop_columns(list(time_columns))
    used = np.zeros(len(rows), bool)
    for column in others.columns:
        used |= ~nulls(clean_text(column) if is_text(column.type) else column)
    if is_many(int(used.sum()), len(time)):
        row = int(rows[used.argmax()])
        names = " and ".join(f"'{name}'" for name in time_columns)
        raise UserError(
            f"data.time: row {row + 1:,} has values but no time in {names}, and so do {int(used.sum()):,} of"
            f" {len(time):,} rows: write the time in every row, or delete rows without one."
        )


def check_half_days(table: pa.Table, written: TimeFormat, time: np.ndarray) -> None:
    """Refuse clocks of twelve hours that do not tell the halves of a day apart.

    Args:
        table: The rows.
        written: How their times are written.
        time: Their times ``[N]`` datetime64[ns], NaT allowed.

    Raises:
        UserError: All hours are 1 to 12, and after 12 o'clock the time goes back to 1 o'clock.
    """
    if "%H" not in f"{written.pattern} {written.clock}":
        return
    head = time[:HEAD][~np.isnat(time[:HEAD])].astype("datetime64[h]").astype(np.int64) % 24
    if (head < 1).any() or (head > 12).any():
        return
    hours = time.astype("datetime64[h]").astype(np.int64) % 24
    known = ~np.isnat(time)
    if not known.any() or hours[known].min() < 1 or hours[known].max() > 12:
        return
    back = np.diff(time) < np.timedelta64(-10, "h")
    noon = (hours[:-1] == 12) & (hours[1:] == 1) & back
    if noon.any():
        row = int(noon.argmax())
        name = written.columns[-1]
        raise UserError(
            f"data.time: after {value_at(table[name], row)} in column '{name}' (row {row + 1:,}) comes"
            f" {value_at(table[name], row + 1)}, and all hours are 1 to 12: add AM or PM, or write hours from 0 to 23."
        )


def _first_misfit(column: pa.ChunkedArray) -> int:
    """Return the first row whose value is not written as the first value is, or the first value's if there is none."""
    first = _first_value(column)
    if not is_text(column.type) or not column[first].is_valid:
        return first
    text = clean_text(column)
    for pattern in fitting([text[first].as_py() or ""], (ISO, *MOMENTS)):
        reading = read_text(text, pattern)
        if reading.bad.any() and not reading.bad[first]:
            return int(reading.bad.argmax())
    return first


def _first_value(column: pa.ChunkedArray) -> int:
    known = pc.index(pc.is_valid(column), True).as_py()
    return max(int(known), 0)
