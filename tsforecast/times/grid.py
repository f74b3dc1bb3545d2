"""The regular grid of times: which grid time a row belongs to, in whole tables and in streams of pieces."""

from collections.abc import Sequence

import numpy as np

from tsforecast.errors import UserError
from tsforecast.times.duplicates import aggregate, count_repeated, is_many
from tsforecast.times.frequency import MONTHS, Frequency, second
from tsforecast.times.notes import missing_note, moved_note, shared_note
from tsforecast.times.order import order_notes, sort_rows
from tsforecast.times.resample import advise_resampling, advised_step
from tsforecast.times.time_grid import SECOND, TOLERANCE, TimeGrid, most_common

MAX_OFF_GRID = 0.2  # share of rows off the grid above which the timestamps are irregular
MAX_GROWTH = 20  # how many times as many rows the regular grid of a stated step may have
MAX_INFERRED_GROWTH = 10  # the same if the step is inferred: nine tenths of the grid would be empty


class GridStream:
    """Puts pieces of rows on a grid one after the other.

    Several rows at one grid time become one. Grid times without a row become NaN rows; of a gap longer than
    ``2 * pad`` only the first and the last ``pad`` rows.

    Args:
        step: From one row to the next.
        pad: Number of NaN rows next to an observed one; None for all.
        grid: The grid; None to take it from the first piece.
        duplicates: How several rows at one grid time become one: ``last``, ``first``, ``mean`` or ``sum``; None
            for the last one, where more than a few rows that repeat a time are refused.
        codes: Columns of codes, of which the last counts where others have their mean or sum.

    Attributes:
        shared: Number of rows that share their grid time with an earlier one.
        last_time: Time of the newest row.
    """

    def __init__(
        self,
        step: Frequency,
        pad: int | None = None,
        grid: TimeGrid | None = None,
        duplicates: str | None = "last",
        codes: Sequence[int] = (),
    ):
        self.step, self.pad, self.grid = step, pad, grid
        self.duplicates, self.codes = duplicates, codes
        self.shared = self.rows = self.repeated = 0
        self.last_time: np.datetime64 | None = None
        # The rows at the newest grid time, which later ones may join.
        self._pending: tuple[np.ndarray, np.ndarray] | None = None

    def add(self, time: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Take a piece and return the rows that no later piece can change.

        Args:
            time: ``[N]`` datetime64[ns], NaT allowed, in any order within the piece.
            values: ``[N, C]``.

        Returns:
            Rising positions ``[M]`` on the grid, and values ``[M, C]``.

        Raises:
            UserError: The rows begin before the last row of the piece before.
        """
        time, values = sort_rows(time, values)
        if not len(time):
            return np.empty(0, np.int64), values
        self._count(time)
        self.grid = self.grid or TimeGrid.from_times(time, self.step)
        positions = self.grid.positions(time)
        if self._pending is not None:
            before, row = self._pending
            if positions[0] < before[0]:
                raise UserError(
                    f"The rows go back in time, to {second(time[0])} after {self.times(before)[0]}: sort them by time."
                )
            positions, values = np.concatenate([before, positions]), np.concatenate([row, values])
            self.shared -= len(before) - 1
        newest = np.searchsorted(positions, positions[-1])
        pending = positions[newest:], values[newest:]
        positions, values = self.place(positions, values)
        keep_all = self.duplicates in ("mean", "sum")
        self._pending = pending if keep_all else (positions[-1:], values[-1:])
        return positions[:-1], values[:-1]

    def finish(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the last row, or None if there was none.

        Raises:
            UserError: Too many rows repeat a time.
        """
        pending, self._pending = self._pending, None
        self._check_repeated()
        return pending and aggregate(*pending, self.duplicates, self.codes)

    def _count(self, time: np.ndarray) -> None:
        repeated, _ = count_repeated(time if self.last_time is None else np.append(self.last_time, time))
        self.rows, self.repeated, self.last_time = self.rows + len(time), self.repeated + repeated, time[-1]

    def _check_repeated(self) -> None:
        if self.duplicates is None and is_many(self.repeated, self.rows):
            raise UserError(
                f"{self.repeated:,} of {self.rows:,} rows repeat the time of another, the last at {self.last_time}:"
                " keep one row for each time."
            )

    def times(self, positions: np.ndarray) -> np.ndarray:
        """Return the times ``[N]`` datetime64[s] of positions that ``add`` returned."""
        return (self.grid or TimeGrid(self.step)).times(positions)

    def place(self, positions: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return one row for each position, NaN where there is none."""
        rows = len(positions)
        positions, values = aggregate(positions, values, self.duplicates, self.codes)
        self.shared += rows - len(positions)
        gaps = np.flatnonzero(np.diff(positions) > 1)
        if not len(gaps):
            return positions, values
        missing = [self._missing(positions[gap], positions[gap + 1]) for gap in gaps]
        complete = np.sort(np.concatenate([positions, *missing]))
        filled = np.full((len(complete), values.shape[1]), np.nan, values.dtype)
        filled[np.searchsorted(complete, positions)] = values
        return complete, filled

    def _missing(self, before: int, after: int) -> np.ndarray:
        if self.pad is None or after - before - 1 <= 2 * self.pad:
            return np.arange(before + 1, after)
        near = np.arange(1, self.pad + 1)
        return np.concatenate([before + near, after - near[::-1]])


def regularize(
    time: np.ndarray,
    values: np.ndarray,
    frequency: Frequency | None = None,
    duplicates: str | None = None,
    codes: Sequence[int] = (),
    grid: TimeGrid | None = None,
) -> tuple[TimeGrid, np.ndarray, np.ndarray, tuple[str, ...]]:
    """Put the rows of a whole table on a regular grid, by the rules of ``TimeGrid`` and ``GridStream``.

    Args:
        time: ``[N]`` datetime64[ns], in any order, NaT allowed.
        values: ``[N, C]`` float64.
        frequency: The step; None for the most common one.
        duplicates: How several rows at one grid time become one; None for the last.
        codes: Columns of codes, of which the last counts where others have their mean or sum.
        grid: The grid of the bins that the rows are; None to find it.

    Returns:
        The grid, times ``[M]`` datetime64[s], values ``[M, C]`` and a note for each thing that was changed.

    Raises:
        UserError: Fewer than two times are left, steps are under a second, the timestamps follow no step, or the
            grid would be mostly empty.
    """
    notes = order_notes(time)
    time, values = sort_rows(time, values)
    if len(time) < 2:
        raise UserError("Fewer than two rows have a time: a series needs at least two.")
    grid, inferred = grid or TimeGrid.from_times(time, frequency), frequency is None and grid is None
    positions = grid.positions(time)
    off = grid.off_grid(time, positions)
    _check_grid(grid, time, positions, off, inferred)
    moved = int((off >= SECOND).sum())
    notes += moved_note(moved, grid.step)
    stream = GridStream(grid.step, grid=grid, duplicates=duplicates, codes=codes)
    complete, values = stream.place(positions, values)
    if inferred and duplicates is None and is_many(stream.shared, len(positions)):
        raise UserError(
            f"{stream.shared:,} of {len(positions):,} rows share a step of {grid.step.describe()} with another:"
            f" summarize them with {advise_resampling(str(grid.step))}, or keep one of each with data.duplicates=last."
        )
    notes += shared_note(stream.shared, duplicates)
    notes += missing_note(len(complete) - (len(positions) - stream.shared), len(complete))
    return grid, grid.times(complete), values, notes


def check_step(time: np.ndarray, grid: TimeGrid) -> None:
    """Refuse rows whose most common step is not a model's: its window would span another time.

    Args:
        time: ``[N]`` datetime64[ns], NaT allowed.
        grid: The grid of the model.

    Raises:
        UserError: Naming both steps.
    """
    time = np.sort(time[~np.isnat(time)])
    steps = np.diff(time).astype(np.int64)
    steps = -((SECOND // 2 - steps) // SECOND) * SECOND  # jitter would make each step another one
    steps = steps[steps > 0]
    if not len(steps):
        return
    if grid.step.is_calendar:
        rows_grid = TimeGrid.from_times(time, grid.step)
        positions = rows_grid.positions(time)
        off = rows_grid.off_grid(time, positions) > grid.step.seconds * SECOND // TOLERANCE
        moves = np.diff(positions)
        moves = moves[moves > 0]  # rows may repeat a time
        if off.mean() <= MAX_OFF_GRID and (not len(moves) or most_common(moves) == 1):
            return
        common = TimeGrid.from_times(time).step
    else:
        seconds = grid.step.seconds * SECOND
        common = Frequency(max(1, most_common(steps) // SECOND))
        if abs(most_common(steps) - seconds) <= seconds // TOLERANCE:
            return
    raise UserError(
        f"The rows are {common.describe()} apart and the model's {grid.step.describe()}: resample them."
    )


def check_stated_step(time: np.ndarray, step: Frequency) -> None:
    """Refuse a fixed step for rows that are a calendar month, a quarter or a year apart: its grid would drift.

    Args:
        time: ``[N]`` datetime64[ns], NaT allowed.
        step: The step that was stated.

    Raises:
        UserError: Naming the step of the calendar.
    """
    time = np.sort(time[~np.isnat(time)])
    if step.is_calendar or len(time) < 3:
        return
    grid = TimeGrid.calendar_like(time, step)
    if grid is not None and grid.step.unit == MONTHS:
        raise UserError(
            f"data.frequency is {step.describe()}, but the rows are {grid.step.describe()} apart: months and years are"
            f" not equally long; write data.frequency={grid.step}, or leave it out."
        )


def _check_grid(
    grid: TimeGrid, time: np.ndarray, positions: np.ndarray, off: np.ndarray, inferred: bool
) -> None:
    irregular = off > grid.step.seconds * SECOND // TOLERANCE
    if inferred and irregular.mean() > MAX_OFF_GRID:
        raise UserError(
            f"The timestamps are irregular: the most common step is {grid.step.describe()}, but {irregular.mean():.0%}"
            f" of the rows lie off its grid (first: {second(time[irregular.argmax()])}): summarize them"
            f" with {advise_resampling(advised_step(time))}, or state the step with data.frequency."
        )
    size = int(positions[-1] - positions[0]) + 1
    distinct = int((np.diff(positions) > 0).sum()) + 1
    if size > (MAX_INFERRED_GROWTH if inferred else MAX_GROWTH) * distinct:
        gap = int(np.diff(positions).argmax())
        longer = "" if grid.exact else f", or summarize the rows with {advise_resampling(advised_step(time))}"
        key = "data.resample" if grid.exact else "data.frequency"
        raise UserError(
            f"The timestamps are irregular: steps of {grid.step.describe()} from {second(time[0])} to"
            f" {second(time[-1])} would make {size:,} rows out of {distinct:,} with a value (longest gap:"
            f" {second(time[gap])} to {second(time[gap + 1])}): correct the timestamps, state a longer step with"
            f" {key}{longer}."
        )
