"""Layers that combine the forecasts of an ensemble's members: window content, fixed weights, sum, spike head."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from tsforecast.layers.kernels.fused import CheapDropout
from tsforecast.typing import Tensor

SPANS = (5, 15, 30)  # steps; spans longer than the window are left out
SPIKE_DROPOUT = 0.3  # of the inputs of the spike head's network

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package="tsforecast")
class WindowContent(keras.layers.Layer):
    """Summary of a window and of the disagreement among the members.

    It has the newest value of every channel, each target's change and standard deviation over several spans, and the
    difference between each member's forecast, averaged over the horizon, and the mean of all members.

    Args:
        target_indices: Channels of the T targets.
        channels: Channels whose newest value counts; None for all.

    Call arguments: past ``[B, L, C]``, points ``[B, M, H, T]`` (the members' point forecasts).
    Returns: float32 ``[B, F]``. No gradient flows back into the members.
    """

    def __init__(self, target_indices: Sequence[int], channels: Sequence[int] | None = None, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.target_indices = list(target_indices)
        self.channels = None if channels is None else list(channels)

    def call(self, past: Tensor, points: Tensor) -> Tensor:
        """Return the summary."""
        targets = ops.stack([past[..., index] for index in self.target_indices], axis=-1)  # [B, L, T]
        last = past[:, -1]
        if self.channels is not None:
            last = ops.stack([last[:, channel] for channel in self.channels], axis=-1)
        newest, parts = targets[:, -1], [last]
        for span in self._spans(past.shape[1]):
            parts += [newest - targets[:, -span], ops.std(targets[:, -span:], axis=1)]
        level = ops.mean(points, axis=2)  # [B, M, T]
        mean = ops.mean(level, axis=1, keepdims=True)
        members = ops.reshape(level - mean, (-1, points.shape[1] * len(self.target_indices)))
        return ops.stop_gradient(ops.concatenate([*parts, mean[:, 0] - newest, members], axis=-1))

    def compute_output_spec(self, past: Tensor, points: Tensor) -> keras.KerasTensor:
        """Return the spec of ``[B, F]``."""
        targets = len(self.target_indices)
        channels = past.shape[-1] if self.channels is None else len(self.channels)
        width = channels + targets * (2 * len(self._spans(past.shape[1])) + 1 + points.shape[1])
        return keras.KerasTensor((past.shape[0], width), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "target_indices": self.target_indices, "channels": self.channels}

    @staticmethod
    def _spans(lookback: int) -> list[int]:
        return [span for span in SPANS if span <= lookback]


@keras.saving.register_keras_serializable(package="tsforecast")
class FixedWeights(keras.layers.Layer):
    """The same weights for every window: the softmax of one logit per member.

    Args:
        members: M, the number of members.
        trainable: Whether training changes the logits.

    Call arguments: points ``[B, M, H, T]``, for the batch size.
    Returns: float32 ``[B, M]``, non-negative, of sum one.
    """

    def __init__(self, members: int, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.members = members

    def build(self, input_shape: Shape) -> None:
        """Create the logits."""
        self.logits = self.add_weight(shape=(self.members,), initializer="zeros", name="logits")
        self.built = True

    def set(self, weights: npt.NDArray[np.floating]) -> None:
        """Set the weights ``[M]``; a weight of 0 becomes about 1e-9 of the largest."""
        logits = ops.log(ops.maximum(ops.convert_to_tensor(weights, "float32"), 1e-9))
        self.logits.assign(logits - ops.max(logits))

    def call(self, points: Tensor) -> Tensor:
        """Repeat the weights for every window."""
        return ops.broadcast_to(ops.softmax(self.logits), (ops.shape(points)[0], self.members))

    def compute_output_spec(self, points: Tensor) -> keras.KerasTensor:
        """Return the spec of ``[B, M]``."""
        return keras.KerasTensor((points.shape[0], self.members), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "members": self.members}


@keras.saving.register_keras_serializable(package="tsforecast")
class SpikeOdds(keras.layers.Layer):
    """The spike head: logits of a spike from each member's forecast rise, their own spike logits, and the content.

    When ``stacked``, it is a logistic regression on the rises and logits (stacking), plus a small network on them and
    the content that is zero before training. Thousands of validation windows with a few hundred separate spikes suffice
    for the regression, while the network alone overfits them.

    Args:
        thresholds: Scaled rise that makes a spike, for each of the T targets.
        units: Width of the network's one hidden layer.
        stacked: Whether to add the regression; False in ensembles saved before it existed.

    Call arguments: points ``[B, M, H, T]``, origin ``[B, T]`` (the last known value), content ``[B, F]`` and logits
        ``[B, S, H, T]`` of the S members with a spike head, or None.
    Returns: float32 logits ``[B, H, T]``.

    Source: Wolpert (1992), Stacked generalization, with a linear model of the members' outputs as in Ting & Witten
    (1999), Issues in stacked generalization.
    """

    def __init__(self, thresholds: Sequence[float], units: int, stacked: bool = False, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.thresholds, self.units, self.stacked = list(thresholds), units, stacked
        self.scale = keras.layers.Normalization(dtype="float32", name="scale")
        self.hidden = keras.layers.Dense(units, activation="gelu", dtype="float32", name="hidden")
        initializer = "zeros" if stacked else "glorot_uniform"
        self.odds = keras.layers.Dense(1, kernel_initializer=initializer, dtype="float32", name="odds")
        if stacked:
            self.stack = keras.layers.Dense(1, kernel_initializer="zeros", dtype="float32", name="stack")
            self.drop = CheapDropout(SPIKE_DROPOUT, dtype="float32", name="drop")

    def build(
        self,
        points_shape: tuple[int, int, int, int],
        origin_shape: Shape,
        content_shape: tuple[int, int],
        logits_shape: tuple[int, int, int, int] | None = None,
    ) -> None:
        """Build the dense layers."""
        members, horizon, targets = points_shape[1:]
        signs = members + (0 if logits_shape is None else logits_shape[1])
        self.scale.build(content_shape)
        self.hidden.build((None, horizon, targets, signs + content_shape[-1]))
        self.odds.build((None, horizon, targets, self.units))
        if self.stacked:
            self.stack.build((None, horizon, targets, signs))
        self.built = True

    def fit_scale(self, content: np.ndarray) -> None:
        """Set mean and variance of the content from windows ``[n, F]``."""
        self.scale.adapt(content)

    def set_stack(self, coefficients: npt.NDArray[np.floating]) -> None:
        """Set the regression's coefficients ``[M + S + 1]``: of each rise and logit, and the intercept."""
        self.stack.set_weights([coefficients[:-1, None], coefficients[-1:]])

    def signs(self, points: Tensor, origin: Tensor, logits: Tensor | None = None) -> Tensor:
        """Return the rises of the members in thresholds, and their logits, ``[B, H, T, M + S]``."""
        signs = (points - origin[:, None, None]) / ops.convert_to_tensor(self.thresholds, "float32")
        signs = signs if logits is None else ops.concatenate([signs, logits], axis=1)
        return ops.transpose(ops.stop_gradient(signs), (0, 2, 3, 1))

    def call(self, points: Tensor, origin: Tensor, content: Tensor, logits: Tensor | None = None) -> Tensor:
        """Return the logits."""
        signs = self.signs(points, origin, logits)
        scaled = ops.clip(self.scale(content), -5.0, 5.0)[:, None, None]
        scaled = ops.broadcast_to(scaled, (*ops.shape(signs)[:3], content.shape[-1]))
        features = ops.concatenate([signs, scaled], axis=-1)
        if not self.stacked:
            return self.odds(self.hidden(features))[..., 0]
        correction = self.odds(self.hidden(self.drop(features)))
        return (self.stack(signs) + correction)[..., 0]

    def compute_output_spec(
        self, points: Tensor, origin: Tensor, content: Tensor, logits: Tensor | None = None
    ) -> keras.KerasTensor:
        """Return the spec of ``[B, H, T]``."""
        return keras.KerasTensor((points.shape[0], *points.shape[2:]), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        options = {"thresholds": self.thresholds, "units": self.units, "stacked": self.stacked}
        return {**super().get_config(), **options}


@keras.saving.register_keras_serializable(package="tsforecast")
class Weighted(keras.layers.Layer):
    """The weighted sum of the members' forecasts.

    Call arguments: members ``[B, M, H, T(, Q)]``, weights ``[B, M]``.
    Returns: float32 ``[B, H, T(, Q)]``.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})

    def call(self, members: Tensor, weights: Tensor) -> Tensor:
        """Return the sum."""
        shape = (-1, members.shape[1], *[1] * (len(members.shape) - 2))
        return ops.sum(members * ops.reshape(weights, shape), axis=1)
