"""job=distill: a small student learns from a large teacher, and is scored beside it."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tsforecast.config import Config, instantiate
from tsforecast.config.stored import as_dict, as_yaml, load
from tsforecast.data.dataset import ForecastDataset
from tsforecast.errors import UserError
from tsforecast.jobs import build, results, sizing
from tsforecast.jobs.stored_data import build_saved_data, check_resumed_data, record_training_data
from tsforecast.jobs.train import ensure_not_finished, learn, record_failure
from tsforecast.models.io import load_model
from tsforecast.registry import Registry
from tsforecast.tracking.run_folder import RunFolder


def main(config: Config, path: Path) -> float | None:
    """Trains ``config.model`` on the teacher's forecasts and the truths; returns its best validation loss."""
    began = time.monotonic()
    ensure_not_finished(config, RunFolder(path))
    name, saved, own = _teacher(config)
    _check_teacher(config, load(own, config), name)
    dataset = build_saved_data(config, saved)
    check_resumed_data(config, RunFolder(path), dataset)
    results.print_notes(dataset)
    facts = build.set_up_runtime(config)

    from tsforecast.models.estimator import Estimator
    from tsforecast.training.distillation import with_soft_targets

    teacher = load_model(saved)
    model = build.forecaster(config, dataset)
    if isinstance(model, Estimator) or not model.trainable_variables:
        raise UserError(f"model={model.name} cannot learn from a teacher: choose a network, as in model=gru.")
    config = sizing.sized(config, dataset, model, facts)
    results.print_model(model, facts)
    folder = RunFolder.create(path)
    if config.resume is None:
        folder.write_text_atomic("config.yaml", as_yaml(config))
    record_training_data(config, folder, dataset)
    tracker = instantiate(config.tracker, config=as_dict(config), folder=folder, name=folder.path.name)
    with record_failure(folder), tracker as tracked:
        print(f"{name} forecasts {len(dataset.windows('train')):,} training windows", flush=True)
        lesson = with_soft_targets(dataset, teacher, config.distill.share)
        progress = learn(config, lesson, model, instantiate(config.loss), folder, tracked)
        outcome = {
            "ended": progress.ended,
            "best_step": progress.best_step,
            "training_seconds": progress.elapsed(),
        }
        scored, findings = _side_by_side(dataset, teacher, load_model(folder.best), name)
        results.write(
            config, dataset, folder, facts, outcome, tracked, began, scored=scored, findings=findings
        )
    return progress.best


def _teacher(config: Config) -> tuple[str, Path, Path]:
    """Name, saved model and config of the teacher."""
    if config.run is not None:
        folder = RunFolder.existing(config.run)
        return folder.path.name, folder.best, folder.config
    version = Registry(config.registry.path).champion()
    version.check()
    return version.name, version.model, version.config


def _check_teacher(config: Config, own: Config, name: str) -> None:
    """Refuses a teacher that forecasts something else.

    Raises:
        UserError: its data, split or window differ.
    """
    mine, theirs = as_dict(config), as_dict(own)
    for key in ("data", "window"):
        differing = [one for one in mine[key] if mine[key][one] != theirs[key].get(one)]
        if differing:
            raise UserError(
                f"{name} was trained with {key}.{differing[0]}={theirs[key].get(differing[0])}, and the student's is"
                f" {mine[key][differing[0]]}: give both the same."
            )


def _side_by_side(
    dataset: ForecastDataset, teacher: Any, student: Any, name: str
) -> tuple[SimpleNamespace, results.Findings]:
    """The student as scored, and a table of both: error on the test split, size, and time of one forecast."""
    from tsforecast.evaluation.evaluate import evaluate

    rows, test = [], None
    for who, model in ((f"teacher ({name})", teacher), ("student", student)):
        test = evaluate(model, dataset, "test")
        rows.append(
            {
                "model": who,
                "RMSE": test.figures["rmse"],
                "MAE": test.figures["mae"],
                "params": model.count_params(),
                "one forecast (ms)": results.latency(model, dataset)["median"],
            }
        )
    note = "On the test split; the time is the median of warm forecasts of one window on this machine."
    table = ("Teacher and student", note, rows)
    return SimpleNamespace(model=student, test=test), results.Findings({"distilled": rows}, [table])
