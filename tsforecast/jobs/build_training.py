"""From a checked config to the training of a model: optimizer, trainer, batch size and the training itself."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING

from tsforecast.config import Config, instantiate, stem
from tsforecast.data.dataset import ForecastDataset
from tsforecast.planning.device import device_memory
from tsforecast.tracking.run_folder import RunFolder

if TYPE_CHECKING:
    import keras

    from tsforecast.losses import Loss
    from tsforecast.models.forecaster import Forecaster
    from tsforecast.models.protocol import Model
    from tsforecast.planning.memory import MemoryEstimate
    from tsforecast.tracking.protocol import Tracker
    from tsforecast.training.state import Progress
    from tsforecast.training.trainer import LearningRate, Trainer


def train(
    config: Config,
    dataset: ForecastDataset,
    model: Model,
    loss: Loss,
    folder: RunFolder,
    tracker: Tracker,
    *,
    best: float = math.inf,
) -> Progress:
    """Train a model of any kind as the config says, and leave the best version of it in the folder.

    Args:
        config: Checked config.
        dataset: Training and validation windows.
        model: Model to train.
        loss: Loss to minimize.
        folder: Run folder.
        tracker: Receives the metrics.
        best: Validation loss of a model that is in the folder already, as its best so far.
    """
    from tsforecast.evaluation.spike_calibration import calibrate_saved
    from tsforecast.training.train import TrainingRun
    from tsforecast.training.train import train as train_model

    options = config.training
    if (
        config.device.strategy == "multi_worker"
    ):  # whose workers must save at the same step: only after epochs
        options = dataclasses.replace(options, checkpoint_minutes=math.inf)
    run = TrainingRun(
        dataset,
        loss,
        folder,
        tracker,
        options,
        functools.partial(optimizer, config),
        seed=config.seed,
        resume=config.resume is not None,
        best=best,
    )
    progress = train_model(model, run)
    if getattr(model, "spike_weight", 0.0):
        calibrate_saved(folder.best, model, dataset, reuse=config.device.strategy == "single")
    return progress


def trainer(config: Config, model: Forecaster, loss: Loss, updates: int | None) -> Trainer:
    """Return the compiled trainer of a network.

    Args:
        config: Checked config.
        model: Network to train.
        loss: Loss to minimize.
        updates: Updates of the whole run, or None if only time limits it.
    """
    from tsforecast.training.train import create_trainer

    return create_trainer(model, loss, config.training, optimizer(config, updates))


def estimate_memory(
    config: Config, dataset: ForecastDataset, model: Forecaster, device: str, program: int | None = None
) -> MemoryEstimate:
    """Estimate the memory of training a network on a device, see ``planning.batch_size.estimate_training``."""
    from tsforecast.planning.batch_size import estimate_training

    accumulate = config.training.accumulate_steps if config.training.accumulate_steps > 1 else None
    return estimate_training(
        model,
        dataset,
        device,
        config.training,
        optimizer=instantiate(config.optimizer, gradient_accumulation_steps=accumulate),
        program=program,
    )


def fit_batch_size(config: Config, dataset: ForecastDataset, model: Model, device: str) -> Config:
    """Return the config with a batch size that fits the device; ``training.batch_size=auto`` becomes a number.

    Raises:
        UserError: The run does not fit; the message names the batch size and accumulation that would.
    """
    from tsforecast.models.forecaster import Forecaster
    from tsforecast.planning import batch_size

    training = config.training
    if isinstance(model, Forecaster) and model.trains_in_batches:
        training = batch_size.fit_batch_size(
            training,
            estimate_memory(config, dataset, model, device),
            model=stem(config.model),
            available=device_memory(device, config.device.memory_gb),
            windows=len(dataset.windows("train")),
        )
    elif training.batch_size == "auto":
        training = dataclasses.replace(training, batch_size=batch_size.DEFAULT_BATCH_SIZE)
    return dataclasses.replace(config, training=training)


def optimizer(config: Config, updates: int | None) -> tuple[keras.optimizers.Optimizer, LearningRate]:
    """Return the optimizer and its learning rate or schedule.

    Args:
        config: Checked config.
        updates: Updates of the whole run, or None if only time limits it.
    """
    from tsforecast.training.schedules import TIME_STEPS, to_time_schedule, to_update_schedule

    peak, accumulate = config.optimizer["learning_rate"], config.training.accumulate_steps
    schedule = instantiate(config.schedule, learning_rate=peak, steps=updates or TIME_STEPS)
    rate = to_update_schedule(schedule, accumulate) if updates else to_time_schedule(schedule)
    node = {**config.optimizer, "learning_rate": rate}
    return instantiate(node, gradient_accumulation_steps=accumulate if accumulate > 1 else None), rate
