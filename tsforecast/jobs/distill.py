"""job=distill: train a small student on the forecasts of a large teacher, and score both."""

from __future__ import annotations

import time
from pathlib import Path

from tsforecast.config import Config, instantiate
from tsforecast.config.earlier_runs import check_same_task
from tsforecast.config.stored import load
from tsforecast.errors import UserError
from tsforecast.evaluation.summary import model_label, print_data, print_model
from tsforecast.jobs import build, build_model, build_training
from tsforecast.jobs.finish import finish_run
from tsforecast.jobs.lifecycle import ensure_not_finished, open_run
from tsforecast.jobs.stored_data import build_saved_data, check_resumed_data
from tsforecast.models.io import load_model
from tsforecast.registry.model_source import resolve_model
from tsforecast.tracking.run_folder import RunFolder


def main(config: Config, path: Path) -> float | None:
    """Train ``config.model`` on a mix of truths and teacher's forecasts; return its best validation loss."""
    began = time.monotonic()
    ensure_not_finished(config, RunFolder(path))
    source = resolve_model(config.registry, config.run)
    taught = load(source.config, config)
    check_same_task(config, taught, source.name)
    dataset = build_saved_data(config, source.model)
    check_resumed_data(config, RunFolder(path), dataset)
    print_data(dataset)
    facts = build.set_up_runtime(config)
    began += facts.import_seconds  # which the first job of a shared process alone would have to bear

    from tsforecast.reporting.distillation import compare_models
    from tsforecast.training.distillation import soft_outputs, with_soft_targets

    teacher, student = load_model(source.model), build_model.forecaster(config, dataset)
    if not student.trains_in_batches:
        raise UserError(
            f"model={model_label(student)} cannot learn from a teacher: choose a network, as in model=gru."
        )
    config = build_training.fit_batch_size(config, dataset, student, facts.device)
    print_model(student, facts)
    with open_run(config, path, dataset) as (folder, tracker):
        print(f"{source.name} forecasts {len(dataset.windows('train')):,} training windows", flush=True)
        output = soft_outputs(dataset, teacher, config.distill, config.seed, instantiate(taught.loss))
        targets = with_soft_targets(dataset, teacher.task, output, alpha=config.distill.share)
        progress = build_training.train(config, targets, student, instantiate(config.loss), folder, tracker)
        scored, findings = compare_models(dataset, teacher, load_model(folder.best), source.name)
        outcome = progress.outcome()
        finish_run(config, dataset, folder, facts, outcome, tracker, began, scored=scored, findings=findings)
    return progress.best
