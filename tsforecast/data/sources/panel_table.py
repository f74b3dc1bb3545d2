"""From a table of many series to a panel: long, with a column that names the series of each row, or wide."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tsforecast.columns.categories import UNKNOWN
from tsforecast.data.names import match_names
from tsforecast.data.series import Series, check_rows, pick_known_ahead
from tsforecast.data.sources.options import TableOptions
from tsforecast.data.sources.static_columns import fill_static, with_static
from tsforecast.data.sources.table import (
    Selection,
    TimedTable,
    add_calendar,
    check_layout,
    check_season,
    decided_recipe,
    find_codes,
    load_table,
    read_times,
    select_columns,
    stated_recipe,
    to_array,
    to_grid,
    to_grid_clock,
)
from tsforecast.errors import UserError
from tsforecast.panels.grid import PanelRows, regularize_panel
from tsforecast.panels.identifiers import encode_ids, series_codes
from tsforecast.panels.panel import Panel
from tsforecast.panels.resample import resample_panel
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.tables.table import Source, locating
from tsforecast.times.frequency import Frequency, parse_frequency
from tsforecast.times.grid import regularize
from tsforecast.times.notes import untimed_note
from tsforecast.times.refusals import check_missing_times
from tsforecast.times.resample import Resampler, aggregate_of
from tsforecast.times.stated import STEPS
from tsforecast.times.time_grid import TimeGrid

VALUE, SERIES = "value", "series"  # names of the values and of the code of the series of a wide table


class _Rows(NamedTuple):
    """Rows of a panel on their grid, and what they are.

    Args:
        ids: Names of the series.
        placed: The rows.
        recipe: How they were read.
        features: Names of the values.
        targets: Those to forecast.
        notes: What was decided about columns.
    """

    ids: tuple[str, ...]
    placed: PanelRows
    recipe: ReadingRecipe
    features: tuple[str, ...]
    targets: tuple[str, ...]
    notes: tuple[str, ...]


def load_series(source: Source, options: TableOptions, recipe: ReadingRecipe | None = None) -> Series:
    """Read a table of one series, see ``load_table``, or of many, see ``load_panel``."""
    return load_panel(source, options, recipe) if options.is_panel else load_table(source, options, recipe)


def load_panel(source: Source, options: TableOptions, recipe: ReadingRecipe | None = None) -> Series:
    """Read a table of many series into one array, in which the rows of each follow each other on a common grid.

    Args:
        source: Where the table comes from.
        options: Which rows and columns to use, and how to read them.
        recipe: How the training data were read, to read these data in the same way; None to decide.

    Returns:
        float64 values in the table's units, with the panel; ``options.rows`` rows of each series at most.

    Raises:
        UserError: As ``load_table``; or an id is empty, or nearly every row has one of its own.
    """
    _check(options)
    known = recipe is not None
    recipe = recipe or _stated_recipe(options)
    # The code of a series is not a column of the table.
    columns = {name: values for name, values in recipe.categories.items() if name != recipe.series_input}
    table = read_times(source, options, replace(recipe, categories=columns))
    has_clock = not table.recipe.time.pattern.startswith(f"{STEPS}_")
    with locating(table.opened, table.selected):
        check_missing_times(table.time, table.rows, table.recipe.time.columns)
        rows = (_read_wide if options.layout == "wide" else _read_long)(table, options)
    grid, time, values, bounds, changes = _limit(rows.placed, options.rows)
    static = table.recipe.static
    panel = Panel(rows.ids, bounds, has_clock, static, recipe.series_input)
    values = fill_static(values, panel, [rows.features.index(name) for name in static])
    vocabulary = recipe.categories.get(recipe.series_input, ()) if known else rows.ids
    recipe, features = replace(rows.recipe, grid=grid), rows.features
    if panel.name:
        recipe = replace(recipe, categories={**recipe.categories, panel.name: vocabulary})
        features, values = (*features, panel.name), _add_codes(values, panel, vocabulary)
    if options.calendar and has_clock:
        features, values = add_calendar(features, values, recipe.clock.local(time), grid.step)
    return Series(
        time=time,
        values=values,
        features=features,
        targets=rows.targets,
        season=options.season or grid.step.season,
        unit=options.unit,
        known_ahead=pick_known_ahead(match_names(options.known_ahead, features), features),
        notes=(*table.opened.notes, *table.notes, *rows.notes, *changes),
        name=source.name,
        recipe=recipe,
        panel=panel,
    )


def _check(options: TableOptions) -> None:
    """Refuse options that a panel does not have."""
    check_rows(options.rows)
    check_season(options.season)
    check_layout(options)
    if options.layout == "wide" and options.series_id:
        raise UserError("data.layout=wide has one column for each series: leave out data.series_id.")
    if options.static and options.layout == "wide":
        raise UserError(
            "data.static needs a long table, whose columns tell more of each series: set data.layout=long."
        )
    if options.layout == "wide" and isinstance(options.aggregate, Mapping):
        raise UserError(
            "data.aggregate summarizes all columns of a wide table alike: write mean, sum, last, max or min."
        )
    if options.cache is True:
        raise UserError("data.cache=true is for one series: set data.cache=false.")


def _stated_recipe(options: TableOptions) -> ReadingRecipe:
    """Return the recipe of what is stated, with what only panels have."""
    recipe = stated_recipe(options)
    name = "/".join(recipe.series_id) or SERIES if options.series_input else ""
    return replace(recipe, static=match_names(options.static, ()), series_input=name)


def _add_codes(values: np.ndarray, panel: Panel, vocabulary: Sequence[str]) -> np.ndarray:
    """Return values ``[N, C + 1]`` with the code of each row's series as the last column."""
    codes = series_codes(vocabulary)
    column = np.repeat([float(codes.get(name, UNKNOWN)) for name in panel.ids], panel.lengths)
    return np.concatenate([values, column[:, None]], axis=1)


