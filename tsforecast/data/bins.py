"""Edges of bins that contain equally many training rows each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset

ROWS = 100_000  # evenly spaced ones are enough to place the edges
STATISTIC_ROWS = 10_000  # likewise, for statistics of the steps before each of them
MAX_MEASURED = 16  # channels with lags and means; of more, the targets alone have them, of more targets none
MIN_WIDTH = 1e-3  # of a bin, in scaled units: narrower ones would tell rounding apart


def bin_edges(rows: np.ndarray, bins: int, channels: Sequence[int]) -> list[list[float]]:
    """Return the edges of each channel's bins: its quantiles, without those that coincide.

    Args:
        rows: the training rows ``[N, C]``, scaled, without NaN.
        bins: maximum number of bins of a channel, at least 1.
        channels: The channels to return edges of.

    Returns:
        A rising list for each channel, of at most ``bins + 1`` edges; a constant channel has one.
    """
    some = rows[:: max(1, len(rows) // ROWS)][:, list(channels)].astype(np.float64)
    quantiles = np.quantile(some, np.linspace(0, 1, bins + 1), axis=0)
    return [_thin_edges(column) for column in quantiles.T]


def describe_statistics(options: Mapping[str, Any], dataset: ForecastDataset) -> dict[str, Any] | None:
    """Return the statistics of a window that its data allow, as ``models.forecaster.append_statistics`` takes them.

    Args:
        options: ``spans``, ``bins`` and ``units``, see ``models.options.StatisticsOptions``.
        dataset: The data.

    Returns:
        None if each span is longer than the window, or no measured channel has three values.
    """
    spans = [span for span in options["spans"] if span <= dataset.window["lookback"]]
    channels = dataset.measured_channels
    edges = bin_edges(dataset.training_inputs(), options["bins"], channels)
    if not spans or all(len(rising) < 3 for rising in edges):
        return None
    return {"channels": channels, "spans": spans, "edges": edges, "units": options["units"]}


def describe_encoding(options: Mapping[str, Any], dataset: ForecastDataset) -> dict[str, Any]:
    """Return the arguments of a ``PiecewiseLinear`` encoding of the channels that hold numbers.

    Args:
        options: ``bins`` and ``units``, see ``models.options.EncodingOptions``.
        dataset: The data.
    """
    edges = bin_edges(dataset.training_inputs(), options["bins"], dataset.sequence_channels)
    return {"edges": edges, "units": options["units"]}


def describe_window_features(options: Mapping[str, Any], dataset: ForecastDataset) -> dict[str, Any]:
    """Return the features of a window that its data allow, with the edges of each, for ``WindowFeatures``.

    Args:
        options: ``lags``, ``spans``, ``bins``, ``width`` and ``units``, see ``models.options.WindowFeaturesOptions``.
        dataset: The data. Lags and spans beyond its window are left out.
    """
    lookback, targets = dataset.window["lookback"], list(dataset.target_indices)
    lags = [lag for lag in options["lags"] if lag < lookback]
    spans = [span for span in options["spans"] if span <= lookback]
    measured = dataset.measured_channels
    if len(measured) > MAX_MEASURED:
        measured = targets
    if len(targets) > MAX_MEASURED:
        lags, spans = [], []
    rows, bins, channels = dataset.training_inputs(), options["bins"], dataset.number_channels
    of_channel = dict(zip(channels, bin_edges(rows, bins, channels), strict=True))
    edges = [of_channel[channel] for channel in channels]
    edges += [of_channel[channel] for _ in lags for channel in measured]
    for span in spans:
        for pick, of in ((np.mean, measured), (np.min, targets), (np.max, targets), (np.std, targets)):
            edges += bin_edges(_newest(rows, span, pick, of), bins, range(len(of)))
    fitted = {"channels": channels, "measured": measured, "targets": targets, "lags": lags, "spans": spans}
    return {**fitted, "edges": edges, "width": options["width"], "units": options["units"]}


# How the options of a part of a model are completed by the data; tsforecast.models.options has the options.
DESCRIBED: dict[str, Callable[[Mapping[str, Any], ForecastDataset], dict[str, Any] | None]] = {
    "encoding": describe_encoding,
    "statistics": describe_statistics,
    "window_features": describe_window_features,
}


def _newest(
    rows: np.ndarray, span: int, pick: Callable[..., np.ndarray], channels: Sequence[int]
) -> np.ndarray:
    """Return a statistic of the newest ``span`` rows ``[n, C]`` at evenly spaced rows; nothing of too few rows."""
    if len(rows) < span:
        return np.zeros((1, len(channels)), rows.dtype)
    windows = np.lib.stride_tricks.sliding_window_view(rows, span, axis=0)[
        :: max(1, len(rows) // STATISTIC_ROWS)
    ]
    return np.stack([pick(windows[:, channel], axis=-1) for channel in channels], axis=-1)


def _thin_edges(rising: np.ndarray) -> list[float]:
    """Return the values that are at least ``MIN_WIDTH`` above the last one returned."""
    kept = [float(rising[0])]
    for value in rising[1:]:
        if value - kept[-1] >= MIN_WIDTH:
            kept.append(float(value))
    return kept
