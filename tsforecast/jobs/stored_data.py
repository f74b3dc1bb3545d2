"""Data for jobs that continue from a saved model: scaled as in its training, and compared with its training data."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tsforecast.config import Config
from tsforecast.data.calendar_features import CALENDAR
from tsforecast.data.dataset import ForecastDataset
from tsforecast.data.identity import DataIdentity, compare_data
from tsforecast.data.scaling import Scaler
from tsforecast.data.series import Series
from tsforecast.errors import UserError
from tsforecast.jobs import build
from tsforecast.models.io import load_metadata
from tsforecast.times.frequency import DAY
from tsforecast.tracking.run_data import find_change, read_identity, read_start
from tsforecast.tracking.run_folder import RunFolder


def build_saved_data(config: Config, saved: Path, scored: str | None = "test") -> ForecastDataset:
    """Load the data of a config and scale them with a saved model's scaler.

    Data that changed since the model's run are reported in one printed sentence.

    Args:
        config: Config of the model's run, or one with the same data and window.
        saved: The model's file, in the folder with its ``result.json``.
        scored: The split that is about to be scored; None if none is.

    Raises:
        UserError: There is no such model, the data lack its channels, or rows to be scored were training rows of it.
    """
    metadata = load_metadata(saved)
    series = load_series_again(config, metadata, saved.parent)
    dataset = build.prepare_dataset(
        config, series, config.data["split"], Scaler.from_dict(metadata["scaler"])
    )
    stored = read_identity(RunFolder(saved.parent))
    if stored is not None:
        before = DataIdentity.from_dict(stored, series, config.data["split"])
        change = compare_data(before, DataIdentity.from_series(series, dataset.parts), scored)
        if change:
            print(f"Warning: {change}. The scaling is that of the model in {saved.parent}.", flush=True)
    return dataset


def build_training_data(config: Config, folder: RunFolder) -> ForecastDataset:
    """Load the data of a training run; a resumed run gets the scaling that it began with.

    Raises:
        UserError: A run is to be resumed on other data than it began with.
    """
    stored = read_start(folder) if config.resume is not None else None
    if stored is None:
        series, scaler = build.load_series(config), None
    else:
        series = load_series_again(config, stored, folder.path)
        scaler = Scaler.from_dict(stored["scaler"])
    dataset = build.prepare_dataset(config, series, config.data["split"], scaler)
    check_resumed_data(config, folder, dataset)
    return dataset


def check_resumed_data(config: Config, folder: RunFolder, dataset: ForecastDataset) -> None:
    """Check that a resumed run has the data that it began with; do nothing for a new run.

    Raises:
        UserError: The data have changed.
    """
    stored = read_start(folder) if config.resume is not None else None
    change = "" if stored is None else find_change(stored, dataset, config.data["split"])
    if change:
        raise UserError(
            f"{folder.path} cannot be resumed: {change}. Give it the data that it began with, or start a new run."
        )


def load_series_again(config: Config, stored: Mapping[str, Any], source: Path) -> Series:
    """Load the series of a run as it was read then.

    Args:
        config: Config of the run.
        stored: Metadata of its model, or what ``tracking.run_data.record_data`` wrote.
        source: Folder of the model, for messages.

    Raises:
        UserError: The data do not fit the recipe, or lack channels of the model.
    """
    features = config.data.get("features")
    if "recipe" not in stored and features is None and "calendar" in config.data:
        # Version 0.1 stored no recipe and also fed in the row numbers of a file.
        names = [name for name in stored["channels"] if "@+" not in name and name not in CALENDAR]
        more: dict[str, Any] = {"features": names}
        if stored.get("step_seconds") == DAY:  # rows of business days were days with gaps then
            more["frequency"] = config.data.get("frequency") or "1d"
        config = dataclasses.replace(config, data=config.data | more)
    series = build.load_series(config, stored.get("recipe"))
    _check_channels(config, stored, series, source)
    return series


def _check_channels(config: Config, metadata: Mapping[str, Any], series: Series, source: Path) -> None:
    """Refuse data whose features are not those of the model: its scaler goes by their order."""
    extra = len(set(config.data["future_covariates"])) * config.window.horizon
    extra += len(metadata["scaler"].get("masked", ()))
    extra += Scaler.from_dict(metadata["scaler"]).context_channels
    expected = metadata["channels"][: len(metadata["channels"]) - extra]
    if list(series.features) != expected:
        raise UserError(
            f"The data have the features {', '.join(series.features)}, and the model in {source} was trained on"
            f" {', '.join(expected)}: give it the same with data.features."
        )