def _read_long(table: TimedTable, options: TableOptions) -> _Rows:
    columns = table.recipe.series_id
    series, ids = encode_ids(table.rows, columns)
    for name in columns:
        if name in table.recipe.time.columns:
            raise UserError(
                f"data.series_id: '{name}' is the time column; name the one that tells the series."
            )
    table = table._replace(rows=table.rows.drop_columns(list(columns)))
    selection = select_columns(table, with_static(table, options))
    values, doubts = to_array(selection, table.time)
    known = ~np.isnat(table.time)
    time, untimed = table.time, len(known) - int(known.sum())
    if untimed:
        time, series, values = time[known], series[known], values[known]
    recipe, time = to_grid_clock(decided_recipe(table.recipe, selection), time)
    ids, series = _drop_empty(ids, series)
    codes = find_codes(recipe, selection.features)
    summary: tuple[str, ...] = ()
    if recipe.grid is not None and recipe.grid.exact:
        constant = (*recipe.categories, *recipe.static)
        how = aggregate_of(selection.features, recipe.aggregate, constant)
        resampler = Resampler(recipe.grid, how, recipe.duplicates, codes)
        series, time, values, summary = resample_panel(series, ids, time, values, resampler)
    placed = regularize_panel(
        series,
        ids,
        time,
        values,
        frequency=parse_frequency(options.frequency),
        duplicates=recipe.duplicates,
        codes=codes,
        grid=_known_grid(recipe, options),
    )
    notes = (*selection.notes, *doubts, *untimed_note(untimed), *summary)
    return _Rows(ids, placed, recipe, selection.features, selection.targets, notes)


def _read_wide(table: TimedTable, options: TableOptions) -> _Rows:
    """Read a table with one column for each series."""
    selection = select_columns(table, replace(options, features=options.features or []))
    values, doubts = to_array(selection, table.time)
    recipe, time = to_grid_clock(decided_recipe(table.recipe, selection), table.time)
    if recipe.grid is not None and recipe.grid.exact:
        grid, time, values, changes = to_grid(recipe, selection.features, time, values)
    else:
        known = _known_grid(recipe, options)
        step = parse_frequency(options.frequency)
        grid, time, values, changes = regularize(time, values, step, recipe.duplicates, grid=known)
    shared = tuple(name for name in selection.features if name not in selection.targets)
    placed = stack_columns(values, selection, shared)
    rows, bounds, kept = placed
    ids = tuple(name for name, keep in zip(selection.targets, kept, strict=True) if keep)
    spans = PanelRows(grid, time[rows[0]], rows[1], bounds, changes)
    return _Rows(ids, spans, recipe, (VALUE, *shared), (VALUE,), (*selection.notes, *doubts))


def stack_columns(
    values: np.ndarray, selection: Selection, shared: Sequence[str]
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray, np.ndarray]:
    """Return the rows of the series in columns one after the other, each from its first value to its last.

    Args:
        values: ``[M, C]`` of the selected features.
        selection: Which of them are series.
        shared: Those that all series have in common.

    Returns:
        The rows ``[N]`` of ``values`` and their new values ``[N, 1 + F]``; bounds ``[S + 1]``; and whether each series
        has any value.
    """
    columns = [selection.features.index(name) for name in selection.targets]
    others = values[:, [selection.features.index(name) for name in shared]]
    rows, stacked, kept = [], [], []
    for column in columns:
        observed = np.flatnonzero(~np.isnan(values[:, column]))
        kept.append(bool(len(observed)))
        if len(observed):
            span = np.arange(observed[0], observed[-1] + 1)
            rows.append(span)
            stacked.append(np.concatenate([values[span, column][:, None], others[span]], axis=1))
    bounds = np.concatenate([[0], np.cumsum([len(span) for span in rows])]).astype(np.int64)
    return (np.concatenate(rows), np.concatenate(stacked)), bounds, np.array(kept)


def _known_grid(recipe: ReadingRecipe, options: TableOptions) -> TimeGrid | None:
    """Return the grid of the bins of the rows, or that of numbered steps; None if the rows decide it."""
    if recipe.grid is not None and recipe.grid.exact:
        return recipe.grid
    if recipe.time.pattern.startswith(f"{STEPS}_"):
        return TimeGrid(parse_frequency(options.frequency) or Frequency(1))
    return None


def _drop_empty(ids: tuple[str, ...], series: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the ids that have rows, and the index of each row among them."""
    is_present = np.bincount(series, minlength=len(ids)) > 0
    if is_present.all():
        return ids, series
    index = np.cumsum(is_present) - 1
    return tuple(name for name, present in zip(ids, is_present, strict=True) if present), index[series]


def _limit(placed: PanelRows, rows: int | None) -> PanelRows:
    """Return the first rows of each series."""
    if rows is None:
        return placed
    lengths = np.minimum(np.diff(placed.bounds), rows)
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    index = np.arange(bounds[-1]) + np.repeat(placed.bounds[:-1] - bounds[:-1], lengths)
    return placed._replace(time=placed.time[index], values=placed.values[index], bounds=bounds)
