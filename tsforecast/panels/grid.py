"""The rows of many series on one regular grid of times."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tsforecast.errors import UserError
from tsforecast.panels.panel import join_ids
from tsforecast.times.duplicates import aggregate, is_many
from tsforecast.times.frequency import Frequency, second
from tsforecast.times.grid import MAX_GROWTH, MAX_OFF_GRID
from tsforecast.times.notes import missing_note, moved_note, shared_note
from tsforecast.times.resample import advise_resampling
from tsforecast.times.time_grid import SECOND, TOLERANCE, TimeGrid


class PanelRows(NamedTuple):
    """Rows of many series, one after the other, each without gaps in time.

    Args:
        grid: Grid of the times.
        time: ``[N]`` datetime64[s].
        values: ``[N, C]``, NaN where there was no row.
        bounds: ``[S + 1]`` first row of each series, and the number of rows.
        notes: What was changed.
    """

    grid: TimeGrid
    time: np.ndarray
    values: np.ndarray
    bounds: np.ndarray
    notes: tuple[str, ...]


def regularize_panel(
    series: np.ndarray,
    ids: Sequence[str],
    time: np.ndarray,
    values: np.ndarray,
    *,
    frequency: Frequency | None = None,
    duplicates: str | None = None,
    codes: Sequence[int] = (),
    grid: TimeGrid | None = None,
) -> PanelRows:
    """Put the rows of many series on one grid, by the rules of ``TimeGrid``; each keeps its own start and end.

    Args:
        series: ``[N]`` index of the series of each row.
        ids: Names of the S series, each with at least one row.
        time: ``[N]`` datetime64[ns], in any order.
        values: ``[N, C]`` float64.
        frequency: The step; None for the most common one of the longest series.
        duplicates: How several rows of a series at one time become one; None for the last.
        codes: Columns of codes, of which the last counts where others have their mean or sum.
        grid: The grid, if it is known.

    Raises:
        UserError: The timestamps follow no step, too many rows repeat id and time, or the grid would be mostly empty.
    """
    series, time, values = sort_panel(series, time, values)
    lengths = np.bincount(series, minlength=len(ids))
    starts = np.cumsum(lengths) - lengths
    longest = int(lengths.argmax())
    if grid is None:
        grid = TimeGrid.from_times(time[starts[longest] :][: lengths[longest]], frequency)
    positions = grid.positions(time)
    notes = _check_times(grid, time, positions, frequency)
    first, last = positions[starts], positions[starts + lengths - 1]
    bounds = np.concatenate([[0], np.cumsum(last - first + 1)])
    rank = positions + (bounds[:-1] - first)[series]
    distinct, rows = aggregate(rank, values, duplicates, codes)
    shared = len(rank) - len(distinct)
    if duplicates is None and is_many(shared, len(rank)):
        raise repeated_rows(ids, series, time, rank)
    total = int(bounds[-1])
    if total > MAX_GROWTH * len(distinct):
        raise UserError(
            f"The timestamps are irregular: steps of {grid.step.describe()} would make {total:,} rows out of"
            f" {len(distinct):,} with a value: correct the timestamps, or state a longer step with data.frequency."
        )
    notes += shared_note(shared, duplicates) + missing_note(total - len(distinct), total)
    if total > len(distinct):
        filled = np.full((total, values.shape[1]), np.nan, values.dtype)
        filled[distinct] = rows
        rows = filled
    shift = np.repeat(first - bounds[:-1], np.diff(bounds))
    return PanelRows(grid, grid.times(np.arange(total) + shift), rows, bounds, notes)


def sort_panel(
    series: np.ndarray, time: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows by series and time; those at one time stay in their order."""
    step, later = np.diff(series), np.diff(time).astype(np.int64) >= 0
    if not ((step > 0) | ((step == 0) & later)).all():
        order = np.lexsort((time, series))
        series, time, values = series[order], time[order], values[order]
    return series, time, values


def _check_times(
    grid: TimeGrid, time: np.ndarray, positions: np.ndarray, stated: Frequency | None
) -> tuple[str, ...]:
    """Refuse times that do not follow the grid, and return a note on those that were moved onto it."""
    off = grid.off_grid(time, positions)
    irregular = off > grid.step.seconds * SECOND // TOLERANCE
    if stated is None and not grid.exact and irregular.mean() > MAX_OFF_GRID:
        raise UserError(
            f"The timestamps are irregular: the most common step is {grid.step.describe()}, but {irregular.mean():.0%}"
            f" of the rows lie off its grid (first: {second(time[irregular.argmax()])}): summarize them"
            f" with {advise_resampling(str(grid.step))}, or state the step with data.frequency."
        )
    return moved_note(int((off >= SECOND).sum()), grid.step)


def repeated_rows(ids: Sequence[str], series: np.ndarray, time: np.ndarray, rank: np.ndarray) -> UserError:
    """Return the refusal of rows that repeat the time of another row of their series.

    Args:
        ids: Names of the series.
        series: ``[N]`` index of the series of each row.
        time: ``[N]`` their times.
        rank: ``[N]`` rising whole numbers, equal for rows of a series at one time.
    """
    again = np.flatnonzero(np.diff(rank) == 0) + 1
    names = [ids[index] for index in np.unique(series[again])]
    return UserError(
        f"{len(again):,} of {len(rank):,} rows repeat the time of another row of their series ({join_ids(names)}; the"
        f" first at {second(time[again[0]])}): name all columns of the id in data.series_id, or state how such rows"
        " become one with data.duplicates=last, first, mean or sum."
    )
