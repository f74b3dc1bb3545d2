"""Instance normalisation: each window's own level and scale, taken out and put back."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="tsforecast")
class InstanceNorm(layers.Layer):
    """Takes each history's own mean and deviation out, and puts them back into a forecast (RevIN).

    Args:
        affine: also learn a scale and a shift for each channel.
        epsilon: added to the variance.

    Call arguments: history ``[B, M, L]``.
    Returns: the normalised history, and its statistics ``[B, M, 2]`` for ``restore``.

    Source: Kim et al. (2022), Reversible Instance Normalization, equations 2 to 5.
    """

    def __init__(self, affine: bool = False, epsilon: float = 1e-5, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.affine, self.epsilon = affine, epsilon

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """A scale and a shift for each channel, if so wished."""
        if self.affine:
            shape = (input_shape[1], 1)
            self.gain = self.add_weight(shape=shape, initializer="ones", name="gain")
            self.shift = self.add_weight(shape=shape, initializer="zeros", name="shift")
        self.built = True

    def call(self, history: Any) -> tuple[Any, Any]:
        """See the class."""
        mean = ops.mean(history, axis=-1, keepdims=True)
        deviation = ops.sqrt(ops.var(history, axis=-1, keepdims=True) + self.epsilon)
        normal = (history - mean) / deviation
        if self.affine:
            normal = normal * self.size() + self.shift
        return normal, ops.concatenate([mean, deviation], axis=-1)

    def size(self) -> Any:
        """The learned scale ``[M, 1]``, kept positive: a negative one would turn the order of quantiles round."""
        return ops.abs(self.gain) + self.epsilon**2

    def compute_output_spec(self, history: Any) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """The history's shape, and two statistics a channel."""
        return (
            keras.KerasTensor(history.shape, dtype="float32"),
            keras.KerasTensor((*history.shape[:-1], 2), dtype="float32"),
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "affine": self.affine, "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="tsforecast")
class RestoreInstance(layers.Layer):
    """Undoes an ``InstanceNorm`` on a forecast of some of its channels.

    Quantiles keep their order, since every scale is positive.

    Args:
        norm: the layer to undo, whose weights are used.
        channels: which of its M channels the forecast is of, T of them.

    Call arguments: forecast ``[B, T, H(, Q)]``, statistics ``[B, M, 2]``.
    Returns: float32, the forecast's shape.
    """

    def __init__(self, norm: InstanceNorm, channels: Sequence[int], **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.norm, self.channels = norm, list(channels)

    def call(self, forecast: Any, statistics: Any) -> Any:
        """See the class."""
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

    def compute_output_spec(self, forecast: Any, statistics: Any) -> keras.KerasTensor:
        """The forecast's shape."""
        return keras.KerasTensor(forecast.shape, dtype="float32")
