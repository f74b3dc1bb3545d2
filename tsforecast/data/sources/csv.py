"""Any CSV or Parquet file as a series."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from tsforecast.columns.arrow import floats
from tsforecast.columns.cells import as_numbers
from tsforecast.columns.numerals import check_decimal, find_other_marks, settle_decimal
from tsforecast.data.calendar_features import CALENDAR
from tsforecast.data.calendar_features import calendar as calendar_columns
from tsforecast.data.names import match_names
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
from tsforecast.reading.dialect import Dialect
from tsforecast.reading.reader import UNNAMED, CsvTable, ParquetTable, check_unique, open_table
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.reading.selection import Condition
from tsforecast.reading.sentinels import find_sentinels, sentinel_notes
from tsforecast.times.duplicates import check_duplicates, check_repeated_times
from tsforecast.times.formats import TimeFormat
from tsforecast.times.frequency import parse_frequency
from tsforecast.times.grid import regularize
from tsforecast.times.search import find_time


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
    decimal: str | None = None,
    missing_values: Sequence[float | str] = (),
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
        decimal: The decimal mark, ``point`` or ``comma``; None to find it.
        missing_values: Numbers and texts that stand for missing values, such as -9999.
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
    recipe = recipe or _stated_recipe(step, where, duplicates, decimal, missing_values)
    file, table, recipe, stamps, notes = _read(path, time, recipe, _used(target, features))
    notes = file.notes + notes
    target = target if target == "all" else match_names(target, (*table.column_names, *file.repeated))
    features = (
        None if features in (None, "all") else match_names(features, (*table.column_names, *file.repeated))
    )
    named = {*([] if target == "all" else target), *(features or ())}
    check_unique(file, [*named, *recipe.numeric])
    if recipe.duplicates is None:
        check_repeated_times(stamps, table, recipe.time.columns)
    columns, left_out = _numeric(table, recipe, named)
    targets = _pick_targets(target, columns, left_out, recipe.time.columns)
    chosen = pick_features(features, targets, tuple(columns))
    values, doubts = _to_array(columns, chosen, stamps)
    notes += tuple(f"Several columns are named '{name}'; they were left out." for name in file.repeated)
    notes += tuple(f"Column '{name}' {why} and was left out." for name, why in left_out.items()) + doubts
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
        known_ahead=pick_known_ahead(match_names(known_ahead, chosen), chosen),
        notes=notes + corrected,
        name=Path(path).name.split(".")[0],
        recipe=replace(recipe, step=_step(stamps)),
    )


def _stated_recipe(
    step: int | None, where: str | None, duplicates: str | None, decimal: str | None, missing_values: object
) -> ReadingRecipe:
    """Return a recipe of what is stated, without the time, which is not known yet."""
    check_duplicates(duplicates)
    mark = check_decimal(decimal)
    dialect = None if mark is None else Dialect("", "", mark)
    missing = _markers(missing_values)
    return ReadingRecipe(TimeFormat((), ""), (), step or 0, dialect, where or "", duplicates, (), missing)


def _to_array(
    columns: Mapping[str, pa.ChunkedArray], names: Sequence[str], stamps: np.ndarray
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the columns ``[N, C]``, and a note for each number that seems to stand for missing values."""
    values = np.empty((len(stamps), len(names)))
    sentinels = {}
    for index, name in enumerate(names):
        column = floats(columns[name])
        _check_column(name, column, stamps)
        sentinels[name] = list(find_sentinels(column))
        values[:, index] = column
    return values, sentinel_notes(sentinels)


def _used(target: object, features: object) -> Collection[object] | None:
    """Return what names the columns that are used; None for all columns."""
    if features in (None, "all") or target == "all":
        return None
    return (*match_names(features, ()), *match_names(target, ()))


def _markers(values: object) -> tuple[float | str, ...]:
    """Return the markers of missing values as numbers and texts."""
    items = [values] if isinstance(values, str | int | float) else list(values or ())  # type: ignore[call-overload]
    for value in items:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise UserError(
                f"data.missing_values contains {value!r}: list numbers and texts, such as [-9999]."
            )
    return tuple(value if isinstance(value, str) else float(value) for value in items)


def _read(
    path: str, time: object, recipe: ReadingRecipe, used: Collection[object] | None
) -> tuple[CsvTable | ParquetTable, pa.Table, ReadingRecipe, np.ndarray, tuple[str, ...]]:
    """Return a file, its rows, the recipe without what the columns decide, the times and notes on them.

    Args:
        path: Path of the file.
        time: Time columns that are stated.
        recipe: Of the training data, or what is stated so far.
        used: Columns that are used; None for all.
    """
    known = bool(recipe.time.columns)
    names = recipe.time.columns if known else tuple(str(name) for name in match_names(time, ()))
    file = open_table(path, exact=names, like=recipe.dialect, text=recipe.other_mark)
    check_unique(file, names)
    table = file.table()
    rows = table.num_rows
    if recipe.where and rows:
        table = Condition.parse(recipe.where).select(table)
        if table.num_rows < 2:
            raise UserError(
                f"data.where: {recipe.where!r} selects {table.num_rows} of {rows:,} rows of {path};"
                " a series needs at least two."
            )
    if table.num_rows < 2:
        content = "no row below its header" if table.num_rows == 0 else "one row only"
        raise UserError(f"data.path: {path} has {content}; a series needs at least two.")
    if known:
        return file, table, replace(recipe, dialect=file.dialect), recipe.time.read(table), recipe.time.notes
    time_format, stamps, notes = find_time(table, names)
    others = [name for name in table.column_names if name not in time_format.columns]
    stated, dialect = recipe.dialect is not None, file.dialect
    if file.undecided and dialect is not None:
        needed = others if used is None else match_names(used, others)
        columns = [name for name in file.undecided if name in needed]
        dotted = "%d.%m" in time_format.pattern
        dialect = dialect._replace(decimal=settle_decimal(table, columns, dotted))
    mark = dialect.decimal if dialect else "."
    other_mark = () if stated else find_other_marks(table, mark, others)
    recipe = replace(recipe, time=time_format, dialect=dialect, other_mark=other_mark)
    return file, table, recipe, stamps, notes


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
    for name in table.column_names:
        if name in recipe.time.columns:
            continue
        numbers, value = as_numbers(table[name], recipe.decimal_of(name), recipe.missing_values)
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
    if np.isnan(values).all():
        return True
    steps = np.diff(values)
    return bool((steps == 1).mean() >= 0.9 or ((steps > 0).all() and (values % 1 == 0).all()))


def _pick_targets(
    target: str | Sequence[str] | None,
    columns: Mapping[str, object],
    left_out: dict[str, str],
    taken: Sequence[str],
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
