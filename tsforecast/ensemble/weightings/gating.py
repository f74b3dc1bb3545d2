"""A small network that weights the members window by window."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from tsforecast.ensemble.convex import fit_convex_weights
from tsforecast.ensemble.delayed_errors import (
    compare_averages,
    count_known_windows,
    decay_rates,
    recent_errors,
    update_averages,
)
from tsforecast.ensemble.head_training import Arrays, train_head
from tsforecast.ensemble.layers import Weighted
from tsforecast.ensemble.weighting import Array, State, Weighting
from tsforecast.ensemble.window_outputs import WindowOutputs
from tsforecast.losses import Loss
from tsforecast.typing import Tensor

# Share of the windows that are trained on without recent errors, as a single window without a past is forecast.
NO_PAST_SHARE = 0.25

Shape = tuple[int | None, ...]


class Gating(Weighting):
    """Weights each window by a network that sees its content and the members' recent known errors.

    Training starts from the best fixed weights. The state in service is ``means``, ``[M, K]``: the exponentially
    weighted averages of the members' squared errors.

    Example:
        >>> weighting = Gating(members=2, half_lives=[1.0])
        >>> state = weighting.update(weighting.initial_state(), np.array([[1.0], [2.0]]), np.array([0.5, 0.5]))
        >>> state["means"]
        array([[0.5],
               [2. ]])
    """

    position = 40
    adaptive = True

    def build(self, points: Tensor, content: Tensor) -> Tensor:
        """Add the recent errors and the gating network; see ``Weighting.build`` for the arguments."""
        self.recent = RecentErrors(self.members, len(self.half_lives), name="recent_errors")
        self.gate = GatingWeights(self.members, self.units, name="gate")
        return self.gate(content, self.recent(points))

    def fit(
        self,
        fitting: WindowOutputs,
        holdout: WindowOutputs,
        *,
        loss: Loss,
        seed: int,
        log: Callable[[str], None],
    ) -> None:
        """Train the gating network; see ``Weighting.fit`` for the arguments."""
        self.gate.fit_scale(fitting.outputs["content"])
        self.gate.initialize(fit_convex_weights(fitting.complete_errors))
        fit_data, holdout_data = self._training_data(fitting, holdout, seed)
        train_head(
            self._training_network(fitting.outputs),
            fit_data,
            holdout_data,
            loss=lambda truth, forecast: ops.mean(loss(truth, forecast)),
            seed=seed,
            log=log,
            name="gating network",
        )

    def weights(self, outputs: WindowOutputs) -> npt.NDArray[np.float32]:
        """Return the network's weights ``[n, M]``, each window with the errors that are known by then."""
        recent = recent_errors(outputs.mean_squared_errors, outputs.count_known(), self.half_lives)
        return ops.convert_to_numpy(self.gate(outputs.outputs["content"], recent))

    def initial_state(self) -> State:
        """Return averages of zero."""
        return {"means": np.zeros((self.members, len(self.half_lives)))}

    def update(self, state: State, errors: Array, weights: Array) -> State:
        """Return the averages after one more window; see ``Weighting.update`` for the arguments."""
        squared = np.nanmean(np.square(errors.astype(np.float64)), axis=1)
        return {"means": update_averages(state["means"], squared, decay_rates(self.half_lives))}

    def apply(self, state: State) -> None:
        """Set the recent errors of the next window."""
        self.recent.state.assign(compare_averages(state["means"]).astype(np.float32))

    def _training_network(self, outputs: dict[str, np.ndarray]) -> keras.Model:
        """Return a model from members, content and recent errors to the combined forecast."""
        members = keras.Input(outputs["members"].shape[1:])
        content = keras.Input(outputs["content"].shape[1:])
        recent = keras.Input((self.members, len(self.half_lives)))
        forecast = Weighted()(members, self.gate(content, recent))
        return keras.Model([members, content, recent], forecast)

    def _training_data(self, fitting: WindowOutputs, holdout: WindowOutputs, seed: int) -> list[Arrays]:
        """Return inputs and truths of both parts; the known errors are those along both together."""
        parts, windows = (fitting, holdout), fitting.windows
        squared = np.concatenate([part.mean_squared_errors for part in parts])
        ends = np.concatenate([part.windows.ends for part in parts])
        known_counts = count_known_windows(ends, windows.lead, windows.horizon)
        recent = recent_errors(squared, known_counts, self.half_lives)
        without_past = np.random.default_rng(seed).random(len(fitting)) < NO_PAST_SHARE
        recent[: len(fitting)][without_past] = 0.0
        data = []
        for part, part_recent in zip(parts, np.split(recent, [len(fitting)]), strict=True):
            observed = np.isfinite(part.truth).all(axis=(1, 2))
            inputs = [part.outputs["members"], part.outputs["content"], part_recent]
            data.append(([values[observed] for values in inputs], part.truth[observed]))
        return data


