"""Registering a finished run as a version, with the scores that its prediction intervals start with.

What a retrained model must pass before it is promoted is in `tsforecast.registry.gate`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tsforecast.errors import UserError
from tsforecast.evaluation.interval_start import calibrate_intervals
from tsforecast.evaluation.result import RunResult
from tsforecast.registry.store import CALIBRATION, Registry, Version
from tsforecast.tracking.run_folder import RunFolder

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.inference.options import IntervalOptions
    from tsforecast.models.protocol import Model


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
