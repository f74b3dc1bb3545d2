"""From a table to a series: what is decided about its rows and columns, wherever it comes from."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from tsforecast.columns.arrow import floats_view
from tsforecast.columns.categories import CategoryCoder, check_policy
from tsforecast.columns.cells import as_numbers
from tsforecast.columns.counters import counts_rows, is_filler
from tsforecast.columns.matrix import to_matrix
from tsforecast.columns.numerals import check_decimal, find_other_marks, settle_decimal
from tsforecast.columns.precision import rounded_note
from tsforecast.data.calendar_features import calendar, changing_features
from tsforecast.data.names import match_names
from tsforecast.data.series import (
    Series,
    check_rows,
    pick_features,
    pick_known_ahead,
    pick_targets,
)
from tsforecast.data.sources.category_columns import (
    code_categories,
    find_time_elsewhere,
    read_categories,
)
from tsforecast.data.sources.layout_notes import series_notes, wide_note
from tsforecast.data.sources.options import LAYOUTS, TableOptions
from tsforecast.data.sources.text_advice import advise_numbers, advise_text
from tsforecast.errors import UserError, nearest
from tsforecast.reading.dialect import Dialect
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.reading.selection import Condition
from tsforecast.reading.sentinels import find_sentinels, sentinel_notes
from tsforecast.tables.table import Hints, Source, Table, check_columns, check_unique, locate_rows, locating
from tsforecast.times.clock import Clock
from tsforecast.times.day_order import DayOrder
from tsforecast.times.duplicates import check_duplicates, check_repeated_times
from tsforecast.times.formats import TimeFormat
from tsforecast.times.frequency import Frequency, parse_frequency, second
from tsforecast.times.grid import check_stated_step, regularize
from tsforecast.times.notes import autumn_note, spring_note
from tsforecast.times.order import is_ordered
from tsforecast.times.refusals import check_missing_times
from tsforecast.times.resample import Resampler, aggregate_of, check_aggregate, resample
from tsforecast.times.stated import STEPS, check_time_format, step_pattern
from tsforecast.times.time_grid import TimeGrid
from tsforecast.times.zones import Zone

UNNAMED = r"column_\d+|Unnamed: \d+"  # names of columns that have none


class Selection(NamedTuple):
    """The columns of a table that are used.

    Args:
        columns: Those that hold numbers, by name, and the text of those that hold categories.
        features: Names of those that are fed in.
        targets: Names of the targets.
        categories: Codes the columns that hold categories.
        notes: What was decided about columns.
    """

    columns: dict[str, pa.ChunkedArray]
    features: tuple[str, ...]
    targets: tuple[str, ...]
    categories: CategoryCoder
    notes: tuple[str, ...]


class TimedTable(NamedTuple):
    """All rows of a table, with their times.

    Args:
        opened: The table that they were read from.
        rows: The rows that are used.
        selected: Their indices in the table; None for all.
        recipe: How they were read, as far as the columns do not decide it.
        time: ``[N]`` datetime64[ns], NaT where it is empty.
        notes: What was found about the times.
    """

    opened: Table
    rows: pa.Table
    selected: np.ndarray | None
    recipe: ReadingRecipe
    time: np.ndarray
    notes: tuple[str, ...]


def load_table(source: Source, options: TableOptions, recipe: ReadingRecipe | None = None) -> Series:
    """Read a table; every numeric column is a feature, and whatever was corrected is noted.

    Args:
        source: Where the table comes from.
        options: Which rows and columns to use, and how to read them.
        recipe: How the training data were read, to read these data in the same way; None to decide.

    Returns:
        float64 values in the table's units.

    Raises:
        UserError: The table or its columns cannot be used, see ``Source.open``, ``find_time`` and ``regularize``; a
            chosen column has no value at all or an infinite one; or the table does not fit the recipe.
    """
    series, changes = read_table(source, options, recipe)
    return replace(series, notes=series.notes + changes)


def read_table(
    source: Source, options: TableOptions, recipe: ReadingRecipe | None = None
) -> tuple[Series, tuple[str, ...]]:
    """Return what ``load_table`` returns, and apart from it the notes on rows that were moved onto the grid."""
    check_rows(options.rows)
    check_season(options.season)
    check_layout(options)
    is_known = recipe is not None
    table = read_times(source, options, recipe or stated_recipe(options))
    with locating(table.opened, table.selected):
        selection = select_columns(table, options)
        if table.recipe.duplicates is None:
            check_repeated_times(table.time, table.rows, table.recipe.time.columns)
        check_missing_times(table.time, table.rows, table.recipe.time.columns)
        values, doubts = to_array(selection, table.time)
    repeated = tuple(
        f"Several columns are named '{name}'; they were left out." for name in table.opened.repeated
    )
    notes = table.opened.notes + table.notes + repeated
    notes += tuple(locate_rows(table.opened, table.selected, note) for note in selection.notes + doubts)
    if not is_known:
        notes += _layout_notes(table)
    recipe, time = decided_recipe(table.recipe, selection), table.time
    recipe = replace(recipe, ordered=recipe.ordered and _is_ordered(table))
    features, targets = selection.features, selection.targets
    del table, selection
    if not recipe.time.timezone and not recipe.time.is_utc:
        notes += autumn_note(time)
    recipe, time = to_grid_clock(recipe, time)
    grid, time, values, corrected = to_grid(recipe, features, time, values)
    time, values = time[: options.rows], values[: options.rows]
    recipe = replace(recipe, grid=grid)
    if not is_known:
        notes += wide_note(features, grid.step)
    if options.calendar:
        features, values = add_calendar(features, values, recipe.clock.local(time), grid.step)
    series = Series(
        time=time,
        values=values,
        features=features,
        targets=targets,
        season=options.season or grid.step.season,
        unit=options.unit,
        known_ahead=pick_known_ahead(match_names(options.known_ahead, features), features),
        notes=notes,
        name=source.name,
        recipe=recipe,
    )
    return series, corrected


def read_times(source: Source, options: TableOptions, recipe: ReadingRecipe) -> TimedTable:
    """Open a table and read its rows and their times.

    Args:
        source: Where the table comes from.
        options: Which columns to use.
        recipe: Of the training data, or what is stated so far.
    """
    known = bool(recipe.time.columns)
    names = recipe.time.columns if known else tuple(str(name) for name in match_names(options.time, ()))
    opened = source.open(Hints.from_recipe(recipe, names))
    check_unique(opened, names)
    rows, selected = _select_rows(opened, recipe.where)
    with locating(opened, selected):
        if known:
            recipe = replace(recipe, dialect=opened.dialect)
            time = recipe.time.read(rows)
            DayOrder(recipe.time, recipe.grid).add(rows)
            return TimedTable(opened, rows, selected, recipe, time, recipe.time.notes)
        time_format, time, notes = find_time_elsewhere(
            rows,
            {
                **dict.fromkeys(recipe.categories, "data.categorical"),
                **dict.fromkeys(recipe.series_id, "data.series_id"),
            },
            names,
            recipe.time.timezone,
            (recipe.time.pattern, recipe.time.clock),
        )
        if recipe.grid is not None and not recipe.grid.exact:
            check_stated_step(time, recipe.grid.step)
        if recipe.time.timezone:
            time_format = replace(time_format, timezone=recipe.time.timezone)
            time, more = time_format.read_with_notes(rows)
            notes += (f"Times are those of {time_format.timezone}.", *more)
        recipe = _settle_marks(opened, rows, replace(recipe, time=time_format), options)
    return TimedTable(opened, rows, selected, recipe, time, notes)


def _is_ordered(table: TimedTable) -> bool:
    """Return whether the rows are in the order of time in each part of a table, or a database sorts them."""
    if table.opened.can_sort and Hints.from_recipe(table.recipe).order:
        return True
    ends = np.cumsum(np.array(table.opened.lengths, np.int64))
    if table.selected is not None:
        ends = np.searchsorted(table.selected, ends)
    return all(is_ordered(part) for part in np.split(table.time, ends[:-1]))


def to_grid(
    recipe: ReadingRecipe, names: Sequence[str], time: np.ndarray, values: np.ndarray
) -> tuple[TimeGrid, np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return the grid, times, values and notes of rows that are put on the recipe's grid, or on their own."""
    grid = recipe.grid
    codes = find_codes(recipe, names)
    if grid is None or not grid.exact:
        return regularize(time, values, None if grid is None else grid.step, recipe.duplicates, codes)
    how = aggregate_of(names, recipe.aggregate, recipe.categories)
    time, values, summary = resample(time, values, Resampler(grid, how, recipe.duplicates, codes))
    _, time, values, notes = regularize(time, values, grid=grid)
    return grid, time, values, (*summary, *notes)


