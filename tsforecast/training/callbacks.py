"""What happens around the steps of ``fit``: validation, stopping, checkpoints, records. All share one ``Progress``."""

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from tsforecast.errors import UserError
from tsforecast.models.io import save_model
from tsforecast.runtime import give_back_memory
from tsforecast.training.checkpoint import save_state
from tsforecast.training.schedules import ByTime
from tsforecast.training.state import Budget, Progress

CHECK_EVERY = 50  # batches between two looks at the loss: each look makes the host wait for the device


def epoch_is_over(progress: Progress, budget: Budget) -> bool:
    """Whether the batch just done was an epoch's last: full, or cut by the budget's end, but not by an interruption."""
    return bool(progress.ended) or progress.batch % budget.batches_per_epoch == 0


class BudgetCallback(keras.callbacks.Callback):
    """Counts batches, ends training at its budget, and stops it when the loss is no number.

    Raises:
        UserError: the loss is NaN or infinite.
    """

    def __init__(self, progress: Progress, budget: Budget):
        super().__init__()
        self.progress, self.budget, self.told = progress, budget, False

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Tells a schedule that goes by the clock how late it is."""
        rate, minutes = getattr(self.model, "rate", None), self.budget.max_minutes
        if isinstance(rate, ByTime) and minutes is not None:
            rate.share.assign(min(self.progress.elapsed() / (60 * minutes), 1.0))

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Counts, and looks at the budget."""
        progress, budget = self.progress, self.budget
        progress.batch += 1
        if not self.told:
            self.told = True
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

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Looks at the loss of an epoch that was too short for it."""
        self._check_loss(logs)

    def _check_loss(self, logs: dict[str, Any] | None) -> None:
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            step = self.progress.batch // self.budget.accumulate
            raise UserError(
                f"The loss became {loss} by step {step}: lower optimizer.learning_rate, or set optimizer.clipnorm=1.0; "
                "the best model so far is kept in the run's folder."
            )


class EarlyStopping(keras.callbacks.Callback):
    """Adds validation figures to the epoch's logs, and ends training when they stop falling.

    Args:
        score: returns the figures, with ``val/loss`` among them.
    """

    def __init__(self, progress: Progress, budget: Budget, score: Callable[[], dict[str, float]]):
        super().__init__()
        self.progress, self.budget, self.score = progress, budget, score
        self.improved = False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Scores, and notes whether this is the best so far."""
        self.improved = False
        if not epoch_is_over(self.progress, self.budget):
            return
        give_back_memory()
        figures = self.score()
        if logs is not None:
            logs.update(figures)
        progress = self.progress
        self.improved = figures["val/loss"] < progress.best - self.budget.min_delta
        if self.improved:
            progress.best, progress.stale = figures["val/loss"], 0
            progress.best_step = progress.batch // self.budget.accumulate
        else:
            progress.stale += 1
        if self.budget.patience is not None and progress.stale >= self.budget.patience:
            progress.ended = progress.ended or "patience"
            self.model.stop_training = True


class MetricsLogger(keras.callbacks.Callback):
    """Writes the epoch's line of figures.

    Args:
        stats: returns the epoch's rate and input wait.
        write: takes the line.
    """

    def __init__(
        self,
        progress: Progress,
        budget: Budget,
        stats: Callable[[], dict[str, float]],
        write: Callable[[dict[str, Any]], None],
    ):
        super().__init__()
        self.progress, self.budget, self.stats, self.write = progress, budget, stats, write

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds rate, input wait and learning rate, and writes the line."""
        if not epoch_is_over(self.progress, self.budget):
            return
        row: dict[str, Any] = {"epoch": epoch + 1, "step": self.progress.batch // self.budget.accumulate}
        row |= {name: float(value) for name, value in (logs or {}).items()}
        row |= self.stats()
        row["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        row["seconds"] = self.progress.elapsed()
        self.write(row)


class Checkpoint(keras.callbacks.Callback):
    """Saves the best forecaster and, often enough, the whole state.

    The order matters for a kill between any two writes: the best model first, then the state that says it was reached.
    Coming back to the older state repeats the epoch and writes the same best model again.

    Args:
        best: path of the best forecaster.
        last: path of the state.
        validate: tells whether the epoch was the best.
    """

    def __init__(self, progress: Progress, budget: Budget, best: Path, last: Path, validate: EarlyStopping):
        super().__init__()
        self.progress, self.budget, self.best, self.last, self.validate = (
            progress,
            budget,
            best,
            last,
            validate,
        )
        self.saved_at = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves the state every few minutes inside an epoch.

        Not at its end: coming back there would leave out the validation that is still to come.
        """
        due = time.monotonic() - self.saved_at >= self.budget.checkpoint_minutes * 60
        if due and not epoch_is_over(self.progress, self.budget):
            self._save_state()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves the best forecaster and the state."""
        if self.validate.improved:
            save_model(self.model.forecaster, self.best)
        self._save_state()

    def _save_state(self) -> None:
        save_state(self.last, self.model, self.progress.to_dict())
        self.saved_at = time.monotonic()


class RestoreMeans(keras.callbacks.Callback):
    """Puts the means of an interrupted epoch back after ``fit`` cleared them: the epoch's line is the whole epoch's."""

    def __init__(self, values: list[Any]):
        super().__init__()
        self.values: list[Any] | None = values

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Restores once."""
        if self.values is not None:
            for variable, value in zip(self.model.metrics_variables, self.values, strict=True):
                variable.assign(value)
            self.values = None


@contextmanager
def finishing_on_signals(progress: Progress) -> Iterator[None]:
    """Within, Ctrl-C and SIGTERM let the step finish and end training; a second Ctrl-C ends the program at once."""

    def ask(number: int, frame: Any) -> None:
        if progress.interrupted:
            raise KeyboardInterrupt
        progress.interrupted = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
