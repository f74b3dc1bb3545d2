"""Rows and scored forecasts, which arrive one by one, gathered into arrays for the monitor."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tsforecast.monitoring.truths import Truths


class Score(NamedTuple):
    """One forecast value whose truth is known.

    Args:
        time: Second that was forecast.
        target: Index of the target.
        forecast: The forecast.
        last: Last value that was known when it was made, which persistence forecasts.
        lower: Lower bound of its interval, or None.
        upper: Upper bound.
        truth: The truth.
    """

    time: int
    target: int
    forecast: float
    last: float
    lower: float | None
    upper: float | None
    truth: float


def gather_rows(
    rows: Sequence[tuple[int, Mapping[str, float]]], features: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows in the order of time; what several rows say of one time is combined, and the first value counts.

    Args:
        rows: Second and values of each; features that are not among them are missing.
        features: The F features.

    Returns:
        Seconds ``[m]`` and values ``[m, F]``.

    Example:
        >>> seconds, values = gather_rows([(60, {"a": 2.0}), (0, {"a": 1.0}), (60, {"b": 5.0})], ["a", "b"])
        >>> seconds.tolist(), values.tolist()
        ([0, 60], [[1.0, nan], [2.0, 5.0]])
    """
    seconds = np.unique(np.array([time for time, _ in rows], np.int64))
    values = np.full((len(seconds), len(features)), np.nan)
    columns = {name: column for column, name in enumerate(features)}
    index = np.searchsorted(seconds, [time for time, _ in rows])
    for row, (_, row_values) in zip(index.tolist(), rows, strict=True):
        for name, value in row_values.items():
            column = columns.get(name)
            if column is not None and np.isnan(values[row, column]):
                values[row, column] = value
    return seconds, values


def gather_truths(scores: Sequence[Score], targets: int) -> Truths:
    """Return scored forecasts in the order of time; those of several steps for one time are averaged.

    Args:
        scores: The forecast values.
        targets: Number of targets T.

    Example:
        >>> truths = gather_truths([Score(60, 0, 2.0, 1.0, 1.5, 2.5, 2.2), Score(60, 0, 4.0, 1.0, 3.5, 4.5, 2.2)], 1)
        >>> truths.residual.round(1).tolist(), truths.inside.tolist()
        ([[-0.8]], [[0.5]])
    """
    seconds = np.unique(np.array([score.time for score in scores], np.int64))
    sums, counts = np.zeros((2, 4, len(seconds), targets))
    index = np.searchsorted(seconds, [score.time for score in scores])
    for row, score in zip(index.tolist(), scores, strict=True):
        inside = float("nan")
        if score.lower is not None and score.upper is not None:
            inside = float(score.lower <= score.truth <= score.upper)
        figures = (score.forecast, score.truth - score.forecast, abs(score.truth - score.last), inside)
        for kind, figure in enumerate(figures):
            if figure == figure:  # not NaN
                sums[kind, row, score.target] += figure
                counts[kind, row, score.target] += 1
    forecast, residual, naive, inside_share = sums / np.where(counts > 0, counts, np.nan)
    return Truths(seconds, forecast, residual, naive, inside_share)
