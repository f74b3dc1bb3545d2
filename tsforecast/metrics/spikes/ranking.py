"""Scores that rank windows by how likely a spike is, and how good a ranking is."""

from collections.abc import Sequence

import numpy as np

from tsforecast.metrics.arrays import Array, Flags


def forecast_rise(forecast: Array, origin: Array) -> Array:
    """Return ``[n]``: the largest forecast rise ``[n, H]`` over the origin ``[n]``, a point forecast's spike score."""
    rise: Array = np.max(forecast - origin[:, None], axis=1)
    return rise


def exceedance_probability(
    quantiles: Array, levels: Sequence[float], origin: Array, threshold: float
) -> Array:
    """Return the forecast probability of a rise above the threshold, a quantile forecast's spike score.

    The distribution is linear between quantiles. Beyond the outermost, where they say nothing, an exponential tail
    with the outermost pair's distance as its scale keeps windows in order. The likeliest of several steps counts.

    Args:
        quantiles: ``[n, H, Q]``, not crossing.
        levels: Q levels, rising, at least two.
        origin: ``[n]``.
        threshold: Rise in the target's unit.

    Returns:
        ``[n]`` in [0, 1].

    Raises:
        ValueError: There are fewer than two levels, or not as many as quantiles.
    """
    if len(levels) < 2 or quantiles.shape[-1] != len(levels):
        raise ValueError(
            f"{len(levels)} levels for {quantiles.shape[-1]} quantiles, expected as many, at least 2"
        )
    bar = origin[:, None] + threshold
    lowest, highest = quantiles[..., 0], quantiles[..., -1]
    scale = np.maximum(highest - lowest, 1e-12)
    above = (1 - levels[-1]) * np.exp(-np.maximum(bar - highest, 0) / scale)
    below = 1 - levels[0] * np.exp(-np.maximum(lowest - bar, 0) / scale)
    probability = np.where(bar >= highest, above, below)
    for index in range(len(levels) - 1):
        left, right = quantiles[..., index], quantiles[..., index + 1]
        share = (bar - left) / np.maximum(right - left, 1e-12)
        level = levels[index] + share * (levels[index + 1] - levels[index])
        probability = np.where((left <= bar) & (bar < right), 1 - level, probability)
    highest_step: Array = np.max(probability, axis=1)
    return highest_step


def average_precision(spike: Flags, score: Array) -> float:
    """Return the mean precision over the recalled spikes as the alarm level falls; equal scores fall together.

    Args:
        spike: ``[n]``.
        score: ``[n]``, higher where a spike is likelier; NaN ranks last.

    Returns:
        In (0, 1]; NaN without a spike. A constant score gets the share of spikes.

    Source:
        The sum of precision times the step in recall, without interpolation, as in scikit-learn.

    Example:
        >>> average_precision(np.array([True, False, True]), np.array([0.9, 0.5, 0.1]))
        0.8333333333333333
    """
    if not spike.any():
        return float("nan")
    score = np.where(np.isnan(score), -np.inf, score)
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last_of_ties = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    hits = np.cumsum(spike[order])[last_of_ties]
    precision = hits / (last_of_ties + 1)
    return float(np.sum(np.diff(hits, prepend=0) / hits[-1] * precision))