def find_codes(recipe: ReadingRecipe, names: Sequence[str]) -> list[int]:
    """Return which of some columns hold codes of categories."""
    return [index for index, name in enumerate(names) if name in recipe.categories]


def to_grid_clock(recipe: ReadingRecipe, time: np.ndarray) -> tuple[ReadingRecipe, np.ndarray]:
    """Return the recipe and times by the clock of the grid: with a zone, steps of a day or more are local dates."""
    if not recipe.time.timezone or len(time) < 2:
        return recipe, time
    if recipe.grid is None:
        step = TimeGrid.from_times(np.sort(time[~np.isnat(time)])).step
        if step.is_below_day:
            return recipe, time
        return recipe, Clock(recipe.time.timezone).to_grid(time)
    return recipe, recipe.clock.to_grid(time)


def select_columns(table: TimedTable, options: TableOptions) -> Selection:
    """Return the columns that are used.

    Raises:
        UserError: A column that is needed is missing or does not hold numbers.
    """
    opened, recipe = table.opened, table.recipe
    names = (*opened.columns, *opened.repeated)
    target = "all" if options.target == "all" else match_names(options.target, names)
    features = None if options.features in (None, "all") else match_names(options.features, names)
    texts = read_categories(opened, table.rows, recipe, options.categorical)
    coder, notes = code_categories(texts, recipe)
    features = features and (*features, *texts)
    named = {*([] if target == "all" else target), *(features or ())}
    check_unique(opened, [*named, *recipe.numeric])
    _check_no_category(target, texts)
    check_columns(opened, [*recipe.time.columns, *recipe.numeric, *([] if target == "all" else target)])
    columns, left_out = _numeric(table, named, texts)
    refused = {
        name: f"{_holds(why)}: correct it, or choose another.{advise_numbers(table.rows[name], recipe.missing_values)}"
        for name, why in left_out.items()
    }
    targets = _pick_targets(opened.key, target, columns, refused, recipe.time.columns)
    columns = {
        name: columns[name] if name in columns else texts[name] for name in _in_order(table, columns, texts)
    }
    notes += tuple(
        f"Column '{name}' {why} and was left out."
        + ("" if recipe.numeric else advise_text(name, table.rows[name], recipe.missing_values))
        for name, why in left_out.items()
    )
    return Selection(columns, pick_features(features, targets, tuple(columns)), targets, coder, notes)


