"""The rows of a table on their grid, written piece by piece."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tsforecast.data.calendar_features import calendar
from tsforecast.data.series import Series
from tsforecast.data.sources.options import TableOptions
from tsforecast.data.stored_series import SeriesWriter
from tsforecast.errors import UserError
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.tables.streaming import stream_rows
from tsforecast.tables.table import Hints, Source
from tsforecast.times.grid import MAX_INFERRED_GROWTH, MAX_OFF_GRID, GridStream
from tsforecast.times.notes import missing_note, moved_note, order_note, shared_note, untimed_note
from tsforecast.times.time_grid import SECOND, TOLERANCE

MAX_GAP = 1_000_000  # rows of a gap that need no justification by the number of rows before it


@dataclass
class Counts:
    """What happened to the rows.

    Args:
        untimed: Rows without a time.
        backwards: Steps back in time.
        moved: Rows between two steps.
        irregular: Rows more than a tenth of a step off the grid.
        read: Rows with a time.
    """

    untimed: int = 0
    backwards: int = 0
    moved: int = 0
    irregular: int = 0
    read: int = 0

    def add(self, time: np.ndarray) -> np.ndarray:
        """Count the rows of a piece, and return those of its times that are not NaT."""
        known: np.ndarray = time[~np.isnat(time)]
        self.untimed += len(time) - len(known)
        self.read += len(known)
        self.backwards += int((np.diff(known) < np.timedelta64(0, "ns")).sum())
        return known


def write_rows(writer: SeriesWriter, source: Source, head: Series, options: TableOptions) -> Series:
    """Write all rows of a table on their grid, and return ``head`` with the notes on all of them.

    Args:
        writer: Receives the rows.
        source: The table.
        head: The series of its first rows, which has the recipe.
        options: Which rows to use.

    Raises:
        UserError: A row does not fit the recipe, the rows are not in order, or do not follow the step.
    """
    recipe = head.recipe
    if recipe is None or recipe.grid is None:
        raise ValueError("the series has no recipe")
    grid = GridStream(recipe.grid.step, grid=recipe.grid, duplicates=recipe.duplicates)
    counts = Counts()
    for time, values in _on_grid(source, recipe, grid, counts, writer):
        room = len(time) if options.rows is None else options.rows - writer.rows
        writer.append(time[:room], add_calendar(time, values, head.features)[:room])
        if writer.rows == options.rows:
            break
    _check_steps(counts, options)
    missing = 0 if options.rows else writer.rows - (counts.read - grid.shared)
    notes = untimed_note(counts.untimed) + order_note(counts.backwards) + moved_note(counts.moved, grid.step)
    notes += shared_note(grid.shared, recipe.duplicates) + missing_note(missing, writer.rows)
    ordered = recipe.ordered and not counts.backwards
    return replace(head, notes=head.notes + notes, recipe=replace(recipe, ordered=ordered))


def add_calendar(time: np.ndarray, values: np.ndarray, features: tuple[str, ...]) -> np.ndarray:
    """Return values ``[n, C]`` with the calendar features that are the last of ``features``."""
    names = features[values.shape[1] :]
    if not names:
        return values
    return np.concatenate([values, calendar(time, names)], axis=1)


def _on_grid(
    source: Source, recipe: ReadingRecipe, grid: GridStream, counts: Counts, writer: SeriesWriter
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield times ``[n]`` datetime64[s] and values ``[n, C]`` of all rows."""
    table = source.open(Hints.from_recipe(recipe))
    for rows in stream_rows(table, recipe.numeric, recipe.time, replace(recipe, ordered=True)):
        values = np.stack([rows.columns[name] for name in recipe.numeric], axis=1)
        known = counts.add(rows.time)
        _check_gap(grid, known, writer.rows)
        positions, values = grid.add(rows.time, values)
        if grid.grid is not None:
            off = grid.grid.off_grid(known, grid.grid.positions(known))
            counts.moved += int((off >= SECOND).sum())
            counts.irregular += int((off > grid.step.seconds * SECOND // TOLERANCE).sum())
        yield grid.times(positions), values
    last = grid.finish()
    if last is not None:
        yield grid.times(last[0]), last[1]


def _check_gap(grid: GridStream, time: np.ndarray, rows: int) -> None:
    """Refuse rows after or within a gap that would make up nine tenths of the grid."""
    if not len(time):
        return
    first = time[0] if grid.last_time is None else grid.last_time
    gap = int((time.max() - first).astype("timedelta64[s]").astype(np.int64)) // grid.step.seconds
    if gap > MAX_GAP and gap > MAX_INFERRED_GROWTH * (rows + len(time)):
        raise UserError(
            f"The rows have a gap of {gap:,} steps before {time.max()}: correct the times, or state a longer step with"
            " data.frequency."
        )


def _check_steps(counts: Counts, options: TableOptions) -> None:
    if options.frequency is None and counts.irregular > MAX_OFF_GRID * counts.read:
        raise UserError(
            f"The timestamps are irregular: {counts.irregular:,} of {counts.read:,} rows lie off the grid of the most"
            " common step: resample them, or state the step with data.frequency."
        )
