"""The end of every neural forecaster: dense layers, then horizon x targets (x quantiles) in float32."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from tsforecast.layers.kernels.fused import CheapDropout


def fan_in_uniform() -> keras.initializers.Initializer:
    """Weights uniform up to ``1 / sqrt(fan_in)``, with which PatchTST, DLinear and NLinear were published.

    Glorot's are larger where a layer is wider than what it reads, as a map to a long horizon is: the first forecasts
    are then noise of the size of the series.
    """
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


@keras.saving.register_keras_serializable(package="tsforecast")
class ForecastHead(layers.Layer):
    """Maps features to forecasts, with quantiles that cannot cross.

    With Q levels the median is free and each neighbour outward adds ``softplus`` of its own output, so that they rise.

    Args:
        horizon: H, steps forecast, >= 1.
        targets: T, series forecast, >= 1.
        quantile_levels: Q rising levels that include 0.5, or None.
        units: widths of the ReLU layers before the output; may be empty.
        dropout: share dropped after each of them, in [0, 1).
        kernel_initializer: of the output layer, as Keras names it.

    Call arguments: features ``[..., D]``.
    Returns: float32 ``[..., H, T]``, or ``[..., H, T, Q]``; scaled units.
    """

    def __init__(
        self,
        horizon: int,
        targets: int,
        quantile_levels: Sequence[float] | None = None,
        units: Sequence[int] = (),
        dropout: float = 0.0,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.horizon, self.targets = horizon, targets
        self.quantile_levels = None if quantile_levels is None else list(quantile_levels)
        self.units, self.dropout = list(units), dropout
        self.hidden = []
        for width in self.units:
            self.hidden.append(layers.Dense(width, activation="relu", dtype=self.dtype_policy))
            if dropout:
                self.hidden.append(CheapDropout(dropout, dtype=self.dtype_policy))
        # float32 also under a mixed policy: half precision would round the forecast itself.
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.output_layer = layers.Dense(
            horizon * targets * len(self.quantile_levels or [0.5]),
            kernel_initializer=self.kernel_initializer,
            dtype="float32",
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds the dense layers one on the other."""
        shape = tuple(input_shape)
        for layer in [*self.hidden, self.output_layer]:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        self.built = True

    def call(self, features: Any, training: bool | None = None) -> Any:
        """See the class."""
        for layer in self.hidden:
            features = (
                layer(features, training=training) if isinstance(layer, layers.Dropout) else layer(features)
            )
        flat = self.output_layer(ops.cast(features, "float32"))
        shape = (*ops.shape(flat)[:-1], self.horizon, self.targets)
        if self.quantile_levels is None:
            return ops.reshape(flat, shape)
        return _rising(
            ops.reshape(flat, (*shape, len(self.quantile_levels))), self.quantile_levels.index(0.5)
        )

    def compute_output_spec(self, features: Any, training: bool | None = None) -> keras.KerasTensor:
        """``[..., H, T(, Q)]``, float32 whatever the policy."""
        tail = (self.horizon, self.targets) + ((len(self.quantile_levels),) if self.quantile_levels else ())
        return keras.KerasTensor((*features.shape[:-1], *tail), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {
            **super().get_config(),
            "horizon": self.horizon,
            "targets": self.targets,
            "quantile_levels": self.quantile_levels,
            "units": self.units,
            "dropout": self.dropout,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


def _rising(raw: Any, middle: int) -> Any:
    median = raw[..., middle : middle + 1]
    above = median + ops.cumsum(ops.softplus(raw[..., middle + 1 :]), axis=-1)
    # Downward the steps accumulate from the median out, so the axis is turned round and back.
    below = median - ops.flip(
        ops.cumsum(ops.softplus(ops.flip(raw[..., :middle], axis=-1)), axis=-1), axis=-1
    )
    return ops.concatenate([below, median, above], axis=-1)
