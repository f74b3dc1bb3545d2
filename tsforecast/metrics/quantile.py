"""Scores of quantile forecasts."""

from collections.abc import Sequence

import numpy as np

from tsforecast.metrics.arrays import Array, mean_observed
from tsforecast.metrics.point import PointErrors
from tsforecast.metrics.probabilistic import weighted_quantile_loss, winkler_score


def quantile_metrics(truth: Array, forecast: Array, levels: Sequence[float]) -> dict[str, float]:
    """Score quantile forecasts over all observed values.

    Args:
        truth: ``[n, H, T]``, NaN where unobserved.
        forecast: ``[n, H, T, Q]`` in the same unit.
        levels: Q quantile levels, rising, each in (0, 1).

    Returns:
        ``pinball``, the mean over values and levels of ``max(level * (y - q), (level - 1) * (y - q))`` in the
        target's unit; ``coverage_q10`` and so on, the share of truths at or below that quantile; and with two
        levels or more ``coverage_80`` and ``width_80`` (named after the nominal percentage of the outermost pair),
        the share of truths inside that pair and its mean width, and ``winkler_80``, its Winkler score; ``crps``, twice
        ``pinball``; and ``wql``, the weighted quantile loss.

    Raises:
        ValueError: The shapes do not fit each other, or the levels do not rise within (0, 1).

    Example:
        >>> truth = np.array([[[1.0]], [[3.0]]])
        >>> forecast = np.stack([truth - 1, truth, truth + 1], axis=-1)
        >>> scores = quantile_metrics(truth, forecast, [0.1, 0.5, 0.9])
        >>> round(scores["pinball"], 4), scores["coverage_80"], scores["width_80"]
        (0.0667, 1.0, 2.0)
    """
    levels = [float(level) for level in levels]
    if not levels or sorted(set(levels)) != levels or levels[0] <= 0 or levels[-1] >= 1:
        raise ValueError(f"quantile levels must rise within (0, 1), got {levels}")
    if forecast.shape != (*truth.shape, len(levels)):
        raise ValueError(f"forecast has shape {forecast.shape}, expected {(*truth.shape, len(levels))}")
    observed = ~np.isnan(truth)
    metrics: dict[str, float] = {}
    pinball = 0.0
    # One level at a time: a float64 copy of all of them would be large.
    for index, level in enumerate(levels):
        error = PointErrors.from_forecasts(truth, forecast[..., index]).error
        pinball += float(mean_observed(np.maximum(-level * error, (1 - level) * error), observed))
        below = truth <= forecast[..., index]
        metrics[f"coverage_q{100 * level:g}"] = float(mean_observed(below, observed))
    if len(levels) > 1:
        lower, upper = forecast[..., 0].astype(np.float64), forecast[..., -1].astype(np.float64)
        nominal = round(100 * (levels[-1] - levels[0]))
        inside = (lower <= truth) & (truth <= upper)
        metrics[f"coverage_{nominal}"] = float(mean_observed(inside, observed))
        metrics[f"width_{nominal}"] = float(mean_observed(upper - lower, observed))
        metrics[f"winkler_{nominal}"] = winkler_score(truth, lower, upper, levels[-1] - levels[0])
    metrics["crps"] = 2.0 * pinball / len(levels)
    metrics["wql"] = weighted_quantile_loss(truth, forecast, levels)
    return {"pinball": pinball / len(levels), **metrics}