def _layout_notes(table: TimedTable) -> tuple[str, ...]:
    """Return notes on rows that may be those of several series, or of a day on which the clocks were put forward."""
    recipe = table.recipe
    notes = spring_note(recipe.time, table.time)
    if recipe.duplicates is None:
        notes += series_notes(table.rows, (*recipe.time.columns, *recipe.categories), recipe.where)
    return notes


def _in_order(table: TimedTable, *columns: Collection[str]) -> list[str]:
    return [name for name in table.rows.column_names if any(name in names for names in columns)]


def _check_no_category(target: str | Sequence[str], categories: Collection[str]) -> None:
    for name in [] if target == "all" else target:
        if name in categories:
            raise UserError(
                f"data.target: '{name}' is declared in data.categorical, and categories cannot be forecast: choose a"
                " column of numbers."
            )


def decided_recipe(recipe: ReadingRecipe, selection: Selection) -> ReadingRecipe:
    """Return the recipe with what the columns decided."""
    categories = selection.categories.vocabulary
    numeric = tuple(name for name in selection.features if name not in categories)
    return replace(recipe, numeric=numeric, categories=categories)


def stated_recipe(options: TableOptions) -> ReadingRecipe:
    """Return a recipe of what is stated, without the time, which is not known yet."""
    check_duplicates(options.duplicates)
    mark = check_decimal(options.decimal)
    pattern, clock = check_time_format(options.time_format, match_names(options.time, ()))
    if pattern == STEPS:
        pattern = step_pattern(options.frequency)
    zone = "" if options.timezone is None else Zone.parse(options.timezone).name
    return ReadingRecipe(
        TimeFormat((), pattern, clock, timezone=zone),
        (),
        _stated_grid(options),
        None if mark is None else Dialect("", "", mark),
        options.where or "",
        options.duplicates,
        (),
        _markers(options.missing_values),
        dict.fromkeys(match_names(options.categorical, ()), ()),
        check_policy(options.unknown_categories),
        aggregate=options.aggregate,
        series_id=match_names(options.series_id, ()),
        layout=options.layout,
    )


