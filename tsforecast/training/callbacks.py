"""What happens around the steps of the training loop; ``training.train`` puts the callbacks into their order."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import keras
import numpy as np

from tsforecast.errors import UserError
from tsforecast.models.io import save_model
from tsforecast.runtime import give_back_memory
from tsforecast.stages import stage, switch_stage
from tsforecast.training.checkpoint import save_state
from tsforecast.training.schedules import TimeSchedule
from tsforecast.training.state import Budget, Progress

CHECK_EVERY = 50  # batches between two checks of the loss; at each check the host waits for the device

Logs = dict[str, Any] | None


class BudgetCallback(keras.callbacks.Callback):
    """Counts batches, ends the training at the limit of its budget, and refuses a loss that is not finite.

    Args:
        progress: State of the run, updated in place.
        budget: Limits of the run.

    Raises:
        UserError: The loss is NaN or infinite.

    Example:
        >>> budget = Budget(10, max_batches=1, max_minutes=None, patience=None, min_delta=0.0, checkpoint_minutes=3)
        >>> callback = BudgetCallback(Progress(), budget)
        >>> callback.set_model(keras.Sequential())
        >>> callback.on_train_batch_end(0, {"loss": 0.5})  # doctest: +ELLIPSIS
        first step done after ... s, compilation included
        >>> callback.progress.ended
        'max_steps'
    """

    def __init__(self, progress: Progress, budget: Budget):
        super().__init__()
        self.progress, self.budget, self.first_step_reported = progress, budget, False

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Set the elapsed share of a schedule that depends on the time; a warm-up does not pass in compilation."""
        rate, minutes = getattr(self.model, "rate", None), self.budget.max_minutes
        if isinstance(rate, TimeSchedule) and minutes is not None:
            rate.share.assign(self.progress.share_of(minutes) if self.progress.batch else 0.0)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Count the batch and compare the progress with the budget."""
        progress, budget = self.progress, self.budget
        progress.batch += 1
        if progress.batch == 1:
            progress.first_update = progress.elapsed()
        if not self.first_step_reported:
            self.first_step_reported = True
            switch_stage("training")
            seconds = progress.elapsed() - progress.seconds
            print(f"first step done after {seconds:.1f} s, compilation included", flush=True)
        if progress.batch % CHECK_EVERY == 0 or progress.batch == 1:
            self._check_loss(logs)
        if budget.max_batches is not None and progress.batch >= budget.max_batches:
            progress.ended = "max_steps"
        elif budget.max_minutes is not None and progress.elapsed() >= budget.max_minutes * 60:
            progress.ended = "max_minutes"
        if progress.ended or progress.interrupted:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Check the loss of an epoch that has fewer batches than there are between two checks."""
        self._check_loss(logs)

    def _check_loss(self, logs: Logs) -> None:
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            step = self.budget.updates(self.progress.batch)
            raise UserError(
                f"The loss became {loss} by step {step}: lower optimizer.learning_rate, or set optimizer.clipnorm=1.0; "
                "the best model so far is kept in the run's folder."
            )


