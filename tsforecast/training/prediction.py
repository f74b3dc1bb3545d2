"""Forecasts of many windows, batch by batch, through one compiled function."""

from typing import Any, NamedTuple

import keras
import numpy as np

from tsforecast.training.sharded_step import default_shards, sharded_forward

BATCH = 128  # larger ones are no faster on a CPU, and take memory in proportion


class Forecasts(NamedTuple):
    """What a model says of n windows.

    Args:
        values: float32 ``[n, H, T(, Q)]``, scaled.
        logits: float32 ``[n, H, T]``, of the probability of a spike at each step; None without a spike head.
    """

    values: np.ndarray
    logits: np.ndarray | None

    @property
    def spike(self) -> np.ndarray | None:
        """The probability of a spike ``[n, H, T]``, or None."""
        return None if self.logits is None else 0.5 * np.tanh(0.5 * self.logits) + 0.5

    def as_output(self) -> Any:
        """As the model's own output has it."""
        return self.values if self.logits is None else {"forecast": self.values, "spike": self.logits}


def forecast(model: Any, windows: Any, *, batch_size: int = BATCH) -> np.ndarray:
    """The forecasts of all windows, in their order.

    Args:
        model: maps scaled ``[B, L, C]`` to scaled ``[B, H, T(, Q)]``, or to a dict with that as ``forecast``; or one
            that is no network and forecasts windows itself, see ``models.fitted``.
        windows: a ``data.windows.Windows``.
        batch_size: windows a call; the last call is filled up, so that one shape is compiled.

    Returns: float32 ``[n, H, T(, Q)]``, scaled.
    """
    return forecast_with_spikes(model, windows, batch_size=batch_size).values


def forecast_with_spikes(model: Any, windows: Any, *, batch_size: int = BATCH) -> Forecasts:
    """As ``forecast``, with the probabilities of a spike from models that have a head for them."""
    if not isinstance(model, keras.Model):
        return Forecasts(model.forecast(windows), None)
    size = min(batch_size, len(windows))
    values, logits = [], []
    for first in range(0, len(windows), size):
        ends = windows.ends[first : first + size]
        padded = np.concatenate([ends, np.repeat(ends[-1:], size - len(ends))])
        output = forecast_batch(model, windows.inputs(padded))
        values.append(values_of(output)[: len(ends)])
        if isinstance(output, dict):
            logits.append(output["spike"][: len(ends)])
    return Forecasts(np.concatenate(values), np.concatenate(logits) if logits else None)


def values_of(output: Any) -> Any:
    """The value that a model's output forecasts, whether it has a spike head or not."""
    return output["forecast"] if isinstance(output, dict) else output


def forecast_batch(model: keras.Model, past: np.ndarray) -> Any:
    """The model's output for scaled windows ``[B, L, C]``, as NumPy arrays."""
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        shards = 1 if tf.config.list_logical_devices("GPU") else default_shards(len(past))
        output = sharded_forward(model, past, shards)
        return keras.tree.map_structure(lambda tensor: tensor.numpy(), output)
    return model.predict_on_batch(past)
