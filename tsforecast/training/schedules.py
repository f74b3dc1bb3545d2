"""Learning rate schedules. Each function takes the peak rate and the number of steps of the whole run."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import keras
from keras import ops

from tsforecast.options import Range
from tsforecast.typing import Tensor

TIME_STEPS = 10_000  # steps of a schedule that depends on the time

Schedule: TypeAlias = keras.optimizers.schedules.LearningRateSchedule


def constant(learning_rate: float, steps: int | None) -> float:
    """Return the rate unchanged."""
    return learning_rate


def cosine(
    learning_rate: float,
    steps: int,
    warmup_share: Annotated[float, Range(0.0, 0.9)],
    final_share: Annotated[float, Range(0.0, 1.0)],
) -> Schedule:
    """Return a linear warm-up from zero, followed by half a cosine.

    Args:
        learning_rate: Peak, reached after the warm-up.
        steps: Steps of the whole run.
        warmup_share: Share of the steps for the warm-up, in [0, 0.9].
        final_share: Rate at the last step as a share of the peak, in [0, 1].

    Source: Loshchilov & Hutter (2017), SGDR, eq. 5, without restarts.

    Example:
        >>> schedule = cosine(0.1, steps=100, warmup_share=0.5, final_share=0.0)
        >>> [round(float(schedule(step)), 3) for step in (0, 25, 50, 75, 100)]
        [0.0, 0.05, 0.1, 0.05, 0.0]
    """
    warmup = int(steps * warmup_share)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else learning_rate,
        decay_steps=max(steps - warmup, 1),
        alpha=final_share,
        warmup_target=learning_rate if warmup else None,
        warmup_steps=warmup,
    )


def exponential(
    learning_rate: float,
    steps: int,
    final_share: Annotated[float, Range(0.0, 1.0)],
    stairs: Annotated[int | None, Range(2, 10_000)] = None,
) -> Schedule:
    """Return ``learning_rate * final_share ** (step / steps)``, or the same decay in equal stairs.

    Args:
        learning_rate: Rate at the start, and on the first stair.
        steps: Steps of the whole run.
        final_share: Rate after the last step, or on the last stair, as a share of the rate at the start, in (0, 1].
        stairs: Number of stairs >= 2, or None. With ``2 ** (1 - N)`` as the final share, N stairs halve the rate each
            time.

    Example:
        >>> schedule = exponential(0.4, steps=30, final_share=0.25, stairs=3)
        >>> [round(float(schedule(step)), 3) for step in (0, 9, 10, 20)]
        [0.4, 0.4, 0.2, 0.1]
    """
    parts, falls = (1, 1) if stairs is None else (stairs, stairs - 1)
    return keras.optimizers.schedules.ExponentialDecay(
        learning_rate,
        decay_steps=steps / parts,
        decay_rate=final_share ** (1 / falls),
        staircase=stairs is not None,
    )


def to_time_schedule(schedule: Schedule | float) -> Schedule | float:
    """Turn a schedule over ``TIME_STEPS`` steps into one over the minutes of a run; a constant rate stays unchanged."""
    return (
        TimeSchedule(schedule)
        if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule)
        else schedule
    )


@keras.saving.register_keras_serializable(package="tsforecast")
class TimeSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that depends on the time instead of the step, for runs that are limited by minutes.

    Args:
        schedule: Schedule over ``TIME_STEPS`` steps.

    Attributes:
        share: Share of the minutes that have passed, in [0, 1]; assigned by ``BudgetCallback``.

    Example:
        >>> schedule = TimeSchedule(cosine(0.1, TIME_STEPS, warmup_share=0.0, final_share=0.0))
        >>> _ = schedule.share.assign(0.5)
        >>> round(float(schedule(123)), 3)
        0.05
    """

    def __init__(self, schedule: Schedule):
        super().__init__()
        self.schedule = schedule
        self.share = keras.Variable(0.0, trainable=False, dtype="float32", name="share")

    def __call__(self, step: Tensor) -> Tensor:
        """Return the current rate, whatever the step."""
        return self.schedule(ops.cast(self.share * TIME_STEPS, "int32"))

    def get_config(self) -> dict[str, Any]:
        """Return the inner schedule."""
        return {"schedule": keras.optimizers.schedules.serialize(self.schedule)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TimeSchedule:
        """Rebuild the schedule with its inner one."""
        return cls(keras.optimizers.schedules.deserialize(config["schedule"]))


def to_update_schedule(schedule: Schedule | float, accumulate: int) -> Schedule | float:
    """Adapt a schedule over updates to an optimizer that takes ``accumulate`` batches per update.

    Keras looks the rate up at the batch, not at the update. A constant rate is returned unchanged.
    """
    return (
        UpdateSchedule(schedule, accumulate)
        if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule) and accumulate > 1
        else schedule
    )


@keras.saving.register_keras_serializable(package="tsforecast")
class UpdateSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule over updates that is looked up at batches.

    Args:
        schedule: Schedule over updates.
        accumulate: Batches per update, >= 1.

    Example:
        >>> schedule = UpdateSchedule(exponential(0.4, steps=2, final_share=0.25, stairs=2), accumulate=4)
        >>> [round(float(schedule(batch)), 3) for batch in (0, 3, 4)]
        [0.4, 0.4, 0.1]
    """

    def __init__(self, schedule: Schedule, accumulate: int):
        super().__init__()
        self.schedule, self.accumulate = schedule, accumulate

    def __call__(self, step: Tensor) -> Tensor:
        """Return the rate of the update that batch ``step`` belongs to."""
        return self.schedule(keras.ops.floor_divide(step, self.accumulate))

    def get_config(self) -> dict[str, Any]:
        """Return the inner schedule and the batches per update."""
        inner = keras.optimizers.schedules.serialize(self.schedule)
        return {"schedule": inner, "accumulate": self.accumulate}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> UpdateSchedule:
        """Rebuild the schedule with its inner one."""
        inner = keras.optimizers.schedules.deserialize(config["schedule"])
        return cls(inner, config["accumulate"])
