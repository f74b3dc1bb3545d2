"""How far a training run is, and when it ends."""

import dataclasses
import math
import time
from typing import Any


@dataclasses.dataclass(frozen=True)
class Budget:
    """When training ends, whichever comes first. Batches, not updates: an update takes ``accumulate`` of them.

    Args:
        batches_per_epoch: batches between two validations.
        max_batches: of the whole run, or None.
        max_minutes: of training and validation, all sittings together, or None.
        patience: epochs without a better validation loss, or None.
        min_delta: by how much a loss must be lower to be better.
        checkpoint_minutes: between two checkpoints inside an epoch.
        accumulate: batches an update.
    """

    batches_per_epoch: int
    max_batches: int | None
    max_minutes: float | None
    patience: int | None
    min_delta: float
    checkpoint_minutes: float
    accumulate: int = 1

    @classmethod
    def plan(
        cls,
        *,
        windows: int,
        batch_size: int,
        accumulate_steps: int,
        steps_per_epoch: int | None,
        max_steps: int | None,
        max_epochs: int | None,
        max_minutes: float | None,
        patience: int | None,
        min_delta: float,
        checkpoint_minutes: float,
    ) -> "Budget":
        """The budget of a run over so many training windows; a step is an update."""
        per_epoch = (steps_per_epoch or max(windows // batch_size // accumulate_steps, 1)) * accumulate_steps
        limits = [max_steps and max_steps * accumulate_steps, max_epochs and max_epochs * per_epoch]
        given = [limit for limit in limits if limit]
        return cls(
            batches_per_epoch=per_epoch,
            max_batches=min(given) if given else None,
            max_minutes=max_minutes,
            patience=patience,
            min_delta=min_delta,
            checkpoint_minutes=checkpoint_minutes,
            accumulate=accumulate_steps,
        )

    @property
    def max_updates(self) -> int | None:
        """Updates of the whole run, or None without an end in steps."""
        return None if self.max_batches is None else math.ceil(self.max_batches / self.accumulate)


@dataclasses.dataclass
class Progress:
    """What a checkpoint must remember beside the weights."""

    batch: int = 0  # batches trained on
    best: float = math.inf  # lowest validation loss
    best_step: int = 0  # update at which it was reached
    stale: int = 0  # epochs since
    seconds: float = 0.0  # of training in earlier sittings
    ended: str = ""  # why training ended; empty while it has not
    interrupted: bool = False
    began: float = dataclasses.field(default_factory=time.monotonic)

    def elapsed(self) -> float:
        """Seconds of training, all sittings together."""
        return self.seconds + time.monotonic() - self.began

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it; infinity as null."""
        return {
            "batch": self.batch,
            "best": self.best if math.isfinite(self.best) else None,
            "best_step": self.best_step,
            "stale": self.stale,
            "seconds": self.elapsed(),
            "ended": self.ended,
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Progress":
        """The inverse of ``to_dict``; the clock of this sitting starts now."""
        return cls(**{**stored, "best": math.inf if stored["best"] is None else stored["best"]})