def _stated_grid(options: TableOptions) -> TimeGrid | None:
    """Return the grid of a stated step, or of the bins to resample to.

    Raises:
        UserError: The options contradict each other, or one of them does not read.
    """
    step = parse_frequency(options.frequency)
    check_aggregate(options.aggregate)
    if options.resample is None:
        if options.aggregate is not None:
            raise UserError("data.aggregate needs data.resample, such as data.resample=15min.")
        return None if step is None else TimeGrid(step)
    bins = Frequency.parse(options.resample, "data.resample")
    if step is not None and step != bins:
        raise UserError(
            f"data.frequency is {step.describe()} and data.resample {bins.describe()}: leave out data.frequency."
        )
    return TimeGrid.of_bins(bins)


def check_season(season: object) -> None:
    """Refuse a season that is not a positive whole number or None.

    Raises:
        UserError: Naming the value.
    """
    if season is not None and (isinstance(season, bool) or not isinstance(season, int) or season < 1):
        raise UserError(f"data.season is {season!r}: give a whole number of rows, or null for a day.")


def check_layout(options: TableOptions) -> None:
    """Refuse an unknown layout, and options of many series for a table of one.

    Raises:
        UserError: Naming the option.
    """
    if options.layout not in LAYOUTS:
        raise UserError(f"data.layout is {options.layout!r}: write {' or '.join(LAYOUTS)}.")
    needless = "static" if options.static else "series_input" if options.series_input else ""
    if needless and not options.is_panel:
        raise UserError(
            f"data.{needless} is for a table of many series: name the column that tells them apart with"
            f" data.series_id, or leave out data.{needless}."
        )


