"""The base class of all networks: a functional Keras model that knows its task and saves all it needs.

Example:
    >>> from tsforecast.models.lstm import LSTM
    >>> from tsforecast.models.task import Task
    >>> task = Task(lookback=20, channels=3, lead=1, horizon=4, target_indices=(0,))
    >>> model = LSTM(task, units=[8], dense_units=[8])
    >>> model.output_shape  # [B, H, T]
    (None, 4, 1)
    >>> model.sequence_model().output_shape  # a forecast at every step of the window, [B, L, H, T]
    (None, 20, 4, 1)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras

from tsforecast.layers.anchor import Anchor
from tsforecast.layers.calibration import LogitCalibration
from tsforecast.layers.categories import CategoryEmbedding, SelectChannels
from tsforecast.layers.distributions import DistributionOutputs
from tsforecast.layers.encoding import PiecewiseLinear
from tsforecast.layers.head import ForecastHead
from tsforecast.layers.linear import TargetHistory, TimeLinear
from tsforecast.layers.statistics import RollingStatistics
from tsforecast.models.protocol import ParameterRow
from tsforecast.models.task import Task
from tsforecast.typing import Tensor

CONTEXT_UNITS = 64


class Forecaster(keras.Model):
    """A functional Keras model with a task, rebuilt from its arguments when loaded.

    A subclass builds its graph from ``task.input_tensor()`` and passes it on. Inputs are scaled ``[B, L, C]``; outputs
    are scaled ``[B, H, T]``, or ``[B, H, T, Q]`` with quantile levels, in float32. If the task has a distribution, the
    output is a dict as ``DistributionOutputs`` returns it.

    Args:
        task: The inputs and outputs of the model.
        past: The input tensor.
        forecast: The output tensor, the forecast at the last step of the window; or a dict of that tensor
            (``forecast``) and of the logits of a spike ``[B, H, T]`` (``spike``).
        sequence: The forecast of a causal model at each step of the window, ``[B, L, H, T(, Q)]``, or at fewer, see
            ``sequence_stride``; None for others.
        options: The subclass's own arguments, for ``get_config``.
        metadata: Names, units and scaling of the data, see ``describe``.

    Attributes:
        nominal_params: Parameters expected at the default widths, shown next to the real count; None if not stated.
        spike_weight: Weight of the spike head's cross-entropy in the loss; 0 without such a head.
    """

    nominal_params: ClassVar[int | None] = None

    def __init__(
        self,
        *,
        task: Task,
        past: Tensor,
        forecast: Tensor,
        sequence: Tensor = None,
        options: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ):
        if task.distribution is not None:
            forecast, sequence = distribution_outputs(task, forecast, sequence)
        super().__init__(inputs=past, outputs=forecast)
        self.task = task
        self.options = options or {}
        self.metadata = metadata or {}
        has_spike_head = self.options.get("spike_head", True)
        self.spike_weight = float(self.options.get("spike_weight", 0.0)) if has_spike_head else 0.0
        self._sequence = (past, sequence)

    def describe(self, **metadata: object) -> None:
        """Store what the saved file needs to be used alone: channels, targets, unit, scaler, frequency."""
        self.metadata = metadata

    @property
    def has_sequence(self) -> bool:
        """Whether the model forecasts at every step of its window, as dense supervision requires."""
        return self._sequence[1] is not None

    @property
    def sequence_stride(self) -> int:
        """Steps of the window from one forecast of ``sequence_model`` to the next, back from the last step."""
        return 1

    @property
    def trains_in_batches(self) -> bool:
        """Whether there are weights to train; a naive baseline has none."""
        return bool(self.trainable_variables)

    def sequence_model(self) -> keras.Model:
        """Return a model of the same layers that forecasts at every step, ``[B, L, H, T(, Q)]``.

        Raises:
            ValueError: The model is not causal.
        """
        past, sequence = self._sequence
        if sequence is None:
            raise ValueError(
                f"{type(self).__name__} forecasts at the last step of its window only: use training.supervision=last."
            )
        return keras.Model(past, sequence)

    def parameter_rows(self) -> list[ParameterRow]:
        """Return name, output shape and parameters of each layer that has weights."""
        rows: list[ParameterRow] = []
        for layer in self.layers:
            if params := layer.count_params():
                shape = getattr(layer.output, "shape", "")
                rows.append({"layer": layer.name, "shape": " x ".join(map(str, shape[1:])), "params": params})
        return rows

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
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, object] | None = None
    ) -> Forecaster:
        """Rebuild the model under the dtype policy that it was built with."""
        config = dict(config)
        policy = keras.saving.deserialize_keras_object(config.pop("policy"))
        metadata, task = config.pop("card"), config.pop("task")
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            model = cls(task=Task.from_dict(task), **config)
        finally:
            keras.config.set_dtype_policy(before)
        model.describe(**metadata)
        return model


def distribution_outputs(task: Task, forecast: Tensor, sequence: Tensor) -> tuple[Tensor, Tensor]:
    """Return the outputs of a model with a distribution in place of the numbers that its head computes.

    Args:
        task: Its task, with a distribution.
        forecast: Those numbers at the last step, or a dict of them (``forecast``) and the logits of a spike.
        sequence: The same at every step, or None.

    Returns:
        A dict as ``DistributionOutputs`` returns it; and the parameters at every step (in a dict with the logits if
        there are any), or None.
    """
    convert = DistributionOutputs(
        task.distribution or {}, task.quantile_levels or (0.5,), name="distribution"
    )
    outputs = forecast if isinstance(forecast, dict) else {"forecast": forecast}
    outputs = {**outputs, **convert(outputs["forecast"])}
    if isinstance(sequence, dict):
        parameters = convert(sequence["forecast"], parameters_only=True)
        return outputs, {"parameters": parameters, "spike": sequence["spike"]}
    return outputs, None if sequence is None else convert(sequence, parameters_only=True)


def encode_channels(
    past: Tensor, task: Task, encoding: Mapping[str, Any] | None, embedding: int | None
) -> Tensor:
    """Append a ``PiecewiseLinear`` encoding to the numbers, and replace codes of categories by their embeddings.

    Summaries of earlier rows are left out: ``append_context`` adds them to the features that a head reads.

    Args:
        past: The input of a model ``[B, L, C]``.
        task: Its task.
        encoding: Arguments of the encoding, with edges for the channels that hold numbers; None for no encoding.
        embedding: Width of the embeddings, see ``CategoryEmbedding``.
    """
    selected = task.sequence_channels
    numbers = past
    if len(selected) < task.channels:
        numbers = SelectChannels(selected, name="numbers")(past)
    if encoding is not None:
        numbers = PiecewiseLinear(**encoding, name="encoding")(numbers)
    if not task.category_counts:
        return numbers
    return keras.layers.Concatenate(name="channels")([numbers, embed_categories(past, task, embedding)])


def append_context(features: Tensor, past: Tensor, task: Task) -> Tensor:
    """Append a layer on the summaries of earlier rows to the features ``[B, L, D]``, or ``[B, D]`` of the last step.

    A summary is of all that precedes its step, so that there is nothing for a recurrent layer to add; behind it, the
    summaries cost a few products per step only. Without a context the features stay as they are.
    """
    if not task.context_channels:
        return features
    summaries = SelectChannels(task.context_channels, name="summaries")(past)
    if len(features.shape) == 2:
        summaries = summaries[:, -1]
    layer = keras.layers.Dense(CONTEXT_UNITS, activation="relu", name="context")
    return keras.layers.Concatenate(name="with_context")([features, layer(summaries)])


def append_statistics(features: Tensor, past: Tensor, statistics: Mapping[str, Any] | None) -> Tensor:
    """Append a layer on statistics of the window to the features ``[B, L, D]``, or ``[B, D]`` of the last step.

    They are what LightGBM reads: mean, lowest and highest value of the newest steps, in bins. A recurrent layer takes
    thousands of updates to keep them as exactly.

    Args:
        features: What the heads read.
        past: The input of the model ``[B, L, C]``.
        statistics: ``channels`` of which there are statistics, their ``spans`` in steps, ``edges`` of the bins of each
            channel, and ``units`` of the layer; None for features without them.
    """
    if statistics is None:
        return features
    values = SelectChannels(statistics["channels"], name="measured")(past)
    values = RollingStatistics(statistics["spans"], name="statistics")(values)
    if len(features.shape) == 2:
        values = values[:, -1]
    edges = statistics["edges"] * (values.shape[-1] // len(statistics["channels"]))
    encoded = PiecewiseLinear(edges, statistics["units"], name="encoded_statistics")(values)
    return keras.layers.Concatenate(name="with_statistics")([features, encoded])


def embed_categories(past: Tensor, task: Task, embedding: int | None) -> Tensor:
    """Return the embeddings ``[B, L, D]`` of the channels that hold codes of categories."""
    return CategoryEmbedding(task.category_of, task.category_counts, embedding, name="categories")(past)


def shift_by_categories(forecast: Tensor, past: Tensor, task: Task, embedding: int | None) -> Tensor:
    """Add a learned level of the last step's categories to a forecast ``[B, H, T(, Q)]``, all quantiles alike.

    For models that read the histories of their targets only. The level is 0 before training, so that a model begins
    as the one without categories. A future covariate is among the last step's channels.
    """
    if not task.category_counts:
        return forecast
    last = embed_categories(past[:, -1:], task, embedding)[:, 0]
    units = task.horizon * len(task.target_indices)
    level = keras.layers.Dense(units, kernel_initializer="zeros", dtype="float32", name="category_level")(
        last
    )
    tail = (1,) if task.quantile_levels is not None else ()
    level = keras.ops.reshape(level, (-1, task.horizon, len(task.target_indices), *tail))
    if task.points is not None:
        level = keras.ops.pad(
            keras.ops.repeat(level, task.points, axis=-1),
            [[0, 0]] * 3 + [[0, forecast.shape[-1] - task.points]],
        )
    return keras.layers.Add(dtype="float32", name="with_category_level")([forecast, level])


def causal_outputs(
    features: Tensor, past: Tensor, task: Task, head: keras.layers.Layer, anchor: bool
) -> dict[str, Tensor]:
    """Return the outputs of a causal model: the head on the last step, and the same head on every step.

    Args:
        features: ``[B, L, D]``, where step t depends on the window up to t only.
        past: The input of the model.
        task: Its task.
        head: Maps ``[..., D]`` to ``[..., H, T(, Q)]``.
        anchor: Whether the head forecasts the change from the last known value.

    Returns: ``forecast`` and ``sequence``, as ``Forecaster`` takes them.
    """
    outputs = {
        "forecast": anchor_forecast(head(features[:, -1]), past, task, anchor),
        "sequence": head(features),
    }
    if anchor:
        every_step = Anchor(task.target_indices, every_step=True, points=task.points)
        outputs["sequence"] = every_step(outputs["sequence"], past)
    return outputs


def make_spike_head(task: Task, units: Sequence[int] = (), dropout: float = 0.0) -> ForecastHead:
    """Return a layer that maps ``[..., D]`` to the logits of a spike ``[..., H, T]``."""
    targets = len(task.target_indices)
    return ForecastHead(task.horizon, targets, units=units, dropout=dropout, name="spike_head")


def add_spike_logits(
    outputs: dict[str, Tensor], features: Tensor, head: keras.layers.Layer | None
) -> dict[str, Any]:
    """Return the outputs of a model with the logits of a spike next to each forecast; unchanged without a head.

    Args:
        outputs: ``forecast`` and, for a causal model, ``sequence``.
        features: ``[B, L, D]``.
        head: See ``make_spike_head``; None for a model without one.
    """
    if head is None:
        return outputs
    result: dict[str, Any] = {"forecast": with_spike_logits(outputs["forecast"], head(features[:, -1]))}
    if "sequence" in outputs:
        result["sequence"] = {"forecast": outputs["sequence"], "spike": head(features)}
    return result


def with_spike_logits(forecast: Tensor, logits: Tensor) -> dict[str, Tensor]:
    """Return the output of a model that forecasts a value and, calibrated after training, the odds of a spike."""
    return {"forecast": forecast, "spike": LogitCalibration(name="spike_calibration")(logits)}


def linear_spike_logits(past: Tensor, task: Task) -> Tensor:
    """Return logits of a spike ``[B, H, T]``, a linear map of each target's history relative to its last value."""
    history = TargetHistory(task.target_indices, name="spike_history")(past)
    change = keras.layers.Subtract(dtype="float32")([history, history[..., -1:]])
    return TimeLinear(task.horizon, None, name="spike_head")(change)


def anchor_forecast(forecast: Tensor, past: Tensor, task: Task, anchor: bool) -> Tensor:
    """Add the last known values to a forecast ``[B, H, T(, Q)]`` if ``anchor`` is set."""
    return Anchor(task.target_indices, points=task.points)(forecast, past) if anchor else forecast
