"""From a checked config to data and the state of the process: the steps that every job begins with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tsforecast import runtime
from tsforecast.config import Config, build_source, stem
from tsforecast.data.categories import note_unused
from tsforecast.data.dataset import ForecastDataset, build_dataset
from tsforecast.data.scaling import Scaler, ScalerChoice
from tsforecast.data.series import Series
from tsforecast.jobs.build_model import scaled_rules
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.stages import stage


def build_data(config: Config) -> ForecastDataset:
    """Load the data and build the dataset; Keras is not needed, and errors are reported before it is imported."""
    return prepare_dataset(config, load_series(config), config.data["split"])


@stage("data")
def load_series(config: Config, recipe: Mapping[str, Any] | None = None) -> Series:
    """Load the series that ``config.data`` describes, read by the recipe stored with a model if there is one."""
    if recipe is None:
        return build_source(config.data)
    return build_source(config.data, recipe=ReadingRecipe.from_dict(recipe))


@stage("data")
def prepare_dataset(
    config: Config, series: Series, split: Mapping[str, object] | np.ndarray, scaler: Scaler | None = None
) -> ForecastDataset:
    """Build the dataset of a series.

    Args:
        config: Checked config.
        series: Loaded series.
        split: Borders of the splits, see ``build_dataset``.
        scaler: Scaler of a model that is trained further; None to fit one on the training rows.
    """
    window = config.window
    dataset = build_dataset(
        note_unused(series, stem(config.model), config.context.kind),
        lookback=window.lookback,
        lead=window.lead,
        horizon=window.horizon,
        stride=window.stride,
        split=split,
        future_covariates=config.data["future_covariates"],
        scaler=scaler,
        choice=ScalerChoice(config.scaling, bool(config.data.get("mask", False))),
        context=config.context,
        sampling=config.data.get("sampling", "windows"),
    )
    scaled_rules(config, dataset)  # refuses a rule that does not fit the data, before Keras is imported
    return dataset


@stage("imports")
def set_up_runtime(config: Config) -> runtime.RuntimeInfo:
    """Set the global state of this job."""
    device = config.device
    return runtime.initialize(
        backend=config.backend,
        seed=config.seed,
        policy=config.precision.policy,
        kind=device.kind,
        memory_gb=device.memory_gb,
        threads=device.threads,
        strategy=device.strategy,
    )
