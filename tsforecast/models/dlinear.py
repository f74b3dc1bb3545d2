"""DLinear: one linear map of the trend and one of the remainder."""

from typing import Annotated

import keras

from tsforecast.layers.linear import TargetHistory, TimeLinear, TrendSplit
from tsforecast.models.forecaster import (
    Forecaster,
    linear_spike_logits,
    shift_by_categories,
    with_spike_logits,
)
from tsforecast.models.task import Task
from tsforecast.options import EmbeddingWidth, Range, SpikeWeight


@keras.saving.register_keras_serializable(package="tsforecast")
class DLinear(Forecaster):
    """A linear map of the trend plus a linear map of the remainder, each from a target's own history.

    Args:
        task: Inputs and outputs of the model.
        kernel_size: Width in steps of the moving average that is the trend, odd.
        embedding: Width of the embedding of each categorical feature, whose learned level is added to the forecast;
            None for ``embedding_width``.
        spike_head: Whether the model also forecasts the probability of a spike, see ``SpikeDetector``.
        spike_weight: Weight of the spike's cross-entropy, which is added to the loss of the value; at least 0.

    Source: Zeng et al. (2023), Are Transformers Effective for Time Series Forecasting?, section 4.2, with maps that all
    targets share; they start as averages, as in the Time-Series-Library.

    Example:
        >>> task = Task(lookback=20, channels=3, lead=1, horizon=4, target_indices=(0,))
        >>> DLinear(task, kernel_size=5).output_shape
        (None, 4, 1)
    """

    def __init__(
        self,
        task: Task,
        kernel_size: Annotated[int, Range(1, 10_000)] = 25,
        embedding: EmbeddingWidth = None,
        spike_head: bool = False,
        spike_weight: SpikeWeight = 0.5,
    ):
        past = task.input_tensor()
        trend, remainder = TrendSplit(kernel_size, dtype="float32", name="split")(
            TargetHistory(task.target_indices)(past)
        )
        average = keras.initializers.Constant(1.0 / task.lookback)
        maps = [
            TimeLinear(task.horizon, task.quantile_levels, average, task.distribution, name=name)
            for name in ("trend", "rest")
        ]
        forecast = keras.layers.Add(dtype="float32")([maps[0](trend), maps[1](remainder)])
        forecast = shift_by_categories(forecast, past, task, embedding)
        options = {
            "kernel_size": kernel_size,
            "embedding": embedding,
            "spike_head": spike_head,
            "spike_weight": spike_weight,
        }
        if spike_head:
            forecast = with_spike_logits(forecast, linear_spike_logits(past, task))
        super().__init__(task=task, past=past, forecast=forecast, options=options)
