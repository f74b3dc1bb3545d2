"""What each of many series in service is compared with: statistics of its rows and of its residuals.

Both are computed when a version is made, and not at the end of each run: thousands of series take a while.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsforecast.data.dataset import ForecastDataset
from tsforecast.inference.predict import predict
from tsforecast.monitoring.blocks import HOUR
from tsforecast.monitoring.chart_fitting import SeriesBlocks, fit_charts
from tsforecast.monitoring.local_time import local_seconds
from tsforecast.monitoring.monitor import Reference
from tsforecast.monitoring.reference import FITTING, InputReference, InputSummary, summarize_inputs
from tsforecast.monitoring.series_references import SERIES_FILE, write_references
from tsforecast.monitoring.truths import ResidualReference, summarize_residuals
from tsforecast.panels.panel import as_ranges

if TYPE_CHECKING:
    from tsforecast.data.windows import Windows
    from tsforecast.models.protocol import Model

MAX_COLUMNS = 10_000  # features of all series together: with more series, each has fewer
MAX_CELLS = 4_000_000  # values before the test rows, the newest of each series
MAX_WINDOWS = 200_000  # validation windows of all series, the newest of each
MAX_FORECASTS = 10_000_000  # values of these windows
MIN_DAYS, MIN_BLOCKS = 14, 24  # of a series: charts that were fitted on fewer raise false alarms


class SeriesResiduals(NamedTuple):
    """How a model forecast the validation windows of one series.

    Args:
        reference: Its residuals; None with too few windows.
        promised: Mean absolute error of each target as a share of persistence's.
    """

    reference: ResidualReference | None
    promised: tuple[float, ...]


def series_file(model: Model, dataset: ForecastDataset, features: tuple[str, ...]) -> dict[str, bytes]:
    """Return the name and content of the file that monitoring many series needs, for a version of the registry.

    Args:
        model: The model.
        dataset: Its data, of many series.
        features: The features that are measured, the targets first.
    """
    return {SERIES_FILE: write_references(learn_series(model, dataset, features).items())} if features else {}


def learn_series(model: Model, dataset: ForecastDataset, features: tuple[str, ...]) -> dict[str, Reference]:
    """Return what each series is compared with; those with fewer than two weeks of training rows are left out.

    Args:
        model: The model.
        dataset: Its data, of many series.
        features: The features that are measured, the targets first.
    """
    series = dataset.series
    if series.panel is None or not features or series.step < 1:
        return {}
    count = len(series.panel)
    features = features[: max(len(series.targets), MAX_COLUMNS // count)]
    kept = min(count, max(1, MAX_COLUMNS // len(features)))
    summaries = {index: _summarize(dataset, features, index) for index in range(kept)}
    summaries = {index: item for index, item in summaries.items() if item.fitted >= _least(item.seconds)}
    blocks = [
        SeriesBlocks(item.time, item.statistics, item.fitted, np.zeros(item.statistics.shape[1]))
        for item in summaries.values()
    ]
    local = local_seconds(series.clock)
    seconds = next(iter(summaries.values())).seconds if summaries else HOUR
    charts = fit_charts(blocks, seconds, local, FITTING)
    residuals, unknown = learn_series_residuals(model, dataset), (float("nan"),) * len(series.targets)
    references = {}
    for (index, summary), chart in zip(summaries.items(), charts, strict=True):
        errors = residuals.get(index, SeriesResiduals(None, unknown))
        inputs = InputReference.from_summary(features, series.step, summary, chart)
        references[series.panel.ids[index]] = Reference(inputs, errors.reference, errors.promised)
    return references


def _summarize(dataset: ForecastDataset, features: tuple[str, ...], index: int) -> InputSummary:
    """Return the summary of the newest training and validation rows of a series."""
    series, (training, validation) = dataset.series, as_ranges(dataset.parts)[:2]
    columns = [series.features.index(name) for name in features]
    most = max(1, MAX_CELLS // (len(training) * len(features)))
    (start, border), stop = training[index], max(training[index][1], validation[index][1])
    rows = slice(max(int(start), int(stop) - most), int(stop))
    seconds = series.time[rows].astype("datetime64[s]").astype(np.int64)
    values = series.values[rows][:, columns].astype(np.float64)
    last = series.time[int(border) - 1].astype("datetime64[s]").astype(np.int64)
    return summarize_inputs(len(features), series.step, lambda: [(seconds, values)], int(last) + series.step)


def learn_series_residuals(model: Model, dataset: ForecastDataset) -> dict[int, SeriesResiduals]:
    """Return how a model forecasts validation windows of each series, by the index of the series.

    Args:
        model: The model.
        dataset: Its data, of many series.
    """
    series = dataset.series
    windows, spacing = _choose_windows(dataset)
    residual, naive = _errors(model, dataset, windows)
    seconds = series.time[windows.ends + windows.lead].astype("datetime64[s]").astype(np.int64)
    step = series.step * spacing * dataset.window["stride"]
    present, first = np.unique(series.series_of(windows.ends), return_index=True)
    bounds, results = [*first.tolist(), len(windows)], dict[int, SeriesResiduals]()
    summaries = {}
    for index, start, stop in zip(present.tolist(), bounds[:-1], bounds[1:], strict=True):
        rows = slice(start, stop)
        summary = summarize_residuals(seconds[rows], mean_observed(residual[rows], 1), step)
        if len(summary.time) >= _least(summary.seconds):
            share = share_of_persistence(residual[rows], naive[rows])
            results[index], summaries[index] = SeriesResiduals(None, share), summary
    blocks = [
        SeriesBlocks(item.time, item.statistics, len(item.time), item.min_scale)
        for item in summaries.values()
    ]
    block_seconds = next(iter(summaries.values())).seconds if summaries else HOUR
    charts = fit_charts(blocks, block_seconds, local_seconds(series.clock), FITTING)
    for (index, summary), chart in zip(summaries.items(), charts, strict=True):
        results[index] = results[index]._replace(reference=ResidualReference(summary.floor, chart))
    return results


def _least(seconds: int) -> int:
    """Return the number of blocks of so many seconds that a series needs."""
    return max(MIN_BLOCKS, MIN_DAYS * 24 * HOUR // seconds)


def _choose_windows(dataset: ForecastDataset) -> tuple[Windows, int]:
    """Return the newest validation windows of each series, and how many steps they are apart: at most an hour."""
    windows, series = dataset.windows("val"), dataset.series
    of_window, stride = series.series_of(windows.ends), dataset.window["stride"]
    counts = np.bincount(of_window)
    limit = min(MAX_WINDOWS, max(1, MAX_FORECASTS // (windows.horizon * len(dataset.target_indices))))
    from_end = np.cumsum(counts)[of_window] - 1 - np.arange(len(windows))
    spacing = max(1, min(HOUR // (series.step * stride), -(-len(windows) // limit)))
    most = max(1, limit // int((counts > 0).sum()))
    chosen = (from_end % spacing == 0) & (from_end < most * spacing)
    return dataclasses.replace(windows, ends=windows.ends[chosen]), spacing


def _errors(model: Model, dataset: ForecastDataset, windows: Windows) -> tuple[np.ndarray, np.ndarray]:
    """Return truths less forecasts, and the absolute errors of persistence ``[n, H, T]``, in the targets' unit."""
    outputs, levels = predict(model, windows), model.task.quantile_levels
    raw = outputs["forecast"] if levels is None else outputs["forecast"][..., levels.index(0.5)]
    last = windows.rows[windows.ends][:, None, list(dataset.target_indices)]
    scaler = dataset.scaler_of(windows.ends)
    truth, forecast, naive = (
        scaler.inverse_targets(values).astype(np.float64)
        for values in (windows.targets(windows.ends), raw, np.repeat(last, windows.horizon, axis=1))
    )
    return truth - forecast, np.abs(truth - naive)


def share_of_persistence(residual: np.ndarray, naive: np.ndarray) -> tuple[float, ...]:
    """Return the mean absolute error of each target as a share of persistence's.

    Args:
        residual: Truths less forecasts ``[n, H, T]``, NaN where unknown.
        naive: Absolute errors of persistence.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        share = mean_observed(np.abs(residual), (0, 1)) / mean_observed(naive, (0, 1))
    return tuple(share.tolist())


def mean_observed(values: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """Return means of the values that are known, NaN without any."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0.0).sum(axis=axis) / np.where(count > 0, count, np.nan)
