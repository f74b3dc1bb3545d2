"""Statistics as plain lists for JSON: six digits, None for NaN."""

from typing import Any

import numpy as np

DIGITS = 6


def to_plain_list(values: np.ndarray) -> Any:
    """Return an array as nested lists of numbers with six significant digits.

    Example:
        >>> to_plain_list(np.array([[1.23456789, float("nan")]]))
        [[1.23457, None]]
    """
    if values.ndim > 1:
        return [to_plain_list(part) for part in values]
    return [float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None for value in values.tolist()]


def to_nullable(values: np.ndarray) -> Any:
    """Return an array as nested lists of its exact numbers, None for NaN."""
    if values.ndim > 1:
        return [to_nullable(part) for part in values]
    return [None if np.isnan(value) else value for value in values.tolist()]


def to_array(values: Any) -> np.ndarray:
    """Return an array of what ``to_plain_list`` returned."""
    return np.array(values, np.float64)
