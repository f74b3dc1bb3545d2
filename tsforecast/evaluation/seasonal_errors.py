"""Errors of the seasonal naive forecast on rows before the test split, to which MASE is relative."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast import metrics
from tsforecast.evaluation.series_scores import series_scales_of
from tsforecast.evaluation.spike_thresholds import spike_thresholds
from tsforecast.inference.metadata import describe_data
from tsforecast.metrics.naive_errors import NaiveErrors
from tsforecast.storage.rows import chunks

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.evaluation.options import SpikeOptions

MAX_SCALE_ROWS = 8_000_000  # training rows whose seasonal errors are computed at once


def describe_model(dataset: ForecastDataset, spikes: SpikeOptions) -> dict[str, Any]:
    """Return what a saved model needs to be used and scored alone, see ``inference.metadata.describe_data``.

    Args:
        dataset: The data that the model is trained on.
        spikes: What counts as a spike.
    """
    described = describe_data(dataset, spike_thresholds(dataset, spikes))
    return {**described, "naive_errors": naive_errors(dataset).to_dict()}


def naive_errors(dataset: ForecastDataset) -> NaiveErrors:
    """Return the errors that MASE on the test split is relative to."""
    season = dataset.series.season
    if dataset.series.panel is None:
        return NaiveErrors(season, seasonal_scale(dataset)[None])
    scales = series_scales_of(dataset, dataset.windows("test"))["mase"]
    return NaiveErrors(season, scales, dataset.series.panel.ids)


def seasonal_scale(dataset: ForecastDataset) -> np.ndarray:
    """Return the mean absolute error ``[T]`` of the seasonal naive forecast on the training rows, the unit of MASE."""
    first, last = dataset.borders[0]
    season = dataset.series.season
    if last - first <= MAX_SCALE_ROWS:
        return metrics.seasonal_scale(dataset.scaler.inverse_targets(dataset.truths[first:last]), season)
    totals, counts = np.zeros((2, dataset.truths.shape[1]))
    for rows in chunks(first, last - season):
        now, before = (
            dataset.scaler.inverse_targets(dataset.truths[rows.start + back : rows.stop + back])
            for back in (season, 0)
        )
        difference = np.abs(now - before)
        totals += np.nansum(difference, axis=0)
        counts += np.isfinite(difference).sum(axis=0)
    with np.errstate(invalid="ignore"):
        scale: np.ndarray = totals / counts
    return scale
