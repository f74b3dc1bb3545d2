"""Derived channels: features that a source computes from others, and that a saved model computes again."""

from collections.abc import Mapping

import numpy as np

# Derived feature -> the features that it is the sum of, each times its weight, added in this order.
Derived = Mapping[str, Mapping[str, float]]


def derive(weights: Mapping[str, float], columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return a derived feature ``[N]``, NaN where a feature that it depends on is missing.

    Args:
        weights: Features to add, each with its weight, at least one.
        columns: Feature -> ``[N]`` in its own unit.

    Example:
        >>> derive({"total": 1.0, "part": -1.0}, {"total": np.array([5.0]), "part": np.array([2.0])}).tolist()
        [3.0]
    """
    parts = [columns[name] * columns[name].dtype.type(weight) for name, weight in weights.items()]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    array: np.ndarray = total
    return array
