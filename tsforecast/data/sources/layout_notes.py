"""Notes on tables that are laid out in another way than they are read."""

import re
from collections.abc import Collection, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tsforecast.columns.cells import is_text
from tsforecast.times.frequency import DAY, MONTHS, Frequency
from tsforecast.times.words import MONTHS as MONTH_NAMES

HOUR_NAME = re.compile(
    r"(?:he|hour|hr|h|stunde|std)?[ _.-]?(\d{1,2})(?:[:.h](\d{2}))?(?:[:.]00)?h?", re.IGNORECASE
)
MIN_HOURS = 23  # of a day that stand side by side
SERIES_WORDS = re.compile(
    r"(^|[^a-z])(ids?|uid|uuid|series|sensors?|stations?|sites?|devices?|meters?|stores?|shops?|items?|sku|products?"
    r"|symbol|ticker|variables?|metric|parameter|channel|tag|customers?|regions?|country|zones?|location|unit)([^a-z]|$)",
    re.IGNORECASE,
)  # fmt: skip
MAX_SERIES = 0.5  # share of the rows that may be series of their own


def wide_note(names: Sequence[str], step: Frequency) -> tuple[str, ...]:
    """Return a note if the hours of a day or the months of a year are columns next to each other.

    Example:
        >>> note = wide_note([f"H{hour}" for hour in range(1, 25)], Frequency.parse("1d"))[0]
        >>> note[:58]
        "Columns 'H1' to 'H24' look like the hours of a day side by"
    """
    if step.seconds >= DAY:
        columns = [name for name in names if _clock(name) is not None]
        if len({_clock(name) for name in columns}) >= MIN_HOURS:
            return (_side_by_side(columns, "hours of a day", "hour"),)
    if step.unit == MONTHS and step.count >= 12:
        columns = [name for name in names if name[:3].lower() in MONTH_NAMES and name.isalpha()]
        if len({name[:3].lower() for name in columns}) == 12:
            return (_side_by_side(columns, "months of a year", "month"),)
    return ()


def _clock(name: str) -> int | None:
    """Return the minute of the day that a column name denotes."""
    match = HOUR_NAME.fullmatch(name.strip())
    if match is None or int(match[1]) > 24 or int(match[2] or 0) > 59:
        return None
    return int(match[1]) * 60 + int(match[2] or 0)


def _side_by_side(columns: Sequence[str], what: str, step: str) -> str:
    return (
        f"Columns '{columns[0]}' to '{columns[-1]}' look like the {what} side by side, and are read as {len(columns)}"
        f" series of their own: for one series with a step of one {step}, write one row for each {step}."
    )


def series_notes(rows: pa.Table, used: Collection[str], where: str) -> tuple[str, ...]:
    """Return a note for each text column whose name and values suggest that the rows are of several series.

    Args:
        rows: The rows that are used.
        used: Columns that are used, as time or as categories.
        where: Condition that selected the rows, empty for all.

    Example:
        >>> rows = pa.table({"sensor": ["A", "B"] * 20, "load": [1.0, 2.0] * 20})
        >>> series_notes(rows, (), "")[0][:71]
        "The rows are of 2 values of 'sensor' (A, B) and are read as one series:"
    """
    notes = []
    for name in rows.column_names:
        if name in used or not is_text(rows[name].type) or not SERIES_WORDS.search(name) or name in where:
            continue
        values = sorted(value for value in pc.unique(rows[name]).to_pylist() if value)
        if 2 <= len(values) <= MAX_SERIES * rows.num_rows:
            shown = ", ".join(values[:2]) + (", ..." if len(values) > 2 else "")
            notes.append(
                f"The rows are of {len(values):,} values of '{name}' ({shown}) and are read as one series: if they are"
                f" several, select one with data.where=\"{name} = '{values[0]}'\", or train on all of them with"
                f" data.series_id={name}."
            )
    return tuple(notes)
