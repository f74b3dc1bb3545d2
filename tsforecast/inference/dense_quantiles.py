"""Many quantiles of a model's forecast distribution, a chunk of windows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tsforecast.data.scaling import Scaler, SeriesScaler
    from tsforecast.models.task import Task

CHUNK = 4_000_000  # quantiles at once


def quantile_chunks(
    task: Task, parameters: np.ndarray, levels: Sequence[float], scaler: Scaler | SeriesScaler
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield windows, and their quantiles float64 ``[n, H, T, Q]`` in the targets' unit.

    Args:
        task: Task of the model, with its distribution.
        parameters: Parameters ``[N, H, T, P]`` that the model computed, scaled.
        levels: Q rising levels in (0, 1).
        scaler: Scaler of the targets, or of those of the N windows.
    """
    import keras

    from tsforecast.layers.distributions import create_distribution

    distribution = create_distribution(task.distribution or {})
    size = max(1, CHUNK // (parameters.shape[1] * parameters.shape[2] * len(levels)))
    for first in range(0, len(parameters), size):
        windows = slice(first, first + size)
        tensor = keras.ops.convert_to_tensor(parameters[windows], dtype="float32")
        scaled = keras.ops.convert_to_numpy(distribution.quantiles(tensor, levels))
        yield windows, scaler.select(windows).inverse_targets(scaled, axis=-2)
