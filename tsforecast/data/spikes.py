"""Which truths are spikes: they lie above the last known value by more than the threshold of a model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tsforecast.data.scaling import Scaler
from tsforecast.errors import UserError


def scaled_thresholds(metadata: Mapping[str, Any], alternative: str = "") -> list[float]:
    """Return the scaled threshold of each target.

    Args:
        metadata: Metadata of a model.
        alternative: What else the user can set, for the message.

    Raises:
        UserError: A target has none.

    Example:
        >>> scaled_thresholds({"spike": {"threshold_scaled": [0.5]}})
        [0.5]
    """
    thresholds = (metadata.get("spike") or {}).get("threshold_scaled")
    if not thresholds or None in thresholds:
        raise UserError(
            "The model has no threshold for spikes, because the training rows show no rise to derive it from: set"
            f" spike.threshold{alternative}."
        )
    return list(thresholds)


def find_spikes(
    metadata: Mapping[str, Any], thresholds: Sequence[float], truth: np.ndarray, origin: np.ndarray
) -> np.ndarray:
    """Return which scaled truths ``[..., T]`` lie above their origin by more than the threshold.

    Args:
        metadata: Metadata of a model; if a target's scaling has a curve, rises are compared in its unit.
        thresholds: Scaled threshold of each target.
        truth: ``[..., T]``, scaled.
        origin: The last known values, scaled, of a shape that broadcasts.
    """
    scaler = Scaler.from_dict(metadata["scaler"]) if "scaler" in metadata else None
    if scaler is None or not scaler.curved_targets:
        above: np.ndarray = truth - origin > np.asarray(thresholds, np.float32)
        return above
    rise = scaler.inverse_targets(truth) - scaler.inverse_targets(origin)
    return np.asarray(rise > np.asarray(metadata["spike"]["threshold"], np.float64))
