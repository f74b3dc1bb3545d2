"""The training of one member of an ensemble, as a run of its own."""

from __future__ import annotations

import dataclasses
import time

from tsforecast.config import Config, instantiate, stem
from tsforecast.config.ensemble_checks import member_options
from tsforecast.config.groups import choice
from tsforecast.config.schema import Job
from tsforecast.config.stored import as_yaml
from tsforecast.data.dataset import ForecastDataset
from tsforecast.evaluation.provenance import describe_provenance
from tsforecast.evaluation.result import RunResult
from tsforecast.evaluation.summary import print_model
from tsforecast.jobs import build_training
from tsforecast.jobs.set_up import set_up
from tsforecast.tracking.null_tracker import NullTracker
from tsforecast.tracking.run_folder import RunFolder


def member_config(config: Config, name: str) -> Config:
    """Return the config of a member's own training."""
    job = Job(name="train", _target_="tsforecast.jobs.train.main")
    model = choice("model", name) | member_options(config, name)
    return dataclasses.replace(config, job=job, model=model, resume=None)


def train_member(config: Config, dataset: ForecastDataset, folder: RunFolder) -> None:
    """Train one member, and leave its best model and validation figures in its folder.

    Args:
        config: Config of the member.
        dataset: Data of the ensemble.
        folder: Folder of the member, with checkpoints of an interrupted training if any.
    """
    start = time.monotonic()
    config, info, model = set_up(config, dataset)
    config = build_training.fit_batch_size(config, dataset, model, info.device)
    RunFolder.create(folder.path)
    print(f"\nmember {stem(config.model)}: {folder.path}", flush=True)
    print_model(model, info)
    folder.write_text_atomic("config.yaml", as_yaml(config))
    if folder.last.is_file():
        config = dataclasses.replace(config, resume=str(folder.path))
    progress = build_training.train(config, dataset, model, instantiate(config.loss), folder, NullTracker())
    best = next((row for row in folder.read_metrics() if row["step"] == progress.best_step), {})
    RunResult(
        status="done",
        model=stem(config.model),
        params=model.count_params(),
        users_estimate=model.nominal_params,
        seconds=max(time.monotonic() - start, progress.elapsed()),
        metrics={key: value for key, value in best.items() if key.startswith("val/")},
        **describe_provenance(dataset.series, dataset.parts, dataset.window, config.seed, info),
        training=progress.outcome(),
    ).write(folder.path)
