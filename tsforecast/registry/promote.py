"""Registering a finished run as a version, with the scores that its prediction intervals start with.

What a retrained model must pass before it is promoted is in `tsforecast.registry.gate`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.errors import UserError
from tsforecast.evaluation.result import RunResult
from tsforecast.registry.store import CALIBRATION, Registry, Version
from tsforecast.tracking.run_folder import RunFolder

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.inference.options import IntervalOptions
    from tsforecast.models.protocol import Model

MAX_SHARED = 200  # errors of all series that the intervals of each start with


def read_finished_result(folder: RunFolder) -> dict[str, Any]:
    """Return the ``result.json`` of a run.

    Raises:
        UserError: The run has not finished.
    """
    status = RunResult.read(folder.result).status
    if status != "done":
        raise UserError(f"{folder.path} is not a finished run ({status}): see its result.json.")
    result: dict[str, Any] = json.loads(folder.result.read_text())
    return result


def register_run(
    folder: RunFolder, registry: Registry, calibration: bytes, more: Mapping[str, bytes] | None = None
) -> Version:
    """Add a finished run to the registry.

    Args:
        folder: Folder of the run.
        registry: Destination.
        calibration: What ``calibrate_intervals`` returned for its model.
        more: Further files by name, such as ``evaluation.dependence.dependence_file`` returns.

    Raises:
        UserError: The run has not finished.
    """
    from tsforecast.models.io import saved_path

    return registry.add(
        saved_path(folder.best),
        config=folder.config.read_text(),
        result=read_finished_result(folder),
        lineage={"run": str(folder.path.resolve()), "parent": registry.champion_name()},
        extra={CALIBRATION: calibration, **(more or {})},
    )


def calibrate_intervals(model: Model, dataset: ForecastDataset, options: IntervalOptions) -> bytes:
    """Return the scores of the newest validation windows, with which prediction intervals start.

    Args:
        model: Model that forecasts the windows.
        dataset: Its data.
        options: Options of the intervals; as many windows as their memory holds are scored.

    Returns:
        The content of the file ``calibration.npz``, see ``inference.intervals.AdaptiveIntervals.to_bytes``. Scores of
        many series are relative to their levels.
    """
    from tsforecast.inference.intervals import create_intervals
    from tsforecast.inference.predictor import Predictor

    predictor = Predictor(model, sizes=(32,))
    metadata = predictor.metadata
    intervals = create_intervals(metadata.horizon, len(metadata.targets), options)
    windows = dataset.windows("val")
    ends = calibration_windows(dataset, windows.ends, options.memory)
    forecasts = predictor(windows.inputs(ends), metadata.without_level())
    truth = dataset.scaler.inverse_targets(windows.targets(ends))
    intervals.calibrate(forecasts.low, forecasts.high, truth)
    return intervals.to_bytes()


def calibration_windows(dataset: ForecastDataset, ends: np.ndarray, memory: int) -> np.ndarray:
    """Return the ends of the windows whose errors intervals start with, in the order of time.

    Of one series they are the newest. Of many they are spread over all, and few, so that the errors of a series itself
    soon outweigh those of all.

    Args:
        dataset: The data.
        ends: Ends of all windows.
        memory: Errors that intervals keep.
    """
    if dataset.series.panel is None:
        return ends[-memory:]
    spaced = ends[np.linspace(0, len(ends) - 1, min(len(ends), memory, MAX_SHARED)).astype(np.int64)]
    chosen: np.ndarray = spaced[np.argsort(dataset.series.time[spaced], kind="stable")]
    return chosen


def register_calibrated(
    folder: RunFolder, registry: Registry, model: Model, dataset: ForecastDataset, options: IntervalOptions
) -> Version:
    """Register a finished run with the calibration of its intervals and what monitoring and sample paths need.

    Args:
        folder: Folder of the run.
        registry: Destination.
        model: Its best model.
        dataset: Its data.
        options: Options of the intervals.
    """
    from tsforecast.evaluation.dependence import dependence_file
    from tsforecast.evaluation.monitoring_reference import monitoring_file

    calibration = calibrate_intervals(model, dataset, options)
    more = dependence_file(model, dataset) | monitoring_file(folder.path, model, dataset)
    return register_run(folder, registry, calibration, more)
