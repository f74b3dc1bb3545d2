"""Calibration of the logits of a spike."""

from typing import Any

import keras
from keras import layers, ops

from tsforecast.typing import Tensor


@keras.saving.register_keras_serializable(package="tsforecast")
class LogitCalibration(layers.Layer):
    """Maps logits ``z`` to ``slope * z + shift``, with one pair per target: ``[B, H, T] -> [B, H, T]``, in float32.

    Both are set after training, see ``evaluation.spike_calibration``; until then the layer changes nothing. A positive
    slope keeps the order of the windows.

    Source: Platt (1999), Probabilistic Outputs for Support Vector Machines, eq. 1.

    Example:
        >>> layer = LogitCalibration()
        >>> layer.build((None, 1, 2))
        >>> layer.set_weights([ops.array([0.5, 1.0]), ops.array([0.0, -1.0])])
        >>> layer(ops.ones((1, 1, 2))).numpy().tolist()
        [[[0.5, 0.0]]]
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        targets = (input_shape[-1],)
        self.slope = self.add_weight(shape=targets, initializer="ones", trainable=False, name="slope")
        self.shift = self.add_weight(shape=targets, initializer="zeros", trainable=False, name="shift")

    def call(self, logits: Tensor) -> Tensor:
        return self.slope * logits + self.shift

    def compute_output_spec(self, logits: Tensor) -> keras.KerasTensor:
        return keras.KerasTensor(logits.shape, "float32")

    def reset(self) -> None:
        """Return to the map that changes nothing."""
        self.set_weights([ops.ones_like(self.slope), ops.zeros_like(self.shift)])
