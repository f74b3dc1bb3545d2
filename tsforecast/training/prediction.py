"""Forecasts of many windows, batch by batch, through one compiled function."""

from typing import Any

import keras
import numpy as np

from tsforecast.training.sharded_step import default_shards, sharded_forward


def forecast(model: keras.Model, windows: Any, *, batch_size: int = 512) -> np.ndarray:
    """The forecasts of all windows, in their order.

    Args:
        model: maps scaled ``[B, L, C]`` to scaled ``[B, H, T(, Q)]``.
        windows: a ``data.windows.Windows``.
        batch_size: windows a call; the last call is filled up, so that one shape is compiled.

    Returns: float32 ``[n, H, T(, Q)]``, scaled.
    """
    size = min(batch_size, len(windows))
    parts = []
    for first in range(0, len(windows), size):
        ends = windows.ends[first : first + size]
        padded = np.concatenate([ends, np.repeat(ends[-1:], size - len(ends))])
        parts.append(_run(model, windows.inputs(padded))[: len(ends)])
    return np.concatenate(parts)


def _run(model: keras.Model, past: np.ndarray) -> np.ndarray:
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        shards = 1 if tf.config.list_logical_devices("GPU") else default_shards(len(past))
        return sharded_forward(model, past, shards).numpy()
    return model.predict_on_batch(past)
