"""Instance normalization: each window's own level and scale, removed before the model and restored after it."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from tsforecast.typing import Tensor


@keras.saving.register_keras_serializable(package="tsforecast")
class InstanceNorm(layers.Layer):
    """Removes each history's own mean and deviation, which ``RestoreInstance`` restores in a forecast (RevIN).

    Args:
        affine: Whether to learn a scale and a shift for each channel.
        epsilon: Added to the variance.

    Call arguments: history ``[B, M, L]``.
    Returns: the normalized history, and its statistics ``[B, M, 2]`` for ``RestoreInstance``.

    Source: Kim et al. (2022), Reversible Instance Normalization, equations 2 to 5.

    Example:
        >>> norm = InstanceNorm()
        >>> history, statistics = norm(ops.reshape(ops.arange(8, dtype="float32"), (1, 2, 4)))
        >>> RestoreInstance(norm, [1])(history[:, 1:], statistics).numpy().round(3).tolist()
        [[[4.0, 5.0, 6.0, 7.0]]]
    """

    def __init__(self, affine: bool = False, epsilon: float = 1e-5, **kwargs: object):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.affine, self.epsilon = affine, epsilon

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if self.affine:
            shape = (input_shape[1], 1)
            self.gain = self.add_weight(shape=shape, initializer="ones", name="gain")
            self.shift = self.add_weight(shape=shape, initializer="zeros", name="shift")
        self.built = True

    def call(self, history: Tensor) -> tuple[Tensor, Tensor]:
        mean = ops.mean(history, axis=-1, keepdims=True)
        deviation = ops.sqrt(ops.var(history, axis=-1, keepdims=True) + self.epsilon)
        normalized = (history - mean) / deviation
        if self.affine:
            normalized = normalized * self.size() + self.shift
        return normalized, ops.concatenate([mean, deviation], axis=-1)

    def size(self) -> Tensor:
        """Return the learned scale ``[M, 1]``, which is positive: a negative one would reverse the quantiles."""
        return ops.abs(self.gain) + self.epsilon**2

    def compute_output_spec(self, history: Tensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        return (
            keras.KerasTensor(history.shape, dtype="float32"),
            keras.KerasTensor((*history.shape[:-1], 2), dtype="float32"),
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "affine": self.affine, "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="tsforecast")
class RestoreInstance(layers.Layer):
    """Undoes an ``InstanceNorm`` on a forecast of some of its channels.

    Quantiles keep their order, since every scale is positive.

    Args:
        norm: Layer to undo; its weights are shared.
        channels: Indices of the T forecast channels among the M of ``norm``.
        points: Numbers on the last axis that are values of the series, see ``Distribution``; None if all are.

    Call arguments: forecast ``[B, T, H(, Q)]``, statistics ``[B, M, 2]``.
    Returns: float32, the forecast's shape.
    """

    def __init__(
        self, norm: InstanceNorm, channels: Sequence[int], points: int | None = None, **kwargs: object
    ):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.norm, self.channels, self.points = norm, list(channels), points

    def call(self, forecast: Tensor, statistics: Tensor) -> Tensor:
        if self.points is None:
            return self._restore(forecast, statistics)
        restored = self._restore(forecast[..., : self.points], statistics)
        return ops.concatenate([restored, forecast[..., self.points :]], axis=-1)

    def _restore(self, forecast: Tensor, statistics: Tensor) -> Tensor:
        tail = [1] * (len(forecast.shape) - 2)
        chosen = ops.stack([statistics[:, channel] for channel in self.channels], axis=1)  # [B, T, 2]
        mean, deviation = (ops.reshape(chosen[..., i], (-1, len(self.channels), *tail)) for i in (0, 1))
        if self.norm.affine:
            size, shift = (
                ops.reshape(ops.stack([weight[channel] for channel in self.channels]), (1, -1, *tail))
                for weight in (self.norm.size(), ops.convert_to_tensor(self.norm.shift))
            )
            forecast = (forecast - shift) / size
        return forecast * deviation + mean

    def compute_output_spec(self, forecast: Tensor, statistics: Tensor) -> keras.KerasTensor:
        return keras.KerasTensor(forecast.shape, dtype="float32")
