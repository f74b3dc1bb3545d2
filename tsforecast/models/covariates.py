"""The channels of a window by their role, and the parts that networks reading whole windows share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import keras
from keras import ops

from tsforecast.layers.categories import SelectChannels, embedding_width
from tsforecast.layers.head import ForecastHead, fan_in_uniform
from tsforecast.models.forecaster import embed_categories
from tsforecast.models.task import Task
from tsforecast.typing import Tensor


class Covariates(NamedTuple):
    """What a window tells in addition to the histories of the targets; None where it tells nothing.

    Args:
        past: ``[B, L, P]``, known up to the last input step.
        future: ``[B, H, F]``, known at the times of the targets.
        static: ``[B, S]``, constant within each series.
    """

    past: Tensor
    future: Tensor
    static: Tensor


def split_covariates(past: Tensor, task: Task, embedding: int | None) -> Covariates:
    """Split the input of a network ``[B, L, C]`` by the roles of its channels; categories are embedded.

    Args:
        past: The input.
        task: Its task.
        embedding: Width of the embeddings, see ``CategoryEmbedding``.

    Example:
        >>> task = Task(10, 5, 1, 2, target_indices=(0,), future_channels=(2, 3), static_channels=(4,))
        >>> [part.shape for part in split_covariates(task.input_tensor(), task, None)]
        [(None, 10, 1), (None, 2, 1), (None, 1)]
    """
    groups = [
        task.future_channels[i : i + task.horizon] for i in range(0, len(task.future_channels), task.horizon)
    ]
    ahead, numbers = set(task.future_channels), set(task.number_channels)
    static = [i for i in task.static_channels if i in numbers]
    excluded = {*ahead, *static, *task.target_indices}
    measured = [i for i in task.number_channels if i not in excluded]
    parts: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])
    if measured:
        parts[0].append(SelectChannels(measured, name="measured")(past))
    planned = [group for group in groups if group[0] in numbers]
    if planned:
        flat = SelectChannels([i for group in planned for i in group], name="planned")(past[:, -1:])
        parts[1].append(ops.swapaxes(ops.reshape(flat, (-1, len(planned), task.horizon)), 1, 2))
    if static:
        parts[2].append(SelectChannels(static, name="static")(past[:, -1:])[:, 0])
    if task.category_counts:
        vectors = _vectors(past, task, embedding)
        for channel, vector in vectors.items():
            if channel in task.static_channels:
                parts[2].append(vector[:, -1])
            elif channel not in ahead:
                parts[0].append(vector)
        for group in (group for group in groups if group[0] not in numbers):
            parts[1].append(ops.stack([vectors[channel][:, -1] for channel in group], axis=1))
    return Covariates(*(_join(part) for part in parts))


def _vectors(past: Tensor, task: Task, embedding: int | None) -> dict[int, Tensor]:
    """Return the embedding ``[B, L, D]`` of each channel that holds codes of categories."""
    joined, vectors, first = embed_categories(past, task, embedding), {}, 0
    for channel in task.category_channels:
        width = embedding_width(task.category_counts[task.category_of[channel]], embedding)
        vectors[channel] = joined[..., first : first + width]
        first += width
    return vectors


def _join(parts: Sequence[Tensor]) -> Tensor:
    if len(parts) < 2:
        return parts[0] if parts else None
    return keras.layers.Concatenate()(parts)


def repeat_for(values: Tensor, count: int) -> Tensor:
    """Return values ``[B, ...]`` as ``[B, count, ...]``."""
    return ops.repeat(values[:, None], count, axis=1)


def forecast_targets(features: Tensor, task: Task, name: str = "head") -> Tensor:
    """Map the features of each target ``[B, T, D]`` to its forecast ``[B, T, H(, Q)]``, by one head for all."""
    return _head(features, task, task.horizon, name, axis=3)


def forecast_steps(features: Tensor, task: Task, name: str = "head") -> Tensor:
    """Map the features of each target and step ``[B, T, H, D]`` to ``[B, T, H(, Q)]``, by one head for all."""
    return ops.squeeze(_head(features, task, 1, name, axis=4), axis=3)


def _head(features: Tensor, task: Task, horizon: int, name: str, axis: int) -> Tensor:
    arguments = {**task.head_arguments(), "horizon": horizon, "targets": 1}
    head = ForecastHead(**arguments, kernel_initializer=fan_in_uniform(), name=name)
    return ops.squeeze(head(features), axis=axis)


def target_spike_logits(features: Tensor, task: Task) -> Tensor:
    """Map the features of each target ``[B, T, D]`` to logits of a spike ``[B, H, T]``."""
    plain = replace(task, quantile_levels=None, distribution=None)
    return ops.swapaxes(forecast_targets(features, plain, "spike_head"), 1, 2)


def add_level(forecast: Tensor, level: Tensor, task: Task) -> Tensor:
    """Add a level ``[B, T, H]`` to the values of a forecast ``[B, T, H(, Q)]``, all quantiles alike."""
    if len(forecast.shape) > len(level.shape):
        count = forecast.shape[-1] if task.points is None else task.points
        level = ops.repeat(level[..., None], count, axis=-1)
        level = ops.pad(level, [[0, 0]] * 3 + [[0, forecast.shape[-1] - count]])
    return keras.layers.Add(dtype="float32", name="with_level")([forecast, level])


def covariate_level(covariates: Covariates, task: Task) -> Tensor:
    """Return a linear map ``[B, T, H]`` of what is known ahead and what is constant; None without any."""
    parts = [] if covariates.future is None else [keras.layers.Flatten()(covariates.future)]
    parts += [] if covariates.static is None else [covariates.static]
    joined = _join(parts)
    if joined is None:
        return None
    targets = len(task.target_indices)
    level = keras.layers.Dense(targets * task.horizon, dtype="float32", name="covariate_level")(joined)
    return ops.reshape(level, (-1, targets, task.horizon))
