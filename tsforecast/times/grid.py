"""The regular grid of times: which grid time a row belongs to, in whole tables and in streams of pieces."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tsforecast.errors import UserError
from tsforecast.times.duplicates import MAX_REPEATED, aggregate, count_repeated
from tsforecast.times.frequency import describe

SECOND = 1_000_000_000
TOLERANCE = 10  # a timestamp within a tenth of a step of a grid time counts as on it
MAX_OFF_GRID = 0.2  # share of rows off the grid above which the timestamps are irregular
MAX_GROWTH = 20  # how many times as many rows the regular grid of a stated step may have
MAX_INFERRED_GROWTH = 10  # the same if the step is inferred: nine tenths of the grid would be empty


@dataclass(frozen=True)
class TimeGrid:
    """Grid times ``phase + position * step`` with whole positions.

    A timestamp within a tenth of a step of a grid time counts as on it; any other belongs to the next grid time, so
    that no reading appears before it was made.

    Args:
        step: Seconds from one grid time to the next.
        phase: Seconds since 1970 of one grid time, below ``step``.

    Example:
        >>> grid = TimeGrid(step=60, phase=0)
        >>> stamps = np.array(["1970-01-01T00:01:05", "1970-01-01T00:01:30"], "datetime64[ns]")
        >>> grid.times(grid.positions(stamps)).astype(str).tolist()
        ['1970-01-01T00:01:00', '1970-01-01T00:02:00']
    """

    step: int
    phase: int

    @classmethod
    def from_times(cls, time: np.ndarray, step: int | None = None) -> "TimeGrid":
        """Return the grid that most timestamps lie on.

        Args:
            time: ``[N]`` datetime64[ns], ascending.
            step: Seconds; None for the most common step.

        Raises:
            UserError: All times are equal, or less than a second apart.
        """
        steps = np.diff(time).astype(np.int64)
        steps = steps[steps > 0]
        if step is None and not len(steps):
            raise UserError(f"All rows have one and the same time, {time[0]}: a series needs at least two.")
        if len(steps) and np.median(steps) < 0.75 * SECOND:
            raise UserError(
                "The rows are less than a second apart, which is not supported: resample them to seconds."
            )
        if step is None:
            rounded = -((SECOND // 2 - steps) // SECOND)
            step = _most_common(rounded[rounded > 0])
        slack = min(step * SECOND // TOLERANCE, SECOND // 2)
        seconds = -((slack - time.astype(np.int64)) // SECOND)
        return cls(step, _most_common(seconds % step))

    def positions(self, time: np.ndarray) -> np.ndarray:
        """Return the positions ``[N]`` of timestamps ``[N]`` datetime64[ns] without NaT."""
        step = self.step * SECOND
        return -((step // TOLERANCE + self.phase * SECOND - time.astype(np.int64)) // step)

    def times(self, positions: np.ndarray) -> np.ndarray:
        """Return the grid times ``[N]`` datetime64[s] of positions ``[N]``."""
        return (positions * self.step + self.phase).astype("datetime64[s]")

    def off_grid(self, time: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Return ``[N]`` nanoseconds between timestamps and the grid times at their positions."""
        array: np.ndarray = np.abs(time.astype(np.int64) - (positions * self.step + self.phase) * SECOND)
        return array


