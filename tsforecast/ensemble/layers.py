"""What turns the forecasts of an ensemble's members into one: window content, weights, odds of a spike."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

SPANS = (5, 15, 30)  # steps; those beyond the window are left out


@keras.saving.register_keras_serializable(package="tsforecast")
class WindowContent(keras.layers.Layer):
    """Numbers that tell what kind of window this is, and where the members disagree.

    The newest value of every channel; of each target its change and its standard deviation over several spans; of
    each member how far its forecast, averaged over the horizon, lies from that of all.

    Args:
        target_indices: the channels of the T targets.

    Call arguments: past ``[B, L, C]``, points ``[B, M, H, T]`` (the members' point forecasts).
    Returns: float32 ``[B, F]``. No gradient flows back into the members.
    """

    def __init__(self, target_indices: Sequence[int], **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.target_indices = list(target_indices)

    def call(self, past: Any, points: Any) -> Any:
        """See the class."""
        known = ops.stack([past[..., index] for index in self.target_indices], axis=-1)  # [B, L, T]
        newest, parts = known[:, -1], [past[:, -1]]
        for span in self._spans(past.shape[1]):
            parts += [newest - known[:, -span], ops.std(known[:, -span:], axis=1)]
        level = ops.mean(points, axis=2)  # [B, M, T]
        mean = ops.mean(level, axis=1, keepdims=True)
        members = ops.reshape(level - mean, (-1, points.shape[1] * len(self.target_indices)))
        return ops.stop_gradient(ops.concatenate([*parts, mean[:, 0] - newest, members], axis=-1))

    def compute_output_spec(self, past: Any, points: Any) -> keras.KerasTensor:
        """``[B, F]``."""
        targets = len(self.target_indices)
        width = past.shape[-1] + targets * (2 * len(self._spans(past.shape[1])) + 1 + points.shape[1])
        return keras.KerasTensor((past.shape[0], width), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "target_indices": self.target_indices}

    @staticmethod
    def _spans(lookback: int) -> list[int]:
        return [span for span in SPANS if span <= lookback]


@keras.saving.register_keras_serializable(package="tsforecast")
class FixedWeights(keras.layers.Layer):
    """The same weights for every window: the softmax of one trainable logit a member.

    Args:
        members: M.
        trainable: whether training moves them.

    Call arguments: points ``[B, M, H, T]``, for the size of the batch.
    Returns: float32 ``[B, M]``, non-negative, of sum one.
    """

    def __init__(self, members: int, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.members = members

    def build(self, input_shape: Any) -> None:
        """One logit a member."""
        self.logits = self.add_weight(shape=(self.members,), initializer="zeros", name="logits")
        self.built = True

    def set(self, weights: Any) -> None:
        """Takes weights ``[M]``; one of 0 becomes about 1e-9 of the others."""
        logits = ops.log(ops.maximum(ops.convert_to_tensor(weights, "float32"), 1e-9))
        self.logits.assign(logits - ops.max(logits))

    def call(self, points: Any) -> Any:
        """See the class."""
        return ops.broadcast_to(ops.softmax(self.logits), (ops.shape(points)[0], self.members))

    def compute_output_spec(self, points: Any) -> keras.KerasTensor:
        """``[B, M]``."""
        return keras.KerasTensor((points.shape[0], self.members), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "members": self.members}


@keras.saving.register_keras_serializable(package="tsforecast")
class RecentErrors(keras.layers.Layer):
    """What is known now of the members' recent errors, as one state for all windows of a call.

    Args:
        members: M.
        half_lives: how many spans, K.

    Call arguments: points ``[B, M, H, T]``, for the size of the batch.
    Returns: float32 ``[B, M, K]``; zeros, which say nothing, until ``set`` was told better.
    """

    def __init__(self, members: int, half_lives: int, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.members, self.half_lives = members, half_lives

    def build(self, input_shape: Any) -> None:
        """The state."""
        self.state = self.add_weight(
            shape=(self.members, self.half_lives), initializer="zeros", trainable=False, name="state"
        )
        self.built = True

    def call(self, points: Any) -> Any:
        """See the class."""
        return ops.broadcast_to(self.state, (ops.shape(points)[0], self.members, self.half_lives))

    def compute_output_spec(self, points: Any) -> keras.KerasTensor:
        """``[B, M, K]``."""
        return keras.KerasTensor((points.shape[0], self.members, self.half_lives), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "members": self.members, "half_lives": self.half_lives}


@keras.saving.register_keras_serializable(package="tsforecast")
class GatingWeights(keras.layers.Layer):
    """A small network that sets the weights of each window.

    Args:
        members: M.
        units: width of its one hidden layer.

    Call arguments: content ``[B, F]`` and recent errors ``[B, M, K]``.
    Returns: float32 ``[B, M]``, non-negative, of sum one. Before training it gives the weights of ``start_at``, or
        equal ones.

    Source: Jacobs, Jordan, Nowlan & Hinton (1991), "Adaptive mixtures of local experts", equation 1.
    """

    def __init__(self, members: int, units: int, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.members, self.units = members, units
        self.scale = keras.layers.Normalization(dtype="float32", name="scale")
        self.hidden = keras.layers.Dense(units, activation="gelu", dtype="float32", name="hidden")
        # Zeros: at the start the content moves nothing, and the biases alone are the weights.
        self.logits = keras.layers.Dense(members, kernel_initializer="zeros", dtype="float32", name="logits")

    def build(self, content_shape: Any, recent_shape: Any) -> None:
        """The dense layers."""
        self.scale.build(content_shape)
        self.hidden.build((None, content_shape[-1] + recent_shape[1] * recent_shape[2]))
        self.logits.build((None, self.units))
        self.built = True

    def fit_scale(self, content: Any) -> None:
        """Takes mean and spread of the content from windows ``[n, F]``."""
        self.scale.adapt(content)

    def start_at(self, weights: Any) -> None:
        """Makes weights ``[M]`` those of every window, until training moves them."""
        self.logits.kernel.assign(ops.zeros_like(self.logits.kernel))
        self.logits.bias.assign(ops.log(ops.maximum(ops.convert_to_tensor(weights, "float32"), 0.01)))

    def call(self, content: Any, recent: Any) -> Any:
        """See the class."""
        told = ops.reshape(recent, (-1, recent.shape[1] * recent.shape[2]))
        seen = ops.clip(self.scale(content), -5.0, 5.0)
        return ops.softmax(self.logits(self.hidden(ops.concatenate([seen, told], axis=-1))))

    def compute_output_spec(self, content: Any, recent: Any) -> keras.KerasTensor:
        """``[B, M]``."""
        return keras.KerasTensor((content.shape[0], self.members), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "members": self.members, "units": self.units}


@keras.saving.register_keras_serializable(package="tsforecast")
class SpikeOdds(keras.layers.Layer):
    """The odds of a spike from every member's forecast rise, the logits of those with a spike head, and the content.

    Args:
        thresholds: the rise that makes a spike, for each of the T targets, scaled.
        units: width of its one hidden layer.

    Call arguments: points ``[B, M, H, T]``, origin ``[B, T]`` (the last known value), content ``[B, F]`` and logits
        ``[B, S, H, T]`` or None.
    Returns: float32 logits ``[B, H, T]``.
    """

    def __init__(self, thresholds: Sequence[float], units: int, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.thresholds, self.units = list(thresholds), units
        self.scale = keras.layers.Normalization(dtype="float32", name="scale")
        self.hidden = keras.layers.Dense(units, activation="gelu", dtype="float32", name="hidden")
        self.odds = keras.layers.Dense(1, dtype="float32", name="odds")

    def build(
        self, points_shape: Any, origin_shape: Any, content_shape: Any, logits_shape: Any = None
    ) -> None:
        """The dense layers."""
        members, horizon, targets = points_shape[1:]
        width = members + (0 if logits_shape is None else logits_shape[1]) + content_shape[-1]
        self.scale.build(content_shape)
        self.hidden.build((None, horizon, targets, width))
        self.odds.build((None, horizon, targets, self.units))
        self.built = True

    def fit_scale(self, content: Any) -> None:
        """Takes mean and spread of the content from windows ``[n, F]``."""
        self.scale.adapt(content)

    def call(self, points: Any, origin: Any, content: Any, logits: Any = None) -> Any:
        """See the class."""
        told = (points - origin[:, None, None]) / ops.convert_to_tensor(self.thresholds, "float32")
        told = told if logits is None else ops.concatenate([told, logits], axis=1)
        told = ops.transpose(ops.stop_gradient(told), (0, 2, 3, 1))  # [B, H, T, M + S]
        seen = ops.clip(self.scale(content), -5.0, 5.0)[:, None, None]
        seen = ops.broadcast_to(seen, (*ops.shape(told)[:3], content.shape[-1]))
        return self.odds(self.hidden(ops.concatenate([told, seen], axis=-1)))[..., 0]

    def compute_output_spec(
        self, points: Any, origin: Any, content: Any, logits: Any = None
    ) -> keras.KerasTensor:
        """``[B, H, T]``."""
        return keras.KerasTensor((points.shape[0], *points.shape[2:]), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "thresholds": self.thresholds, "units": self.units}


@keras.saving.register_keras_serializable(package="tsforecast")
class Weighted(keras.layers.Layer):
    """``sum_m weight_m forecast_m``: members ``[B, M, H, T(, Q)]`` and weights ``[B, M]`` to ``[B, H, T(, Q)]``."""

    def __init__(self, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})

    def call(self, members: Any, weights: Any) -> Any:
        """See the class."""
        shape = (-1, members.shape[1], *[1] * (len(members.shape) - 2))
        return ops.sum(members * ops.reshape(weights, shape), axis=1)
