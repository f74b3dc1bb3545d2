"""The splits of a panel: at the same times in all series, or by the rows of each."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tsforecast.panels.panel import Panel
from tsforecast.times.time_grid import TimeGrid


def ranges_at_times(stops: Sequence[np.datetime64 | None], time: np.ndarray, panel: Panel) -> np.ndarray:
    """Return the rows ``[3, S, 2]`` of three splits that end at the same times in all series.

    Args:
        stops: The times that end them; None for the end of each series.
        time: ``[N]`` datetime64[s] of the rows, as a clock on the wall shows them.
        panel: The series.
    """
    rows = []
    for stop in stops:
        if stop is None:
            rows.append(panel.bounds[1:])
            continue
        before = np.concatenate([[0], np.cumsum(time < stop)])
        rows.append(panel.bounds[:-1] + before[panel.bounds[1:]] - before[panel.bounds[:-1]])
    return _between(rows, panel)


def ranges_of_last(val: int, test: int, panel: Panel) -> np.ndarray:
    """Return the ranges of the last ``test`` rows of each series, the ``val`` before them, and all before these.

    Example:
        >>> ranges_of_last(1, 2, Panel(("a", "b"), np.array([0, 5, 12])))[:, 1].tolist()
        [[5, 9], [9, 10], [10, 12]]
    """
    start, stop = panel.bounds[:-1], panel.bounds[1:]
    return _between([np.maximum(start, stop - test - val), np.maximum(start, stop - test), stop], panel)


def ranges_of_first(counts: Sequence[int], panel: Panel) -> np.ndarray:
    """Return the ranges of the first so many rows of each series, the next, and those after."""
    start, stop = panel.bounds[:-1], panel.bounds[1:]
    return _between([np.minimum(stop, start + int(count)) for count in np.cumsum(counts)], panel)


def ranges_of_shares(shares: Sequence[float], panel: Panel) -> np.ndarray:
    """Return the ranges that divide the rows of each series by these shares."""
    start = panel.bounds[:-1]
    return _between(
        [
            start + np.floor(np.round(share * panel.lengths, 6)).astype(np.int64)
            for share in np.cumsum(shares)
        ],
        panel,
    )


def times_of_shares(shares: Sequence[float], time: np.ndarray, grid: TimeGrid) -> list[Any]:
    """Return the grid times that divide the time from the first row of all series to the last by these shares.

    Args:
        shares: Shares of the three splits.
        time: ``[N]`` datetime64[s] on the grid.
        grid: The grid.
    """
    ends = np.array([time.min(), time.max()]).astype("datetime64[ns]")
    first, last = grid.positions(ends)
    cuts = [int(first) + int(round(float(share) * int(last - first + 1), 6)) for share in np.cumsum(shares)]
    return list(grid.times(np.array(cuts)))


def _between(stops: Sequence[np.ndarray], panel: Panel) -> np.ndarray:
    """Return the ranges that end at rows ``[S]`` each, one after the other."""
    first, second, third = stops
    second = np.maximum(first, second)
    third = np.maximum(second, third)
    starts = [panel.bounds[:-1], first, second]
    return np.stack(
        [np.stack(pair, axis=1) for pair in zip(starts, (first, second, third), strict=True)]
    ).astype(np.int64)
