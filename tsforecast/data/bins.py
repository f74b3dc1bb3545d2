"""Edges of bins that contain equally many training rows each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset

ROWS = 100_000  # evenly spaced ones are enough to place the edges
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


def _thin_edges(rising: np.ndarray) -> list[float]:
    """Return the values that are at least ``MIN_WIDTH`` above the last one returned."""
    kept = [float(rising[0])]
    for value in rising[1:]:
        if value - kept[-1] >= MIN_WIDTH:
            kept.append(float(value))
    return kept
