"""What a model in service is compared with: statistics of its data and of its residuals on validation windows."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tsforecast.data.calendar_features import CALENDAR
from tsforecast.data.dataset import ForecastDataset
from tsforecast.data.series import Series
from tsforecast.evaluation.series_monitoring import mean_observed, series_file, share_of_persistence
from tsforecast.files import write_bytes
from tsforecast.inference.predict import predict
from tsforecast.monitoring.local_time import local_seconds
from tsforecast.monitoring.monitor import FILE, Reference
from tsforecast.monitoring.reference import InputReference
from tsforecast.monitoring.truths import ResidualReference
from tsforecast.stages import stage
from tsforecast.storage.rows import chunks

if TYPE_CHECKING:
    from tsforecast.models.protocol import Model

MAX_FEATURES = 64  # that are monitored: the targets first
MAX_ROWS = 4_000_000  # before the test rows, the newest
NEWEST = 50_000  # validation windows, of which some that are evenly spaced are forecast
MAX_WINDOWS = 10_000


def monitored_features(series: Series) -> tuple[str, ...]:
    """Return the features that are measured: neither of the calendar, nor derived, nor categories; targets first.

    Nor are those that are constant within each of many series.
    """
    constant = () if series.panel is None else series.panel.constant
    excluded = {*CALENDAR, *series.derived, *series.categories, *constant}
    names = [name for name in (*series.targets, *series.features) if name not in excluded]
    return tuple(dict.fromkeys(names))[:MAX_FEATURES]


def learn_inputs(dataset: ForecastDataset) -> InputReference | None:
    """Return the statistics of the training and validation rows; None for many series or without a measured feature.

    Args:
        dataset: Data of the model.
    """
    series = dataset.series
    features = monitored_features(series)
    if series.panel is not None or not features or series.step < 1:
        return None
    training, validation = dataset.borders[0][1], dataset.borders[1][1]
    columns = [series.features.index(name) for name in features]

    def pieces() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for rows in chunks(max(0, validation - MAX_ROWS), validation):
            seconds = series.time[rows].astype("datetime64[s]").astype(np.int64)
            yield seconds, series.values[rows][:, columns].astype(np.float64)

    end = int(series.time[training - 1].astype("datetime64[s]").astype(np.int64)) + series.step
    return InputReference.fit(features, series.step, pieces, end, local_seconds(series.clock))


def learn_residuals(model: Model, dataset: ForecastDataset) -> tuple[ResidualReference, tuple[float, ...]]:
    """Return the residuals of validation windows, and the error as a share of persistence's for each target.

    Args:
        model: The model.
        dataset: Its data.
    """
    windows, series = dataset.windows("val"), dataset.series
    spacing = max(1, -(-min(len(windows), NEWEST) // MAX_WINDOWS))
    windows = dataclasses.replace(windows, ends=windows.ends[-NEWEST:][::-1][::spacing][::-1])
    outputs, levels = predict(model, windows), model.task.quantile_levels
    raw = outputs["forecast"] if levels is None else outputs["forecast"][..., levels.index(0.5)]
    naive = np.repeat(
        windows.rows[windows.ends][:, None, list(dataset.target_indices)], windows.horizon, axis=1
    )
    truth, forecast, naive = (
        dataset.scaler.inverse_targets(values).astype(np.float64)
        for values in (windows.targets(windows.ends), raw, naive)
    )
    residual, error = truth - forecast, np.abs(truth - naive)
    seconds = series.time[windows.ends + windows.lead].astype("datetime64[s]").astype(np.int64)
    step = series.step * spacing * dataset.window["stride"]
    reference = ResidualReference.fit(seconds, mean_observed(residual, 1), step, local_seconds(series.clock))
    return reference, share_of_persistence(residual, error)


def save_inputs(folder: Path, dataset: ForecastDataset) -> None:
    """Write the statistics of the rows into the folder of a run."""
    with stage("monitoring"):
        inputs = learn_inputs(dataset)
        if inputs is not None:
            write_bytes(folder / FILE, _to_json(Reference(inputs)))


def monitoring_file(folder: Path, model: Model, dataset: ForecastDataset) -> dict[str, bytes]:
    """Return the name and content of the file that monitoring needs, for a version of the registry.

    Args:
        folder: Folder of the run; the statistics of its rows are computed if it has none.
        model: Its model.
        dataset: Its data.

    Returns:
        Nothing without a measured feature.
    """
    if dataset.series.panel is not None:
        return series_file(model, dataset, monitored_features(dataset.series))
    path = folder / FILE
    saved = Reference.from_dict(json.loads(path.read_text())) if path.is_file() else None
    inputs = learn_inputs(dataset) if saved is None else saved.inputs
    if inputs is None:
        return {}
    residuals, promised = learn_residuals(model, dataset)
    return {FILE: _to_json(Reference(inputs, residuals, promised))}


def _to_json(reference: Reference) -> bytes:
    return json.dumps(reference.to_dict(), allow_nan=False).encode()