class EarlyStopping(keras.callbacks.Callback):
    """Scores the validation windows after each epoch, and ends the training when the loss stops falling.

    Args:
        progress: State of the run, updated in place.
        budget: Limits of the run, with ``patience`` and ``min_delta``.
        validate: Returns the validation figures, including ``val/loss``; they are added to the logs of the epoch.

    Attributes:
        improved: Whether the last epoch was the best so far.

    Example:
        >>> budget = Budget(10, max_batches=None, max_minutes=None, patience=1, min_delta=0.0, checkpoint_minutes=3)
        >>> losses = iter([0.5, 0.6])
        >>> callback = EarlyStopping(Progress(), budget, lambda: {"val/loss": next(losses)})
        >>> callback.set_model(keras.Sequential())
        >>> callback.on_epoch_end(0)
        >>> callback.on_epoch_end(1)
        >>> callback.progress.best, callback.progress.ended
        (0.5, 'patience')
    """

    def __init__(self, progress: Progress, budget: Budget, validate: Callable[[], Mapping[str, float]]):
        super().__init__()
        self.progress, self.budget, self.validate = progress, budget, validate
        self.improved = False

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Score, and compare with the best epoch so far."""
        self.improved = False
        if not is_epoch_complete(self.progress, self.budget):
            return
        give_back_memory()
        figures = self.validate()
        if logs is not None:
            logs.update(figures)
        progress = self.progress
        self.improved = figures["val/loss"] < progress.best - self.budget.min_delta
        if self.improved:
            progress.best, progress.stale = figures["val/loss"], 0
            progress.best_step = self.budget.updates(progress.batch)
        else:
            progress.stale += 1
        if self.budget.patience is not None and progress.stale >= self.budget.patience:
            progress.ended = progress.ended or "patience"
            self.model.stop_training = True


class MetricsLogger(keras.callbacks.Callback):
    """Writes one row of figures per epoch.

    Args:
        progress: State of the run.
        budget: Limits of the run.
        epoch_stats: Returns the speed of the epoch and its wait for input.
        write: Takes the row.
    """

    def __init__(
        self,
        progress: Progress,
        budget: Budget,
        epoch_stats: Callable[[], Mapping[str, float]],
        write: Callable[[dict[str, Any]], None],
    ):
        super().__init__()
        self.progress, self.budget, self.epoch_stats, self.write = progress, budget, epoch_stats, write

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Add speed, input wait, learning rate and time to the logs, and write them."""
        if not is_epoch_complete(self.progress, self.budget):
            return
        row: dict[str, Any] = {"epoch": epoch + 1, "step": self.budget.updates(self.progress.batch)}
        row |= {name: float(value) for name, value in (logs or {}).items()}
        row |= self.epoch_stats()
        row["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        row["seconds"] = self.progress.elapsed()
        self.write(row)


class Checkpoint(keras.callbacks.Callback):
    """Saves the best forecaster after an epoch, and the state of the run after each epoch and every few minutes.

    The best model is written first, then the state that counts it. A kill between the two repeats the epoch from the
    older state, and writes the same best model again.

    Args:
        progress: State of the run.
        budget: Limits of the run, with ``checkpoint_minutes``.
        best: File of the best forecaster.
        last: File of the state.
        early_stopping: Tells whether the epoch was the best so far.
    """

    def __init__(
        self, progress: Progress, budget: Budget, best: Path, last: Path, early_stopping: EarlyStopping
    ):
        super().__init__()
        self.progress, self.budget, self.best, self.last = progress, budget, best, last
        self.early_stopping = early_stopping
        self.saved_at = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Save the state every few minutes within an epoch.

        Not at its last batch: a run resumed from there would skip the validation that is still due.
        """
        due = time.monotonic() - self.saved_at >= self.budget.checkpoint_minutes * 60
        if due and not is_epoch_complete(self.progress, self.budget):
            self._save_state()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Save the best forecaster, if this epoch was the best, and the state."""
        if self.early_stopping.improved:
            with stage("checkpoints"):
                save_model(self.model.forecaster, self.best)
        self._save_state()

    @stage("checkpoints")
    def _save_state(self) -> None:
        save_state(self.last, self.model, self.progress.to_dict())
        self.saved_at = time.monotonic()


class RestoreMeans(keras.callbacks.Callback):
    """Restores the mean loss of an interrupted epoch, which ``fit`` resets when it starts.

    The row of the epoch then has the mean over the whole epoch.

    Args:
        values: Values of the trainer's metrics variables.
    """

    def __init__(self, values: list[np.ndarray]):
        super().__init__()
        self.values: list[np.ndarray] | None = values

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Restore the values, once."""
        if self.values is not None:
            for variable, value in zip(self.model.metrics_variables, self.values, strict=True):
                variable.assign(value)
            self.values = None


def is_epoch_complete(progress: Progress, budget: Budget) -> bool:
    """Whether the last batch completed an epoch, or ended the run within one; an interruption does not."""
    return bool(progress.ended) or budget.is_epoch_end(progress.batch)


@contextmanager
def finish_on_signals(progress: Progress) -> Iterator[None]:
    """Let the current step finish on Ctrl-C and SIGTERM, then end the training; a second Ctrl-C ends it at once."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        if progress.interrupted:
            raise KeyboardInterrupt
        progress.interrupted = True

    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread, which may belong to another program
        return
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
