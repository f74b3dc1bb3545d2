"""Which truths are spikes: they lie above the last known value by more than the threshold of a model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tsforecast.data.scaling import Scaler


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
