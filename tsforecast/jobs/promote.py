"""job=promote: add a finished run to the registry, or choose a version, and make it the champion."""

from pathlib import Path

from tsforecast.config import Config
from tsforecast.files import display_path, remove_if_empty
from tsforecast.jobs import build
from tsforecast.jobs.stored_data import build_saved_data
from tsforecast.models.io import load_model
from tsforecast.registry import Registry, Version
from tsforecast.registry.promote import read_finished_result, register_calibrated
from tsforecast.registry.shadow import check_shadow
from tsforecast.registry.tracking import report_champion
from tsforecast.tracking.run_folder import RunFolder


def main(config: Config, path: Path) -> None:
    """Register ``config.run``, or take ``config.registry.version``, and make it the champion."""
    registry = Registry(config.registry.path)
    if config.run is None:
        remove_if_empty(path)
        name = str(config.registry.version)
    else:
        name = register(config, RunFolder.existing(path), registry).name
    before = registry.champion_name()
    print(check_shadow(registry, name, config.promotion), end="")
    version = registry.promote(name, config.registry.why or "by hand")
    report_champion(version)
    if before == name:
        print(f"{name} is already the champion.")
    else:
        print(
            f"{name} ({version.manifest.get('model')}) is the champion{f', after {before}' if before else ''}."
        )
    print(display_path(version.path), flush=True)


def register(config: Config, folder: RunFolder, registry: Registry) -> Version:
    """Register a finished run, after its model has been loaded and has forecast the validation windows.

    Args:
        config: Config of the run.
        folder: Folder of the run.
        registry: Destination.

    Raises:
        UserError: The run has not finished.
    """
    read_finished_result(folder)
    dataset = build_saved_data(config, folder.best, scored="val")
    build.set_up_runtime(config)
    return register_calibrated(folder, registry, load_model(folder.best), dataset, config.intervals)
