"""The last input rows of windows that do not cross from one series into the next."""

import numpy as np

from tsforecast.panels.panel import Ranges


def ends_of_series(
    ranges: Ranges,
    starts: np.ndarray,
    *,
    lookback: int,
    lead: int,
    horizon: int,
    stride: int,
    inside: bool,
) -> np.ndarray:
    """Return the last input rows ``[n]`` int64 of all windows whose targets lie in the range of their series.

    Args:
        ranges: ``[S, 2]`` rows of the split in each series; a range may be empty.
        starts: ``[S]`` first row of each series.
        lookback: Input steps, at least 1.
        lead: Steps to the first target, at least 1.
        horizon: Target steps, at least 1.
        stride: Rows from one window to the next, at least 1.
        inside: Whether the inputs must lie in the range too (training); otherwise they may reach back into the past of
            their series.

    Example:
        >>> ranges, shape = np.array([[0, 4], [5, 8]]), {"lookback": 2, "lead": 1, "horizon": 1, "stride": 1}
        >>> ends_of_series(ranges, np.array([0, 4]), **shape, inside=True).tolist()
        [1, 2, 6]
    """
    first, stop = first_and_stop(ranges, starts, lookback, lead, horizon, inside)
    counts = np.maximum(0, -((first - stop) // stride))
    total = int(counts.sum())
    before = np.repeat(np.cumsum(counts) - counts, counts)
    ends: np.ndarray = np.repeat(first, counts) + stride * (np.arange(total, dtype=np.int64) - before)
    return ends


def first_and_stop(
    ranges: Ranges, starts: np.ndarray, lookback: int, lead: int, horizon: int, inside: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the last input row of the first window of each series, and the row that its last ones stay below."""
    start, stop = ranges[:, 0], ranges[:, 1]
    first = start + lookback - 1 if inside else np.maximum(start - lead, starts + lookback - 1)
    return first, stop - lead - horizon + 1
