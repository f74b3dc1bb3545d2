"""Layers that look at a history at a coarser rate, and return from a few knots to every step."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tsforecast.typing import Tensor


@keras.saving.register_keras_serializable(package="tsforecast")
class MaxPoolTime(layers.Layer):
    """Takes the largest of every few steps: ``[..., L] -> [..., ceil(L / size)]``, in float32.

    The front is filled up with the first value, so that the newest steps always make up a whole pool.

    Args:
        size: Steps in a pool, at least 1.

    Example:
        >>> MaxPoolTime(2)(ops.convert_to_tensor([[1.0, 5.0, 2.0, 3.0, 4.0]])).numpy().tolist()
        [[1.0, 5.0, 4.0]]
    """

    def __init__(self, size: int, **kwargs: object):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.size = size

    def call(self, history: Tensor) -> Tensor:
        missing = -history.shape[-1] % self.size
        if missing:
            history = ops.concatenate([ops.repeat(history[..., :1], missing, axis=-1), history], axis=-1)
        pools = ops.reshape(history, (*ops.shape(history)[:-1], history.shape[-1] // self.size, self.size))
        return ops.max(pools, axis=-1)

    def compute_output_spec(self, history: Tensor) -> keras.KerasTensor:
        return keras.KerasTensor((*history.shape[:-1], -(-history.shape[-1] // self.size)), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable(package="tsforecast")
class Interpolate(layers.Layer):
    """Draws straight lines between knots: ``[..., P] -> [..., steps]``, in float32.

    Each knot is the value in the middle of its part of the steps; before the first and after the last one it stays.

    Args:
        steps: Number of steps, at least 1.

    Example:
        >>> Interpolate(4)(ops.convert_to_tensor([[0.0, 2.0]])).numpy().tolist()
        [[0.0, 0.5, 1.5, 2.0]]
    """

    def __init__(self, steps: int, **kwargs: object):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.steps = steps

    def call(self, knots: Tensor) -> Tensor:
        return ops.matmul(knots, ops.convert_to_tensor(interpolation_weights(knots.shape[-1], self.steps)))

    def compute_output_spec(self, knots: Tensor) -> keras.KerasTensor:
        return keras.KerasTensor((*knots.shape[:-1], self.steps), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "steps": self.steps}


def interpolation_weights(knots: int, steps: int) -> np.ndarray:
    """Return how much each knot contributes to each step, float32 ``[P, steps]``; the columns sum to 1."""
    position = np.clip((np.arange(steps) + 0.5) * knots / steps - 0.5, 0, knots - 1)
    weights = np.maximum(0.0, 1.0 - np.abs(position[None] - np.arange(knots)[:, None]))
    return np.asarray(weights, np.float32)