@keras.saving.register_keras_serializable(package="tsforecast")
class RecentErrors(keras.layers.Layer):
    """The members' recent errors that are known now, as one state for all windows of a call.

    Args:
        members: M, the number of members.
        half_lives: K, the number of spans.

    Call arguments: points ``[B, M, H, T]``, for the batch size.
    Returns: float32 ``[B, M, K]``; zeros, which mean that nothing is known, until ``state`` is assigned.
    """

    def __init__(self, members: int, half_lives: int, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.members, self.half_lives = members, half_lives

    def build(self, input_shape: Shape) -> None:
        """Create the state."""
        self.state = self.add_weight(
            shape=(self.members, self.half_lives), initializer="zeros", trainable=False, name="state"
        )
        self.built = True

    def call(self, points: Tensor) -> Tensor:
        """Repeat the state for every window."""
        return ops.broadcast_to(self.state, (ops.shape(points)[0], self.members, self.half_lives))

    def compute_output_spec(self, points: Tensor) -> keras.KerasTensor:
        """Return the spec of ``[B, M, K]``."""
        return keras.KerasTensor((points.shape[0], self.members, self.half_lives), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "members": self.members, "half_lives": self.half_lives}


@keras.saving.register_keras_serializable(package="tsforecast")
class GatingWeights(keras.layers.Layer):
    """A small network that sets the weights of each window.

    Args:
        members: M, the number of members.
        units: Width of its one hidden layer.

    Call arguments: content ``[B, F]`` and recent errors ``[B, M, K]``.
    Returns: float32 ``[B, M]``, non-negative, of sum one. Before training these are the weights of ``initialize``, or
        equal weights.

    Source: Jacobs, Jordan, Nowlan & Hinton (1991), "Adaptive mixtures of local experts", equation 1.
    """

    def __init__(self, members: int, units: int, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.members, self.units = members, units
        self.scale = keras.layers.Normalization(dtype="float32", name="scale")
        self.hidden = keras.layers.Dense(units, activation="gelu", dtype="float32", name="hidden")
        # With a kernel of zeros the content has no effect at the start: the biases alone set the weights.
        self.logits = keras.layers.Dense(members, kernel_initializer="zeros", dtype="float32", name="logits")

    def build(self, content_shape: tuple[int, int], recent_shape: tuple[int, int, int]) -> None:
        """Build the dense layers."""
        self.scale.build(content_shape)
        self.hidden.build((None, content_shape[-1] + recent_shape[1] * recent_shape[2]))
        self.logits.build((None, self.units))
        self.built = True

    def fit_scale(self, content: np.ndarray) -> None:
        """Set mean and variance of the content from windows ``[n, F]``."""
        self.scale.adapt(content)

    def initialize(self, weights: Array) -> None:
        """Give every window the weights ``[M]``, until training changes them."""
        self.logits.kernel.assign(ops.zeros_like(self.logits.kernel))
        self.logits.bias.assign(ops.log(ops.maximum(ops.convert_to_tensor(weights, "float32"), 0.01)))

    def call(self, content: Tensor, recent: Tensor) -> Tensor:
        """Return the weights."""
        recent = ops.reshape(recent, (-1, recent.shape[1] * recent.shape[2]))
        scaled = ops.clip(self.scale(content), -5.0, 5.0)
        return ops.softmax(self.logits(self.hidden(ops.concatenate([scaled, recent], axis=-1))))

    def compute_output_spec(self, content: Tensor, recent: Tensor) -> keras.KerasTensor:
        """Return the spec of ``[B, M]``."""
        return keras.KerasTensor((content.shape[0], self.members), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "members": self.members, "units": self.units}
