"""Later files whose days and months stand in the other order than those of the training data."""

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa

from tsforecast.errors import UserError
from tsforecast.times.formats import TimeFormat, value_at
from tsforecast.times.time_grid import TimeGrid

HEAD = 1000  # rows by which most files are known to have days after the 12th
MIN_JUMPS = 2  # steps that only the other order makes regular
MIN_REGULAR = 0.9  # share of steps that must then be the model's


class DayOrder:
    """Compares two orders of day and month over the rows of a source, as far as both are possible.

    Args:
        written: How the times of the training data were written.
        grid: The grid of the model; None if it has none.

    Example:
        >>> DayOrder(TimeFormat(("day",), "%m/%d/%Y"), None).other is None
        True
    """

    def __init__(self, written: TimeFormat, grid: TimeGrid | None):
        self.written, self.grid = written, grid
        pattern = None if grid is None else exchange(written.pattern)
        self.other = None if pattern is None else replace(written, pattern=pattern)
        self._times: list[tuple[np.ndarray, np.ndarray]] = []
        self._rows = self._checked = 0

    def add(self, rows: pa.Table, first_row: int = 1) -> None:
        """Take rows of a source, after those before, and refuse them if the other order is meant.

        Args:
            rows: The next rows, whose times read as the training data's.
            first_row: Number of the first of them in the source.

        Raises:
            UserError: Naming a row, and what it is in both orders.
        """
        if self.other is None or self.grid is None or not rows.num_rows:
            return
        if self.other.attempt(rows.slice(0, HEAD))[0].bad.any():
            self._stop()
            return
        other = self.other.attempt(rows)[0]
        if other.bad.any():
            self._stop()
            return
        times = self.written.attempt(rows)[0].time, other.time
        self._times.append(times)
        self._rows += rows.num_rows
        if self._rows >= 1.2 * self._checked:  # not after each of many small pieces
            self._checked = self._rows
            self._check(rows, times, first_row)

    def _stop(self) -> None:
        self.other, self._times = None, []

    def _check(self, rows: pa.Table, times: tuple[np.ndarray, np.ndarray], first_row: int) -> None:
        if self.grid is None or self.other is None:
            return
        differing = np.flatnonzero((times[0] != times[1]) & ~np.isnat(times[0]))
        kept, swapped = (
            fitting_steps(np.concatenate(pieces), self.grid) for pieces in zip(*self._times, strict=True)
        )
        jumps = int((~kept).sum())
        if not len(differing) or jumps - int((~swapped).sum()) < MIN_JUMPS or swapped.mean() < MIN_REGULAR:
            return
        row, name = int(differing[0]), self.written.columns[0]
        dates = [str(time[row])[:10] for time in times]
        raise UserError(
            f"data.time: {value_at(rows[name], row)} in column '{name}' (row {first_row + row:,}) is {dates[0]} by the"
            f" training data's {self.written.pattern}, by which {jumps:,} steps are not {self.grid.step.describe()},"
            f" and {dates[1]} by {self.other.pattern}, by which the rows are regular: write day and month in the order"
            f" of the training data, or dates as {dates[1]}."
        )


def exchange(pattern: str) -> str | None:
    """Return a pattern with day and month in the other order, or None if they are not numbers before the year.

    Example:
        >>> exchange("%d.%m.%Y %H:%M"), exchange("%Y-%m-%d"), exchange("%d-%b-%Y")
        ('%m.%d.%Y %H:%M', None, None)
    """
    order = re.match(r"%([dm])(\W)%([dm])\W%[Yy]", pattern)
    return None if order is None else f"%{order[3]}{order[2]}%{order[1]}{pattern[order.end(3) :]}"


def fitting_steps(time: np.ndarray, grid: TimeGrid) -> np.ndarray:
    """Return which steps between different times lead from one grid time to the next; of bins, also to the same."""
    time = np.unique(time[~np.isnat(time)])
    steps = np.diff(grid.positions(time)) if len(time) else np.empty(0, np.int64)
    fits: np.ndarray = (steps == 1) | ((steps == 0) & grid.exact)
    return fits if len(fits) else np.ones(1, bool)


def exchanged_note(column: str, time: np.ndarray) -> tuple[str, ...]:
    """Return a note on dates read as year, month and day that are regular only as year, day and month.

    Args:
        column: Name of their column.
        time: ``[N]`` datetime64[ns], NaT allowed.

    Example:
        >>> days = np.arange("2024-01-01", "2024-01-11", dtype="datetime64[D]")
        >>> hours = (days[:, None] + np.arange(0, 24, 6).astype("timedelta64[h]")).ravel().astype("datetime64[ns]")
        >>> exchanged_note("time", hours), exchanged_note("time", _exchange_days(hours))[0][:62]
        ((), "The dates in 'time' are read as year-month-day, by which 9 ste")
    """
    known = time[~np.isnat(time)]
    if (_day_of_month(known[:HEAD]) > 12).any() or (_day_of_month(known) > 12).any():
        return ()
    jumps = [_count_jumps(times) for times in (known, _exchange_days(known))]
    if jumps[0] - jumps[1] < MIN_JUMPS or jumps[1] > (1 - MIN_REGULAR) * len(known):
        return ()
    return (
        f"The dates in '{column}' are read as year-month-day, by which {jumps[0]:,} steps are not like the others, and"
        f" {jumps[1]:,} by year-day-month: if that is right, set data.time={column} data.time_format=%Y-%d-%m"
        " (and %H:%M:%S if there is a clock).",
    )


def _day_of_month(time: np.ndarray) -> np.ndarray:
    day: np.ndarray = (time.astype("datetime64[D]") - time.astype("datetime64[M]")).astype(np.int64) + 1
    return day


def _exchange_days(time: np.ndarray) -> np.ndarray:
    """Return times with day and month in exchange; no day may be after the 12th."""
    day, year = _day_of_month(time), time.astype("datetime64[Y]")
    month = (time.astype("datetime64[M]") - year).astype(np.int64)
    date = (year.astype("datetime64[M]") + (day - 1)).astype("datetime64[D]") + month
    exchanged: np.ndarray = date.astype(time.dtype) + (time - time.astype("datetime64[D]"))
    return exchanged


def _count_jumps(time: np.ndarray) -> int:
    """Return how many steps between different times are not the most common one."""
    steps = np.diff(np.unique(time)).astype(np.int64)
    return len(steps) - int(np.unique(steps, return_counts=True)[1].max()) if len(steps) else 0
