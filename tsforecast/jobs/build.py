"""From a checked config to data, model and trainer: the steps that several jobs share."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tsforecast import runtime
from tsforecast.config import Config, build_source, instantiate, stem
from tsforecast.config.ensemble_checks import member_options
from tsforecast.config.groups import choice
from tsforecast.data.bins import bin_edges
from tsforecast.data.dataset import ForecastDataset, build_dataset
from tsforecast.data.series import Series
from tsforecast.metrics.spikes import threshold_from_quantile
from tsforecast.rules.parse import parse_rules
from tsforecast.rules.resolve import Facts, resolve_rules


def build_data(config: Config) -> ForecastDataset:
    """Loads the data and makes them ready. Nothing of it needs Keras, so its mistakes are told at once."""
    return dataset_of(config, loaded_series(config), config.data["split"])


def loaded_series(config: Config) -> Series:
    """The series that ``config.data`` describes."""
    return build_source(config.data)


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
    }


def _of_the_data(config: Config, dataset: ForecastDataset) -> dict[str, Any]:
    """What a model needs of the data beside its task: scaled rules with channels for names, the edges of bins."""
    found: dict[str, Any] = {}
    if "rules" in config.model:
        parsed = parse_rules(config.model["rules"], config.window.lookback)
        found["rules"] = resolve_rules(parsed, Facts.of(dataset))
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


def trainer(config: Config, model: Any, loss: Any, updates: int | None) -> Any:
    """The compiled trainer of a model.

    Raises:
        UserError: dense supervision is asked of a model that forecasts at its last step only.
    """
    from tsforecast.inference.sharding import default_shards
    from tsforecast.training.distributed import clip_whole_gradients
    from tsforecast.training.pretraining import MaskedTrainer
    from tsforecast.training.schedules import PARTS, by_time, per_update
    from tsforecast.training.trainer import Trainer

    training = config.training
    dense_from = supervised_from(config, model)
    schedule = instantiate(
        config.schedule, learning_rate=config.optimizer["learning_rate"], steps=updates or PARTS
    )
    accumulate = training.accumulate_steps if training.accumulate_steps > 1 else None
    rate = per_update(schedule, training.accumulate_steps) if updates else by_time(schedule)
    optimizer = instantiate(
        {**config.optimizer, "learning_rate": rate}, gradient_accumulation_steps=accumulate
    )
    clip_whole_gradients(optimizer)
    shards = training.shards or (default_shards(training.batch_size) if config.backend == "tensorflow" else 1)
    if training.objective == "masked_patches":
        made: Trainer = MaskedTrainer(model, training.mask_share, shards=shards)
    else:
        made = Trainer(model, loss, dense_from=dense_from, shards=shards)
    # Without a loss here: Keras would try it out on a forecast that is not the training one. On TensorFlow the shards
    # are compiled one by one; elsewhere Keras' own rule decides.
    made.compile(optimizer=optimizer, jit_compile=False if config.backend == "tensorflow" else "auto")
    made.rate = rate
    made.build((training.batch_size, config.window.lookback, model.task.channels))
    optimizer = made.optimizer
    optimizer.build(made.trainable_variables)
    return made


def supervised_from(config: Config, model: Any) -> int | None:
    """The first step of the window that training scores, or None for its last step only."""
    if config.training.supervision == "last":
        return None
    return config.training.warmup_steps if model.has_sequence else None


def stream(config: Config, dataset: ForecastDataset, trainer: Any) -> Any:
    """A function of a batch number that returns the endless training batches from there on."""
    from tsforecast.data.batches import numpy_batches, tf_dataset
    from tsforecast.distribution import is_distributed
    from tsforecast.training.distributed import spread

    on_tensorflow = config.backend == "tensorflow"
    source = tf_dataset if on_tensorflow else numpy_batches
    windows = dataset.windows("train")

    def batches_from(start_step: int) -> Any:
        options = {
            "batch_size": config.training.batch_size,
            "seed": config.seed,
            "start_step": start_step,
            "dense_from": trainer.dense_from,
        }
        if is_distributed():
            return spread(lambda: source(windows, **options), config.training.batch_size)
        batches = source(windows, **options)
        # On TensorFlow the trainer takes the batches itself, and times that.
        return batches if on_tensorflow else trainer.timed(batches)

    return batches_from


def worker_folder(path: Path) -> Path:
    """The folder that this process writes: the run's own, or one inside it for a worker that is not the chief."""
    from tsforecast.distribution import worker_index

    return path / f"worker_{worker_index()}" if worker_index() else path


def checkpoint_minutes(config: Config) -> float:
    """Minutes between checkpoints inside an epoch; several workers must save at the same step, so at its end only."""
    return math.inf if config.device.strategy == "multi_worker" else config.training.checkpoint_minutes
