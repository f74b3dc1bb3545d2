"""Learning rate over the steps of a run. Each function takes the peak rate and the number of steps of the whole run."""

from typing import Any

import keras


def constant(learning_rate: float, steps: int | None) -> float:
    """The rate as it is."""
    return learning_rate


def cosine(learning_rate: float, steps: int, warmup_share: float, final_share: float) -> Any:
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


def exponential(learning_rate: float, steps: int, final_share: float) -> Any:
    """The rate times ``final_share ** (step / steps)``."""
    return keras.optimizers.schedules.ExponentialDecay(
        learning_rate, decay_steps=steps, decay_rate=final_share
    )
