"""Filling of missing values for inputs, by a causal rule: the last value observed is carried forward."""

import numpy as np


def carry_forward(column: np.ndarray, before: float, starts: np.ndarray | None = None) -> np.ndarray:
    """Fill NaN with the last value observed before it, so that row t depends on rows up to t only.

    Args:
        column: ``[N]`` with NaN where missing.
        before: value for the rows before the first observed one.
        starts: ``[S]`` first rows of the series, over whose borders nothing is carried; None for one series.

    Returns:
        ``[N]`` without NaN; ``column`` itself when nothing is missing.
    """
    missing = np.isnan(column)
    if not missing.any():
        return column
    last_seen = np.where(missing, -1, np.arange(len(column)))
    if starts is None:
        np.maximum.accumulate(last_seen, out=last_seen)
        return np.where(last_seen < 0, before, column[last_seen])
    last_seen[starts] = starts
    np.maximum.accumulate(last_seen, out=last_seen)
    filled = column[last_seen]
    return np.where(np.isnan(filled), before, filled)
