"""Forecasts of many windows, batch by batch, through one compiled function; scaled, as the model computes them."""

from typing import TYPE_CHECKING, cast

import keras
import numpy as np

from tsforecast.data.windows import Windows
from tsforecast.inference.compiled import name_outputs, sharded_forward
from tsforecast.inference.forecasts import Outputs
from tsforecast.inference.sharding import forward_shards
from tsforecast.inference.shared_rows import can_share, shared_forward
from tsforecast.layers.overlap import find_overlap
from tsforecast.typing import Tensor

if TYPE_CHECKING:
    from tsforecast.models.estimator import Estimator
    from tsforecast.models.protocol import Model

BATCH = 128  # larger ones are no faster on a CPU, and take memory in proportion


def forecast(model: "Model", windows: Windows, *, batch_size: int = BATCH) -> np.ndarray:
    """Return the forecasts of all windows, in order.

    Args:
        model: A network that maps scaled ``[B, L, C]`` to scaled ``[B, H, T(, Q)]``, or to a dict with that as
            ``forecast``; or a ``models.estimator.Estimator``.
        windows: The windows to forecast.
        batch_size: Windows per call; the last call is filled up, so that one shape is compiled.

    Returns:
        float32 ``[n, H, T(, Q)]``, scaled.
    """
    return predict(model, windows, batch_size=batch_size)["forecast"]


def predict(model: "Model", windows: Windows, *, batch_size: int = BATCH, in_time: bool = False) -> Outputs:
    """Return all outputs of a model for windows: forecasts, and spike logits and weights from models that have them.

    Args:
        model: See ``forecast``.
        windows: See ``forecast``.
        batch_size: See ``forecast``.
        in_time: Whether the windows follow each other in time, so that a model whose weights follow the truths as
            they arrive (an ensemble can) uses for each window what was known by then.
    """
    if not isinstance(model, keras.Model):
        return cast("Estimator", model).outputs(windows)
    if in_time and hasattr(model, "predict_over_time"):
        outputs: Outputs = model.predict_over_time(
            windows, lambda longer: forward(model, longer, batch_size=batch_size)
        )
        return outputs
    return forward(model, windows, batch_size=batch_size)


def forward(model: keras.Model, windows: Windows, *, batch_size: int = BATCH) -> Outputs:
    """Return all outputs of a network for windows, ``[n, ...]`` each; a plain output is named ``forecast``."""
    size = min(batch_size, len(windows))
    parts: dict[str, list[np.ndarray]] = {}
    for first in range(0, len(windows), size):
        last = min(first + size, len(windows))
        ends = windows.ends[last - size : last]  # the last batch is filled up with windows before it
        for name, values in _forward_ends(model, windows, ends).items():
            parts.setdefault(name, []).append(values[first - last :])
    return {name: np.concatenate(values) for name, values in parts.items()}


def _forward_ends(model: keras.Model, windows: Windows, ends: np.ndarray) -> Outputs:
    """Return all outputs for the windows with some of the last rows, in one call."""
    overlap = find_overlap(ends, windows.lookback)
    if overlap is not None and can_share(model, overlap):
        return shared_forward(model, windows.rows[ends[0] + 1 - windows.lookback : ends[-1] + 1], overlap)
    return name_outputs(forward_batch(model, windows.inputs(ends)))


def forward_batch(model: keras.Model, past: np.ndarray) -> Tensor:
    """Return the model's output for scaled windows ``[B, L, C]``, as NumPy arrays."""
    if keras.config.backend() == "tensorflow":
        output = sharded_forward(model, past, forward_shards(len(past)))
        return keras.tree.map_structure(lambda tensor: tensor.numpy(), output)
    return model.predict_on_batch(past)


def select_forecast(output: Tensor) -> Tensor:
    """Return the forecast among a model's outputs, whether it has a spike head or not."""
    return output["forecast"] if isinstance(output, dict) else output