class GridStream:
    """Puts pieces of rows on a grid one after the other.

    Several rows at one grid time become one. Grid times without a row become NaN rows; of a gap longer than
    ``2 * pad`` only the first and the last ``pad`` rows.

    Args:
        step: Seconds from one row to the next.
        pad: Number of NaN rows next to an observed one; None for all.
        grid: The grid; None to take it from the first piece.
        duplicates: How several rows at one grid time become one: ``last``, ``first``, ``mean`` or ``sum``; None
            for the last one, where more than a few rows that repeat a time are refused.
        codes: Columns of codes, of which the last counts where others have their mean or sum.

    Attributes:
        shared: Number of rows that share their grid time with an earlier one.
    """

    def __init__(
        self,
        step: int,
        pad: int | None = None,
        grid: TimeGrid | None = None,
        duplicates: str | None = "last",
        codes: Sequence[int] = (),
    ):
        self.step, self.pad, self.grid = step, pad, grid
        self.duplicates, self.codes = duplicates, codes
        self.shared = self.rows = self.repeated = 0
        self._last_time: np.datetime64 | None = None
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
            UserError: The rows begin before the last row of the piece before, or too many repeat a time.
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
                    f"The rows go back in time, to {time[0]} after {self.times(before)[0]}: sort them by time."
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
        repeated, _ = count_repeated(time if self._last_time is None else np.append(self._last_time, time))
        self.rows, self.repeated, self._last_time = self.rows + len(time), self.repeated + repeated, time[-1]
        if self.rows >= 1000:
            self._check_repeated()

    def _check_repeated(self) -> None:
        if self.duplicates is None and self.repeated > max(1, MAX_REPEATED * self.rows):
            raise UserError(
                f"{self.repeated:,} of {self.rows:,} rows repeat the time of another, the last at {self._last_time}:"
                " keep one row for each time."
            )

    def times(self, positions: np.ndarray) -> np.ndarray:
        """Return the times ``[N]`` datetime64[s] of positions that ``add`` returned."""
        return (self.grid or TimeGrid(self.step, 0)).times(positions)

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
    frequency: int | None = None,
    duplicates: str | None = None,
    codes: Sequence[int] = (),
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Put the rows of a whole table on a regular grid, by the rules of ``TimeGrid`` and ``GridStream``.

    Args:
        time: ``[N]`` datetime64[ns], in any order, NaT allowed.
        values: ``[N, C]`` float64.
        frequency: The step in seconds; None for the most common one.
        duplicates: How several rows at one grid time become one; None for the last.
        codes: Columns of codes, of which the last counts where others have their mean or sum.

    Returns:
        Times ``[M]`` datetime64[s], values ``[M, C]`` and a note for each thing that was changed.

    Raises:
        UserError: Fewer than two times are left, steps are under a second, the timestamps follow no step, or the
            grid would be mostly empty.
    """
    notes = _order_notes(time)
    time, values = sort_rows(time, values)
    if len(time) < 2:
        raise UserError("Fewer than two rows have a time: a series needs at least two.")
    grid = TimeGrid.from_times(time, frequency)
    positions = grid.positions(time)
    off = grid.off_grid(time, positions)
    _check_grid(grid, time, positions, off, inferred=frequency is None)
    moved = int((off >= SECOND).sum())
    if moved:
        notes += (
            f"{moved:,} timestamps lay between the steps of {describe(grid.step)} and were moved onto them.",
        )
    stream = GridStream(grid.step, grid=grid, duplicates=duplicates, codes=codes)
    complete, values = stream.place(positions, values)
    if stream.shared:
        notes += (_shared_note(stream.shared, duplicates),)
    missing = len(complete) - (len(positions) - stream.shared)
    if missing:
        notes += (
            f"{missing:,} of {len(complete):,} timestamps were missing; their rows count as unobserved.",
        )
    return grid.times(complete), values, notes


def sort_rows(time: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that have a time, in the order of time; equal times stay in their order."""
    known = ~np.isnat(time)
    if not known.all():
        time, values = time[known], values[known]
    if (np.diff(time) < np.timedelta64(0, "ns")).any():
        order = np.argsort(time, kind="stable")
        time, values = time[order], values[order]
    return time, values


def check_step(time: np.ndarray, step: int) -> None:
    """Refuse rows whose most common step is not a model's: its window would span another time.

    Raises:
        UserError: Naming both steps.
    """
    steps = np.diff(np.sort(time[~np.isnat(time)])).astype(np.int64)
    steps = steps[steps > 0]
    if not len(steps):
        return
    common = _most_common(steps)
    if abs(common - step * SECOND) > step * SECOND // TOLERANCE:
        raise UserError(
            f"The rows are {describe(max(1, common // SECOND))} apart and the model's {describe(step)}: resample them."
        )


def _order_notes(time: np.ndarray) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    known = ~np.isnat(time)
    if not known.all():
        notes += (f"{int((~known).sum()):,} rows without a time were left out.",)
    backwards = int((np.diff(time[known]) < np.timedelta64(0, "ns")).sum())
    if backwards:
        notes += (f"The rows were not in order of time ({backwards:,} steps back) and were sorted.",)
    return notes


def _shared_note(shared: int, duplicates: str | None) -> str:
    if duplicates in ("mean", "sum"):
        return f"{shared:,} rows shared their step with another; the {duplicates} of each step was taken."
    other = "an earlier" if duplicates == "first" else "a later"
    return f"{shared:,} rows shared their step with {other} one; the {duplicates or 'last'} of each was kept."


def _most_common(numbers: np.ndarray) -> int:
    values, counts = np.unique(numbers, return_counts=True)
    return int(values[counts.argmax()])


def _check_grid(
    grid: TimeGrid, time: np.ndarray, positions: np.ndarray, off: np.ndarray, inferred: bool
) -> None:
    irregular = off > grid.step * SECOND // TOLERANCE
    if inferred and irregular.mean() > MAX_OFF_GRID:
        raise UserError(
            f"The timestamps are irregular: the most common step is {describe(grid.step)}, but {irregular.mean():.0%}"
            f" of the rows lie off its grid (first: {time[irregular.argmax()]}): resample them, or state the step with"
            " data.frequency."
        )
    size = int(positions[-1] - positions[0]) + 1
    distinct = int((np.diff(positions) > 0).sum()) + 1
    if size > (MAX_INFERRED_GROWTH if inferred else MAX_GROWTH) * distinct:
        gap = int(np.diff(positions).argmax())
        raise UserError(
            f"The timestamps are irregular: steps of {describe(grid.step)} from {time[0]} to {time[-1]} would make"
            f" {size:,} rows out of {distinct:,} with a value (longest gap: {time[gap]} to {time[gap + 1]}):"
            " correct the timestamps, or state a longer step with data.frequency."
        )
