"""job=train: from rows to a trained, scored and reported forecaster."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tsforecast.config import Config, instantiate
from tsforecast.config.stored import as_dict, as_yaml
from tsforecast.data.batches import steps_per_epoch
from tsforecast.errors import UserError
from tsforecast.jobs import build, pretraining, results, sizing
from tsforecast.jobs.stored_data import build_training_data, record_training_data
from tsforecast.models.io import save_model
from tsforecast.tracking.protocol import Tracker
from tsforecast.tracking.run_folder import RunFolder


def main(config: Config, path: Path) -> float | None:
    """Trains until the budget ends, then evaluates the best model; returns its best validation loss.

    An interrupted run is gone on with when ``config.resume`` names its folder.
    """
    began = time.monotonic()
    ensure_not_finished(config, RunFolder(path))
    dataset = build_training_data(config, RunFolder(path))
    results.print_notes(dataset)
    facts = build.set_up_runtime(config)
    model = build.forecaster(config, dataset)
    pretraining.start_from(config, model, RunFolder(path))

    from tsforecast.models.estimator import Estimator

    in_batches = not isinstance(model, Estimator) and bool(model.trainable_variables)
    if in_batches and config.training.batch_size != "auto":
        steps_per_epoch(dataset.windows("train"), config.training.batch_size)
    config = sizing.sized(config, dataset, model, facts)
    loss = instantiate(config.loss)
    results.print_model(model, facts)
    # Nothing is written before all that can be refused was looked at.
    folder = RunFolder.create(build.worker_folder(path))
    if config.resume is None:
        folder.write_text_atomic("config.yaml", as_yaml(config))
    record_training_data(config, folder, dataset)
    tracker = instantiate(config.tracker, config=as_dict(config), folder=folder, name=folder.path.name)
    with record_failure(folder), tracker as tracked:
        tracked.table(
            "parameters",
            ["layer", "shape", "params"],
            [list(row.values()) for row in model.parameter_rows()],
        )
        progress = learn(config, dataset, model, loss, folder, tracked)
        outcome = {
            "ended": progress.ended,
            "best_step": progress.best_step,
            "training_seconds": progress.elapsed(),
        }
        write = pretraining.write if config.training.objective == "masked_patches" else results.write
        write(config, dataset, folder, facts, outcome, tracked, began)
    return progress.best


def ensure_not_finished(config: Config, folder: RunFolder) -> None:
    """Refuses to go on with a finished run.

    Raises:
        UserError: the folder that ``config.resume`` names holds one.
    """
    done = folder.result.is_file() and results.read(folder).get("status") == "done"
    if config.resume is not None and done:
        raise UserError(f"{folder.path} is finished: see {folder.report}, or start a new run.")


def learn(
    config: Config,
    dataset: Any,
    model: Any,
    loss: Any,
    folder: RunFolder,
    tracked: Tracker,
    *,
    best: float = math.inf,
) -> Any:
    """Trains a model, whatever its kind, and leaves the best one in the folder; returns the progress.

    ``best`` is the validation loss of a model that lies there already, as its best so far.
    """
    from tsforecast.models.estimator import Estimator
    from tsforecast.training.state import Progress

    if isinstance(model, Estimator):
        return _fit_at_once(config, dataset, model, loss, folder, tracked)
    if model.trainable_variables:
        return _train(config, dataset, model, loss, folder, tracked, best)
    save_model(model, folder.best)
    return Progress(ended="nothing to train")


def _train(
    config: Config, dataset: Any, model: Any, loss: Any, folder: RunFolder, tracked: Tracker, best: float
) -> Any:
    """Runs ``fit`` to the end of the budget, from the last checkpoint where there is one; returns the progress."""
    from tsforecast.evaluation.evaluate import validation_figures
    from tsforecast.tracking.progress import progress_callback
    from tsforecast.training import callbacks as around
    from tsforecast.training.checkpoint import load_state
    from tsforecast.training.loop import fit
    from tsforecast.training.pretraining import fill_in_figures
    from tsforecast.training.state import Budget, Progress

    options = config.training
    budget = Budget.plan(
        windows=len(dataset.windows("train")),
        batch_size=options.batch_size,
        accumulate_steps=options.accumulate_steps,
        steps_per_epoch=options.steps_per_epoch,
        max_steps=options.max_steps,
        max_epochs=options.max_epochs,
        max_minutes=options.max_minutes,
        patience=options.patience,
        min_delta=options.min_delta,
        checkpoint_minutes=build.checkpoint_minutes(config),
    )
    trainer = build.trainer(config, model, loss, budget.max_updates)
    progress = Progress(best=best)
    if config.resume is not None and folder.last.is_file():
        progress = Progress.from_dict(load_state(folder.last, trainer))
        print(f"Resumed at step {progress.batch // budget.accumulate}.")
    folder.truncate_metrics(progress.batch // budget.accumulate)

    def write(row: dict[str, Any]) -> None:
        folder.append_metrics(row)
        tracked.log(row, step=row["step"])

    shown = progress_callback(
        budget.max_updates,
        accumulate=budget.accumulate,
        start_step=progress.batch // budget.accumulate,
        batch_size=options.batch_size * budget.accumulate,
        input_wait=lambda: trainer.waited_seconds,
        deadline=None
        if budget.max_minutes is None
        else time.monotonic() + budget.max_minutes * 60 - progress.seconds,
    )

    def figures() -> dict[str, float]:
        if options.objective == "masked_patches":
            return fill_in_figures(trainer, dataset.windows("val", limit=options.validation_windows))
        return validation_figures(model, dataset, loss, options.validation_windows)

    score = around.EarlyStopping(progress, budget, figures)
    record = around.MetricsLogger(progress, budget, shown.epoch_stats, write)
    keep = around.Checkpoint(progress, budget, folder.best, folder.last, score)
    batches = build.stream(config, dataset, trainer)
    with shown, around.finishing_on_signals(progress):
        fit(
            trainer,
            batches,
            progress,
            budget,
            [around.BudgetCallback(progress, budget), score, shown, record, keep],
        )
    if progress.interrupted:
        raise KeyboardInterrupt
    return progress


def _fit_at_once(
    config: Config, dataset: Any, model: Any, loss: Any, folder: RunFolder, tracked: Tracker
) -> Any:
    """Fits a model that is no network, writes its one line of figures and its file; returns the progress."""
    from tsforecast.evaluation.evaluate import validation_figures
    from tsforecast.models.io import ESTIMATOR_SUFFIX
    from tsforecast.training.state import Progress

    progress = Progress()
    rounds = model.fit(
        dataset.windows("train"), dataset.windows("val"), seed=config.seed, loss=loss, log=print
    )
    figures = validation_figures(model, dataset, loss, config.training.validation_windows)
    progress.best, progress.best_step, progress.ended = figures["val/loss"], rounds, "patience"
    row = {"epoch": 1, "step": rounds, **figures, "seconds": progress.elapsed()}
    folder.append_metrics(row)
    tracked.log(row, step=rounds)
    model.save(folder.best.with_suffix(ESTIMATOR_SUFFIX))
    return progress


@contextmanager
def record_failure(folder: RunFolder) -> Iterator[None]:
    """Writes what became of a run that did not finish into ``result.json``, and says how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        how = f"python run.py resume={folder.path}"
        folder.write_json("result.json", {"status": "interrupted", "resume": how})
        print(f"Interrupted; the state is saved. Go on with: {how}", flush=True)
        raise
    except Exception as error:
        folder.write_json("result.json", {"status": "failed", "error": str(error)})
        raise
