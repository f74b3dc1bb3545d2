"""job=promote: a finished run into the registry, and into service."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from tsforecast.config import Config
from tsforecast.errors import UserError
from tsforecast.jobs import build, results
from tsforecast.jobs.stored_data import build_saved_data
from tsforecast.models.io import load_model, saved_path
from tsforecast.registry import Registry, Version
from tsforecast.registry.store import CALIBRATION
from tsforecast.tracking.run_folder import RunFolder


def main(config: Config, path: Path) -> None:
    """Adds ``config.run`` to the registry, or takes ``config.registry.version``, and makes it the champion."""
    registry = Registry(config.registry.path)
    if config.run is None:
        with suppress(OSError):
            path.rmdir()  # this command leaves nothing in a folder of its own
        name = str(config.registry.version)
    else:
        name = register(config, RunFolder.existing(path), registry).name
    before = registry.champion_name()
    version = registry.promote(name, config.registry.why or "by hand")
    if before == name:
        print(f"{name} is the champion already.")
    else:
        print(
            f"{name} ({version.manifest.get('model')}) is the champion{f', after {before}' if before else ''}."
        )
    print(version.path, flush=True)


def register(config: Config, folder: RunFolder, registry: Registry, **lineage: Any) -> Version:
    """Adds a finished run as a version, after its model has been loaded and has forecast.

    Args:
        config: that of the run.
        folder: of the run.
        registry: where to.
        lineage: where the model comes from beside the run and the champion at this time.

    Raises:
        UserError: the run has not finished.
    """
    result = results.read(folder)
    if result.get("status") != "done":
        raise UserError(f"{folder.path} is not a finished run ({result.get('status')}): see its result.json.")
    dataset = build_saved_data(config, folder.best, scored="val")
    build.set_up_runtime(config)

    calibration = calibrated(config, dataset, load_model(folder.best))
    return registry.add(
        saved_path(folder.best),
        config=folder.config.read_text(),
        result=json.loads(folder.result.read_text()),
        lineage={"run": str(folder.path.resolve()), "parent": registry.champion_name(), **lineage},
        extra={CALIBRATION: calibration},
    )


def calibrated(config: Config, dataset: Any, model: Any) -> bytes:
    """Scores of the newest validation windows, by which intervals start; see ``serving.intervals``."""
    from tsforecast.inference.intervals import AdaptiveIntervals
    from tsforecast.inference.predictor import Predictor

    predictor = Predictor(model, sizes=(32,))
    metadata, options = predictor.metadata, config.intervals
    intervals = AdaptiveIntervals(
        metadata.horizon,
        len(metadata.targets),
        coverage=options.coverage,
        rate=options.rate,
        memory=options.memory,
    )
    windows = dataset.windows("val")
    ends = windows.ends[-options.memory :]
    forecasts = predictor(windows.inputs(ends))
    truth = dataset.scaler.inverse_targets(windows.targets(ends))
    intervals.calibrate(forecasts.low, forecasts.high, truth)
    return intervals.to_bytes()
