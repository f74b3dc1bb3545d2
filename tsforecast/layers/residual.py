"""A dense layer with a shortcut, the part that TiDE consists of."""

from typing import Any

import keras
from keras import layers, ops

from tsforecast.layers.kernels.fused import CheapDropout
from tsforecast.typing import Tensor


@keras.saving.register_keras_serializable(package="tsforecast")
class ResidualBlock(layers.Layer):
    """A ReLU layer, a linear layer and dropout, plus a linear shortcut; then layer normalization.

    Args:
        hidden: Width of the ReLU layer.
        units: D, width of the output.
        dropout: Share dropped after the linear layer, in [0, 1).
        norm: Whether to normalize the output.

    Call arguments: features ``[..., N]``.
    Returns: ``[..., D]``.

    Source: Das et al. (2023), Long-term Forecasting with TiDE, section 4.1.

    Example:
        >>> ResidualBlock(hidden=8, units=4)(ops.zeros((2, 3, 16))).shape
        TensorShape([2, 3, 4])
    """

    def __init__(self, hidden: int, units: int, dropout: float = 0.0, norm: bool = True, **kwargs: object):
        super().__init__(**kwargs)
        self.hidden, self.units, self.dropout, self.norm = hidden, units, dropout, norm
        policy = self.dtype_policy
        self.widen = layers.Dense(hidden, activation="relu", dtype=policy, name="widen")
        self.narrow = layers.Dense(units, dtype=policy, name="narrow")
        self.shortcut = layers.Dense(units, dtype=policy, name="shortcut")
        self.drop = CheapDropout(dropout, dtype=policy)
        self.normalize = layers.LayerNormalization(dtype=policy, name="norm") if norm else None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.widen.build(input_shape)
        self.narrow.build((*input_shape[:-1], self.hidden))
        self.shortcut.build(input_shape)
        if self.normalize is not None:
            self.normalize.build((*input_shape[:-1], self.units))
        self.built = True

    def call(self, features: Tensor, training: bool | None = None) -> Tensor:
        inner = self.drop(self.narrow(self.widen(features)), training=training)
        result = ops.add(inner, self.shortcut(features))
        return result if self.normalize is None else self.normalize(result)

    def compute_output_spec(self, features: Tensor, training: bool | None = None) -> keras.KerasTensor:
        return keras.KerasTensor((*features.shape[:-1], self.units), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "units": self.units,
            "dropout": self.dropout,
            "norm": self.norm,
        }
