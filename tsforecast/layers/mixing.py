"""The mixing layers of TSMixer: along time for each channel, and across channels for each step."""

from typing import Any

import keras
from keras import layers, ops

from tsforecast.layers.kernels.fused import CheapDropout
from tsforecast.typing import Tensor

NORMS = ("batch", "layer")


@keras.saving.register_keras_serializable(package="tsforecast")
class MixingBlock(layers.Layer):
    """Mixes a series along time and then across channels, each with a norm before it and a shortcut around it.

    Args:
        hidden: Width of the layer that mixes channels.
        dropout: Share dropped after each dense layer, in [0, 1).
        norm: ``batch`` or ``layer``, of all steps and channels of a window together.

    Call arguments: series ``[B, L, C]``.
    Returns: ``[B, L, C]``.

    Source: Chen et al. (2023), TSMixer: An All-MLP Architecture for Time Series Forecasting, section 4.1; the norms
        are those of the published code, where each step of each channel has statistics of its own over a batch.

    Example:
        >>> MixingBlock(hidden=8)(ops.zeros((2, 12, 3))).shape
        TensorShape([2, 12, 3])
    """

    def __init__(self, hidden: int, dropout: float = 0.0, norm: str = "batch", **kwargs: object):
        super().__init__(**kwargs)
        if norm not in NORMS:
            raise ValueError(f"norm={norm} is not one of {', '.join(NORMS)}.")
        self.hidden, self.dropout, self.norm = hidden, dropout, norm
        policy = self.dtype_policy
        self.widen = layers.Dense(hidden, activation="relu", dtype=policy, name="widen")
        self.drops = [CheapDropout(dropout, dtype=policy) for _ in range(3)]
        self.norms = [_norm(norm, dtype=policy, name=f"norm_{i}") for i in (1, 2)]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        steps, channels = (int(size or 0) for size in input_shape[1:])
        policy = self.dtype_policy
        self.along_time = layers.Dense(steps, activation="relu", dtype=policy, name="along_time")
        self.narrow = layers.Dense(channels, dtype=policy, name="narrow")
        self.along_time.build((None, channels, steps))
        self.widen.build(input_shape)
        self.narrow.build((None, steps, self.hidden))
        for norm in self.norms:
            norm.build((None, steps * channels))
        self.built = True

    def call(self, series: Tensor, training: bool | None = None) -> Tensor:
        along = ops.swapaxes(self._normalize(0, series, training), 1, 2)
        mixed = ops.swapaxes(self.along_time(along), 1, 2)
        series = ops.cast(series, self.compute_dtype) + self.drops[0](mixed, training=training)
        inner = self.drops[1](self.widen(self._normalize(1, series, training)), training=training)
        return series + self.drops[2](self.narrow(inner), training=training)

    def _normalize(self, number: int, series: Tensor, training: bool | None) -> Tensor:
        flat = ops.reshape(series, (-1, series.shape[1] * series.shape[2]))
        arguments = {"training": training} if self.norm == "batch" else {}
        return ops.reshape(self.norms[number](flat, **arguments), (-1, *series.shape[1:]))

    def compute_output_spec(self, series: Tensor, training: bool | None = None) -> keras.KerasTensor:
        return keras.KerasTensor(series.shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "dropout": self.dropout,
            "norm": self.norm,
        }


def _norm(kind: str, **arguments: Any) -> layers.Layer:
    if kind == "layer":
        return layers.LayerNormalization(epsilon=1e-3, **arguments)
    return layers.BatchNormalization(momentum=0.99, epsilon=1e-3, **arguments)
