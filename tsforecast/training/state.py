"""How far a training run is, and when it ends."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsforecast.training.options import TrainingOptions


@dataclasses.dataclass(frozen=True)
class Budget:
    """The limits of a run; the first one reached ends it. They count batches: an update takes ``accumulate`` of them.

    Args:
        batches_per_epoch: Batches between two validations.
        max_batches: Batches of the whole run, or None for no limit.
        max_minutes: Minutes of training and validation, summed over all resumed parts, or None for no limit.
        patience: Epochs without a better validation loss, or None for no limit.
        min_delta: Smallest decrease of the validation loss that counts as better.
        checkpoint_minutes: Minutes between two checkpoints within an epoch.
        accumulate: Batches per update.

    Example:
        >>> budget = Budget(100, max_batches=250, max_minutes=None, patience=5, min_delta=0.0, checkpoint_minutes=3)
        >>> budget.is_epoch_end(100), budget.is_epoch_end(250)
        (True, False)
    """

    batches_per_epoch: int
    max_batches: int | None
    max_minutes: float | None
    patience: int | None
    min_delta: float
    checkpoint_minutes: float
    accumulate: int = 1

    @classmethod
    def from_options(cls, options: TrainingOptions, windows: int) -> Budget:
        """Return the budget of a run.

        Args:
            options: Limits in steps (updates), epochs and minutes.
            windows: Number of training windows.
        """
        accumulate = options.accumulate_steps
        steps = options.steps_per_epoch or max(windows // options.batch_size // accumulate, 1)
        per_epoch = steps * accumulate
        limits = [
            options.max_steps and options.max_steps * accumulate,
            options.max_epochs and options.max_epochs * per_epoch,
        ]
        return cls(
            batches_per_epoch=per_epoch,
            max_batches=min((limit for limit in limits if limit), default=None),
            max_minutes=options.max_minutes,
            patience=options.patience,
            min_delta=options.min_delta,
            checkpoint_minutes=options.checkpoint_minutes,
            accumulate=accumulate,
        )

    @property
    def max_updates(self) -> int | None:
        """Updates of the whole run, or None for no limit."""
        return None if self.max_batches is None else math.ceil(self.max_batches / self.accumulate)

    def is_epoch_end(self, batch: int) -> bool:
        """Whether an epoch is complete after so many batches."""
        return batch % self.batches_per_epoch == 0

    def updates(self, batch: int) -> int:
        """Return the number of updates after so many batches."""
        return batch // self.accumulate


@dataclasses.dataclass
class Progress:
    """What a checkpoint stores in addition to the weights.

    Args:
        batch: Number of batches trained on.
        best: Lowest validation loss so far.
        best_step: Update at which it was reached.
        stale: Epochs since then.
        seconds: Seconds of training before this process resumed it.
        first_update: Seconds until the first batch was trained on, compilation included; schedules start there.
        ended: Which limit ended the training; empty while it has not ended.
        interrupted: Whether a signal asked the training to stop.
        began: Start of this process' part, by ``time.monotonic``.
    """

    batch: int = 0
    best: float = math.inf
    best_step: int = 0
    stale: int = 0
    seconds: float = 0.0
    first_update: float = 0.0
    ended: str = ""
    interrupted: bool = False
    began: float = dataclasses.field(default_factory=time.monotonic)

    def elapsed(self) -> float:
        """Return the seconds of training so far, summed over all resumed parts."""
        return self.seconds + time.monotonic() - self.began

    def share_of(self, minutes: float) -> float:
        """Return the share of so many minutes, from the first update on, that has passed, in [0, 1]."""
        passed, planned = self.elapsed() - self.first_update, minutes * 60 - self.first_update
        return min(max(passed, 0.0) / planned, 1.0) if planned > 0 else 1.0

    def outcome(self) -> dict[str, Any]:
        """Return how the training ended, for the result of the run."""
        return {"ended": self.ended, "best_step": self.best_step, "training_seconds": self.elapsed()}

    def to_dict(self) -> dict[str, Any]:
        """Return the progress in types that JSON can hold; infinity becomes null."""
        return {
            "batch": self.batch,
            "best": self.best if math.isfinite(self.best) else None,
            "best_step": self.best_step,
            "stale": self.stale,
            "seconds": self.elapsed(),
            "first_update": self.first_update,
            "ended": self.ended,
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Progress:
        """Restore the progress from ``to_dict``; the clock of this process' part starts now."""
        return cls(**{**stored, "best": math.inf if stored["best"] is None else stored["best"]})
