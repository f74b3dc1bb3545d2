"""job=train: from rows to a trained, scored and reported forecaster."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from tsforecast.config import Config, instantiate
from tsforecast.data.batches import steps_per_epoch
from tsforecast.evaluation.summary import print_data, print_model
from tsforecast.jobs import build_training, pretraining
from tsforecast.jobs.finish import finish_run
from tsforecast.jobs.lifecycle import ensure_not_finished, open_run
from tsforecast.jobs.set_up import set_up
from tsforecast.jobs.stored_data import build_training_data
from tsforecast.tracking.run_folder import RunFolder

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.models.protocol import Model


def main(config: Config, path: Path) -> float | None:
    """Train until the budget ends and evaluate the best model; return its best validation loss.

    If ``config.resume`` names the folder of an interrupted run, that run is resumed.
    """
    began = time.monotonic()
    ensure_not_finished(config, RunFolder(path))
    dataset = build_training_data(config, RunFolder(path))
    print_data(dataset)
    config, facts, model = set_up(config, dataset)
    began += facts.import_seconds  # which the first job of a shared process alone would have to bear

    from tsforecast.distribution import worker_folder

    pretraining.start_from(config, model, RunFolder(path))
    _check_batch_size(config, dataset, model)
    config = build_training.fit_batch_size(config, dataset, model, facts.device)
    loss = instantiate(config.loss)
    print_model(model, facts)
    with open_run(config, worker_folder(path), dataset) as (folder, tracker):
        rows = [list(row.values()) for row in model.parameter_rows()]
        tracker.table("parameters", ["layer", "shape", "params"], rows)
        progress = build_training.train(config, dataset, model, loss, folder, tracker)
        arguments = (config, dataset, folder, facts, progress.outcome(), tracker, began)
        if config.training.objective == "masked_patches":
            pretraining.write(*arguments)
        else:
            finish_run(*arguments, trained=model if config.device.strategy == "single" else None)
    return progress.best


def _check_batch_size(config: Config, dataset: ForecastDataset, model: Model) -> None:
    """Refuse a batch that has more windows than the training split."""
    if model.trains_in_batches and config.training.batch_size != "auto":
        steps_per_epoch(dataset.windows("train"), config.training.batch_size)
