"""What all models share: the shape of the task, saving, and the forecast at every step of the window."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from tsforecast.layers.encoding import PiecewiseLinear


@dataclasses.dataclass(frozen=True)
class Task:
    """What a model forecasts from what; the job fills it in from the data and the window.

    Args:
        lookback: L, steps in.
        channels: C, features in.
        lead: steps from the last input to the first target.
        horizon: H, steps out.
        target_indices: the T channels to forecast.
        season: steps in a season (a day).
        quantile_levels: Q rising levels that include 0.5, or None for a point forecast.
    """

    lookback: int
    channels: int
    lead: int
    horizon: int
    target_indices: tuple[int, ...]
    season: int = 1
    quantile_levels: tuple[float, ...] | None = None

    def past(self) -> Any:
        """The input of a model, ``[B, L, C]``."""
        return keras.Input((self.lookback, self.channels), name="past")

    def head_arguments(self) -> dict[str, Any]:
        """What a ``ForecastHead`` needs to know."""
        return {
            "horizon": self.horizon,
            "targets": len(self.target_indices),
            "quantile_levels": self.quantile_levels,
        }


class Forecaster(keras.Model):
    """A functional Keras model with a task, rebuilt from its arguments when loaded.

    A subclass builds its graph from ``task.past()`` and hands it over. Inputs are scaled ``[B, L, C]``; outputs scaled
    ``[B, H, T]``, or ``[B, H, T, Q]`` with quantile levels, in float32.

    Args:
        task: a ``Task`` or its fields as a dict (after loading).
        past: the input tensor.
        forecast: the output tensor, the forecast at the window's last step; or a dict of it (``forecast``) and of the
            logits ``[B, H, T]`` of a spike (``spike``).
        sequence: a causal model's forecast at each step of the window, ``[B, L, H, T(, Q)]``; else None.
        options: the subclass's own arguments, for ``get_config``.
        metadata: Channels, targets, unit and scaling, saved with the model (see ``describe``).

    Attributes:
        users_estimate: parameters that this architecture was said to have at its default widths, to be shown beside the
            count; None where nobody said.
        spike_weight: of the spike head's cross-entropy in the loss; 0 without such a head.
    """

    users_estimate: ClassVar[int | None] = None
    spike_weight: float = 0.0

    def __init__(
        self,
        *,
        task: Task,
        past: Any,
        forecast: Any,
        sequence: Any = None,
        options: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ):
        super().__init__(inputs=past, outputs=forecast)
        self.task = task
        self.options = options or {}
        self.metadata = metadata or {}
        self._sequence = (past, sequence)

    def describe(self, **metadata: Any) -> None:
        """Stores what a file must tell to be used alone: channels, targets, unit, scaler, frequency."""
        self.metadata = metadata

    @property
    def has_sequence(self) -> bool:
        """Whether the model forecasts at every step of its window, so that dense supervision can score it."""
        return self._sequence[1] is not None

    def sequence_model(self) -> keras.Model:
        """The same layers with the forecast of every step as output, ``[B, L, H, T(, Q)]``."""
        past, sequence = self._sequence
        if sequence is None:
            raise ValueError(
                f"{type(self).__name__} forecasts at the last step of its window only: use training.supervision=last."
            )
        return keras.Model(past, sequence)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, the metadata (under the key ``card``, as in files since 0.1) and the dtype policy.

        Without the policy the model would reload in whatever policy is set at that time.
        """
        return {
            "task": dataclasses.asdict(self.task),
            **self.options,
            "card": self.metadata,
            "policy": keras.saving.serialize_keras_object(self.dtype_policy),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Forecaster":
        """Rebuilds the model under the policy that it was built with."""
        config = dict(config)
        policy = keras.saving.deserialize_keras_object(config.pop("policy"))
        metadata, task = config.pop("card"), config.pop("task")
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            model = cls(task=task_from(task), **config)
        finally:
            keras.config.set_dtype_policy(before)
        model.describe(**metadata)
        return model


def task_from(fields: dict[str, Any]) -> Task:
    """A ``Task`` from the lists that JSON makes of its tuples."""
    fields = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    return Task(**fields)


@keras.saving.register_keras_serializable(package="tsforecast")
class Anchor(keras.layers.Layer):
    """Adds the last known value of each target, so that the model learns the change from it.

    Args:
        target_indices: the channels of the T targets.
        every_step: the forecast is one for each step of the window, and is anchored at that step.

    Call arguments: forecast ``[B(, L), H, T(, Q)]``, past ``[B, L, C]``.
    Returns: the anchored forecast, float32.
    """

    def __init__(self, target_indices: Sequence[int], every_step: bool = False, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.target_indices, self.every_step = list(target_indices), every_step

    def call(self, forecast: Any, past: Any) -> Any:
        """See the class."""
        known = ops.stack([past[..., index] for index in self.target_indices], axis=-1)  # [B, L, T]
        known = ops.expand_dims(known if self.every_step else known[:, -1], axis=-2)  # [B(, L), 1, T]
        if len(forecast.shape) > len(known.shape):
            known = ops.expand_dims(known, axis=-1)
        return forecast + known

    def compute_output_spec(self, forecast: Any, past: Any) -> keras.KerasTensor:
        """The forecast's own shape."""
        return keras.KerasTensor(forecast.shape, dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "target_indices": self.target_indices, "every_step": self.every_step}


def encoded(past: Any, encoding: Mapping[str, Any] | None) -> Any:
    """The channels ``[B, L, C]`` beside their ``PiecewiseLinear`` encoding, or as they are where that is None."""
    return past if encoding is None else PiecewiseLinear(**encoding, name="encoding")(past)


def causal_outputs(
    features: Any, past: Any, task: Task, head: keras.layers.Layer, anchor: bool
) -> dict[str, Any]:
    """The outputs of a causal model: the head on the last step, and the same head on every step.

    Args:
        features: ``[B, L, D]``, where step t has seen the window up to t only.
        past: the model's input.
        task: the task.
        head: maps ``[..., D]`` to ``[..., H, T(, Q)]``.
        anchor: whether the head forecasts the change from the last known value.

    Returns: ``forecast`` and ``sequence``, as ``Forecaster`` takes them.
    """
    outputs = {"forecast": last_output(head(features[:, -1]), past, task, anchor), "sequence": head(features)}
    if anchor:
        outputs["sequence"] = Anchor(task.target_indices, every_step=True)(outputs["sequence"], past)
    return outputs


def last_output(forecast: Any, past: Any, task: Task, anchor: bool) -> Any:
    """A head's forecast ``[B, H, T(, Q)]`` at the window's last step, anchored at the last known value if so wished."""
    return Anchor(task.target_indices)(forecast, past) if anchor else forecast
