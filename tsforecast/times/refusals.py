"""Refusals of tables without a column that reads as time, each with a value and its row."""

import pyarrow as pa
import pyarrow.compute as pc

from tsforecast.errors import UserError
from tsforecast.times.formats import EXAMPLE, TimeFormat, value_at
from tsforecast.times.patterns import patterns_of, sounds_like_time


def misfit(table: pa.Table, written: TimeFormat, column: str, row: int) -> UserError:
    """Return the refusal of a value that is not written as the other times of its column."""
    return UserError(
        f"data.time: column '{column}' does not read as time: {value_at(table[column], row)} in row {row + 1:,} is not"
        f" a time written as {written.written(column)}, as others are: {EXAMPLE}."
    )


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
