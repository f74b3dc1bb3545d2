"""Any CSV or Parquet file as a series."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from tsforecast.data.arrow import floats
from tsforecast.data.calendar_features import CALENDAR
from tsforecast.data.calendar_features import calendar as calendar_columns
from tsforecast.data.cells import as_numbers
from tsforecast.data.reader import open_table
from tsforecast.data.series import (
    DAY,
    Series,
    check_rows,
    pick_features,
    pick_known_ahead,
    pick_targets,
    season_of,
)
from tsforecast.data.time_grid import parse_frequency, regularize
from tsforecast.data.timestamps import find_time
from tsforecast.errors import UserError


def load(
    path: str,
    target: str | Sequence[str],
    time: str | Sequence[str] | None = None,
    features: Sequence[str] | None = None,
    rows: int | None = None,
    frequency: str | int | None = None,
    season: int | None = None,
    calendar: bool = True,
    unit: str = "",
    known_ahead: Sequence[str] = (),
) -> Series:
    """Reads a file; every numeric column is a feature, and what had to be mended is noted.

    Args:
        path: a CSV or Parquet file, also compressed (.gz, .xz, .zst, .bz2).
        target: a column, a list of columns, or ``"all"``.
        time: the time column, or a date and a time-of-day column; None to find it.
        features: the numeric columns to feed in; None for all. Targets are always fed in.
        rows: only the first so many in time; None for all.
        frequency: the step, such as ``15min`` or ``1h``; None for the commonest one.
        season: rows in a season; None for a day's, or a week's of daily rows.
        calendar: whether to add sine and cosine of minute of day (steps under a day) and of day of week
            (steps up to a day).
        unit: of the targets.
        known_ahead: columns whose future is known.

    Returns:
        float64 values in the file's units.

    Raises:
        UserError: when the file or its columns cannot be used, see ``open_table``, ``find_time`` and
            ``regularize``; when a column chosen has no value at all or an infinite one.
    """
    check_rows(rows)
    step = parse_frequency(frequency)
    if season is not None and (isinstance(season, bool) or not isinstance(season, int) or season < 1):
        raise UserError(f"data.season is {season!r}: give a whole number of rows, or null for a day.")
    file = open_table(path, exact=(time,) if isinstance(time, str) else time or ())
    table = file.table()
    if table.num_rows < 2:
        rows_read = "no row below its header" if table.num_rows == 0 else "one row only"
        raise UserError(f"data.path: {path} has {rows_read}; a series needs at least two.")
    time_format, stamps, notes = find_time(table, time)
    columns, left_out = _numeric(table, time_format.columns, file.dialect.decimal if file.dialect else ".")
    targets = _pick_targets(target, columns, left_out, time_format.columns)
    chosen = pick_features(features, targets, tuple(columns))
    values = np.empty((table.num_rows, len(chosen)))
    for index, name in enumerate(chosen):
        values[:, index] = floats(columns[name])
        _check_column(name, values[:, index], stamps)
    notes += tuple(
        f"Column '{name}' is not numeric ({why}) and was left out." for name, why in left_out.items()
    )
    del table, columns
    stamps, values, mended = regularize(stamps, values, step)
    stamps, values = stamps[:rows], values[:rows]
    if calendar:
        chosen, values = _with_calendar(chosen, values, stamps)
    return Series(
        time=stamps,
        values=values,
        features=chosen,
        targets=targets,
        season=season or season_of(_step(stamps)),
        unit=unit,
        known_ahead=pick_known_ahead(known_ahead, chosen),
        notes=notes + mended,
        name=Path(path).name.split(".")[0],
    )


def _numeric(
    table: pa.Table, taken: Sequence[str], decimal: str
) -> tuple[dict[str, pa.ChunkedArray], dict[str, str]]:
    """Return the numeric columns, and for each other one its first value that is not a number."""
    columns, left_out = {}, {}
    for name in table.column_names:
        if name not in taken:
            numbers, why = as_numbers(table[name], decimal)
            if numbers is None:
                left_out[name] = why
            else:
                columns[name] = numbers
    return columns, left_out


def _pick_targets(
    target: str | Sequence[str], columns: dict, left_out: dict[str, str], taken: Sequence[str]
) -> tuple[str, ...]:
    for name in [target] if isinstance(target, str) else target or ():
        if name in left_out:
            raise UserError(
                f"data.target: column '{name}' is not numeric (it holds {left_out[name]}): clean it, or choose another."
            )
        if name in taken:
            raise UserError(f"data.target: '{name}' is the time column; choose another.")
    if not columns:
        raise UserError(
            "data.path: the file has no numeric column beside time; there is nothing to forecast."
        )
    return pick_targets(target, tuple(columns))


def _check_column(name: str, column: np.ndarray, stamps: np.ndarray) -> None:
    infinite = np.isinf(column)
    if infinite.any():
        row = int(infinite.argmax())
        raise UserError(
            f"Column '{name}' has {int(infinite.sum()):,} infinite values, the first in row {row + 1} ({stamps[row]}):"
            " leave them empty, or leave the column out with data.features."
        )
    if np.isnan(column).all():
        raise UserError(f"Column '{name}' has no value at all: leave it out with data.features.")


def _with_calendar(
    features: tuple[str, ...], values: np.ndarray, stamps: np.ndarray
) -> tuple[tuple[str, ...], np.ndarray]:
    """Adds the calendar features that change from row to row and whose names are free."""
    step = _step(stamps)
    useful = CALENDAR if step < DAY else CALENDAR[2:] if step == DAY else ()
    names = tuple(name for name in useful if name not in features)
    if not names:
        return features, values
    extra = calendar_columns(stamps)[:, [CALENDAR.index(name) for name in names]]
    return features + names, np.concatenate([values, extra], axis=1)


def _step(stamps: np.ndarray) -> int:
    return int((stamps[1] - stamps[0]).astype(np.int64)) if len(stamps) > 1 else DAY
