"""ModernTCN: convolutions with long kernels over patches, and dense layers among channels."""

from typing import Annotated, Any

import keras
from keras import ops

from tsforecast.layers.convolution import ModernTCNBlock
from tsforecast.layers.head import fan_in_uniform
from tsforecast.layers.kernels.fused import TokenNorm
from tsforecast.models.covariates import (
    add_level,
    covariate_level,
    forecast_targets,
    split_covariates,
    target_spike_logits,
)
from tsforecast.models.forecaster import Forecaster, with_spike_logits
from tsforecast.models.histories import read_histories
from tsforecast.models.task import Task
from tsforecast.options import Dropout, EmbeddingWidth, Range, SpikeWeight, Width
from tsforecast.typing import Tensor


@keras.saving.register_keras_serializable(package="tsforecast")
class ModernTCN(Forecaster):
    """Convolutional blocks over the patches of each series that also mix the series, and one head for all targets.

    The series are the targets and what else is measured. Covariates known ahead or constant within a series add a
    linear map of them to the forecast.

    Args:
        task: Inputs and outputs of the model.
        units: D, width of the patches' embedding.
        blocks: Number of blocks, at least 1.
        kernel: Patches that the long kernel of each channel covers, odd.
        small_kernel: Patches that the short kernel next to it covers, odd.
        ratio: Width of the inner layer of each dense network relative to its input.
        patch_len: Steps in a patch.
        patch_stride: Steps from one patch to the next, at most ``patch_len``.
        dropout: Share dropped in the dense layers of each block, in [0, 1).
        instance_norm: Whether to remove the mean and the deviation of each target's window and restore them.
        embedding: Width of the embedding of each categorical feature; None for ``embedding_width``.
        spike_head: Whether the model also forecasts the probability of a spike, see ``SpikeDetector``.
        spike_weight: Weight of the spike's cross-entropy, which is added to the loss of the value; at least 0.

    Raises:
        ValueError: A patch does not fit the window or its stride, or a kernel is not odd.

    Source: Luo & Wang (2024), ModernTCN: A Modern Pure Convolution Structure for General Time Series Analysis, section
        3, with a single stage, as its forecasts of ETT have. It has no covariates that are known ahead or static.

    Example:
        >>> task = Task(lookback=20, channels=3, lead=1, horizon=4, target_indices=(0,))
        >>> ModernTCN(task, units=8, kernel=5, small_kernel=3).output_shape
        (None, 4, 1)
    """

    def __init__(
        self,
        task: Task,
        units: Width = 64,
        blocks: Annotated[int, Range(1, 1000)] = 1,
        kernel: Annotated[int, Range(1, 10_001)] = 51,
        small_kernel: Annotated[int, Range(1, 10_001)] = 5,
        ratio: Annotated[int, Range(1, 64)] = 1,
        patch_len: Annotated[int, Range(1, 100_000)] = 8,
        patch_stride: Annotated[int, Range(1, 100_000)] = 4,
        dropout: Dropout = 0.3,
        instance_norm: bool = True,
        embedding: EmbeddingWidth = None,
        spike_head: bool = False,
        spike_weight: SpikeWeight = 0.5,
    ):
        options: dict[str, Any] = {
            "units": units,
            "blocks": blocks,
            "kernel": kernel,
            "small_kernel": small_kernel,
            "ratio": ratio,
            "patch_len": patch_len,
            "patch_stride": patch_stride,
            "dropout": dropout,
            "instance_norm": instance_norm,
            "embedding": embedding,
            "spike_head": spike_head,
            "spike_weight": spike_weight,
        }
        _check(options, task)
        past = task.input_tensor()
        targets = len(task.target_indices)
        history, restore = read_histories(past, task, normalize=instance_norm)  # [B, T, L]
        covariates = split_covariates(past, task, embedding)
        series = history
        if covariates.past is not None:
            measured = ops.swapaxes(covariates.past, 1, 2)
            series = keras.layers.Concatenate(axis=1, name="series")([history, measured])
        tokens = _embed(series, options)  # [B, N, M, D]
        for number in range(1, blocks + 1):
            tokens = ModernTCNBlock(kernel, small_kernel, ratio, dropout, name=f"block_{number}")(tokens)
        features = ops.transpose(tokens[:, :, :targets], (0, 2, 3, 1))  # [B, T, D, N]
        features = ops.reshape(features, (-1, targets, units * tokens.shape[1]))
        forecast = forecast_targets(features, task)
        level = covariate_level(covariates, task)
        if level is not None:
            forecast = add_level(forecast, level, task)
        forecast = ops.swapaxes(restore(forecast), 1, 2)
        if spike_head:
            forecast = with_spike_logits(forecast, target_spike_logits(features, task))
        super().__init__(task=task, past=past, forecast=forecast, options=options)


def _embed(series: Tensor, options: dict[str, Any]) -> Tensor:
    """Return the patches of each series ``[B, M, L]``, mapped to D numbers and normalized: ``[B, N, M, D]``."""
    length, stride = options["patch_len"], options["patch_stride"]
    count = (series.shape[2] - stride) // stride + 1
    if length > stride:  # the last value repeated, so that the newest steps make up a patch
        series = ops.concatenate([series, ops.repeat(series[..., -1:], length - stride, axis=-1)], axis=-1)
    patches = ops.stack([series[..., stride * i : stride * i + length] for i in range(count)], axis=1)
    embed = keras.layers.Dense(options["units"], kernel_initializer=fan_in_uniform(), name="embedding")
    return TokenNorm(momentum=0.9, epsilon=1e-5, name="embedding_norm")(embed(patches))


def _check(options: dict[str, Any], task: Task) -> None:
    for name in ("kernel", "small_kernel"):
        if options[name] % 2 == 0:
            raise ValueError(f"{name}={options[name]} must be odd, which centers it.")
    if options["patch_stride"] > options["patch_len"]:
        raise ValueError(
            f"patch_stride={options['patch_stride']} must be at most patch_len={options['patch_len']}."
        )
    if options["patch_len"] > task.lookback:
        raise ValueError(
            f"patch_len={options['patch_len']} does not fit window.lookback={task.lookback}: make it shorter."
        )
