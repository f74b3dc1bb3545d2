"""NLinear: one linear map of a history relative to its last value."""

import keras

from tsforecast.layers.anchor import Anchor
from tsforecast.layers.linear import TargetHistory, TimeLinear
from tsforecast.models.forecaster import (
    Forecaster,
    linear_spike_logits,
    shift_by_categories,
    with_spike_logits,
)
from tsforecast.models.task import Task
from tsforecast.options import EmbeddingWidth, SpikeWeight


@keras.saving.register_keras_serializable(package="tsforecast")
class NLinear(Forecaster):
    """A linear map of a target's own history minus its last value, which is added to the result.

    Args:
        task: Inputs and outputs of the model.
        embedding: Width of the embedding of each categorical feature, whose learned level is added to the forecast;
            None for ``embedding_width``.
        spike_head: Whether the model also forecasts the probability of a spike, see ``SpikeDetector``.
        spike_weight: Weight of the spike's cross-entropy, which is added to the loss of the value; at least 0.

    Source: Zeng et al. (2023), Are Transformers Effective for Time Series Forecasting?, section 4.2, with one map that
    all targets share.

    Example:
        >>> task = Task(lookback=20, channels=3, lead=1, horizon=4, target_indices=(0,))
        >>> NLinear(task).output_shape
        (None, 4, 1)
    """

    def __init__(
        self,
        task: Task,
        embedding: EmbeddingWidth = None,
        spike_head: bool = False,
        spike_weight: SpikeWeight = 0.5,
    ):
        past = task.input_tensor()
        history = TargetHistory(task.target_indices)(past)
        change = keras.layers.Subtract(dtype="float32")([history, history[..., -1:]])
        mapped = TimeLinear(task.horizon, task.quantile_levels, distribution=task.distribution, name="map")(
            change
        )
        forecast = Anchor(task.target_indices, points=task.points)(mapped, past)
        forecast = shift_by_categories(forecast, past, task, embedding)
        if spike_head:
            forecast = with_spike_logits(forecast, linear_spike_logits(past, task))
        options = {"embedding": embedding, "spike_head": spike_head, "spike_weight": spike_weight}
        super().__init__(task=task, past=past, forecast=forecast, options=options)
