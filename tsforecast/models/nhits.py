"""N-HiTS: blocks that each explain a part of the history at a rate of their own, and forecast it."""

from collections.abc import Sequence
from typing import Annotated, Any

import keras
from keras import ops

from tsforecast.layers.categories import SelectChannels
from tsforecast.layers.head import ForecastHead, fan_in_uniform
from tsforecast.layers.interpolation import Interpolate, MaxPoolTime
from tsforecast.models.forecaster import (
    Forecaster,
    embed_categories,
    linear_spike_logits,
    with_spike_logits,
)
from tsforecast.models.histories import read_histories
from tsforecast.models.task import Task
from tsforecast.options import Dropout, EmbeddingWidth, Range, SpikeWeight, Width
from tsforecast.typing import Tensor


@keras.saving.register_keras_serializable(package="tsforecast")
class NHITS(Forecaster):
    """Blocks of dense layers on the target's own history, pooled at several rates, one after the other.

    Each block sees what the blocks before it have left of the history, explains a part of it, and adds the forecast of
    that part. Both are given at a few knots and interpolated, so that a block with few knots forecasts slow changes.
    All targets share the blocks. Other channels enter by their last step: future covariates, static columns and
    categories.

    Args:
        task: Inputs and outputs of the model.
        pools: Steps of the history that each block takes as one, by their largest value.
        rates: Steps of the horizon for each knot of a block's forecast; as many as ``pools``.
        units: Width of the two dense layers of each block.
        dropout: Share dropped after each of them, in [0, 1).
        instance_norm: Whether to remove each window's mean and deviation and restore them in the forecast.
        embedding: Width of the embedding of each categorical feature; None for ``embedding_width``.
        spike_head: Whether the model also forecasts the probability of a spike, see ``SpikeDetector``.
        spike_weight: Weight of the spike's cross-entropy, which is added to the loss of the value; at least 0.

    Raises:
        ValueError: ``pools`` and ``rates`` are not of one length.

    Source: Challu et al. (2023), N-HiTS: Neural Hierarchical Interpolation for Time Series Forecasting, section 3.2.
        With quantiles or a distribution, a linear head reads the forecast and the blocks' last layers.

    Example:
        >>> task = Task(lookback=20, channels=3, lead=1, horizon=4, target_indices=(0,))
        >>> NHITS(task, pools=[4, 1], rates=[2, 1], units=8).output_shape
        (None, 4, 1)
    """

    def __init__(
        self,
        task: Task,
        pools: Sequence[Annotated[int, Range(1, 10_000)]] = (8, 4, 1),
        rates: Sequence[Annotated[int, Range(1, 10_000)]] = (24, 8, 1),
        units: Width = 512,
        dropout: Dropout = 0.0,
        instance_norm: bool = True,
        embedding: EmbeddingWidth = None,
        spike_head: bool = False,
        spike_weight: SpikeWeight = 0.5,
    ):
        if len(pools) != len(rates):
            raise ValueError(f"pools={list(pools)} and rates={list(rates)} must have one length.")
        past = task.input_tensor()
        history, restore = read_histories(past, task, normalize=instance_norm)  # [B, T, L]
        context = last_step_context(past, task, embedding)
        forecast, hidden = None, []
        for number, (pool, rate) in enumerate(zip(pools, rates, strict=True), start=1):
            features = _block(MaxPoolTime(pool)(history), context, units, dropout, number)
            hidden.append(features)
            backcast = _interpolated(features, task.lookback, pool, f"backcast_{number}")
            history = keras.layers.Subtract(dtype="float32")([history, backcast])
            part = _interpolated(features, task.horizon, rate, f"forecast_{number}")
            forecast = part if forecast is None else keras.layers.Add(dtype="float32")([forecast, part])
        if task.quantile_levels is not None or task.distribution is not None:
            forecast = _probabilistic(forecast, hidden, task)
        forecast = restore(forecast)
        options: dict[str, Any] = {
            "pools": list(pools),
            "rates": list(rates),
            "units": units,
            "dropout": dropout,
            "instance_norm": instance_norm,
            "embedding": embedding,
            "spike_head": spike_head,
            "spike_weight": spike_weight,
        }
        forecast = ops.swapaxes(forecast, 1, 2)
        if spike_head:
            forecast = with_spike_logits(forecast, linear_spike_logits(past, task))
        super().__init__(task=task, past=past, forecast=forecast, options=options)


def last_step_context(past: Tensor, task: Task, embedding: int | None) -> Tensor:
    """Return the channels other than the targets at the last step ``[B, T, E]``, the same for all; None without any."""
    others = [index for index in task.number_channels if index not in task.target_indices]
    parts = [SelectChannels(others, name="others")(past)[:, -1]] if others else []
    if task.category_counts:
        parts.append(embed_categories(past[:, -1:], task, embedding)[:, 0])
    if not parts:
        return None
    joined = parts[0] if len(parts) == 1 else keras.layers.Concatenate(name="context")(parts)
    return ops.repeat(joined[:, None], len(task.target_indices), axis=1)


def _block(history: Tensor, context: Tensor, units: int, dropout: float, number: int) -> Tensor:
    features = history if context is None else keras.layers.Concatenate()([history, context])
    for depth in (1, 2):
        features = keras.layers.Dense(units, activation="relu", name=f"block_{number}_{depth}")(features)
        if dropout:
            features = keras.layers.Dropout(dropout)(features)
    return features


def _interpolated(features: Tensor, steps: int, rate: int, name: str) -> Tensor:
    """Return a linear map to one knot for each ``rate`` steps, interpolated to all of them."""
    knots = keras.layers.Dense(max(1, -(-steps // rate)), kernel_initializer=fan_in_uniform(), name=name)
    return Interpolate(steps, name=f"{name}_steps")(knots(features))


def _probabilistic(forecast: Tensor, hidden: Sequence[Tensor], task: Task) -> Tensor:
    """Map the forecast and the blocks' last layers ``[B, T, D]`` to ``[B, T, H, Q]``."""
    features = keras.layers.Concatenate(dtype="float32")([forecast, *hidden])
    head = ForecastHead(
        **{**task.head_arguments(), "targets": 1}, kernel_initializer=fan_in_uniform(), name="head"
    )
    return ops.squeeze(head(features), axis=3)
