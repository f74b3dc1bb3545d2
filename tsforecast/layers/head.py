"""The last layers of every neural forecaster: dense layers, then horizon x targets (x quantiles) in float32."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers, ops

from tsforecast.layers.distributions import create_distribution
from tsforecast.layers.kernels.fused import CheapDropout
from tsforecast.typing import Tensor


def fan_in_uniform() -> keras.initializers.Initializer:
    """Return the initializer of PatchTST, DLinear and NLinear as published: uniform up to ``1 / sqrt(fan_in)``.

    Glorot's weights are larger unless a layer has over five times as many outputs as inputs: the first forecasts would
    then be noise of the size of the series.
    """
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


@keras.saving.register_keras_serializable(package="tsforecast")
class ForecastHead(layers.Layer):
    """Maps features to forecasts, with quantiles that cannot cross.

    With Q levels the median is unconstrained, and each level outward adds the ``softplus`` of its own output.

    Args:
        horizon: H, number of forecast steps, >= 1.
        targets: T, number of forecast series, >= 1.
        quantile_levels: Q rising levels that include 0.5, or None.
        units: Widths of the ReLU layers before the output; may be empty.
        dropout: Share dropped after each of them, in [0, 1).
        kernel_initializer: Initializer of the output layer.
        distribution: Description of a distribution, whose numbers are then computed instead of quantiles.

    Call arguments: features ``[..., D]``.
    Returns: float32 ``[..., H, T]``, or ``[..., H, T, Q]``; scaled units. With a distribution ``[..., H, T, size]``,
        which ``DistributionOutputs`` turns into a forecast.

    Example:
        >>> head = ForecastHead(horizon=4, targets=1, quantile_levels=[0.1, 0.5, 0.9], units=[8])
        >>> head(ops.zeros((2, 16))).shape
        TensorShape([2, 4, 1, 3])
    """

    def __init__(
        self,
        horizon: int,
        targets: int,
        quantile_levels: Sequence[float] | None = None,
        units: Sequence[int] = (),
        dropout: float = 0.0,
        kernel_initializer: str | keras.initializers.Initializer = "glorot_uniform",
        distribution: Mapping[str, Any] | None = None,
        **kwargs: object,
    ):
        super().__init__(**kwargs)
        self.distribution = None if distribution is None else create_distribution(distribution)
        self.horizon, self.targets = horizon, targets
        self.quantile_levels = None if quantile_levels is None else list(quantile_levels)
        self.units, self.dropout = list(units), dropout
        self.hidden = []
        for width in self.units:
            self.hidden.append(layers.Dense(width, activation="relu", dtype=self.dtype_policy))
            if dropout:
                self.hidden.append(CheapDropout(dropout, dtype=self.dtype_policy))
        # float32 under a mixed policy too: half precision would round the forecast itself.
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.output_layer = layers.Dense(
            horizon * targets * (self._numbers or 1),
            kernel_initializer=self.kernel_initializer,
            dtype="float32",
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = tuple(input_shape)
        for layer in [*self.hidden, self.output_layer]:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        self.built = True

    def call(self, features: Tensor, training: bool | None = None) -> Tensor:
        for layer in self.hidden:
            features = (
                layer(features, training=training) if isinstance(layer, layers.Dropout) else layer(features)
            )
        flat = self.output_layer(ops.cast(features, "float32"))
        shape = (*ops.shape(flat)[:-1], self.horizon, self.targets)
        if self.distribution is not None:
            return self.distribution.arrange(ops.reshape(flat, (*shape, self.distribution.size)))
        if self.quantile_levels is None:
            return ops.reshape(flat, shape)
        return _sort_quantiles(
            ops.reshape(flat, (*shape, len(self.quantile_levels))), self.quantile_levels.index(0.5)
        )

    def compute_output_spec(self, features: Tensor, training: bool | None = None) -> keras.KerasTensor:
        tail = (self.horizon, self.targets) + (() if self._numbers is None else (self._numbers,))
        return keras.KerasTensor((*features.shape[:-1], *tail), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "horizon": self.horizon,
            "targets": self.targets,
            "quantile_levels": self.quantile_levels,
            "units": self.units,
            "dropout": self.dropout,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "distribution": None if self.distribution is None else self.distribution.to_dict(),
        }

    @property
    def _numbers(self) -> int | None:
        """Length of the last axis, None without one."""
        if self.distribution is not None:
            return self.distribution.size
        return None if self.quantile_levels is None else len(self.quantile_levels)


def _sort_quantiles(raw: Tensor, middle: int) -> Tensor:
    """Turn free outputs ``[..., Q]`` into rising quantiles around the one at index ``middle``."""
    median = raw[..., middle : middle + 1]
    above = median + ops.cumsum(ops.softplus(raw[..., middle + 1 :]), axis=-1)
    # Below the median the steps accumulate downward, so the axis is flipped and flipped back.
    below = median - ops.flip(
        ops.cumsum(ops.softplus(ops.flip(raw[..., :middle], axis=-1)), axis=-1), axis=-1
    )
    return ops.concatenate([below, median, above], axis=-1)
