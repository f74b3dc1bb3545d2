"""job=distill: a small student learns from a large teacher, and is scored beside it."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tsforecast.config import Config, build
from tsforecast.config.build import as_dict, as_yaml, load
from tsforecast.data.prepare import Prepared
from tsforecast.errors import UserError
from tsforecast.jobs import assemble, results, sizing
from tsforecast.jobs.train import learn, refuse_finished, told_at_the_end
from tsforecast.registry import Registry
from tsforecast.tracking.run_folder import RunFolder


def main(config: Config, path: Path) -> float | None:
    """Trains ``config.model`` on the teacher's forecasts and the truths; returns its best validation loss."""
    began = time.monotonic()
    refuse_finished(config, RunFolder(path))
    name, saved, own = _teacher(config)
    prepared = assemble.prepared_data(config)
    results.print_notes(prepared)
    _check_teacher(config, load(own, config), name)
    facts = assemble.prepared_runtime(config)

    from tsforecast.models.fitted import FittedModel
    from tsforecast.training.distillation import taught

    teacher = results.load_model(saved)
    model = assemble.forecaster(config, prepared)
    if isinstance(model, FittedModel) or not model.trainable_variables:
        raise UserError(f"model={model.name} cannot learn from a teacher: choose a network, as in model=gru.")
    config = sizing.sized(config, prepared, model, facts)
    results.print_model(model, facts)
    folder = RunFolder.create(path)
    if config.resume is None:
        folder.write_text_atomic("config.yaml", as_yaml(config))
    tracker = build(config.tracker, config=as_dict(config), folder=folder, name=folder.path.name)
    with told_at_the_end(folder), tracker as tracked:
        print(f"{name} forecasts {len(prepared.windows('train')):,} training windows", flush=True)
        lesson = taught(prepared, teacher, config.distill.share)
        progress = learn(config, lesson, model, build(config.loss), folder, tracked)
        facts |= {
            "ended": progress.ended,
            "best_step": progress.best_step,
            "training_seconds": progress.elapsed(),
        }
        scored, findings = _side_by_side(prepared, teacher, results.load_model(folder.best), name)
        results.write(config, prepared, folder, facts, tracked, began, scored=scored, findings=findings)
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
    prepared: Prepared, teacher: Any, student: Any, name: str
) -> tuple[SimpleNamespace, results.Findings]:
    """The student as scored, and a table of both: error on the test split, size, and time of one forecast."""
    from tsforecast.evaluation import evaluate

    rows, test = [], None
    for who, model in ((f"teacher ({name})", teacher), ("student", student)):
        test = evaluate(model, prepared, "test")
        rows.append(
            {
                "model": who,
                "RMSE": test.figures["rmse"],
                "MAE": test.figures["mae"],
                "params": model.count_params(),
                "one forecast (ms)": results.latency(model, prepared)["median"],
            }
        )
    note = "On the test split; the time is the median of warm forecasts of one window on this machine."
    table = ("Teacher and student", note, rows)
    return SimpleNamespace(model=student, test=test), results.Findings({"distilled": rows}, [table])
