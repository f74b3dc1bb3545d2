"""Layers of the linear forecasters and the naive baselines, which map a target's own history along time."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers, ops

from tsforecast.layers.head import ForecastHead, fan_in_uniform
from tsforecast.typing import Tensor


@keras.saving.register_keras_serializable(package="tsforecast")
class TargetHistory(layers.Layer):
    """Selects the channels of the targets: ``[B, L, C] -> [B, T, L]``, in float32.

    Args:
        target_indices: Channels of the T targets.

    Example:
        >>> TargetHistory([2])(ops.zeros((1, 10, 3))).shape
        TensorShape([1, 1, 10])
    """

    def __init__(self, target_indices: Sequence[int], **kwargs: object):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.target_indices = list(target_indices)

    def call(self, past: Tensor) -> Tensor:
        return ops.stack([past[..., index] for index in self.target_indices], axis=1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "target_indices": self.target_indices}


@keras.saving.register_keras_serializable(package="tsforecast")
class TrendSplit(layers.Layer):
    """Splits a history into a moving average and the remainder: ``[B, T, L] -> (trend, remainder)``, of the same shape.

    The ends are padded with the first and the last value, which keeps the length.

    Args:
        kernel_size: Width of the moving average in steps, odd and >= 1.

    Source: Zeng et al. (2023), section 4.2; the decomposition of Autoformer (Wu et al. 2021, eq. 1).

    Example:
        >>> trend, remainder = TrendSplit(3)(ops.convert_to_tensor([[[0.0, 3.0, 0.0]]]))
        >>> trend.numpy().tolist(), remainder.numpy().tolist()
        ([[[1.0, 1.0, 1.0]]], [[[-1.0, 2.0, -1.0]]])
    """

    def __init__(self, kernel_size: int = 25, **kwargs: object):
        super().__init__(**kwargs)
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size={kernel_size} must be odd, which centers the average.")
        self.kernel_size = kernel_size

    def call(self, history: Tensor) -> tuple[Tensor, Tensor]:
        half = self.kernel_size // 2
        first = ops.repeat(history[..., :1], half, axis=-1)
        last = ops.repeat(history[..., -1:], half, axis=-1)
        padded = ops.concatenate([first, history, last], axis=-1)
        series, length = ops.shape(history)[1], ops.shape(padded)[-1]
        flat = ops.reshape(padded, (-1, length, 1))
        averaged = ops.average_pool(
            flat, self.kernel_size, strides=1, padding="valid", data_format="channels_last"
        )
        trend = ops.reshape(averaged, (-1, series, ops.shape(history)[-1]))
        return trend, history - trend

    def compute_output_spec(self, history: Tensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        return keras.KerasTensor(history.shape, history.dtype), keras.KerasTensor(
            history.shape, history.dtype
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernel_size": self.kernel_size}


@keras.saving.register_keras_serializable(package="tsforecast")
class TimeSteps(layers.Layer):
    """Returns steps of a history as the forecast: ``[B, T, L] -> [B, H, T]``; with levels ``[B, H, T, Q]``, all equal.

    Args:
        steps: H indices into the window, negative from its end.
        quantile_levels: Q levels, or None.

    Example:
        >>> TimeSteps([-1, -1])(ops.convert_to_tensor([[[1.0, 2.0, 5.0]]])).numpy().ravel().tolist()
        [5.0, 5.0]
    """

    def __init__(
        self, steps: Sequence[int], quantile_levels: Sequence[float] | None = None, **kwargs: object
    ):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.steps = list(steps)
        self.quantile_levels = None if quantile_levels is None else list(quantile_levels)

    def call(self, history: Tensor) -> Tensor:
        values = ops.stack([history[..., step] for step in self.steps], axis=1)
        if self.quantile_levels is None:
            return values
        return ops.repeat(values[..., None], len(self.quantile_levels), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "steps": self.steps, "quantile_levels": self.quantile_levels}


@keras.saving.register_keras_serializable(package="tsforecast")
class TimeLinear(layers.Layer):
    """A linear map along time, shared by all targets: ``[B, T, L] -> [B, H, T]``; with levels ``[B, H, T, Q]``, rising.

    Args:
        horizon: H, number of forecast steps.
        quantile_levels: Q rising levels that include 0.5, or None.
        kernel_initializer: Initializer of the map; None for uniform weights up to ``1 / sqrt(L)``.
        distribution: Description of a distribution, see ``ForecastHead``.

    Example:
        >>> TimeLinear(horizon=4)(ops.zeros((2, 1, 10))).shape
        TensorShape([2, 4, 1])
    """

    def __init__(
        self,
        horizon: int,
        quantile_levels: Sequence[float] | None = None,
        kernel_initializer: str | keras.initializers.Initializer | None = None,
        distribution: Mapping[str, Any] | None = None,
        **kwargs: object,
    ):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.horizon, self.quantile_levels, self.distribution = horizon, quantile_levels, distribution
        start = fan_in_uniform() if kernel_initializer is None else kernel_initializer
        self.head = ForecastHead(
            horizon, 1, quantile_levels, kernel_initializer=start, distribution=distribution, dtype="float32"
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.head.build(input_shape)
        self.built = True

    def call(self, history: Tensor) -> Tensor:
        mapped = self.head(history)  # [B, T, H, 1(, Q)]
        return ops.swapaxes(ops.squeeze(mapped, axis=3), 1, 2)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "horizon": self.horizon,
            "quantile_levels": self.quantile_levels,
            "kernel_initializer": keras.initializers.serialize(self.head.kernel_initializer),
            "distribution": self.distribution,
        }
