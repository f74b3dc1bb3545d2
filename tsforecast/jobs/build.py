"""From a checked config to data, model and trainer: the steps that several jobs share."""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsforecast import runtime
from tsforecast.config import Config, build_source, instantiate, stem
from tsforecast.config.ensemble_checks import member_options
from tsforecast.config.groups import choice
from tsforecast.data.bins import bin_edges
from tsforecast.data.dataset import ForecastDataset, build_dataset
from tsforecast.data.recipe import ReadingRecipe
from tsforecast.data.series import Series
from tsforecast.metrics.spikes import threshold_from_quantile
from tsforecast.planning.device import device_memory
from tsforecast.rules.parse import parse_rules
from tsforecast.rules.resolve import DataFacts, resolve_rules
from tsforecast.tracking.run_folder import RunFolder

if TYPE_CHECKING:
    import keras

    from tsforecast.losses import Loss
    from tsforecast.models.forecaster import Forecaster
    from tsforecast.models.protocol import Model
    from tsforecast.planning.memory import MemoryEstimate
    from tsforecast.training.state import Progress
    from tsforecast.training.trainer import LearningRate, Trainer


def build_data(config: Config) -> ForecastDataset:
    """Loads the data and makes them ready. Nothing of it needs Keras, so its mistakes are told at once."""
    return dataset_of(config, loaded_series(config), config.data["split"])


def loaded_series(config: Config, recipe: Mapping[str, Any] | None = None) -> Series:
    """Load the series that ``config.data`` describes, read by the recipe stored with a model if there is one."""
    if recipe is None:
        return build_source(config.data)
    return build_source(config.data, recipe=ReadingRecipe.from_dict(recipe))


def dataset_of(
    config: Config, series: Series, split: Mapping[str, object], scaler: Any = None
) -> ForecastDataset:
    """A series made ready under a split, see ``data.splits.borders``, and by the scaler of a model to train on."""
    window = config.window
    dataset = build_dataset(
        series,
        lookback=window.lookback,
        lead=window.lead,
        horizon=window.horizon,
        stride=window.stride,
        split=split,
        future_covariates=config.data["future_covariates"],
        scaler=scaler,
    )
    _of_the_data(config, dataset)  # refuses a rule that does not fit the data while that is still quick
    return dataset


def set_up_runtime(config: Config) -> runtime.RuntimeInfo:
    """Sets and resets all global state for this job."""
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


def forecaster(config: Config, dataset: ForecastDataset) -> Any:
    """The model that the config describes, for these data; an ensemble with untrained members."""
    if stem(config.model) == "ensemble":
        names = config.ensemble.members
        nodes = [choice("model", name) | member_options(config, name) for name in names]
        members = [forecaster(dataclasses.replace(config, model=node), dataset) for node in nodes]
        return ensemble(config, dataset, members, names, config.ensemble.weighting)
    model = instantiate(config.model, task=task(config, dataset), **_of_the_data(config, dataset))
    model.describe(**metadata(config, dataset))
    return model


def ensemble(
    config: Config, dataset: ForecastDataset, members: Sequence[Any], names: Sequence[str], weighting: str
) -> Any:
    """An ensemble of these members, its weights not fitted yet."""
    from tsforecast.ensemble.model import Ensemble

    told, options = metadata(config, dataset), config.ensemble
    thresholds = told["spike"]["threshold_scaled"]
    model = Ensemble(
        task(config, dataset),
        members,
        names,
        weighting=weighting,
        gate_units=options.gate_units,
        half_lives=options.half_lives,
        thresholds=None if any(value is None for value in thresholds) else thresholds,
    )
    model.describe(**told, members=list(names))
    return model


def task(config: Config, dataset: ForecastDataset) -> Any:
    """What is to be forecast from what."""
    from tsforecast.models.task import Task

    levels = config.loss["quantile_levels"]
    return Task(
        lookback=config.window.lookback,
        channels=len(dataset.channels),
        lead=config.window.lead,
        horizon=config.window.horizon,
        target_indices=dataset.target_indices,
        season=dataset.series.season,
        quantile_levels=None if levels is None else tuple(levels),
    )


def metadata(config: Config, dataset: ForecastDataset) -> dict[str, Any]:
    """What a saved model must tell of its data to be used alone."""
    return {
        "channels": list(dataset.channels),
        "targets": list(dataset.series.targets),
        "unit": dataset.series.unit,
        "step_seconds": dataset.series.step,
        "scaler": dataset.scaler.to_dict(),
        "spike": spike_metadata(config, dataset),
        "recipe": None if dataset.series.recipe is None else dataset.series.recipe.to_dict(),
        "derived": {name: dict(weights) for name, weights in dataset.series.derived.items()},
    }


def _of_the_data(config: Config, dataset: ForecastDataset) -> dict[str, Any]:
    """What a model needs of the data beside its task: scaled rules with channels for names, the edges of bins."""
    found: dict[str, Any] = {}
    if "rules" in config.model:
        parsed = parse_rules(config.model["rules"], config.window.lookback)
        found["rules"] = resolve_rules(parsed, DataFacts.from_dataset(dataset))
    encoding = config.model.get("encoding")
    if encoding is not None:
        edges = bin_edges(dataset.inputs[slice(*dataset.borders[0])], encoding["bins"])
        found["encoding"] = {"edges": edges, "units": encoding["units"]}
    return found


def spike_metadata(config: Config, dataset: ForecastDataset) -> dict[str, list[float | None]]:
    """The rise that makes a spike, from training rows or as given: ``threshold`` in each target's unit, and scaled.

    None where the training rows have no pair to measure a rise, or rise too seldom for ``spike.quantile`` to be one.
    """
    first, last = dataset.borders[0]
    window, given = config.window, config.spike.threshold
    training = dataset.scaler.inverse_targets(dataset.truths[first:last])
    scales = dataset.scaler.scale[list(dataset.target_indices)]
    found = [
        threshold_from_quantile(training[:, i], window.lead, window.horizon, config.spike.quantile)
        if given is None
        else given
        for i in range(len(scales))
    ]
    thresholds = [float(value) if value >= 0 else None for value in found]  # NaN is not >= 0
    scaled = [None if v is None else v / float(s) for v, s in zip(thresholds, scales, strict=True)]
    return {"threshold": thresholds, "threshold_scaled": scaled}


def train(
    config: Config,
    dataset: ForecastDataset,
    model: "Model",
    loss: "Loss",
    folder: RunFolder,
    tracker: Any,
    *,
    best: float = math.inf,
) -> "Progress":
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
    return train_model(model, run)


def trainer(config: Config, model: "Forecaster", loss: "Loss", updates: int | None) -> "Trainer":
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
    config: Config, dataset: ForecastDataset, model: "Forecaster", device: str, program: int | None = None
) -> "MemoryEstimate":
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


def fit_batch_size(config: Config, dataset: ForecastDataset, model: "Model", device: str) -> Config:
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


def optimizer(config: Config, updates: int | None) -> "tuple[keras.optimizers.Optimizer, LearningRate]":
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


def worker_folder(path: Path) -> Path:
    """The folder that this process writes: the run's own, or one inside it for a worker that is not the chief."""
    from tsforecast.distribution import worker_index

    return path / f"worker_{worker_index()}" if worker_index() else path