def to_array(selection: Selection, time: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the features ``[N, C]``, and notes on numbers that are rounded or seem to stand for missing values."""
    sentinels, coder, columns = {}, selection.categories, dict(selection.columns)
    rounded: tuple[str, ...] = ()
    for name in selection.features:
        if name in coder.vocabulary:
            columns[name] = pa.chunked_array([pa.array(coder.encode(name, columns[name]))])
            continue
        column = floats_view(columns[name])
        low, high = _check_column(name, column, time)
        rounded += rounded_note(name, column, low, high)
        sentinels[name] = list(find_sentinels(column))
    values = to_matrix(columns, selection.features, len(time))
    return values, rounded + sentinel_notes(sentinels) + coder.notes()


def _markers(values: object) -> tuple[float | str, ...]:
    """Return the markers of missing values as numbers and texts."""
    items = [values] if isinstance(values, str | int | float) else list(values or ())  # type: ignore[call-overload]
    for value in items:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise UserError(
                f"data.missing_values contains {value!r}: list numbers and texts, such as [-9999]."
            )
    return tuple(value if isinstance(value, str) else float(value) for value in items)


def _select_rows(opened: Table, where: str) -> tuple[pa.Table, np.ndarray | None]:
    """Return the rows of a table that fulfil a condition, empty for all, and their indices.

    Raises:
        UserError: They are fewer than two.
    """
    table = opened.table()
    count, selected = table.num_rows, None
    if where and count:
        selected = Condition.parse(where).find(table)
        table = table.take(pa.array(selected))
        if table.num_rows < 2:
            raise UserError(
                f"data.where: {where!r} selects {table.num_rows} of {count:,} rows of {opened.label};"
                " a series needs at least two."
            )
    if table.num_rows < 2:
        content = "no row below its header" if table.num_rows == 0 else "one row only"
        raise UserError(f"{opened.key}: {opened.label} has {content}; a series needs at least two.")
    return table, selected


def _settle_marks(
    opened: Table, rows: pa.Table, recipe: ReadingRecipe, options: TableOptions
) -> ReadingRecipe:
    """Return the recipe with the dialect of the table and its decimal marks, decided over all rows."""
    taken = (*recipe.time.columns, *recipe.categories, *recipe.series_id)
    others = [name for name in rows.column_names if name not in taken]
    stated, dialect = recipe.dialect is not None, opened.dialect
    if opened.undecided and dialect is not None:
        used = others
        if options.features not in (None, "all") and options.target != "all":
            used = [
                *match_names(options.features, others),
                *match_names(options.target, others),
            ]
        columns = [name for name in opened.undecided if name in used]
        usual = dialect.separator == ";" or "%d.%m" in recipe.time.pattern
        dialect = dialect._replace(decimal=settle_decimal(rows, columns, usual))
    mark = dialect.decimal if dialect else "."
    other_mark = () if stated else find_other_marks(rows, mark, others)
    return replace(recipe, dialect=dialect, other_mark=other_mark)


def _numeric(
    table: TimedTable, named: Collection[str], categories: Collection[str]
) -> tuple[dict[str, pa.ChunkedArray], dict[str, str]]:
    """Return the columns to read as numbers, and why each other one is left out.

    Args:
        table: The rows; their recipe has no numeric columns if they are to be found.
        named: Columns that were asked for.
        categories: Columns that hold categories.

    Raises:
        UserError: A column of the recipe is missing or is not numeric.
    """
    columns, left_out, recipe = {}, {}, table.recipe
    for name in table.rows.column_names:
        if name in recipe.time.columns or name in categories:
            continue
        numbers, value = as_numbers(table.rows[name], recipe.decimal_of(name), recipe.missing_values, 1)
        if numbers is None:
            left_out[name] = f"is not numeric ({value})"
        elif recipe.numeric and name not in recipe.numeric:
            left_out[name] = "was not there or not used in training"
        elif name in table.opened.not_features and name not in named and name not in recipe.numeric:
            left_out[name] = "comes from the names of folders"
        elif re.fullmatch(UNNAMED, name) and name not in named and is_filler(numbers):
            left_out[name] = "has no name and is empty or counts the rows"
        elif not recipe.numeric and name not in named and counts_rows(numbers):
            left_out[name] = f"counts the rows (data.features can name it: [{name}, ...])"
        else:
            columns[name] = numbers
    for name in recipe.numeric:
        if name not in columns:
            why = left_out.get(name, f"is missing.{nearest(name, table.rows.column_names)}")
            if name in left_out and not recipe.where:  # else the rows are not those of the source
                why += ": correct it."
            raise UserError(f"{table.opened.key}: column '{name}', which the model was trained on, {why}")
    return columns, left_out


def _holds(why: str) -> str:
    """Return why a column is left out, for a column that is needed."""
    return why.replace("is not numeric (", "is not numeric (it holds ", 1)


def _pick_targets(
    key: str,
    target: str | Sequence[str] | None,
    columns: Mapping[str, object],
    refused: Mapping[str, str],
    taken: Sequence[str],
) -> tuple[str, ...]:
    for name in [target] if isinstance(target, str) else target or ():
        if name in refused:
            raise UserError(f"data.target: column '{name}' {refused[name]}")
        if name in taken:
            raise UserError(f"data.target: '{name}' is the time column; choose another.")
    if not columns:
        raise UserError(f"{key}: the table has no numeric column next to time; there is nothing to forecast.")
    return pick_targets(target, tuple(columns))


def _check_column(name: str, column: np.ndarray, stamps: np.ndarray) -> tuple[float, float]:
    """Return the ends of a column, which must have a value and be finite."""
    low, high = np.fmin.reduce(column), np.fmax.reduce(column)
    if np.isinf(low) or np.isinf(high):
        infinite = np.isinf(column)
        row = int(infinite.argmax())
        raise UserError(
            f"Column '{name}' has {int(infinite.sum()):,} infinite values, the first in row {row + 1}"
            f" ({second(stamps[row])}): leave them empty, or leave the column out with data.features."
        )
    if np.isnan(low):
        raise UserError(f"Column '{name}' has no value at all: leave it out with data.features.")
    return float(low), float(high)


def add_calendar(
    features: tuple[str, ...], values: np.ndarray, time: np.ndarray, step: Frequency
) -> tuple[tuple[str, ...], np.ndarray]:
    """Add the calendar features that change from row to row and whose names are free."""
    names = tuple(name for name in changing_features(step) if name not in features)
    if not names:
        return features, values
    return features + names, np.concatenate([values, calendar(time, names)], axis=1)
