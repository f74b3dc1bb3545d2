"""The training loop.

``train_network`` runs it through Keras' ``fit``, which keeps the state between two steps as each backend needs it, and
calls the callbacks in the order of their list. Unrolled, a run reads::

    for epoch in range(first_epoch, last_epoch):
        for batch in batches:
            loss = trainer.compute_loss(...)               # Trainer: forward pass and mean loss
            optimizer.apply(gradient(loss), weights)       # Trainer.train_step: gradient and update
            progress.batch += 1                            # BudgetCallback: stop at the budget, or if the loss is NaN
            every few minutes: save(last.npz)              # Checkpoint
        figures = validate()                               # EarlyStopping: stop if val/loss no longer falls
        print(loss, figures, speed)                        # progress bar
        metrics.jsonl, tracker << figures                  # MetricsLogger
        if figures are the best so far: save(best.keras)   # Checkpoint
        save(last.npz)                                     # Checkpoint: a killed run resumes here
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import keras

from tsforecast.evaluation.evaluate import validation_figures
from tsforecast.models.estimator import Estimator
from tsforecast.models.forecaster import Forecaster
from tsforecast.models.io import ESTIMATOR_SUFFIX, save_model
from tsforecast.stages import stage
from tsforecast.tracking.progress import progress_callback
from tsforecast.training.callbacks import (
    BudgetCallback,
    Checkpoint,
    EarlyStopping,
    MetricsLogger,
    RestoreMeans,
    finish_on_signals,
)
from tsforecast.training.checkpoint import load_state
from tsforecast.training.pretraining import MaskedTrainer, reconstruction_figures
from tsforecast.training.state import Budget, Progress
from tsforecast.training.trainer import (
    LearningRate,
    Trainer,
    compile_trainer,
    first_scored_step,
    shard_count,
    train_batches,
)

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.losses import Loss
    from tsforecast.models.protocol import Model
    from tsforecast.tracking.protocol import Tracker
    from tsforecast.tracking.run_folder import RunFolder
    from tsforecast.training.options import TrainingOptions

# Maps the number of updates of the run (None if only time limits it) to an optimizer and its learning rate.
OptimizerFactory: TypeAlias = Callable[[int | None], tuple[keras.optimizers.Optimizer, LearningRate]]


@dataclasses.dataclass(frozen=True)
class TrainingRun:
    """Everything that a training needs in addition to the model.

    Args:
        dataset: Training and validation windows.
        loss: Loss to minimize.
        folder: Run folder; the best model, the state and the metrics are written there.
        tracker: Tracker that receives the metrics.
        options: Budget, batches, supervision and checkpoints.
        make_optimizer: Creates the optimizer.
        seed: Random seed for the order of the windows.
        resume: Whether to continue from the state in the folder, if there is one.
        best: Validation loss of a model that is in the folder already, as its best so far.
    """

    dataset: ForecastDataset
    loss: Loss
    folder: RunFolder
    tracker: Tracker
    options: TrainingOptions
    make_optimizer: OptimizerFactory
    seed: int
    resume: bool = False
    best: float = math.inf

    def log(self, row: dict[str, Any], windows: int | None = None) -> None:
        """Append a row to the metrics of the run and send it to the tracker.

        Args:
            row: Figures of an epoch.
            windows: Windows seen so far, for the tracker; None if the model does not train in batches.
        """
        self.folder.append_metrics(row)
        with stage("tracker"):
            self.tracker.log(row if windows is None else row | {"windows": windows}, step=row["step"])


def train(model: Model, run: TrainingRun) -> Progress:
    """Train a model of any kind, and leave the best version of it in the run folder."""
    if isinstance(model, Estimator):
        return fit_estimator(model, run)
    if isinstance(model, Forecaster) and model.trains_in_batches:
        return train_network(model, run)
    save_model(model, run.folder.best)
    return Progress(ended="nothing to train")


@stage("compilation")
def train_network(model: Forecaster, run: TrainingRun) -> Progress:
    """Train a network until its budget ends, from its last checkpoint if the run is resumed.

    Raises:
        KeyboardInterrupt: A signal interrupted the training; its state is saved.
    """
    options, folder, windows = run.options, run.folder, run.dataset.windows("train")
    budget = Budget.from_options(options, len(windows))
    soft = run.dataset.soft
    share = None if soft is None else soft.share
    trainer = create_trainer(model, run.loss, options, run.make_optimizer(budget.max_updates), share)
    progress = Progress(best=run.best)
    if run.resume and folder.last.is_file():
        progress = Progress.from_dict(load_state(folder.last, trainer))
        print(f"Resumed at step {budget.updates(progress.batch)}.")
    folder.truncate_metrics(budget.updates(progress.batch))
    progress_bar = _progress_bar(trainer, options, budget, progress)
    per_step = options.batch_size * budget.accumulate

    def log(row: dict[str, Any]) -> None:
        run.log(row, row["step"] * per_step)

    early_stopping = EarlyStopping(progress, budget, lambda: validate(trainer, run))
    callbacks = [
        BudgetCallback(progress, budget),
        early_stopping,
        progress_bar,
        MetricsLogger(progress, budget, progress_bar.epoch_stats, log),
        Checkpoint(progress, budget, folder.best, folder.last, early_stopping),
    ]
    batches = train_batches(trainer, windows, options.batch_size, run.seed)
    with progress_bar, finish_on_signals(progress):
        fit(trainer, batches, progress, budget, callbacks)
    if progress.interrupted:
        raise KeyboardInterrupt
    return progress


def fit(
    trainer: keras.Model,
    batches_from: Callable[[int], Iterator[Any]],
    progress: Progress,
    budget: Budget,
    callbacks: list[keras.callbacks.Callback],
) -> None:
    """Run Keras' ``fit`` from the current batch to the end of the budget.

    Keras' epochs all have the same number of steps, so the rest of an interrupted epoch takes a call of its own.

    Args:
        trainer: Compiled trainer.
        batches_from: Returns the endless batches from a given batch on.
        progress: State of the run, updated by the callbacks.
        budget: Limits of the run.
        callbacks: Called in this order.
    """

    def run_epochs(first: int, last: int, steps: int, callbacks: list[keras.callbacks.Callback]) -> None:
        trainer.fit(
            batches_from(progress.batch),
            initial_epoch=first,
            epochs=last,
            steps_per_epoch=steps,
            callbacks=callbacks,
            shuffle=False,  # the batches have an order of their own
            verbose=0,
        )

    if progress.ended:  # interrupted after its last step: only what follows the training is left
        return
    epoch, batch = divmod(progress.batch, budget.batches_per_epoch)
    if batch:
        # The variable, not its value: several devices may share it, and Keras knows how to read that.
        means = [keras.ops.convert_to_numpy(variable) for variable in trainer.metrics_variables]
        run_epochs(epoch, epoch + 1, budget.batches_per_epoch - batch, [RestoreMeans(means), *callbacks])
        epoch += 1
    if not (progress.ended or progress.interrupted):
        last = epoch + 1 + (budget.max_batches or 2**40) // budget.batches_per_epoch
        run_epochs(epoch, last, budget.batches_per_epoch, callbacks)


@stage("validation")
def validate(trainer: Trainer, run: TrainingRun) -> dict[str, float]:
    """Return the figures on the validation windows, including ``val/loss``."""
    limit = run.options.validation_windows
    if isinstance(trainer, MaskedTrainer):
        return reconstruction_figures(trainer, run.dataset.windows("val", limit=limit))
    return validation_figures(trainer.forecaster, run.dataset, run.loss, limit)


def create_trainer(
    model: Forecaster,
    loss: Loss,
    options: TrainingOptions,
    optimizer: tuple[keras.optimizers.Optimizer, LearningRate],
    soft_share: float | None = None,
) -> Trainer:
    """Return the compiled trainer of a model.

    Args:
        model: Network to train.
        loss: Loss to minimize; pre-training has one of its own.
        options: Objective, supervision, batch size and shards.
        optimizer: Optimizer and its learning rate.
        soft_share: Weight of the teacher in the targets of a student; None without one.
    """
    shards = shard_count(options)
    if options.objective == "masked_patches":
        trainer: Trainer = MaskedTrainer(model, options.mask_share, shards=shards)
    else:
        first = first_scored_step(options, model.has_sequence)
        trainer = Trainer(model, loss, dense_from=first, shards=shards, soft_share=soft_share)
    return compile_trainer(trainer, *optimizer, options.batch_size)


@stage("training")
def fit_estimator(model: Estimator, run: TrainingRun) -> Progress:
    """Fit a model that is not a network, and write its only row of metrics and its file."""
    progress = Progress()
    rounds = model.fit(
        run.dataset.windows("train"), run.dataset.windows("val"), seed=run.seed, loss=run.loss, log=print
    )
    with stage("validation"):
        figures = validation_figures(model, run.dataset, run.loss, run.options.validation_windows)
    progress.best, progress.best_step, progress.ended = figures["val/loss"], rounds, "patience"
    run.log({"epoch": 1, "step": rounds, **figures, "seconds": progress.elapsed()})
    model.save(run.folder.best.with_suffix(ESTIMATOR_SUFFIX))
    return progress


def _progress_bar(trainer: Trainer, options: TrainingOptions, budget: Budget, progress: Progress) -> Any:
    minutes = budget.max_minutes
    return progress_callback(
        budget.max_updates,
        accumulate=budget.accumulate,
        start_step=budget.updates(progress.batch),
        batch_size=options.batch_size * budget.accumulate,
        input_wait=lambda: trainer.waited_seconds,
        deadline=None if minutes is None else time.monotonic() + minutes * 60 - progress.seconds,
    )
