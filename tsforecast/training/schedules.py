"""Learning rate over the steps of a run. Each function takes the peak rate and the number of steps of the whole run."""

from typing import Annotated, Any

import keras
from keras import ops

from tsforecast.options import Range

PARTS = 10_000  # steps that a schedule over minutes is cut into


def constant(learning_rate: float, steps: int | None) -> float:
    """The rate as it is."""
    return learning_rate


def cosine(
    learning_rate: float,
    steps: int,
    warmup_share: Annotated[float, Range(0.0, 0.9)],
    final_share: Annotated[float, Range(0.0, 1.0)],
) -> Any:
    """Linear warm-up from zero, then half a cosine down.

    Args:
        learning_rate: the peak, reached after the warm-up.
        steps: of the whole run.
        warmup_share: of the steps, in [0, 0.9].
        final_share: of the peak, at the last step, in [0, 1].

    Source: Loshchilov & Hutter (2017), SGDR, eq. 5, without restarts.
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
) -> Any:
    """The rate times ``final_share ** (step / steps)``, or in as many equal stairs, the first at the rate itself.

    Args:
        learning_rate: at the start.
        steps: of the whole run.
        final_share: of the rate at the start, after the last step or on the last stair, in (0, 1].
        stairs: >= 2, or None. With ``2 ** (1 - N)`` as the final share, N stairs halve the rate each time.
    """
    parts, falls = (1, 1) if stairs is None else (stairs, stairs - 1)
    return keras.optimizers.schedules.ExponentialDecay(
        learning_rate,
        decay_steps=steps / parts,
        decay_rate=final_share ** (1 / falls),
        staircase=stairs is not None,
    )


def by_time(schedule: Any) -> Any:
    """A schedule over ``PARTS`` steps as one over the share of a run's minutes; a constant rate as it is."""
    is_schedule = isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule)
    return ByTime(schedule) if is_schedule else schedule


@keras.saving.register_keras_serializable(package="tsforecast")
class ByTime(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that goes by the clock, whatever the step: for runs whose budget is minutes.

    Args:
        schedule: over ``PARTS`` steps.

    Attributes:
        share: of the minutes that have passed, in [0, 1]; whoever has the clock assigns it.
    """

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule):
        super().__init__()
        self.schedule = schedule
        self.share = keras.Variable(0.0, trainable=False, dtype="float32", name="share")

    def __call__(self, step: Any) -> Any:
        """The rate now."""
        return self.schedule(ops.cast(self.share * PARTS, "int32"))

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"schedule": keras.optimizers.schedules.serialize(self.schedule)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ByTime":
        """Rebuilds the inner schedule."""
        return cls(keras.optimizers.schedules.deserialize(config["schedule"]))


def per_update(schedule: Any, accumulate: int) -> Any:
    """The same schedule for an optimizer that takes ``accumulate`` batches an update; a constant rate as it is.

    Keras asks a schedule for the rate at the batch, not at the update.
    """
    is_schedule = isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule)
    return PerUpdate(schedule, accumulate) if is_schedule and accumulate > 1 else schedule


@keras.saving.register_keras_serializable(package="tsforecast")
class PerUpdate(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule over updates, asked at batches.

    Args:
        schedule: over updates.
        accumulate: batches an update, >= 1.
    """

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule, accumulate: int):
        super().__init__()
        self.schedule, self.accumulate = schedule, accumulate

    def __call__(self, step: Any) -> Any:
        """The rate of the update that batch ``step`` belongs to."""
        return self.schedule(keras.ops.floor_divide(step, self.accumulate))

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        inner = keras.optimizers.schedules.serialize(self.schedule)
        return {"schedule": inner, "accumulate": self.accumulate}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "PerUpdate":
        """Rebuilds the inner schedule."""
        inner = keras.optimizers.schedules.deserialize(config["schedule"])
        return cls(inner, config["accumulate"])
