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
from tsforecast.data.scaling import Scaler
from tsforecast.data.series import Series
from tsforecast.metrics.spikes import threshold_from_quantile
from tsforecast.planning.device import device_memory
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.rules.parse import parse_rules
from tsforecast.rules.resolve import DataFacts, resolve_rules
from tsforecast.tracking.run_folder import RunFolder

if TYPE_CHECKING:
    import keras

    from tsforecast.ensemble.members import Member
    from tsforecast.ensemble.model import Ensemble
    from tsforecast.losses import Loss
    from tsforecast.models.forecaster import Forecaster
    from tsforecast.models.protocol import Model
    from tsforecast.models.task import Task
    from tsforecast.planning.memory import MemoryEstimate
    from tsforecast.tracking.protocol import Tracker
    from tsforecast.training.state import Progress
    from tsforecast.training.trainer import LearningRate, Trainer


def build_data(config: Config) -> ForecastDataset:
    """Load the data and build the dataset; Keras is not needed, and errors are reported before it is imported."""
    return prepare_dataset(config, load_series(config), config.data["split"])


def load_series(config: Config, recipe: Mapping[str, Any] | None = None) -> Series:
    """Load the series that ``config.data`` describes, read by the recipe stored with a model if there is one."""
    if recipe is None:
        return build_source(config.data)
    return build_source(config.data, recipe=ReadingRecipe.from_dict(recipe))


def prepare_dataset(
    config: Config, series: Series, split: Mapping[str, object], scaler: Scaler | None = None
) -> ForecastDataset:
    """Build the dataset of a series.

    Args:
        config: Checked config.
        series: Loaded series.
        split: Borders of the splits, see ``data.splits.borders``.
        scaler: Scaler of a model that is trained further; None to fit one on the training rows.
    """
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
    _data_arguments(config, dataset)  # refuses a rule that does not fit the data, before Keras is imported
    return dataset


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


def forecaster(config: Config, dataset: ForecastDataset) -> Any:
    """Return the model that the config describes, untrained; an ensemble has untrained members."""
    if stem(config.model) == "ensemble":
        names = config.ensemble.members
        nodes = [choice("model", name) | member_options(config, name) for name in names]
        members = [forecaster(dataclasses.replace(config, model=node), dataset) for node in nodes]
        return ensemble(config, dataset, members, names, config.ensemble.weighting)
    model = instantiate(config.model, task=task(config, dataset), **_data_arguments(config, dataset))
    model.describe(**metadata(config, dataset))
    return model


def ensemble(
    config: Config,
    dataset: ForecastDataset,
    members: "Sequence[Forecaster]",
    names: Sequence[str],
    weighting: str,
) -> "Ensemble":
    """Return an ensemble of members, with weights that are not fitted yet."""
    from tsforecast.ensemble.model import Ensemble

    described, options = metadata(config, dataset), config.ensemble
    thresholds = described["spike"]["threshold_scaled"]
    model = Ensemble(
        task(config, dataset),
        members,
        names,
        weighting=weighting,
        gate_units=options.gate_units,
        half_lives=options.half_lives,
        thresholds=None if any(value is None for value in thresholds) else thresholds,
    )
    model.describe(**described, members=list(names))
    return model


def ensembles(config: Config, dataset: ForecastDataset, members: "Sequence[Member]") -> "dict[str, Ensemble]":
    """Return an ensemble of the same trained members for every weighting; the weights are not fitted yet."""
    from tsforecast.ensemble.members import load_networks
    from tsforecast.ensemble.weightings import order_weightings

    networks, names = load_networks(members), [member.name for member in members]
    return {name: ensemble(config, dataset, networks, names, name) for name in order_weightings()}


def task(config: Config, dataset: ForecastDataset) -> "Task":
    """Return the inputs and outputs of a model."""
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
    """Return names, units and scaling of the data, which a saved model needs to be used alone."""
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


def _data_arguments(config: Config, dataset: ForecastDataset) -> dict[str, Any]:
    """Return the arguments of a model that depend on the data: scaled rules, and the edges of an encoding."""
    arguments: dict[str, Any] = {}
    if "rules" in config.model:
        parsed = parse_rules(config.model["rules"], config.window.lookback)
        arguments["rules"] = resolve_rules(parsed, DataFacts.from_dataset(dataset))
    encoding = config.model.get("encoding")
    if encoding is not None:
        edges = bin_edges(dataset.inputs[slice(*dataset.borders[0])], encoding["bins"])
        arguments["encoding"] = {"edges": edges, "units": encoding["units"]}
    return arguments


def spike_metadata(config: Config, dataset: ForecastDataset) -> dict[str, list[float | None]]:
    """Return the rise that counts as a spike, from the config or the training rows.

    Returns: ``threshold`` in the unit of each target and ``threshold_scaled``; None for a target whose training rows
        contain no pair to measure a rise, or rise too rarely for ``spike.quantile``.
    """
    first, last = dataset.borders[0]
    window, threshold = config.window, config.spike.threshold
    training = dataset.scaler.inverse_targets(dataset.truths[first:last])
    scales = dataset.scaler.scale[list(dataset.target_indices)]
    rises = [
        threshold_from_quantile(training[:, i], window.lead, window.horizon, config.spike.quantile)
        if threshold is None
        else threshold
        for i in range(len(scales))
    ]
    thresholds = [float(value) if value >= 0 else None for value in rises]  # NaN is not >= 0
    scaled = [None if v is None else v / float(s) for v, s in zip(thresholds, scales, strict=True)]
    return {"threshold": thresholds, "threshold_scaled": scaled}


def train(
    config: Config,
    dataset: ForecastDataset,
    model: "Model",
    loss: "Loss",
    folder: RunFolder,
    tracker: "Tracker",
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
    """Return the folder that this process writes: that of the run, or a subfolder for a worker other than the first."""
    from tsforecast.distribution import worker_index

    return path / f"worker_{worker_index()}" if worker_index() else path
