"""The scores of each series of a panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tsforecast.metrics.series import (
    Figures,
    mean_over_series,
    naive2_factors,
    series_metrics,
    series_scales,
)

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.data.series import Series
    from tsforecast.data.windows import Windows


@dataclass(frozen=True)
class SeriesScores:
    """The figures of each series that has windows.

    Args:
        ids: Names of the series.
        windows: ``[S]`` number of windows of each.
        figures: Metric -> ``[S]``, NaN where it is not defined.

    Example:
        >>> SeriesScores(("a",), np.array([3]), {"mae": np.array([0.5])}).to_dict()
        {'a': {'windows': 3, 'mae': 0.5}}
    """

    ids: tuple[str, ...]
    windows: np.ndarray
    figures: Figures

    def overall(self, error: np.ndarray, truth: np.ndarray) -> dict[str, float]:
        """Return the means over series of MASE, sMAPE and RMSSE, and WAPE over all values.

        Args:
            error: Absolute errors of all windows, NaN where unobserved.
            truth: Their truths.
        """
        total = float(np.nansum(np.abs(truth)))
        wape = 100.0 * float(np.nansum(error)) / total if total > 0 else float("nan")
        return {**mean_over_series(self.figures), "wape": wape}

    def to_dict(self) -> dict[str, dict[str, float]]:
        """Return the figures by series, as ``result.json`` stores them."""
        names, columns = list(self.figures), [values.tolist() for values in self.figures.values()]
        return {
            series: {"windows": int(count), **dict(zip(names, row, strict=True))}
            for series, count, *row in zip(self.ids, self.windows.tolist(), *columns, strict=True)
        }


def score_series(
    dataset: ForecastDataset,
    windows: Windows,
    truth: np.ndarray,
    forecast: np.ndarray,
    median: np.ndarray | None = None,
) -> SeriesScores | None:
    """Score the forecasts of windows series by series; None for data of one series.

    MASE and RMSSE are relative to the seasonal naive forecast on the rows that are known at the first of the windows of
    each series.

    Args:
        dataset: The data.
        windows: n windows.
        truth: ``[n, H, T]`` in the target's unit, NaN where unobserved.
        forecast: ``[n, H, T]`` in the same unit.
        median: ``[n, H, T]``, by which absolute errors are scored if it is not the forecast.
    """
    series = dataset.series
    if series.panel is None:
        return None
    of_window, count = series.series_of(windows.ends), len(series.panel)
    scales = series_scales_of(dataset, windows)
    figures = series_metrics(truth, forecast, of_window, count, median=median, scales=scales)
    number = np.bincount(of_window, minlength=count)
    scored = number > 0
    ids = tuple(name for name, keep in zip(series.panel.ids, scored, strict=True) if keep)
    return SeriesScores(ids, number[scored], {name: values[scored] for name, values in figures.items()})


def series_scales_of(dataset: ForecastDataset, windows: Windows) -> Figures:
    """Return the denominators of MASE and RMSSE of each series, on the rows that are known at the first of its windows.

    Args:
        dataset: Data of a panel.
        windows: The windows.
    """
    series = dataset.series
    targets = [series.features.index(name) for name in series.targets]
    of_row, known = _known_rows(series, windows)
    return series_scales(series.values[:, targets], of_row, known, series.season, len(series.bounds) - 1)


def naive2_forecast(dataset: ForecastDataset, windows: Windows) -> np.ndarray:
    """Return the forecasts ``[n, H, T]`` of Naive2 in the targets' unit: the last value, seasonally adjusted.

    The seasonal factors of a series are those of the rows that are known at its first window.

    Args:
        dataset: Data of a panel.
        windows: n windows, in the order of their rows.
    """
    series, season = dataset.series, dataset.series.season
    scaler = dataset.scaler_of(windows.ends)
    last = scaler.inverse_targets(windows.rows[windows.ends][:, None, list(dataset.target_indices)])
    forecast: np.ndarray = np.repeat(last, windows.horizon, axis=1)
    steps = windows.lead + np.arange(windows.horizon)
    of_window = series.series_of(windows.ends)
    present, firsts, counts = np.unique(of_window, return_index=True, return_counts=True)
    for index, first, count in zip(present, firsts, counts, strict=True):
        start, selected = int(series.bounds[index]), slice(first, first + count)
        ends = windows.ends[selected] - start
        for target, name in enumerate(series.targets):
            factors = naive2_factors(series.column(name)[start : start + int(ends[0]) + 1], season)
            if factors is not None:
                ratio = factors[(ends[:, None] + steps) % season] / factors[ends % season][:, None]
                forecast[selected, :, target] *= ratio
    return forecast


def _known_rows(series: Series, windows: Windows) -> tuple[np.ndarray, np.ndarray]:
    """Return the series of each row ``[N]``, and whether the row is known at the first window of its series."""
    lengths = np.diff(series.bounds)
    of_row = np.repeat(np.arange(len(lengths)), lengths)
    present, first = np.unique(series.series_of(windows.ends), return_index=True)
    last_known = np.full(len(lengths), -1, np.int64)
    last_known[present] = windows.ends[first]
    return of_row, np.arange(len(of_row)) <= last_known[of_row]


def first_rows(series: Series, ends: np.ndarray) -> np.ndarray:
    """Return the first row ``[n]`` of the series of each window."""
    rows: np.ndarray = series.bounds[series.series_of(ends)]
    return rows
