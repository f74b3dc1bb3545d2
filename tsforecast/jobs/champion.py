"""From a champion's stored config to the steps of retraining it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsforecast.config import Config, instantiate, stem
from tsforecast.config.earlier_runs import champion_config
from tsforecast.config.stored import as_yaml, load
from tsforecast.evaluation.provenance import describe_provenance
from tsforecast.evaluation.summary import print_recurrent_paths
from tsforecast.jobs import build, build_training
from tsforecast.jobs.stored_data import load_series_again
from tsforecast.models.io import ESTIMATOR_SUFFIX, load_metadata, saved_path
from tsforecast.registry.new_rows import first_rows
from tsforecast.registry.received_rows import add_received_rows
from tsforecast.registry.training_limits import limit_training
from tsforecast.tracking.null_tracker import NullTracker
from tsforecast.tracking.run_folder import RunFolder

if TYPE_CHECKING:
    import numpy as np

    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.data.scaling import Scaler
    from tsforecast.data.series import Series
    from tsforecast.data.splits import Borders
    from tsforecast.models.protocol import Model
    from tsforecast.registry import Registry, Version
    from tsforecast.runtime import RuntimeInfo


class ChampionRecipe:
    """The steps of a retraining run that depend on the champion's config; see ``registry.retraining.Recipe``.

    Args:
        config: What ``champion_config`` returned.
        saved: File of the champion's model, whose metadata say how its training data were read.
        notes: What the user should know of the rows that are used.
    """

    def __init__(self, config: Config, saved: Path, notes: tuple[str, ...] = ()):
        self.config, self.saved, self.notes = config, saved, notes
        self.name, self.config_yaml = stem(config.model), as_yaml(config)
        self.window, self.intervals = config.window, config.intervals
        is_estimator = saved_path(saved).suffix == ESTIMATOR_SUFFIX
        self.batch_size = None if is_estimator else limit_training(config.training, config.retrain).batch_size

    def load_series(self) -> Series:
        """Load the data with the new rows, read as the training data were."""
        series = load_series_again(self.config, load_metadata(self.saved), self.saved.parent)
        return add_received_rows(series, self.saved, self.config.retrain.journal)

    def initialize(self) -> RuntimeInfo:
        """Set the backend, the device and the seed."""
        return build.set_up_runtime(self.config)

    def build_dataset(self, series: Series, split: Mapping[str, object], scaler: Scaler) -> ForecastDataset:
        """Scale a series and split it."""
        return build.prepare_dataset(self.config, series, split, scaler)

    def train(self, model: Model, dataset: ForecastDataset, folder: RunFolder) -> bool:
        """Train a model further, within the limits; return whether it became better on the validation rows."""
        from tsforecast.evaluation.evaluate import validation_figures
        from tsforecast.models.estimator import Estimator

        config = self._training_config(folder)
        loss, limit = instantiate(config.loss), config.training.validation_windows
        print_recurrent_paths(model)
        before = validation_figures(model, dataset, loss, limit)["val/loss"]
        after = build_training.train(config, dataset, model, loss, folder, NullTracker(), best=before).best
        return after < before if isinstance(model, Estimator) else folder.best.is_file()

    def describe(self, series: Series, parts: Borders | np.ndarray, runtime: RuntimeInfo) -> dict[str, Any]:
        """Return what the figures depend on."""
        config = self.config
        return dict(
            describe_provenance(series, parts, dataclasses.asdict(config.window), config.seed, runtime)
        )

    def _training_config(self, folder: RunFolder) -> Config:
        config, options = self.config, self.config.retrain
        return dataclasses.replace(
            config,
            training=limit_training(config.training, options),
            optimizer=config.optimizer | {"learning_rate": options.learning_rate},
            resume=str(folder.path) if folder.last.is_file() else None,
        )


def create_recipe(config: Config, champion: Version) -> ChampionRecipe:
    """Return the recipe of a champion."""
    notes: tuple[str, ...] = ()
    rows = load(champion.config, config).data.get("rows")
    if rows is not None and config.retrain.rows is None:
        notes = (
            f"{champion.name} was made with the first {rows:,} rows (data.rows); retraining uses all rows, or the first"
            " retrain.rows.",
        )
    return ChampionRecipe(champion_config(config, champion), champion.model, notes)


class ReplayedRecipe(ChampionRecipe):
    """The same steps with the rows of many series that there were at some time of a replay.

    Args:
        config: What ``champion_config`` returned.
        saved: File of the champion's model.
        data: What the first champion's ``result.json`` holds of its data.
        steps: Steps after its rows.
    """

    def __init__(self, config: Config, saved: Path, data: Mapping[str, Any], steps: int):
        super().__init__(config, saved)
        self._data, self._steps = data, steps

    def load_series(self) -> Series:
        """Load the rows of that time, read as the training data were."""
        return first_rows(super().load_series(), self._data, self._steps)


def create_replay_recipe(
    config: Config, first: Version, champion: Version, rows: int, registry: Registry
) -> ChampionRecipe:
    """Return the recipe of a champion for some of the rows, in another registry.

    Args:
        config: Config of this command.
        first: The champion that the replay begins with.
        champion: The champion.
        rows: Number of first rows; of many series, of steps after those of the first champion.
        registry: The other registry.
    """
    data = first.result()["data"]
    options = dataclasses.replace(config.retrain, rows=None if data.get("series") else rows, journal=None)
    target = dataclasses.replace(config.registry, path=str(registry.path))
    config = dataclasses.replace(config, retrain=options, registry=target)
    if data.get("series"):
        return ReplayedRecipe(champion_config(config, champion), champion.model, data, rows)
    return create_recipe(config, champion)
