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
