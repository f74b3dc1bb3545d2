"""Any CSV or Parquet file as a series."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from tsforecast.data.calendar_features import CALENDAR
from tsforecast.data.calendar_features import calendar as calendar_columns
from tsforecast.data.series import (
    DAY,
    Series,
    check_rows,
    pick_features,
    pick_known_ahead,
    pick_targets,
    steps_per_season,
)
from tsforecast.errors import UserError, nearest
from tsforecast.reading.arrow import floats
from tsforecast.reading.cells import as_numbers
from tsforecast.reading.duplicates import check_duplicates, check_repeated_times
from tsforecast.reading.reader import UNNAMED, open_table
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.reading.selection import Condition
from tsforecast.reading.time_grid import parse_frequency, regularize
from tsforecast.reading.time_search import find_time


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
    where: str | None = None,
    duplicates: str | None = None,
    recipe: ReadingRecipe | None = None,
) -> Series:
    """Read a file; every numeric column is a feature, and whatever was corrected is noted.

    Args:
        path: CSV or Parquet file, also compressed (.gz, .xz, .zst, .bz2).
        target: A column, a list of columns, or ``"all"``.
        time: The time column, or a date and a time-of-day column; None to find it.
        features: The numeric columns to feed in; None for all. Targets are always fed in.
        rows: Number of rows to keep, the first in time; None for all.
        frequency: The step, such as ``15min`` or ``1h``; None for the most common one.
        season: Rows in a season; None for a day's, or a week's of daily rows.
        calendar: Whether to add sine and cosine of minute of day (steps under a day) and of day of week
            (steps up to a day).
        unit: Unit of the targets.
        known_ahead: Columns whose future is known.
        where: Condition that selects the rows, such as ``sensor = 'A'``; None for all.
        duplicates: How several rows at one time become one: ``last``, ``first``, ``mean`` or ``sum``; None to keep
            the last one if at most one row in a hundred repeats a time, and to refuse the file otherwise.
        recipe: How the training data were read, to read these data in the same way; None to decide.

    Returns:
        float64 values in the file's units.

    Raises:
        UserError: The file or its columns cannot be used, see ``open_table``, ``find_time`` and ``regularize``; a
            chosen column has no value at all or an infinite one; or the file does not fit the recipe.
    """
    check_rows(rows)
    step = parse_frequency(frequency)
    if season is not None and (isinstance(season, bool) or not isinstance(season, int) or season < 1):
        raise UserError(f"data.season is {season!r}: give a whole number of rows, or null for a day.")
    check_duplicates(duplicates)
    table, recipe, stamps, notes = _read(path, time, recipe, step, where or "", duplicates)
    if recipe.duplicates is None:
        check_repeated_times(stamps, table, recipe.time.columns)
    named = {target} if isinstance(target, str) else {*(target or ())}
    columns, left_out = _numeric(table, recipe, named | {*(features or ())})
    targets = _pick_targets(target, columns, left_out, recipe.time.columns)
    chosen = pick_features(features, targets, tuple(columns))
    values = np.empty((table.num_rows, len(chosen)))
    for index, name in enumerate(chosen):
        values[:, index] = floats(columns[name])
        _check_column(name, values[:, index], stamps)
    notes += tuple(f"Column '{name}' {why} and was left out." for name, why in left_out.items())
    recipe = replace(recipe, numeric=chosen)
    del table, columns
    stamps, values, corrected = regularize(stamps, values, recipe.step or None, recipe.duplicates)
    stamps, values = stamps[:rows], values[:rows]
    if calendar:
        chosen, values = _with_calendar(chosen, values, stamps)
    return Series(
        time=stamps,
        values=values,
        features=chosen,
        targets=targets,
        season=season or steps_per_season(_step(stamps)),
        unit=unit,
        known_ahead=pick_known_ahead(known_ahead, chosen),
        notes=notes + corrected,
        name=Path(path).name.split(".")[0],
        recipe=replace(recipe, step=_step(stamps)),
    )


def _read(
    path: str,
    time: str | Sequence[str] | None,
    recipe: ReadingRecipe | None,
    step: int | None,
    where: str,
    duplicates: str | None,
) -> tuple[pa.Table, ReadingRecipe, np.ndarray, tuple[str, ...]]:
    """Return a file's table, its recipe (with no numeric columns and step 0 until they are known), times and notes."""
    names = (time,) if isinstance(time, str) else tuple(time or ())
    if recipe is not None:
        file = open_table(path, exact=recipe.time.columns, like=recipe.dialect)
    else:
        file = open_table(path, exact=names)
    table = file.table()
    rows = table.num_rows
    where = recipe.where if recipe else where
    if where and rows:
        table = Condition.parse(where).select(table)
        if table.num_rows < 2:
            raise UserError(
                f"data.where: {where!r} selects {table.num_rows} of {rows:,} rows of {path};"
                " a series needs at least two."
            )
    if table.num_rows < 2:
        content = "no row below its header" if table.num_rows == 0 else "one row only"
        raise UserError(f"data.path: {path} has {content}; a series needs at least two.")
    if recipe is not None:
        stamps = recipe.time.read(table)
        return table, replace(recipe, dialect=file.dialect), stamps, recipe.time.notes
    time_format, stamps, notes = find_time(table, names)
    recipe = ReadingRecipe(time_format, (), step or 0, file.dialect, where, duplicates)
    return table, recipe, stamps, notes


