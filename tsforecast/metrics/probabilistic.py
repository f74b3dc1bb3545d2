"""Proper scores and calibration of forecast distributions, from their quantiles.

Axes: n windows, H horizon, T targets, Q quantiles. A NaN in a truth means "not observed" and is never scored.
"""

from collections.abc import Sequence

import numpy as np

from tsforecast.metrics.arrays import Array, divide, mean_observed


def pinball_loss(truth: Array, quantiles: Array, levels: Sequence[float]) -> Array:
    """Return the pinball loss of each quantile, float64 ``[n, H, T, Q]``, in the truth's unit; NaN where unobserved.

    Args:
        truth: ``[n, H, T]``.
        quantiles: ``[n, H, T, Q]``.
        levels: Q levels in (0, 1).

    Source: Koenker & Bassett (1978), Regression Quantiles.
    """
    error = truth[..., None].astype(np.float64) - quantiles
    share = np.asarray(levels, np.float64)
    loss: Array = np.maximum(share * error, (share - 1) * error)
    return loss


def crps_from_quantiles(truth: Array, quantiles: Array, levels: Sequence[float]) -> Array:
    """Return the continuous ranked probability score ``[n, H, T]``: twice the mean pinball loss over the levels.

    With many evenly spaced levels this is the CRPS; with few, the same approximation for every model that has them.

    Args:
        truth: ``[n, H, T]``.
        quantiles: ``[n, H, T, Q]``.
        levels: Q levels in (0, 1).

    Source: Laio & Tamea (2007), Verification tools for probabilistic forecasts, equation 13.

    Example:
        >>> crps_from_quantiles(np.array([[[1.0]]]), np.array([[[[0.0, 2.0]]]]), [0.25, 0.75]).item()
        0.5
    """
    score: Array = 2.0 * pinball_loss(truth, quantiles, levels).mean(axis=-1)
    return score


def winkler_score(truth: Array, lower: Array, upper: Array, coverage: float) -> float:
    """Return the mean interval score: the width, plus ``2 / (1 - coverage)`` times how far a truth lies outside.

    Args:
        truth: ``[n, H, T]``.
        lower: ``[n, H, T]``.
        upper: ``[n, H, T]``.
        coverage: Nominal coverage of the interval, in (0, 1).

    Source: Winkler (1972), A Decision-Theoretic Approach to Interval Estimation; Gneiting & Raftery (2007), eq. 43.

    Example:
        >>> truth = np.array([[[5.0]], [[1.0]]])
        >>> winkler_score(truth, np.zeros_like(truth), np.full_like(truth, 4.0), coverage=0.8)
        9.0
    """
    outside = np.maximum(lower - truth, 0) + np.maximum(truth - upper, 0)
    score = (upper - lower) + 2 / (1 - coverage) * outside
    return float(mean_observed(score, ~np.isnan(truth)))


def weighted_quantile_loss(truth: Array, quantiles: Array, levels: Sequence[float]) -> float:
    """Return twice the summed pinball loss over the summed absolute truths, the mean over the levels.

    NaN where all observed truths are 0.

    Args:
        truth: ``[n, H, T]``.
        quantiles: ``[n, H, T, Q]``.
        levels: Q levels in (0, 1).

    Source: Salinas et al. (2020), DeepAR; ``mean_weighted_sum_quantile_loss`` of GluonTS.

    Example:
        >>> truth = np.array([[[2.0]]])
        >>> weighted_quantile_loss(truth, np.array([[[[1.0]]]]), [0.5])
        0.5
    """
    observed = ~np.isnan(truth)
    size = np.abs(truth).sum(where=observed, dtype=np.float64)
    # One level at a time: a float64 copy of all of them would be large.
    losses = [
        pinball_loss(truth, quantiles[..., [index]], [level])[..., 0].sum(where=observed)
        for index, level in enumerate(levels)
    ]
    return float(divide(2.0 * np.mean(losses), size))


def pit_counts(truth: Array, quantiles: Array, levels: Sequence[float]) -> Array:
    """Count how many truths fall between neighboring quantiles, ``[Q + 1]``: the PIT histogram before normalization.

    A truth that equals several quantiles, as counts often do, is spread over the bins between them.

    Args:
        truth: ``[n, H, T]``.
        quantiles: ``[n, H, T, Q]``, which do not cross.
        levels: Q levels, rising in (0, 1), which are the edges of the bins.

    Source: Czado, Gneiting & Held (2009), Predictive Model Assessment for Count Data, section 2.1.

    Example:
        >>> pit_counts(np.array([[[0.5]], [[3.0]]]), np.array([[[[1.0, 2.0]]]] * 2), [0.1, 0.9]).tolist()
        [1.0, 0.0, 1.0]
    """
    observed = ~np.isnan(truth)
    values, edges = truth[observed], quantiles[observed]
    first, last = (edges < values[:, None]).sum(axis=1), (edges <= values[:, None]).sum(axis=1)
    bounds = np.concatenate([[0.0], levels, [1.0]])
    mass = bounds[last + 1] - bounds[first]
    counts = [
        np.sum(((first <= index) & (index <= last)) * (bounds[index + 1] - bounds[index]) / mass)
        for index in range(len(bounds) - 1)
    ]
    return np.array(counts)


def pit_deviation(counts: Array, levels: Sequence[float]) -> float:
    """Return half the summed distance of a PIT histogram from a uniform one: 0 is calibrated, 1 the worst.

    Args:
        counts: From `pit_counts`.
        levels: The Q levels.

    Example:
        >>> pit_deviation(np.array([1.0, 8.0, 1.0]), [0.1, 0.9]), pit_deviation(np.array([5.0, 0.0, 5.0]), [0.1, 0.9])
        (0.0, 0.8)
    """
    bounds = np.concatenate([[0.0], levels, [1.0]])
    shares = divide(counts, np.full(len(counts), np.sum(counts)))
    return float(round(0.5 * np.sum(np.abs(shares - np.diff(bounds))), 12))
