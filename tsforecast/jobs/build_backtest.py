"""From a checked config to a backtest."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from tsforecast.config import Config, instantiate
from tsforecast.data.origins import Origin
from tsforecast.data.series import Series
from tsforecast.evaluation.backtest import Backtest, build_origin_dataset, check_refit
from tsforecast.evaluation.summary import print_model
from tsforecast.jobs import build, build_model, build_training
from tsforecast.jobs.set_up import set_up
from tsforecast.runtime import RuntimeInfo
from tsforecast.tracking.null_tracker import NullTracker
from tsforecast.tracking.run_folder import RunFolder

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.models.protocol import Model


def set_up_origins(config: Config, series: Series, origins: tuple[Origin, ...]) -> tuple[Config, RuntimeInfo]:
    """Return the config with its precision chosen and a batch size that fits, and what the job runs with.

    Raises:
        UserError: An origin would be refused.
    """
    refit = config.backtest.refit
    dataset = build_origin_dataset(
        series, origins, origins[0], refit, lambda *arguments: build.prepare_dataset(config, *arguments)
    )
    config, runtime, model = set_up(config, dataset)
    config = build_training.fit_batch_size(config, dataset, model, runtime.device)
    print_model(model, runtime)
    check_refit(model, dataset, origins, refit, config.training.batch_size)
    return config, runtime


def create_backtest(
    config: Config, series: Series, origins: tuple[Origin, ...], folder: RunFolder
) -> Backtest:
    """Return the backtest that a config describes."""
    from tsforecast.evaluation.evaluate import validation_figures

    loss = instantiate(config.loss)

    def train(
        dataset: ForecastDataset, model: Model, folder: RunFolder, *, best: float, max_steps: int | None
    ) -> dict[str, Any]:
        changed = config
        if max_steps is not None:
            training = dataclasses.replace(config.training, max_steps=max_steps, max_epochs=None)
            changed = dataclasses.replace(config, training=training)
        progress = build_training.train(changed, dataset, model, loss, folder, NullTracker(), best=best)
        return progress.outcome()

    def validate(model: Model, dataset: ForecastDataset) -> float:
        limit = config.training.validation_windows
        return validation_figures(model, dataset, loss, limit)["val/loss"]

    return Backtest(
        series=series,
        origins=origins,
        refit=config.backtest.refit,
        warm_steps=config.backtest.warm_steps,
        folder=folder.path,
        build_dataset=lambda *arguments: build.prepare_dataset(config, *arguments),
        build_model=lambda dataset: build_model.forecaster(config, dataset),
        train=train,
        validate=validate,
        spikes=config.spike if config.report.spikes else None,
    )
