"""Forecasts relative to the last known value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tsforecast.typing import Tensor


@keras.saving.register_keras_serializable(package="tsforecast")
class Anchor(keras.layers.Layer):
    """Adds the last known value of each target to a forecast, so that the model learns the change from it.

    Args:
        target_indices: Channels of the T targets.
        every_step: Whether the forecast has one entry for each step of the window, each anchored at its own step.
        points: Numbers on the last axis that are values of the series, see ``Distribution``; None if all are.

    Call arguments: forecast ``[B(, L), H, T(, Q)]``, past ``[B, L, C]``.
    Returns: the anchored forecast, float32.

    Example:
        >>> import numpy as np
        >>> change = np.zeros((1, 2, 1), "float32")  # 2 steps ahead, no change
        >>> past = np.array([[[1.0], [3.0]]], "float32")
        >>> keras.ops.convert_to_numpy(Anchor([0])(change, past)).ravel().tolist()
        [3.0, 3.0]
    """

    def __init__(
        self,
        target_indices: Sequence[int],
        every_step: bool = False,
        points: int | None = None,
        **kwargs: object,
    ):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.target_indices, self.every_step, self.points = list(target_indices), every_step, points

    def call(self, forecast: Tensor, past: Tensor) -> Tensor:
        known = ops.stack([past[..., index] for index in self.target_indices], axis=-1)  # [B, L, T]
        known = ops.expand_dims(known if self.every_step else known[:, -1], axis=-2)  # [B(, L), 1, T]
        if len(forecast.shape) > len(known.shape):
            known = ops.expand_dims(known, axis=-1)
        if self.points is not None:
            known = known * (np.arange(forecast.shape[-1]) < self.points).astype("float32")
        return forecast + known

    def compute_output_spec(self, forecast: Tensor, past: Tensor) -> keras.KerasTensor:
        return keras.KerasTensor(forecast.shape, dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "target_indices": self.target_indices,
            "every_step": self.every_step,
            "points": self.points,
        }