def _numeric(
    table: pa.Table, recipe: ReadingRecipe, named: Collection[str]
) -> tuple[dict[str, pa.ChunkedArray], dict[str, str]]:
    """Return the columns to read as numbers, and why each other one is left out.

    Args:
        table: As read.
        recipe: Of the training data, or without numeric columns if they are to be found.
        named: Columns that were asked for.

    Raises:
        UserError: A column of the recipe is missing or is not numeric.
    """
    columns, left_out = {}, {}
    decimal = recipe.dialect.decimal if recipe.dialect else "."
    for name in table.column_names:
        if name in recipe.time.columns:
            continue
        numbers, value = as_numbers(table[name], decimal)
        if numbers is None:
            left_out[name] = f"is not numeric ({value})"
        elif recipe.numeric and name not in recipe.numeric:
            left_out[name] = "was not there or not used in training"
        elif re.fullmatch(UNNAMED, name) and name not in named and _is_filler(numbers):
            left_out[name] = "has no name and no value but row numbers"
        else:
            columns[name] = numbers
    for name in recipe.numeric:
        if name not in columns:
            why = left_out.get(name, f"is missing.{nearest(name, table.column_names)}")
            raise UserError(f"data.path: column '{name}', which the model was trained on, {why}")
    return columns, left_out


def _is_filler(column: pa.ChunkedArray) -> bool:
    """Return whether a column is empty or counts the rows, as data frames write their index."""
    values = floats(column)
    return bool(np.isnan(values).all() or (np.diff(values) == 1).all())


def _pick_targets(
    target: str | Sequence[str], columns: Mapping[str, object], left_out: dict[str, str], taken: Sequence[str]
) -> tuple[str, ...]:
    for name in [target] if isinstance(target, str) else target or ():
        if name in left_out:
            raise UserError(
                f"data.target: column '{name}' {left_out[name].replace('(', '(it holds ')}: correct it,"
                " or choose another."
            )
        if name in taken:
            raise UserError(f"data.target: '{name}' is the time column; choose another.")
    if not columns:
        raise UserError(
            "data.path: the file has no numeric column next to time; there is nothing to forecast."
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
    """Add the calendar features that change from row to row and whose names are free."""
    step = _step(stamps)
    useful = CALENDAR if step < DAY else CALENDAR[2:] if step == DAY else ()
    names = tuple(name for name in useful if name not in features)
    if not names:
        return features, values
    extra = calendar_columns(stamps)[:, [CALENDAR.index(name) for name in names]]
    return features + names, np.concatenate([values, extra], axis=1)


def _step(stamps: np.ndarray) -> int:
    return int((stamps[1] - stamps[0]).astype(np.int64)) if len(stamps) > 1 else DAY
