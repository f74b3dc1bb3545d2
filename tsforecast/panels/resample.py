"""Irregular rows of many series to steps of one length, each series by itself."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tsforecast.errors import UserError
from tsforecast.panels.grid import repeated_rows, sort_panel
from tsforecast.times.duplicates import aggregate, is_many
from tsforecast.times.resample import Resampler, reduce_bins


class Bins(NamedTuple):
    """The bins of many series, one series after the other.

    Args:
        series: ``[M]`` index of the series of each bin.
        time: ``[M]`` datetime64[ns] ends of the bins, rising within a series.
        values: ``[M, C]``.
        notes: What was changed.
    """

    series: np.ndarray
    time: np.ndarray
    values: np.ndarray
    notes: tuple[str, ...]


def resample_panel(
    series: np.ndarray, ids: Sequence[str], time: np.ndarray, values: np.ndarray, resampler: Resampler
) -> Bins:
    """Return the bins of each series, by the rules of ``times.resample.Resampler``.

    Args:
        series: ``[N]`` index of the series of each row.
        ids: Names of the S series.
        time: ``[N]`` datetime64[ns], in any order.
        values: ``[N, C]`` float64.
        resampler: Grid of the bins and how rows become one; it is not changed.

    Raises:
        UserError: Nothing was decided about rows at one time, and they are many; or no series has rows in two bins.

    Example:
        >>> from tsforecast.times.frequency import Frequency
        >>> from tsforecast.times.time_grid import TimeGrid
        >>> hours = Resampler(TimeGrid.of_bins(Frequency.parse("1h")), ["sum"])
        >>> time = np.array(["2024-01-01T00:20", "2024-01-01T00:40", "2024-01-01T01:10"] * 2, "datetime64[ns]")
        >>> series = np.array([0, 0, 0, 1, 1, 1])
        >>> bins = resample_panel(series, ["a", "b"], time, np.arange(6.0)[:, None], hours)
        >>> bins.series.tolist(), bins.values.ravel().tolist()
        ([0, 0, 1, 1], [1.0, 2.0, 7.0, 5.0])
    """
    series, time, values = sort_panel(series, time, values)
    moves = (np.diff(series) > 0) | (np.diff(time).astype(np.int64) > 0)
    moment = np.concatenate([[0], np.cumsum(moves)])  # rows of a series at one time have the same
    rows, kept = len(time), np.append(moves, True)
    repeated = rows - int(kept.sum())
    if resampler.duplicates is None and is_many(repeated, rows):
        raise repeated_rows(ids, series, time, moment)
    values = aggregate(moment, values, resampler.duplicates, resampler.codes)[1]
    series, positions = series[kept], resampler.grid.positions(time[kept])
    starts = np.flatnonzero(np.append(True, (np.diff(series) > 0) | (np.diff(positions) > 0)))
    series, positions, step = series[starts], positions[starts], resampler.grid.step.describe()
    if not (np.diff(series) == 0).any():
        raise UserError(f"All rows of each series are in one bin of {step}: state a shorter data.resample.")
    bins, how = reduce_bins(values, starts, resampler.how), resampler.duplicates or "last"
    notes: tuple[str, ...] = ()
    if repeated:
        notes = (
            f"{repeated:,} rows repeat the time of another of their series; the {how} of each was taken.",
        )
    notes += (f"{rows:,} rows were summarized in {len(series):,} bins of {step}, dated by their end.",)
    return Bins(series, resampler.grid.times(positions).astype("datetime64[ns]"), bins, notes)
