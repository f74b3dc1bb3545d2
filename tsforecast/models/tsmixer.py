"""TSMixer: dense layers along time and across channels in turns."""

from typing import Annotated, Any

import keras
from keras import ops

from tsforecast.layers.mixing import MixingBlock
from tsforecast.models.covariates import (
    Covariates,
    add_level,
    forecast_targets,
    repeat_for,
    split_covariates,
)
from tsforecast.models.forecaster import Forecaster, linear_spike_logits, with_spike_logits
from tsforecast.models.histories import read_histories
from tsforecast.models.task import Task
from tsforecast.options import Dropout, EmbeddingWidth, Range, SpikeWeight, Width
from tsforecast.typing import Tensor


@keras.saving.register_keras_serializable(package="tsforecast")
class TSMixer(Forecaster):
    """Blocks that mix the window along time and across its channels, and a linear map along time to the horizon.

    The channels are the targets and what else is measured. Where covariates are known ahead or constant within a
    series, the mixed window is also brought to the length of the horizon and joined with them, further blocks mix
    the result, and a linear map of each step is added to the forecast.

    Args:
        task: Inputs and outputs of the model.
        blocks: Number of mixing blocks on the window, at least 1.
        units: Width of the layer that mixes channels in each block.
        future_blocks: Number of mixing blocks on the horizon, where there are such covariates.
        dropout: Share dropped after each dense layer, in [0, 1).
        norm: ``batch`` or ``layer``, of all steps and channels of a window together.
        instance_norm: Whether to remove the mean and the deviation of each target's window and restore them.
        affine: Whether the instance normalization learns a scale and a shift of each target.
        embedding: Width of the embedding of each categorical feature; None for ``embedding_width``.
        spike_head: Whether the model also forecasts the probability of a spike, see ``SpikeDetector``.
        spike_weight: Weight of the spike's cross-entropy, which is added to the loss of the value; at least 0.

    Source: Chen et al. (2023), TSMixer: An All-MLP Architecture for Time Series Forecasting: section 4.1 without
        covariates, known ahead or constant, section 4.2 with them. There the blocks on the window and their linear
        map stay, whose forecast the others add to; the published code has no such model.

    Example:
        >>> task = Task(lookback=20, channels=3, lead=1, horizon=4, target_indices=(0,))
        >>> TSMixer(task, blocks=2, units=8).output_shape
        (None, 4, 1)
    """

    def __init__(
        self,
        task: Task,
        blocks: Annotated[int, Range(1, 1000)] = 2,
        units: Width = 64,
        future_blocks: Annotated[int, Range(1, 1000)] = 1,
        dropout: Dropout = 0.3,
        norm: str = "batch",
        instance_norm: bool = True,
        affine: bool = True,
        embedding: EmbeddingWidth = None,
        spike_head: bool = False,
        spike_weight: SpikeWeight = 0.5,
    ):
        options: dict[str, Any] = {
            "blocks": blocks,
            "units": units,
            "future_blocks": future_blocks,
            "dropout": dropout,
            "norm": norm,
            "instance_norm": instance_norm,
            "affine": affine,
            "embedding": embedding,
            "spike_head": spike_head,
            "spike_weight": spike_weight,
        }
        past = task.input_tensor()
        targets = len(task.target_indices)
        history, restore = read_histories(past, task, normalize=instance_norm, affine=affine)  # [B, T, L]
        covariates = split_covariates(past, task, embedding)
        series = ops.swapaxes(history, 1, 2)
        if covariates.past is not None:
            series = keras.layers.Concatenate(name="series")([series, covariates.past])
        for number in range(1, blocks + 1):
            series = MixingBlock(units, dropout, norm, name=f"block_{number}")(series)
        mixed = ops.swapaxes(series, 1, 2)  # [B, C, L]
        forecast = forecast_targets(mixed[:, :targets], task)  # [B, T, H(, Q)]
        steps = _mix_ahead(mixed, covariates, task, options)
        if steps is not None:
            change = keras.layers.Dense(targets, dtype="float32", name="change")(steps)
            forecast = add_level(forecast, ops.swapaxes(change, 1, 2), task)
        forecast = ops.swapaxes(restore(forecast), 1, 2)
        if spike_head:
            forecast = with_spike_logits(forecast, linear_spike_logits(past, task))
        super().__init__(task=task, past=past, forecast=forecast, options=options)


def _mix_ahead(mixed: Tensor, covariates: Covariates, task: Task, options: dict[str, Any]) -> Tensor:
    """Return the mixed window at each step of the horizon with its covariates, ``[B, H, D]``; None without any."""
    parts = [] if covariates.future is None else [covariates.future]
    if covariates.static is not None:
        parts.append(repeat_for(covariates.static, task.horizon))
    if not parts:
        return None
    aligned = keras.layers.Dense(task.horizon, name="aligned")(mixed)  # [B, C, H]
    steps = keras.layers.Concatenate(name="ahead")([ops.swapaxes(aligned, 1, 2), *parts])
    for number in range(1, options["future_blocks"] + 1):
        block = MixingBlock(
            options["units"], options["dropout"], options["norm"], name=f"future_block_{number}"
        )
        steps = block(steps)
    return steps
