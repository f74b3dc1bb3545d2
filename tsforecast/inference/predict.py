"""Forecasts of many windows, batch by batch, through one compiled function."""

from typing import Any, NamedTuple

import keras
import numpy as np

from tsforecast.training.sharded_step import forward_shards, sharded_forward

BATCH = 128  # larger ones are no faster on a CPU, and take memory in proportion


class Forecasts(NamedTuple):
    """What a model says of n windows.

    Args:
        values: float32 ``[n, H, T(, Q)]``, scaled.
        logits: float32 ``[n, H, T]``, of the probability of a spike at each step; None without a spike head.
        weights: float32 ``[n, M]`` of an ensemble's members; None of other models.
    """

    values: np.ndarray
    logits: np.ndarray | None = None
    weights: np.ndarray | None = None

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
    return forecasts(model, windows, batch_size=batch_size).values


def forecasts(model: Any, windows: Any, *, batch_size: int = BATCH, in_time: bool = False) -> Forecasts:
    """As ``forecast``, with the probabilities of a spike and the weights from models that have them.

    Args:
        model: see ``forecast``.
        windows: see ``forecast``.
        batch_size: see ``forecast``.
        in_time: the windows are a stretch of time, and a model that follows the truths as they arrive (an ensemble
            may) shall do so.
    """
    if not isinstance(model, keras.Model):
        return Forecasts(model.forecast(windows))
    if in_time and getattr(model, "follows_time", False):
        found = model.in_time(windows, lambda longer: outputs(model, longer, batch_size=batch_size))
    else:
        found = outputs(model, windows, batch_size=batch_size)
    return Forecasts(found["forecast"], found.get("spike"), found.get("weights"))


def outputs(model: keras.Model, windows: Any, *, batch_size: int = BATCH) -> dict[str, np.ndarray]:
    """All that a network says of windows, ``[n, ...]`` each; a plain output is named ``forecast``."""
    size = min(batch_size, len(windows))
    found: dict[str, list[np.ndarray]] = {}
    for first in range(0, len(windows), size):
        ends = windows.ends[first : first + size]
        padded = np.concatenate([ends, np.repeat(ends[-1:], size - len(ends))])
        output = forecast_batch(model, windows.inputs(padded))
        for name, values in (output if isinstance(output, dict) else {"forecast": output}).items():
            found.setdefault(name, []).append(values[: len(ends)])
    return {name: np.concatenate(parts) for name, parts in found.items()}


def values_of(output: Any) -> Any:
    """The value that a model's output forecasts, whether it has a spike head or not."""
    return output["forecast"] if isinstance(output, dict) else output


def forecast_batch(model: keras.Model, past: np.ndarray) -> Any:
    """The model's output for scaled windows ``[B, L, C]``, as NumPy arrays."""
    if keras.config.backend() == "tensorflow":
        output = sharded_forward(model, past, forward_shards(len(past)))
        return keras.tree.map_structure(lambda tensor: tensor.numpy(), output)
    return model.predict_on_batch(past)
